//! Job `key`: chroma key for green- and blue-screen footage, as a shade of `compose`.
//!
//! In the plane of (Cb, Cr), here -0.5 to 0.5, grey is the origin and a light that dims moves a
//! colour straight towards it. So a pixel is measured against the key colour at its own brightness:
//! with `k` the key's chroma and `s = clamp(max(r,g,b) / max(key), 1/2, 1)`,
//!
//! ```text
//! along  = (p . k) / (|k|^2 s)        1 on the screen, 0 on grey, negative on opposite hues
//! across = (p x k) / (|k|^2 s)        0 on the screen, grows with the difference in hue
//! d      = hypot(1 - min(along, 1), across)
//! alpha  = clamp((d - inner) / (outer - inner))
//! ```
//!
//! A shadow on the screen down to half the key's brightness has d = 0 (a fifth less still stays
//! within the default `inner`); black has d = 1, because below half `s` no longer follows.
//! Chroma comes replicated over 2x2 cells, so alpha has that grain on edges of equal brightness.
//!
//! Spill: the key's strongest component is limited to the larger of the other two, towards their
//! mean as alpha falls (an edge pixel surely holds screen); what is taken away is given back to all
//! three as luma.
#![forbid(unsafe_code)]

mod parameters;
mod pick;
mod reference;
#[cfg(test)]
mod tests;

pub use parameters::{KeyColour, KeyParameters};
pub use reference::ChromaKey;
