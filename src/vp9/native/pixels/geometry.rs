//! Where cells, blocks and transform blocks lie, and how far a motion may reach.
#![forbid(unsafe_code)]

use super::super::coded::{CELL, Coded, Motion};
use crate::frame::Size;

/// Pixels that a block may begin before the left or top edge.
const BEFORE: i32 = 48;
/// Pixels that a block may begin beyond the last cell's right or bottom edge.
const BEYOND: i32 = 16;
/// Longest motion in 1/8 pixels.
const LONGEST: i32 = 8000;

/// The cells of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grid {
    /// Cells across and down.
    pub cells: Size,
    /// 8x8 blocks across and down.
    pub blocks: Size,
}

impl Grid {
    /// The cells of a frame of this size.
    pub fn new(size: Size) -> Self {
        Self { cells: Coded::cells(size), blocks: Size::new(size.width.div_ceil(8), size.height.div_ceil(8)) }
    }

    /// Whether all four 8x8 blocks of a cell are in the frame.
    pub fn complete(&self, column: usize, row: usize) -> bool {
        2 * column + 1 < self.blocks.width && 2 * row + 1 < self.blocks.height
    }

    /// Whether 8x8 block `quarter` of a cell is in the frame.
    pub fn has(&self, column: usize, row: usize, quarter: usize) -> bool {
        2 * column + quarter % 2 < self.blocks.width && 2 * row + quarter / 2 < self.blocks.height
    }

    /// The motion nearest to (`row_motion`, `column_motion`) that a block of the cell may have.
    pub fn clamp(&self, column: usize, row: usize, row_motion: i32, column_motion: i32) -> Motion {
        let within = |motion: i32, at: usize, cells: usize| {
            let start = (at * CELL) as i32;
            let least = (-(start + BEFORE) * 8).max(-LONGEST);
            let most = (((cells * CELL) as i32 + BEYOND - start) * 8).min(LONGEST);
            motion.clamp(least, most) as i16
        };
        Motion {
            row: within(row_motion, row, self.cells.height),
            column: within(column_motion, column, self.cells.width),
        }
    }
}

/// A transform block inside its cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// 0 luma, 1 and 2 chroma.
    pub plane: usize,
    /// First column in the cell's samples of that plane.
    pub x: usize,
    /// First row.
    pub y: usize,
    /// Samples a side.
    pub side: usize,
    /// The 8x8 block it belongs to; 0 in a whole cell.
    pub quarter: usize,
}

/// The transform blocks of a cell in the order of `Block::ends`.
pub fn parts(whole: bool, planes: usize) -> impl Iterator<Item = Part> {
    (0..planes).flat_map(move |plane| {
        let cell = if plane == 0 { 16 } else { 8 };
        let (count, side) = if whole { (1, cell) } else { (4, cell / 2) };
        (0..count).map(move |quarter| {
            let (x, y) = (quarter % 2 * side, quarter / 2 * side);
            Part { plane, x, y, side, quarter }
        })
    })
}
