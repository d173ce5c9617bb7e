//! The foreground before a colour or a picture: what alpha means, worked out.
//!
//! Blended in the codes of the video's own matrix and range, which is what a player does with RGB, too: the
//! way from codes to RGB is linear, and so is blending. Per pixel, in whole numbers:
//!
//! ```text
//! Y'  = (alpha * Y + (255 - alpha) * Yb + 127) / 255
//! C'  = (s * C + (255 n - s) * Cb + 255 n / 2) / (255 n)     s: sum of alpha of the cell's n (1, 2 or 4) pixels
//! ```
//! Compose has made chroma the mean of a cell's visible pixels weighted by alpha, so this is the mean of the
//! blended pixels and no black of the invisible ones gets in.
#![forbid(unsafe_code)]

mod picture;
#[cfg(test)]
mod tests;

use super::Error;
use super::opaque::{Band, Opaque};
use crate::frame::{Colour, Plane, Size, Yuv420};
use crate::kernels::colour::FromRgb;
use crate::vp9::{PairSource, PlaneRef, Planes};
use rayon::prelude::*;

pub use picture::Picture;

/// What stands behind the foreground, in codes, for frames of one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backdrop {
    planes: Yuv420<u8>,
}

/// 8-bit codes of a colour with components 0 to 1.
fn codes(from: &FromRgb, rgb: [f32; 3]) -> [u8; 3] {
    // The conversion clamps: full-range chroma ends at 255.5.
    from.codes(rgb).map(|code| (code + 0.5) as u8)
}

impl Backdrop {
    /// One colour, as 8-bit R, G, B in the video's own primaries and transfer.
    pub fn flat(size: Size, rgb: [u8; 3], colour: Colour) -> Self {
        let from = FromRgb::new(colour.matrix, colour.range, 8);
        let [y, u, v] = codes(&from, rgb.map(|c| f32::from(c) / 255.0));
        // Stride 0: one row stands for all.
        let plane = |size: Size, code| Plane { size, stride: 0, data: vec![code; size.width] };
        let planes = Yuv420 { y: plane(size, y), u: plane(size.chroma(), u), v: plane(size.chroma(), v) };
        Self { planes }
    }

    /// Its planes; stride 0 where one row stands for all.
    pub(in crate::render) fn planes(&self) -> &Yuv420<u8> {
        &self.planes
    }

    /// Puts `frame` before it.
    ///
    /// # Errors
    /// [`Error::FrameSize`] when the frame has another size.
    pub fn render(&self, frame: &dyn PairSource, out: &mut Opaque) -> Result<(), Error> {
        let (front, alpha, visible) = (frame.colour(), frame.alpha(), frame.activity());
        let (expected, got) = (self.planes.y.size, front.y.size);
        if expected != got {
            return Err(Error::FrameSize { expected, got });
        }
        out.bands().for_each(|mut band| {
            for column in 0..band.drawn.len() {
                let now = visible.is_none_or(|visible| visible.row(band.row)[column] != 0);
                match (now, band.drawn[column] != 0) {
                    (true, _) => self.blend(&mut band, column, &front, alpha),
                    (false, true) => self.copy(&mut band, column),
                    (false, false) => {}
                }
                band.drawn[column] = now.into();
            }
        });
        Ok(())
    }

    fn copy(&self, band: &mut Band<'_>, column: usize) {
        let block = band.block(column);
        for y in block.y {
            band.line(y)[block.x.clone()].copy_from_slice(&self.planes.y.row(y)[block.x.clone()]);
        }
        for (index, plane) in [&self.planes.u, &self.planes.v].into_iter().enumerate() {
            for y in block.chroma_y.clone() {
                let x = block.chroma_x.clone();
                band.chroma_line(index, y)[x.clone()].copy_from_slice(&plane.row(y)[x]);
            }
        }
    }

    fn blend(&self, band: &mut Band<'_>, column: usize, front: &Planes<'_>, alpha: PlaneRef<'_>) {
        let block = band.block(column);
        for y in block.y.clone() {
            let x = block.x.clone();
            let (front, back) = (&front.y.row(y)[x.clone()], &self.planes.y.row(y)[x.clone()]);
            let alpha = &alpha.row(y)[x.clone()];
            for (((to, &front), &back), &alpha) in band.line(y)[x].iter_mut().zip(front).zip(back).zip(alpha)
            {
                *to = mix(alpha.into(), 255, front, back);
            }
        }
        for (cell_y, y) in block.chroma_y.clone().zip(block.y.clone().step_by(2)) {
            let rows = y..(y + 2).min(block.y.end);
            for (cell_x, x) in block.chroma_x.clone().zip(block.x.clone().step_by(2)) {
                let columns = x..(x + 2).min(block.x.end);
                let whole = 255 * (rows.len() * columns.len()) as u32;
                let sum =
                    rows.clone().flat_map(|y| &alpha.row(y)[columns.clone()]).map(|&a| u32::from(a)).sum();
                let planes = [(front.u, &self.planes.u), (front.v, &self.planes.v)];
                for (index, (front, back)) in planes.into_iter().enumerate() {
                    band.chroma_line(index, cell_y)[cell_x] =
                        mix(sum, whole, front.row(cell_y)[cell_x], back.row(cell_y)[cell_x]);
                }
            }
        }
    }
}

/// `part` of `whole` of the front, the rest of the back, rounded to nearest.
#[inline]
fn mix(part: u32, whole: u32, front: u8, back: u8) -> u8 {
    ((part * u32::from(front) + (whole - part) * u32::from(back) + whole / 2) / whole) as u8
}
