//! The planes of a frame of one opaque stream, which are used again for the next frame, and their bands: 16 rows
//! each, worked on by all threads at once.
#![forbid(unsafe_code)]

use super::grey::NO_COLOUR;
use crate::frame::{Composite, Plane, Size, Yuv420};
use crate::vp9::{PlaneRef, Planes};
use rayon::prelude::*;
use std::ops::Range;

/// Side of a block in pixels, as active maps have them.
pub(super) const BLOCK: usize = Composite::BLOCK;

/// A frame as it is shown. Belongs to one [`super::Renderer`]: what it holds is the frame before.
#[derive(Clone, Debug)]
pub struct Opaque {
    pub(super) planes: Yuv420<u8>,
    /// One byte per 16x16 block: 0 where the frame shows its background and nothing else. Of a new one nothing
    /// is known, so that its blocks count as drawn.
    pub(super) drawn: Plane<u8>,
}

/// Columns and rows of blocks.
pub(super) fn blocks(size: Size) -> Size {
    Size::new(size.width.div_ceil(BLOCK), size.height.div_ceil(BLOCK))
}

impl Opaque {
    /// Planes for frames of `size`, without colour.
    pub fn new(size: Size) -> Self {
        let chroma = || Plane::filled(size.chroma(), NO_COLOUR);
        let planes = Yuv420 { y: Plane::new(size), u: chroma(), v: chroma() };
        Self { planes, drawn: Plane::filled(blocks(size), 1) }
    }

    /// The size.
    pub fn size(&self) -> Size {
        self.planes.y.size
    }

    /// The picture.
    pub fn colour(&self) -> Planes<'_> {
        (&self.planes).into()
    }

    /// One byte per 16x16 block: 0 where there is nothing but the background, which is the same in every frame.
    pub fn activity(&self) -> PlaneRef<'_> {
        (&self.drawn).into()
    }

    /// The bands from top to bottom.
    pub(super) fn bands(&mut self) -> impl IndexedParallelIterator<Item = Band<'_>> {
        let (size, chroma) = (self.planes.y.size, self.planes.u.size);
        let Yuv420 { y, u, v } = &mut self.planes;
        let luma = y.data.par_chunks_mut(BLOCK * size.width);
        let cb = u.data.par_chunks_mut(BLOCK / 2 * chroma.width);
        let cr = v.data.par_chunks_mut(BLOCK / 2 * chroma.width);
        let drawn = self.drawn.data.par_chunks_mut(self.drawn.stride);
        let parts = luma.zip(cb).zip(cr).zip(drawn).enumerate();
        parts.map(move |(row, (((luma, cb), cr), drawn))| Band {
            row,
            width: size.width,
            luma,
            chroma: [cb, cr],
            drawn,
        })
    }
}

/// A row of blocks.
pub(super) struct Band<'a> {
    /// Its number.
    pub(super) row: usize,
    /// Pixels of a line.
    pub(super) width: usize,
    pub(super) luma: &'a mut [u8],
    pub(super) chroma: [&'a mut [u8]; 2],
    /// Of each block, whether more than the background is in it.
    pub(super) drawn: &'a mut [u8],
}

/// The pixels of a block, and its chroma.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Columns in the frame.
    pub(super) x: Range<usize>,
    /// Rows in the frame.
    pub(super) y: Range<usize>,
    /// Columns in a chroma plane.
    pub(super) chroma_x: Range<usize>,
    /// Rows in a chroma plane.
    pub(super) chroma_y: Range<usize>,
}

impl Band<'_> {
    /// Block `column` of the band.
    pub(super) fn block(&self, column: usize) -> Block {
        let rows = self.luma.len() / self.width;
        let (left, top) = (column * BLOCK, self.row * BLOCK);
        let (right, bottom) = ((left + BLOCK).min(self.width), top + rows);
        Block {
            x: left..right,
            y: top..bottom,
            chroma_x: left / 2..right.div_ceil(2),
            chroma_y: top / 2..bottom.div_ceil(2),
        }
    }

    /// Luma of row `y` of the frame.
    pub(super) fn line(&mut self, y: usize) -> &mut [u8] {
        let at = (y - self.row * BLOCK) * self.width;
        &mut self.luma[at..at + self.width]
    }

    /// Row `y` of chroma plane `plane` (0 Cb, 1 Cr) of the frame.
    pub(super) fn chroma_line(&mut self, plane: usize, y: usize) -> &mut [u8] {
        let width = self.width.div_ceil(2);
        let at = (y - self.row * BLOCK / 2) * width;
        &mut self.chroma[plane][at..at + width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_cover_every_pixel_once_at_any_size() {
        for size in [Size::new(1, 1), Size::new(16, 32), Size::new(33, 31), Size::new(50, 65)] {
            let mut opaque = Opaque::new(size);
            opaque.planes.u.data.fill(0);
            opaque.bands().for_each(|mut band| {
                for column in 0..band.drawn.len() {
                    let block = band.block(column);
                    for y in block.y.clone() {
                        band.line(y)[block.x.clone()].iter_mut().for_each(|p| *p += 1);
                    }
                    for y in block.chroma_y.clone() {
                        band.chroma_line(0, y)[block.chroma_x.clone()].iter_mut().for_each(|p| *p += 1);
                    }
                }
            });
            assert!(opaque.planes.y.data.iter().all(|&p| p == 1), "{size}");
            assert!(opaque.planes.u.data.iter().all(|&p| p == 1), "{size}");
        }
    }
}
