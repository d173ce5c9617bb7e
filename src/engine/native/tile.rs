//! Tile shapes of the dense convolution and which layers are divided along the inner sum.
//!
//! Every shape of a [`Kind`] adds in the same order, so a shape may be chosen by timing on the device at hand. Kind
//! and division change that order, so they follow from the layer alone: results do not depend on the device.
#![forbid(unsafe_code)]

use super::plan::{ConvStep, GROUP, UNIT_K};

/// How a kernel goes over the inner sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Taps, then channels: `kernels/conv.cu`, for every layer.
    General,
    /// Chunks of channels, then taps: `kernels/conv_halo.cu`, for 3x3 layers that keep the size.
    Halo,
    /// Halves of chunks, then taps: `kernels/conv_rim.cu`, for those among them of few channels. Never divided.
    Rim,
    /// Channels alone: `kernels/conv_point.cu`, for 1x1 layers. Their sums are never divided.
    Point,
    /// Rows of taps, two taps at once: `kernels/conv_stem.cu`, for first layers, which read colours. Never divided.
    Stem,
}

/// One instance of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Tile {
    /// Name of the kernel.
    pub name: &'static str,
    /// What it can do.
    pub kind: Kind,
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
    Tile { name, kind: Kind::General, m, n, k, threads, stages }
}

const fn halo(name: &'static str, (m, n): (usize, usize), threads: u32, stages: u32) -> Tile {
    Tile { name, kind: Kind::Halo, m, n, k: 32, threads, stages }
}

const fn point(name: &'static str, (m, n, k): (usize, usize, usize), threads: u32, stages: u32) -> Tile {
    Tile { name, kind: Kind::Point, m, n, k, threads, stages }
}

const fn rim(name: &'static str, (m, n): (usize, usize), threads: u32, stages: u32) -> Tile {
    Tile { name, kind: Kind::Rim, m, n, k: 32, threads, stages }
}

const fn stem(name: &'static str, (m, n): (usize, usize), threads: u32) -> Tile {
    Tile { name, kind: Kind::Stem, m, n, k: 0, threads, stages: 1 }
}

/// Columns of a tile of [`Kind::Halo`].
const HALO_COLUMNS: usize = 16;

/// Pixels between its rows in shared memory.
const HALO_PITCH: usize = 24;

/// Bytes of a row of input of [`Kind::Stem`], and of a channel's weights, in shared memory.
const STEM_PITCH_BYTES: usize = 20 * 16;
const STEM_WEIGHTS_BYTES: usize = 29 * 16;

/// Rows of input of a tile of [`Kind::Stem`].
const fn stem_rows(m: usize) -> usize {
    2 * (m / HALO_COLUMNS) + 5
}

/// The instances, as at the end of the `kernels/conv*.cu`.
pub const TILES: [Tile; 30] = [
    tile("vrp_conv_64x64x64_16", (64, 64, 64), 512, 5),
    tile("vrp_conv_128x64x64", (128, 64, 64), 256, 3),
    tile("vrp_conv_64x64x64", (64, 64, 64), 256, 3),
    tile("vrp_conv_64x32x64", (64, 32, 64), 128, 4),
    halo("vrp_halo_256x64", (256, 64), 512, 2),
    halo("vrp_halo_256x32", (256, 32), 256, 2),
    halo("vrp_halo_128x64", (128, 64), 256, 2),
    halo("vrp_halo_128x64_16", (128, 64), 512, 3),
    halo("vrp_halo_64x64_16", (64, 64), 512, 3),
    halo("vrp_halo_64x64", (64, 64), 256, 2),
    halo("vrp_halo_64x64_3", (64, 64), 256, 3),
    halo("vrp_halo_64x32", (64, 32), 128, 2),
    rim("vrp_rim_256x64", (256, 64), 512, 2),
    rim("vrp_rim_256x32", (256, 32), 256, 2),
    rim("vrp_rim_256x32_1", (256, 32), 256, 1),
    rim("vrp_rim_128x64", (128, 64), 256, 2),
    rim("vrp_rim_128x32_1", (128, 32), 128, 1),
    rim("vrp_rim_64x32", (64, 32), 128, 2),
    point("vrp_point_128x128x64", (128, 128, 64), 256, 3),
    point("vrp_point_128x64x64", (128, 64, 64), 256, 4),
    point("vrp_point_128x64x32", (128, 64, 32), 128, 3),
    point("vrp_point_64x128x64", (64, 128, 64), 256, 3),
    point("vrp_point_64x64x64", (64, 64, 64), 128, 3),
    point("vrp_point_32x64x64", (32, 64, 64), 128, 4),
    point("vrp_point_64x32x64", (64, 32, 64), 128, 4),
    point("vrp_point_128x32x32", (128, 32, 32), 128, 3),
    stem("vrp_stem_256x64", (256, 64), 256),
    stem("vrp_stem_128x64", (128, 64), 128),
    stem("vrp_stem_256x32", (256, 32), 256),
    stem("vrp_stem_128x32", (128, 32), 128),
];

/// Most input channels of a layer of [`Kind::Rim`]: two chunks, for which its tiles have buffers.
const RIM_CHANNELS: usize = 64;

/// The kind that a layer is run by.
pub fn kind(conv: &ConvStep) -> Kind {
    let g = &conv.geometry;
    let colours = conv.cin == GROUP && conv.live <= 4 && conv.in_scale.is_none();
    match (g.kernel, g.stride, g.pad) {
        (1, _, 0) => Kind::Point,
        (3, 1, pad) if pad == g.dilation && conv.in_scale.is_none() => {
            if conv.cin <= RIM_CHANNELS {
                Kind::Rim
            } else {
                Kind::Halo
            }
        }
        (3, 2, 1) | (7, 2, 3) if g.dilation == 1 && colours => Kind::Stem,
        _ => Kind::General,
    }
}

impl Tile {
    /// Shared memory of a block: the input buffers, in some kinds reused for the sums.
    pub fn shared_bytes(&self) -> u32 {
        let rows = match self.kind {
            // One more for the scale of the input.
            Kind::General | Kind::Point => self.m + self.n + 1,
            Kind::Halo | Kind::Rim => (self.m / HALO_COLUMNS + 2) * HALO_PITCH + 9 * self.n,
            Kind::Stem => return (stem_rows(self.m) * STEM_PITCH_BYTES + self.n * STEM_WEIGHTS_BYTES) as u32,
        };
        let input = self.stages * (rows * self.k * 2) as u32;
        let sums = (self.m * (self.n + 8) * 4) as u32;
        if matches!(self.kind, Kind::Point | Kind::Rim) { input } else { input.max(sums) }
    }

    /// Whether the kernel can run a layer.
    pub fn can(&self, conv: &ConvStep) -> bool {
        self.kind == Kind::General || self.kind == kind(conv)
    }

    /// Tiles of pixels of an image.
    pub fn tiles(&self, conv: &ConvStep) -> usize {
        let g = &conv.geometry;
        match self.kind {
            Kind::General | Kind::Point => conv.pixels().div_ceil(self.m),
            Kind::Stem => {
                let [rows, columns] = g.output;
                rows.div_ceil(self.m / HALO_COLUMNS) * columns.div_ceil(HALO_COLUMNS)
            }
            Kind::Halo | Kind::Rim => {
                let [rows, columns] = g.output.map(|size| size.div_ceil(g.dilation));
                let of_one = rows.div_ceil(self.m / HALO_COLUMNS) * columns.div_ceil(HALO_COLUMNS);
                of_one * g.dilation.pow(2)
            }
        }
    }

    /// Blocks in each direction of the launch.
    pub fn grid(&self, conv: &ConvStep, eyes: usize) -> [u32; 3] {
        let (tiles, across) = (self.tiles(conv) as u32, conv.cout.div_ceil(self.n) as u32);
        match self.kind {
            // Channels first.
            Kind::Point => [tiles * across, 1, eyes as u32],
            _ => [tiles, across, (eyes * splits(conv, eyes)) as u32],
        }
    }

    /// Blocks that a layer takes, per part of a divided sum.
    pub fn blocks(&self, conv: &ConvStep, eyes: usize) -> usize {
        self.tiles(conv) * conv.cout.div_ceil(self.n) * eyes
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
    if matches!(kind(conv), Kind::Rim | Kind::Point | Kind::Stem) {
        return 1;
    }
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
        .filter(|tile| tile.can(conv))
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
    let kind = kind(conv);
    let candidates = TILES.iter().enumerate().filter(|&(i, tile)| tile.kind == kind && fits(i));
    let best = candidates.min_by(|a, b| cost(a.1).total_cmp(&cost(b.1)));
    best.expect("the smallest tile of each kind fits every device").0
}
