//! Job `sample`: the small RGB picture that the network sees, taken straight from the planes.
//!
//! Bilinear without antialiasing, half-pixel centres, and a coordinate step of exactly `1/ratio`
//! (not the ratio of the sizes): `src = (dst + 0.5) / ratio - 0.5` in pixels of the eye, clamped to
//! the eye so that one view never bleeds into the other. Chroma is read from its own plane at the
//! same place of the picture, by MPEG-2 siting (H.264 Annex E, chroma_sample_loc_type 0: level with
//! the left column, halfway between the rows): `cx = x / 2`, `cy = (y - 0.5) / 2`, clamped to the
//! chroma samples that belong to the eye alone. Interpolation and conversion are both linear, so
//! there is one conversion per small pixel; RGB is clamped to `[0, 1]` after it.

mod launch;
mod reference;
mod stage;
#[cfg(test)]
mod tests;

pub use launch::SampleJob;
pub use reference::{sample, sample_rgb8};
pub use stage::{EyeTaps, Stage};
