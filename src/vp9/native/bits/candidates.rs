//! Motion of the blocks around: what a block's own motion is told by, and the context of its mode.
//!
//! The motion vector prediction of the VP9 specification, section 6.4 (`find_mv_refs`), for one reference and error resilient
//! frames, where neither other references nor the frame before can add a candidate.
#![forbid(unsafe_code)]

use super::grid::Grid;
use crate::vp9::native::Motion;

/// Neighbours of square blocks of 8, 16, 32 and 64 pixels as rows and columns of units
/// (`mv_ref_blocks`).
#[rustfmt::skip]
const NEIGHBOURS: [[(isize, isize); 8]; 4] = [
    [(-1, 0), (0, -1), (-1, -1), (-2, 0), (0, -2), (-2, -1), (-1, -2), (-2, -2)],
    [(-1, 0), (0, -1), (-1, 1), (1, -1), (-1, -1), (-3, 0), (0, -3), (-3, -3)],
    [(-1, 1), (1, -1), (-1, 2), (2, -1), (-1, -1), (-3, 0), (0, -3), (-3, -3)],
    [(-1, 3), (3, -1), (-1, 4), (4, -1), (-1, -1), (-1, 0), (0, -1), (-1, 6)],
];

/// Context of the inter mode by the sum over two neighbours of 3 for ZEROMV and 1 for NEWMV
/// (`counter_to_context`); 5 cannot be.
const MODE_CONTEXT: [u8; 7] = [2, 3, 4, 1, 3, 0, 0];

/// How far a candidate may lead out of the frame, in 1/8 pixels (`MV_BORDER`).
const BORDER: i32 = 16 << 3;

/// 1/8 pixels in a unit.
const UNIT: i32 = 8 << 3;

/// Context of the inter mode of a block of `8 << log2` pixels at this unit of the tile.
#[inline(always)]
pub(super) fn mode_context(grid: &Grid, row: usize, column: usize, log2: u32) -> usize {
    let [one, other, ..] = NEIGHBOURS[log2 as usize];
    let weight = |place| usize::from(grid.neighbour(row, column, place).weight);
    usize::from(MODE_CONTEXT[weight(one) + weight(other)])
}

/// The nearest and the next motion among the neighbours of a block at this unit of the tile, zero where
/// there is none.
pub(super) fn candidates(grid: &Grid, row: usize, column: usize, log2: u32) -> [Motion; 2] {
    let places = NEIGHBOURS[log2 as usize].iter();
    let mut modes = places.map(|&place| grid.neighbour(row, column, place)).filter(|mode| mode.there);
    let Some(nearest) = modes.next() else { return Default::default() };
    let near = modes.find(|mode| mode.motion != nearest.motion);
    [nearest.motion, near.map_or(Motion::default(), |mode| mode.motion)]
}

/// A candidate as near as it must be to a block at `row` and `column` of a frame of so many units.
pub(super) fn clamp(
    motion: Motion,
    (row, column): (usize, usize),
    (rows, columns): (usize, usize),
    log2: u32,
) -> Motion {
    let down = limits(row, rows, 1 << log2);
    let across = limits(column, columns, 1 << log2);
    Motion {
        row: i32::from(motion.row).clamp(down.0, down.1) as i16,
        column: i32::from(motion.column).clamp(across.0, across.1) as i16,
    }
}

/// Least and greatest motion of a block of `side` units at `at` of `all` (`clamp_mv_ref`). Beyond what
/// 16 bits hold no candidate lies, so such limits clamp nothing.
fn limits(at: usize, all: usize, side: usize) -> (i32, i32) {
    let before = at as i32 * UNIT;
    let behind = (all as i32 - side as i32 - at as i32) * UNIT;
    (-before - BORDER, behind + BORDER)
}
