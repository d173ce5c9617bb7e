//! Where a cell came from: motion search on luma.
//!
//! Tried are no motion and what this cell and its neighbours had in the previous frame. Where none of
//! them is close, pictures of a quarter of the size are searched far and wide. Then come the eight positions
//! around the best, at shrinking distances; below a pixel with the true filters.
//! Nothing of the frame that is being coded is looked at, so cells may be searched in any order. A cost is
//! the sum of absolute differences plus what the motion's bits are worth. Of equals the first wins.
#![forbid(unsafe_code)]

use super::super::coded::{CELL, Motion};
use super::geometry::Grid;
use super::predict::predict;
use super::tuning::Tuning;
use crate::frame::{Plane, Size};

/// Cells whose previous motion is tried and thought cheap: own, left, right, above, below and two diagonal.
const NEIGHBOURS: [[i32; 2]; 7] = [[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1], [-1, -1], [1, 1]];
/// How far the coarse search goes each way, in coarse samples.
const REACH: i32 = 12;
/// Distances of whole pixels, in order.
const DISTANCES: [i32; 3] = [2, 1, 1];
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
    /// The same, coarse: see [`coarse`].
    pub coarse: &'a Plane<u8>,
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
        if found.cost >= self.tuning.near {
            found = best(found, &self.afar(column, row, source));
        }
        for distance in DISTANCES {
            found = best(found, &around(found.motion, 8 * distance));
        }
        for distance in FRACTIONS {
            found = best(found, &around(found.motion, distance));
        }
        found.motion
    }

    /// The motions of a cell once those of all cells have been `found`: its own, none, the `common` one of its
    /// superblock or a neighbour's, of which a cheaper one is taken where it predicts nearly as well. One for
    /// the whole cell, or one for each quarter where that is better or the cell is not `complete`.
    pub fn settle(
        &self,
        (column, row): (usize, usize),
        source: &[u8; CELL * CELL],
        found: &[Motion],
        common: Motion,
        complete: bool,
    ) -> ([Motion; 4], bool) {
        let near = around(self.grid, found, column, row);
        let (mut whole, mut quarters) = ((i32::MAX, Motion::default()), [(i32::MAX, Motion::default()); 4]);
        for motion in [near[0], Motion::default(), common, near[1], near[2], near[3], near[4]] {
            let motion = self.grid.clamp(column, row, motion.row.into(), motion.column.into());
            let mut block = [0u8; CELL * CELL];
            predict(self.reference, false, (column * CELL, row * CELL), motion, CELL, &mut block, CELL);
            let mut differences = [0; 4];
            for (i, (&a, &b)) in block.iter().zip(source).enumerate() {
                differences[i / 128 * 2 + i % CELL / 8] += i32::from(a.abs_diff(b));
            }
            let new = |other: &Motion| match apart(motion, other) {
                0 => 0,
                bits => bits + self.tuning.new_bits,
            };
            let bits = self.tuning.settling_worth * new(&Motion::default()).min(1 + new(&common));
            let cost = 16 * differences.iter().sum::<i32>() + bits;
            if cost < whole.0 {
                whole = (cost, motion);
            }
            for (quarter, differences) in quarters.iter_mut().zip(differences) {
                let cost = 16 * differences + bits;
                if cost < quarter.0 {
                    *quarter = (cost, motion);
                }
            }
        }
        let split = quarters.iter().map(|quarter| quarter.0).sum::<i32>();
        if complete && whole.0 <= split + self.tuning.settling_worth * self.tuning.split_bits {
            ([whole.1; 4], true)
        } else {
            (quarters.map(|quarter| quarter.1), false)
        }
    }

    /// For each superblock of 4x4 cells the motion that is nearest to those of all its cells.
    pub fn common(&self, found: &[Motion]) -> Vec<Motion> {
        let Size { width, height } = self.grid.cells;
        let mut common = Vec::new();
        for top in (0..height).step_by(4) {
            for left in (0..width).step_by(4) {
                let cells =
                    (0..16).map(|i| (top + i / 4, left + i % 4)).filter(|&(y, x)| y < height && x < width);
                let motions: Vec<Motion> = cells.map(|(y, x)| found[y * width + x]).collect();
                let far = |motion: &Motion| -> i32 {
                    let away = |a: i16, b: i16| (i32::from(a) - i32::from(b)).abs().min(64);
                    motions.iter().map(|m| away(m.row, motion.row) + away(m.column, motion.column)).sum()
                };
                common.push(motions.iter().copied().min_by_key(far).unwrap_or_default());
            }
        }
        common
    }

    /// The best coarse positions up and left, up and right, down and left, down and right.
    fn afar(&self, column: usize, row: usize, source: &[u8; CELL * CELL]) -> [Motion; 4] {
        let source = coarse(source);
        let Size { width, height } = self.coarse.size;
        let sample = |y: i32, x: i32| {
            let y = (4 * row as i32 + y).clamp(0, height as i32 - 1);
            self.coarse.row(y as usize)[(4 * column as i32 + x).clamp(0, width as i32 - 1) as usize]
        };
        let mut best = [(i32::MAX, Motion::default()); 4];
        for (down, across) in (-REACH..=REACH).flat_map(|y| (-REACH..=REACH).map(move |x| (y, x))) {
            let differences = (0..16)
                .map(|i| i32::from(source[i].abs_diff(sample(i as i32 / 4 + down, i as i32 % 4 + across))));
            let cost = 64 * differences.sum::<i32>() + down.abs() + across.abs();
            let best = &mut best[2 * usize::from(down >= 0) + usize::from(across >= 0)];
            if cost < best.0 {
                *best = (cost, self.grid.clamp(column, row, 32 * down, 32 * across));
            }
        }
        best.map(|(_, motion)| motion)
    }

    /// No motion, and those of the frame before around the cell.
    fn known(&self, column: usize, row: usize) -> [Motion; 8] {
        let near = around(self.grid, self.motions, column, row);
        std::array::from_fn(|i| if i == 0 { Motion::default() } else { near[i - 1] })
    }
}

/// The motions of a cell and its neighbours; no motion where there is no cell.
fn around(grid: Grid, motions: &[Motion], column: usize, row: usize) -> [Motion; 7] {
    NEIGHBOURS.map(|[x, y]| {
        let (x, y) = (column as i32 + x, row as i32 + y);
        let inside = (0..grid.cells.width as i32).contains(&x) && (0..grid.cells.height as i32).contains(&y);
        if inside { motions[y as usize * grid.cells.width + x as usize] } else { Motion::default() }
    })
}

/// Means of 4x4 samples of a cell.
pub fn coarse(luma: &[u8; CELL * CELL]) -> [u8; 16] {
    std::array::from_fn(|i| {
        let at = i / 4 * 4 * CELL + i % 4 * 4;
        let sum: u32 = (0..16).map(|j| u32::from(luma[at + j / 4 * CELL + j % 4])).sum();
        ((sum + 8) >> 4) as u8
    })
}

/// Bits that a motion is taken to cost where `known` ones are likely to be its neighbours': none for no
/// motion, few for a known one, else by the distance from the best of them.
fn bits(motion: Motion, known: &[Motion; 8]) -> i32 {
    let near = known[1..].iter().map(|other| 2 + apart(motion, other)).min().unwrap_or(i32::MAX);
    near.min(apart(motion, &known[0]))
}

/// Bits that the difference of two motions is taken to cost.
fn apart(motion: Motion, other: &Motion) -> i32 {
    let digits = |a: i16, b: i16| {
        let quarters = (i32::from(a) - i32::from(b)).abs() >> 1;
        if quarters == 0 { 0 } else { 2 * (32 - quarters.leading_zeros() as i32) + 1 }
    };
    let distance = digits(motion.row, other.row) + digits(motion.column, other.column);
    if distance == 0 { 0 } else { 3 + distance }
}
