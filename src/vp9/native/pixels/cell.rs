//! One cell: its samples, its residual, its levels and what decoders make of them.
#![forbid(unsafe_code)]

use super::super::coded::{Block, CELL, Motion};
use super::geometry::{Grid, parts};
use super::predict::predict;
use super::quantise::{bits, level_to_move, quantise};
use super::transform::{forward, inverse};
use super::tuning::Tuning;
use crate::frame::Plane;

/// Samples of a cell in raster order: luma 16x16, chroma 8x8 in the first quarter of its array.
pub type Samples = [[u8; CELL * CELL]; 3];

/// Samples a side of a cell in a plane.
pub fn side(plane: usize) -> usize {
    if plane == 0 { CELL } else { CELL / 2 }
}

/// Reads a cell; beyond the edges of the picture samples repeat.
pub fn read(planes: &[&Plane<u8>], column: usize, row: usize) -> Samples {
    let mut samples = [[0; CELL * CELL]; 3];
    for (plane, (from, to)) in planes.iter().zip(&mut samples).enumerate() {
        let side = side(plane);
        for y in 0..side {
            let line = from.row((row * side + y).min(from.size.height - 1));
            for x in 0..side {
                to[y * side + x] = line[(column * side + x).min(from.size.width - 1)];
            }
        }
    }
    samples
}

/// Writes what of a cell is inside the picture.
pub fn write(planes: &mut [Plane<u8>], column: usize, row: usize, samples: &Samples) {
    for (plane, (to, from)) in planes.iter_mut().zip(samples).enumerate() {
        let (side, size) = (side(plane), to.size);
        for y in 0..side.min(size.height - row * side) {
            let width = side.min(size.width - column * side);
            to.row_mut(row * side + y)[column * side..][..width].copy_from_slice(&from[y * side..][..width]);
        }
    }
}

/// A cell coded in one way.
pub struct Attempt {
    /// Its block; levels begin at 0.
    pub block: Block,
    /// Its levels.
    pub levels: Vec<i16>,
    /// What decoders show.
    pub samples: Samples,
}

impl Attempt {
    /// Squared errors and bits in one number, to compare ways to code a cell with the same motions.
    pub fn cost(&self, tuning: &Tuning, source: &Samples) -> i64 {
        let levels = self.levels.iter().map(|&level| bits(i32::from(level).abs()));
        let quarter_bits = levels.sum::<i32>() + if self.block.whole == 1 { 0 } else { tuning.split_worth };
        let pairs = self.samples.as_flattened().iter().zip(source.as_flattened());
        let errors: i64 = pairs.map(|(&a, &b)| i64::from(a.abs_diff(b)).pow(2)).sum();
        64 * errors + i64::from(quarter_bits) * i64::from(tuning.error_worth)
    }
}

/// Codes a cell with given motions: predicts, transforms, quantises, reconstructs.
pub fn code(
    tuning: &Tuning,
    grid: &Grid,
    (column, row): (usize, usize),
    source: &Samples,
    reference: &[Plane<u8>],
    motion: [Motion; 4],
    whole: bool,
) -> Attempt {
    let mut block = Block { motion, whole: u32::from(whole), ..Block::default() };
    let (mut all, mut samples) = (Vec::new(), [[0; CELL * CELL]; 3]);
    for (index, part) in parts(whole, reference.len()).enumerate() {
        if !grid.has(column, row, part.quarter) {
            continue;
        }
        let (pitch, len) = (side(part.plane), part.side * part.side);
        let at = part.y * pitch + part.x;
        let to = &mut samples[part.plane][at..];
        let place = (column * pitch + part.x, row * pitch + part.y);
        predict(&reference[part.plane], part.plane > 0, place, motion[part.quarter], part.side, to, pitch);

        let from = &source[part.plane][at..];
        let (mut levels, mut values) = ([0i16; CELL * CELL], [0i32; CELL * CELL]);
        let (levels, values) = (&mut levels[..len], &mut values[..len]);
        let mut pairs = Vec::with_capacity(len);
        for i in 0..len {
            let at = i / part.side * pitch + i % part.side;
            pairs.push((i32::from(from[at]), i32::from(to[at])));
        }
        let end = match flat(tuning, &pairs) {
            Some(distance) => {
                let level = level_to_move(tuning, distance, part.side);
                (levels[0], values[0]) = (level as i16, level * tuning.dc_step);
                usize::from(distance != 0)
            }
            None => {
                for (value, &(source, predicted)) in values.iter_mut().zip(&pairs) {
                    *value = residual(tuning, source, predicted);
                }
                forward(values);
                quantise(tuning, values, levels)
            }
        };
        all.extend_from_slice(&levels[..end]);
        block.ends[if whole { part.plane } else { index }] = end as u16;
        if end > 0 {
            inverse(values);
            for (i, &value) in values.iter().enumerate() {
                let sample = &mut to[i / part.side * pitch + i % part.side];
                *sample = (i32::from(*sample) + value).clamp(0, 255) as u8;
            }
        }
    }
    Attempt { block, levels: all, samples }
}

/// For a block of a matte that is all 0 or all 255: how far all of it must be moved to be so exactly. Decoders cut
/// what goes beyond, so one DC level does it.
fn flat(tuning: &Tuning, pairs: &[(i32, i32)]) -> Option<i32> {
    let value = pairs[0].0;
    if tuning.matte == 0 || (value != 0 && value != 255) || pairs.iter().any(|pair| pair.0 != value) {
        return None;
    }
    let distance = pairs.iter().map(|pair| (pair.1 - value).abs()).max().unwrap_or(0);
    Some(if value == 0 { -distance } else { distance })
}

/// What is to be added to a predicted sample. A matte's 0 and 255 are aimed beyond.
fn residual(tuning: &Tuning, source: i32, predicted: i32) -> i32 {
    let beyond = if source == predicted { tuning.guard } else { tuning.overshoot };
    match (tuning.matte, source) {
        (1, 0) => -predicted - beyond,
        (1, 255) => 255 - predicted + beyond,
        _ => source - predicted,
    }
}
