//! Tile shapes of the dense convolution and which layers are divided along the inner sum.
//!
//! Every shape adds in the same order, so a shape may be chosen by timing on the device at hand. A division
//! changes that order, so it follows from the layer's size alone: results do not depend on the device.
#![forbid(unsafe_code)]

use super::plan::{ConvStep, UNIT_K};

/// One instance of the kernel in `kernels/conv.cu`.
#[derive(Clone, Copy, Debug)]
pub struct Tile {
    /// Name of the kernel.
    pub name: &'static str,
    /// Pixels.
    pub m: usize,
    /// Channels.
    pub n: usize,
    /// Inner indices of a step.
    k: usize,
    /// Threads of a block.
    pub threads: u32,
    /// Buffers of input.
    stages: u32,
}

const fn tile(name: &'static str, (m, n, k): (usize, usize, usize), threads: u32, stages: u32) -> Tile {
    Tile { name, m, n, k, threads, stages }
}

/// The instances, as at the end of `kernels/conv.cu`.
pub const TILES: [Tile; 9] = [
    tile("vrp_conv_128x128x64", (128, 128, 64), 256, 3),
    tile("vrp_conv_128x64x64", (128, 64, 64), 256, 3),
    tile("vrp_conv_128x64x32", (128, 64, 32), 256, 4),
    tile("vrp_conv_64x64x64", (64, 64, 64), 256, 3),
    tile("vrp_conv_64x64x32", (64, 64, 32), 256, 4),
    tile("vrp_conv_128x32x32", (128, 32, 32), 256, 4),
    tile("vrp_conv_64x32x64", (64, 32, 64), 128, 4),
    tile("vrp_conv_128x16x32", (128, 16, 32), 256, 4),
    tile("vrp_conv_64x16x64", (64, 16, 64), 128, 4),
];

impl Tile {
    /// Shared memory of a block: the input buffers, reused for the sums.
    pub fn shared_bytes(&self) -> u32 {
        let row = self.k as u32 * 2;
        let input = self.stages * ((self.m + self.n) as u32 * row + row);
        let sums = (self.m * (self.n + 8) * 4) as u32;
        input.max(sums)
    }

    /// Blocks that a layer takes, per part of a divided sum.
    pub fn blocks(&self, conv: &ConvStep, eyes: usize) -> usize {
        conv.pixels().div_ceil(self.m) * conv.cout.div_ceil(self.n) * eyes
    }
}

/// Blocks of 64 x 64 below which a sum is divided: about one per multiprocessor of a large device.
const BLOCKS_WANTED: usize = 128;

/// Units of the inner loop that a part must have at least, to be worth the addition at the end.
const UNITS_MIN: usize = 6;

/// Most parts.
const SPLITS_MAX: usize = 4;

/// Into how many parts the inner sum of a layer is divided.
pub fn splits(conv: &ConvStep, eyes: usize) -> usize {
    let blocks = conv.pixels().div_ceil(64) * conv.cout.div_ceil(64) * eyes;
    let units = conv.k_padded() / UNIT_K;
    (BLOCKS_WANTED / blocks).min(units / UNITS_MIN).clamp(1, SPLITS_MAX)
}

/// Floats of scratch and counters that a layer needs, whatever its tile.
pub fn partial_room(conv: &ConvStep, eyes: usize) -> (usize, usize) {
    let splits = splits(conv, eyes);
    if splits == 1 {
        return (0, 0);
    }
    let rooms = TILES
        .iter()
        .map(|tile| (splits * tile.blocks(conv, eyes) * tile.m * tile.n, tile.blocks(conv, eyes)));
    rooms.fold((0, 0), |(floats, counters), (f, c)| (floats.max(f), counters.max(c)))
}

/// A fair tile without timing: little padding, then enough blocks, then the largest.
pub fn guess(conv: &ConvStep, eyes: usize, multiprocessors: usize, fits: impl Fn(usize) -> bool) -> usize {
    let splits = splits(conv, eyes);
    let cost = |tile: &Tile| {
        let blocks = tile.blocks(conv, eyes) * splits;
        // Work of a block: products, and the loading of its edges, which small tiles repeat more often.
        let work = (tile.m * tile.n + 24 * (tile.m + tile.n)) as f64;
        blocks.div_ceil(multiprocessors) as f64 * work
    };
    let candidates = TILES.iter().enumerate().filter(|&(i, _)| fits(i));
    let best = candidates.min_by(|a, b| cost(a.1).total_cmp(&cost(b.1)));
    best.map_or(TILES.len() - 1, |(i, _)| i)
}
