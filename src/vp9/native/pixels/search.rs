//! Where a cell came from: motion search on luma.
//!
//! Tried are no motion and what this cell and its neighbours had in the previous frame, then eight
//! positions around the best at shrinking distances, then half and quarter pixels with the true filters.
//! Nothing of the frame that is being coded is looked at, so cells may be searched in any order. A cost is
//! the sum of absolute differences plus what the motion's bits are worth. Of equals the first wins.
#![forbid(unsafe_code)]

use super::super::coded::{CELL, Motion};
use super::geometry::Grid;
use super::predict::predict;
use super::tuning::Tuning;
use crate::frame::Plane;

/// Cells whose previous motion is tried and thought cheap: own, left, right, above, below and two diagonal.
const NEIGHBOURS: [[i32; 2]; 7] = [[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1], [-1, -1], [1, 1]];
/// Distances of whole pixels, in order.
const DISTANCES: [i32; 6] = [16, 8, 4, 2, 1, 1];
/// Distances below a pixel, in 1/8.
const FRACTIONS: [i32; 2] = [4, 2];
/// The eight directions, row and column.
pub const DIRECTIONS: [[i32; 2]; 8] = [[-1, -1], [-1, 0], [-1, 1], [0, -1], [0, 1], [1, -1], [1, 0], [1, 1]];

/// What the search of a cell looks at.
pub struct Scene<'a> {
    /// Weights.
    pub tuning: &'a Tuning,
    /// The cells of the frame.
    pub grid: Grid,
    /// Luma of the picture before.
    pub reference: &'a Plane<u8>,
    /// Motions of the frame before, one per cell.
    pub motions: &'a [Motion],
}

/// A motion and its cost.
#[derive(Clone, Copy)]
struct Found {
    motion: Motion,
    cost: i32,
}

impl Scene<'_> {
    /// The motion of the cell at (`column`, `row`) whose luma is `source`, 16x16.
    pub fn search(&self, column: usize, row: usize, source: &[u8; CELL * CELL]) -> Motion {
        let known = self.known(column, row);
        let cost = |motion: Motion| {
            let mut block = [0u8; CELL * CELL];
            predict(self.reference, false, (column * CELL, row * CELL), motion, CELL, &mut block, CELL);
            let differences: i32 = block.iter().zip(source).map(|(&a, &b)| i32::from(a.abs_diff(b))).sum();
            16 * differences + self.tuning.motion_worth * bits(motion, &known)
        };
        let best = |found: Found, motions: &[Motion]| {
            let tried = motions.iter().map(|&motion| Found { motion, cost: cost(motion) });
            tried.fold(found, |best, next| if next.cost < best.cost { next } else { best })
        };
        let whole = known.map(|motion| {
            let nearest = |v: i16| (i32::from(v) + 4) & !7;
            self.grid.clamp(column, row, nearest(motion.row), nearest(motion.column))
        });
        let around = |centre: Motion, distance: i32| {
            DIRECTIONS.map(|[down, across]| {
                let [r, c] =
                    [(centre.row, down), (centre.column, across)].map(|(v, d)| i32::from(v) + d * distance);
                self.grid.clamp(column, row, r, c)
            })
        };

        let mut found = best(Found { motion: whole[0], cost: cost(whole[0]) }, &whole[1..]);
        for distance in DISTANCES {
            if distance >= 4 && found.cost < self.tuning.near {
                continue;
            }
            found = best(found, &around(found.motion, 8 * distance));
        }
        for distance in FRACTIONS {
            found = best(found, &around(found.motion, distance));
        }
        found.motion
    }

    /// No motion, and those of the frame before around the cell; no motion where there is no cell.
    fn known(&self, column: usize, row: usize) -> [Motion; 8] {
        let Grid { cells, .. } = self.grid;
        let mut known = [Motion::default(); 8];
        for (known, [x, y]) in known[1..].iter_mut().zip(NEIGHBOURS) {
            let (x, y) = (column as i32 + x, row as i32 + y);
            if (0..cells.width as i32).contains(&x) && (0..cells.height as i32).contains(&y) {
                *known = self.motions[y as usize * cells.width + x as usize];
            }
        }
        known
    }
}

/// Bits that a motion is taken to cost where `known` ones are likely to be its neighbours': none for no
/// motion, few for a known one, else by the distance from the best of them.
fn bits(motion: Motion, known: &[Motion; 8]) -> i32 {
    let digits = |a: i16, b: i16| {
        let quarters = (i32::from(a) - i32::from(b)).abs() >> 1;
        if quarters == 0 { 0 } else { 2 * (32 - quarters.leading_zeros() as i32) + 1 }
    };
    let apart = |other: &Motion| {
        let distance = digits(motion.row, other.row) + digits(motion.column, other.column);
        if distance == 0 { 0 } else { 3 + distance }
    };
    let near = known[1..].iter().map(|other| 2 + apart(other)).min().unwrap_or(i32::MAX);
    near.min(apart(&known[0]))
}
