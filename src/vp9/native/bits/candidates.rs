//! Motion of the blocks around: what a block's own motion is told by, and the context of its mode.
//!
//! The motion vector prediction of the VP9 specification, section 6.4 (`find_mv_refs`), for one reference and error resilient
//! frames, where neither other references nor the frame before can add a candidate.
#![forbid(unsafe_code)]

use super::frame::Frame;
use super::walk::Walk;
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

/// Context of the inter mode of a block of `8 << log2` pixels.
pub(super) fn mode_context(walk: &Walk, frame: &Frame<'_>, row: usize, column: usize, log2: u32) -> usize {
    let two = &NEIGHBOURS[log2 as usize][..2];
    let modes = two.iter().filter_map(|&place| walk.neighbour(frame, row, column, place));
    let sum: usize = modes.map(|mode| usize::from(mode.weight)).sum();
    usize::from(MODE_CONTEXT[sum])
}

/// The nearest and the next motion among the neighbours, zero where there is none.
pub(super) fn candidates(
    walk: &Walk,
    frame: &Frame<'_>,
    row: usize,
    column: usize,
    log2: u32,
) -> [Motion; 2] {
    let mut found = [Motion::default(); 2];
    let mut any = false;
    for &place in &NEIGHBOURS[log2 as usize] {
        let Some(mode) = walk.neighbour(frame, row, column, place) else { continue };
        if !any {
            found[0] = mode.motion;
            any = true;
        } else if mode.motion != found[0] {
            found[1] = mode.motion;
            break;
        }
    }
    let across = limits(column, frame.columns, 1 << log2);
    let down = limits(row, frame.rows, 1 << log2);
    found.map(|motion| Motion {
        row: i32::from(motion.row).clamp(down.0, down.1) as i16,
        column: i32::from(motion.column).clamp(across.0, across.1) as i16,
    })
}

/// Least and greatest motion of a block of `side` units at `at` of `all` (`clamp_mv_ref`). Beyond what
/// 16 bits hold no candidate lies, so such limits clamp nothing.
fn limits(at: usize, all: usize, side: usize) -> (i32, i32) {
    let before = at as i32 * UNIT;
    let behind = (all as i32 - side as i32 - at as i32) * UNIT;
    (-before - BORDER, behind + BORDER)
}
