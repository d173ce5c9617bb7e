//! Job `compose`: colour, alpha and activity planes from the decoder's planes, in one pass.
//!
//! For each pixel: RGB of its luma and of the chroma of its 2x2 cell (replicated, not interpolated:
//! so a pixel whose colour is left alone gives back its input codes exactly), then a [`Shade`] (the
//! network's coefficients, [`Matte`], or the chroma key) says what colour is there and how much of
//! it. `alpha8 = floor(255 * alpha + 1/2)`; a pixel is *visible* when that is not 0.
//!
//! Luma is coded per pixel, chroma per cell as the mean of its visible pixels weighted by `alpha8`:
//! what cannot be seen gives no colour. Codes are clamped to 0..=255, means of a cell after their
//! pixels are added up. Matrix and range stay as they are. 8-bit input is rounded;
//! deeper input is dithered by a fixed 8x8 Bayer matrix of the position: `floor(code + (2 * bayer + 1) / 128)`.
//!
//! Where nothing is visible, so that edges and shared chroma stay clean and the rest costs nothing:
//! a. a cell with visible pixels: its other pixels take the weighted mean luma of those;
//! b. a cell without any, but with visible pixels in the cells up to 2 away (5x5 cells, so colour is
//!    bled 4 pixels outward): all of it takes their mean colour, weighted by `alpha8`;
//! c. all else is black of the range (Y 16 or 0, U = V = 128).
//!
//! Colour bleeds over the seam between eyes as over any place: under alpha 0 it is not seen. The
//! activity of a 16x16 block is 1 where any of its cells is (a) or (b). Sums over cells are integers
//! (16ths of a code times `alpha8`), so that no order of adding them can change the result, and a
//! tile needs a halo of 2 cells.

mod band;
mod cell;
mod dither;
#[cfg(test)]
mod exact;
mod factors;
mod finish;
#[cfg(test)]
mod golden;
mod launch;
mod lens;
mod matte;
mod reference;
mod shade;
#[cfg(test)]
mod tests;

pub use cell::Cell;
pub use dither::{BAYER, threshold};
pub use finish::Finish;
pub use launch::ComposeJob;
pub use lens::{Circle, Lens, LensRow};
pub use matte::Matte;
pub use reference::compose;
pub use shade::{Pixel, Shade, settle};
