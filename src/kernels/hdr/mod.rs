//! Job `hdr`: a picture of high dynamic range (PQ or HLG) becomes one of standard range, BT.709.
//!
//! For each pixel, with the chroma of its 2x2 cell replicated as in `compose`:
//! 1. codes to non-linear RGB (H.273), clamped to `[0, 1]`;
//! 2. to display light in cd/m²: PQ by its EOTF (SMPTE ST 2084 eq. 4.1); HLG by the inverse OETF and the OOTF of
//!    a display of 1000 cd/m², system gamma 1.2 (BT.2100 table 5);
//! 3. tone: the brightest component `m` is taken through the curve of BT.2390 §5.4 (a knee in the PQ domain from
//!    the content's peak down to 203 cd/m², the graphics white of BT.2408), and all three are scaled by
//!    `curve(m) / m`, which keeps the hue;
//! 4. over 203: 1 is white; BT.2020 primaries to BT.709 (BT.2087), clamped to `[0, 1]`;
//! 5. gamma 1 / 2.4 (the inverse of BT.1886), then limited-range BT.709 codes of the input's depth, rounded.
//!
//! Chroma of a cell is the mean of its pixels. The network sees the mapped picture, too: it was trained on such.
//! Steps 2, 3 and 5 are tables with linear interpolation, which the kernel shares. On a GPU, too, this is a pass of its
//! own over the picture: sampling and composing then see what they see on the CPU, rounding included.

mod curve;
mod launch;
mod reference;
#[cfg(test)]
mod tests;

pub use curve::{SDR_WHITE_NITS, tone};
pub use launch::HdrJob;
pub use reference::ToSdr;
