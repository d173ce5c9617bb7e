//! One frame between its pixels and its bits: what was decided and which levels were left.
//!
//! A frame is cut into cells of 16x16 luma pixels, row by row; those at the right and bottom edge may
//! be cut off. A cell is a plain copy of the picture before, one 16x16 block with a motion, or four 8x8
//! blocks with a motion each. The types with `repr(C)` are also written by CUDA kernels. Whatever is in
//! them comes from a device: the writer of bits checks it, nothing may be taken on trust.
#![forbid(unsafe_code)]

use crate::frame::Size;

/// Side of a cell in luma pixels.
pub const CELL: usize = 16;

/// Motion of a block in 1/8 luma pixels, always even: VP9 without high precision has quarter pixels.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Motion {
    /// Downwards.
    pub row: i16,
    /// To the right.
    pub column: i16,
}

/// A cell that is not a plain copy.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Block {
    /// Motion of the four 8x8 blocks in raster order; of a whole block all four are the same.
    pub motion: [Motion; 4],
    /// Index in [`Coded::levels`] of the first level of this cell.
    pub first_level: u32,
    /// 1: one 16x16 block (luma 16x16, chroma 8x8 transforms); 0: four 8x8 blocks (8x8 and 4x4). A cell
    /// of which the frame's edge leaves only a half or a quarter must be 0.
    pub whole: u32,
    /// Levels of each transform block in scan order, up to and with the last that is not 0. Whole: Y, U,
    /// V, then zeros. Quarters: Y0 to Y3, U0 to U3, V0 to V3; those of blocks outside the frame are 0.
    pub ends: [u16; 12],
}

/// One frame as it is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Coded<'a> {
    /// True size of the frame, 1 to 16384 each way; chroma is half of it, rounded up.
    pub size: Size,
    /// One entry per cell, row-major: 0 is a copy of the picture before, without motion or residual; n
    /// stands for `blocks[n - 1]`.
    pub index: &'a [u32],
    /// Cells that are not copies, in any order.
    pub blocks: &'a [Block],
    /// Quantised coefficients in the default scan order of their transform's size. Those of a cell lie
    /// one after another, transform blocks in the order of [`Block::ends`].
    pub levels: &'a [i16],
}

/// What the headers of one frame say besides its size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameters {
    /// `base_q_idx`, 1 to 255 (0 would mean lossless).
    pub base_q_index: u8,
    /// Level of the loop filter, 0 (off) to 63.
    pub filter_level: u8,
    /// Puts a hidden key frame in front: every sample 128 in all planes, which this frame then refers to.
    pub key: bool,
}

impl Coded<'_> {
    /// Cells across and down of a frame of this size.
    pub const fn cells(size: Size) -> Size {
        Size::new(size.width.div_ceil(CELL), size.height.div_ceil(CELL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::{offset_of, size_of};

    #[test]
    fn the_layout_is_the_one_of_the_kernels() {
        assert_eq!(size_of::<Motion>(), 4);
        assert_eq!((offset_of!(Motion, row), offset_of!(Motion, column)), (0, 2));
        assert_eq!(size_of::<Block>(), 48);
        let offsets = [
            offset_of!(Block, motion),
            offset_of!(Block, first_level),
            offset_of!(Block, whole),
            offset_of!(Block, ends),
        ];
        assert_eq!(offsets, [0, 16, 20, 24]);
    }

    #[test]
    fn cells_round_up() {
        assert_eq!(Coded::cells(Size::new(1, 17)), Size::new(1, 2));
    }
}
