//! Dense convolution: a matrix product of the weights with the pixels that each output sees.
//!
//! Output pixels are cut into strips, each the work of one thread: pixels are packed (see
//! `pack`), multiplied, and bias, residual and activation applied while the result is in the
//! cache. Two ways of multiplying: our own kernel where there is AVX2 (it writes no matrix larger
//! than the cache and needs no second packing), the `gemm` crate elsewhere. How a convolution is
//! cut never changes the order in which one output is summed.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::activation::activate;
use super::micro::{self, Block, Target, Tile};
use super::pack::{Geometry, LANES, Layout, pack_channel};
use super::plan::Input;
use super::simd::has_avx2;
use crate::rvm::graph::{Activation, ConvWeights};

/// Rows of a strip's matrix that are multiplied at once: with a block of weights beside it, a tile
/// of this depth fits in a first level cache of 32 KiB.
const DEPTH: usize = 360;
/// Floats of a strip's matrix: half of a second level cache of 512 KiB.
const STRIP_FLOATS: usize = 64 * 1024;

thread_local! {
    /// The packed strip of this thread; grows to the largest and stays.
    static PACKED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// How to multiply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Our kernel; needs AVX2 and FMA.
    Blocks,
    /// The `gemm` crate.
    Gemm,
}

impl Method {
    /// The faster one that this machine can do.
    pub fn best() -> Self {
        if has_avx2() { Self::Blocks } else { Self::Gemm }
    }
}

/// A convolution made ready.
pub struct Conv {
    geometry: Geometry,
    groups: usize,
    /// Output and input channels of a group.
    channels: [usize; 2],
    act: Activation,
    method: Method,
    /// Channels of a block, for [`Method::Blocks`].
    rows: usize,
    /// Weights: as in the graph for [`Method::Gemm`]; else by group, range of input channels
    /// (see [`Conv::parts`]), block, depth, channel.
    weight: Vec<f32>,
    /// One per output channel, filled up with zeros to whole blocks in each group.
    bias: Vec<f32>,
}

impl Conv {
    /// Arranges the weights.
    pub fn new(
        weights: &ConvWeights,
        geometry: Geometry,
        groups: usize,
        act: Activation,
        method: Method,
    ) -> Self {
        let [out_c, in_c, ..] = weights.shape;
        let m = out_c / groups;
        let rows = if method == Method::Blocks { micro::rows_for(m) } else { 1 };
        let mut conv = Self {
            geometry: geometry.flat(),
            groups,
            channels: [m, in_c],
            act,
            method,
            rows,
            weight: Vec::new(),
            bias: Vec::new(),
        };
        let padded = m.next_multiple_of(rows);
        for group in weights.bias.chunks_exact(m) {
            conv.bias.extend_from_slice(group);
            conv.bias.resize(conv.bias.len() + padded - m, 0.0);
        }
        if method == Method::Gemm {
            conv.weight.clone_from(&weights.weight);
            return conv;
        }
        let depth = in_c * geometry.taps();
        for group in weights.weight.chunks_exact(m * depth) {
            for part in conv.parts() {
                for block in (0..padded).step_by(rows) {
                    for at in part.start * geometry.taps()..part.end * geometry.taps() {
                        let weight = |row| if row < m { group[row * depth + at] } else { 0.0 };
                        conv.weight.extend((block..block + rows).map(weight));
                    }
                }
            }
        }
        conv
    }

    /// Ranges of input channels that are packed and multiplied together.
    fn parts(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let in_c = self.channels[1];
        let most = if self.method == Method::Gemm { in_c } else { (DEPTH / self.geometry.taps()).max(1) };
        // Parts of about equal length: a short last one would be all overhead.
        let len = in_c.div_ceil(in_c.div_ceil(most));
        (0..in_c).step_by(len).map(move |start| start..(start + len).min(in_c))
    }

    /// Output pixels of a strip, whole tiles.
    fn strip_pixels(&self, eyes: usize) -> usize {
        let depth = self.parts().map(|p| p.len()).max().unwrap_or(1) * self.geometry.taps();
        let by_cache = (STRIP_FLOATS / depth).clamp(4 * LANES, 64 * LANES).next_multiple_of(LANES);
        if self.method == Method::Gemm {
            // `gemm` picks its order of summation by the sizes: they must not hang on the threads.
            return by_cache;
        }
        // Enough strips for every thread to have a few.
        let strips = (4 * rayon::current_num_threads()).div_ceil(eyes * self.groups);
        let by_threads = self.geometry.pixels().div_ceil(strips).max(4 * LANES);
        by_cache.min(by_threads).next_multiple_of(LANES)
    }

    /// Writes the convolution of `x` to `out`, `[eyes, c, h, w]`.
    pub fn run(&self, x: Input<'_>, residual: Option<Input<'_>>, eyes: usize, out: &mut [f32]) {
        let pixels = self.geometry.pixels();
        let strip = self.strip_pixels(eyes);
        let strips = pixels.div_ceil(strip);
        let planes = Planes { ptr: out.as_mut_ptr(), len: out.len() };
        let job = |index: usize| {
            let start = index % strips * strip;
            let eye = index / strips / self.groups;
            let group = index / strips % self.groups;
            let task = Task {
                conv: self,
                x,
                residual,
                out: &planes,
                eye,
                group,
                pixels: start..(start + strip).min(pixels),
            };
            PACKED.with_borrow_mut(|packed| match self.method {
                Method::Blocks => task.blocks(packed),
                Method::Gemm => task.gemm(packed),
            });
        };
        let jobs = strips * eyes * self.groups;
        if jobs == 1 { job(0) } else { (0..jobs).into_par_iter().for_each(job) }
    }
}

/// The output, which strips write side by side.
struct Planes {
    ptr: *mut f32,
    len: usize,
}

// SAFETY: `Planes` stands for an exclusive borrow that `Conv::run` holds while its jobs run, and
// no two jobs touch the same element: a job's eye, group and pixels are its own.
unsafe impl Sync for Planes {}

/// One strip of one eye and group.
struct Task<'a> {
    conv: &'a Conv,
    x: Input<'a>,
    residual: Option<Input<'a>>,
    out: &'a Planes,
    eye: usize,
    group: usize,
    pixels: Range<usize>,
}

impl Task<'_> {
    /// `len` results of output channel `channel` (of the group) from `pixel` on.
    #[allow(clippy::mut_from_ref, reason = "a strip's elements belong to one job, see Planes")]
    fn row(&self, channel: usize, pixel: usize, len: usize) -> &mut [f32] {
        let [m, _] = self.conv.channels;
        let plane = (self.eye * self.conv.groups + self.group) * m + channel;
        let at = plane * self.conv.geometry.pixels() + pixel;
        assert!(at + len <= self.out.len && pixel + len <= self.pixels.end);
        // SAFETY: inside the output, by the line above; of this job alone, see `Planes`; and the
        // callers drop a row before they ask for the next.
        unsafe { std::slice::from_raw_parts_mut(self.out.ptr.wrapping_add(at), len) }
    }

    fn residual_row(&self, channel: usize, pixel: usize, len: usize) -> Option<&[f32]> {
        let plane = self.residual?.plane(self.eye, self.group * self.conv.channels[0] + channel);
        Some(&plane[pixel..pixel + len])
    }

    fn pack(&self, part: Range<usize>, layout: Layout, dst: &mut [f32]) {
        for (index, channel) in part.enumerate() {
            let plane = self.x.plane(self.eye, self.group * self.conv.channels[1] + channel);
            let geometry = &self.conv.geometry;
            pack_channel(plane, geometry, self.pixels.clone(), index * geometry.taps(), layout, dst);
        }
    }

    fn blocks(&self, packed: &mut Vec<f32>) {
        let conv = self.conv;
        let padded = conv.channels[0].next_multiple_of(conv.rows);
        let taps = conv.geometry.taps();
        let tiles = self.pixels.len().div_ceil(LANES);
        let mut weight = &conv.weight[self.group * padded * conv.channels[1] * taps..];
        for part in conv.parts() {
            let depth = part.len() * taps;
            let layout = Layout { row_step: LANES, tile_step: depth * LANES };
            let dst = aligned(packed, tiles * depth * LANES);
            let (first, last) = (part.start == 0, part.end == conv.channels[1]);
            self.pack(part, layout, dst);
            let (panels, rest) = weight.split_at(padded * depth);
            weight = rest;
            for (index, pixels) in dst.chunks_exact(depth * LANES).enumerate() {
                let tile = Tile { pixels, panels, depth, act: last.then_some(conv.act) };
                let pixel = self.pixels.start + index * LANES;
                let columns = LANES.min(self.pixels.end - pixel);
                let mut target = Columns { task: self, pixel, columns, first };
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `Method::Blocks` is chosen only where `has_avx2` holds.
                unsafe {
                    micro::multiply_avx2(&tile, conv.rows, &mut target);
                }
            }
        }
    }

    fn gemm(&self, packed: &mut Vec<f32>) {
        let conv = self.conv;
        let [m, in_c] = conv.channels;
        let depth = in_c * conv.geometry.taps();
        let columns = self.pixels.len();
        let row_step = columns.next_multiple_of(LANES);
        let dst = aligned(packed, depth * row_step);
        self.pack(0..in_c, Layout { row_step, tile_step: LANES }, dst);
        let weight = &conv.weight[self.group * m * depth..][..m * depth];
        let out = self.row(0, self.pixels.start, columns).as_mut_ptr();
        let out_step = conv.geometry.pixels() as isize;
        let (a, b) = (weight.as_ptr(), dst.as_ptr());
        let (a_step, b_step) = (depth as isize, row_step as isize);
        // SAFETY: `a` has m rows of `depth`, `b` has `depth` rows of `row_step >= columns`, and
        // `out` is the first of m rows, `out_step` apart, of `columns` elements of this job alone.
        unsafe {
            gemm::gemm(
                m,
                columns,
                depth,
                out,
                1,
                out_step,
                false,
                a,
                1,
                a_step,
                b,
                1,
                b_step,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
        for channel in 0..m {
            let row = self.row(channel, self.pixels.start, columns);
            let bias = conv.bias[self.group * m + channel];
            row.iter_mut().for_each(|v| *v += bias);
            if let Some(residual) = self.residual_row(channel, self.pixels.start, columns) {
                row.iter_mut().zip(residual).for_each(|(v, r)| *v += r);
            }
            activate(conv.act, row);
        }
    }
}

/// Where the blocks of one tile go.
struct Columns<'a> {
    task: &'a Task<'a>,
    pixel: usize,
    columns: usize,
    first: bool,
}

impl Columns<'_> {
    fn rows(&self, panel: usize) -> Range<usize> {
        let conv = self.task.conv;
        panel * conv.rows..(panel * conv.rows + conv.rows).min(conv.channels[0])
    }
}

impl Target for Columns<'_> {
    #[inline(always)]
    fn load(&self, panel: usize, block: &mut Block) {
        let conv = self.task.conv;
        if self.first {
            let padded = conv.channels[0].next_multiple_of(conv.rows);
            let bias = &conv.bias[self.task.group * padded + panel * conv.rows..][..conv.rows];
            block.iter_mut().zip(bias).for_each(|(row, &bias)| *row = [bias; LANES]);
            return;
        }
        for (row, channel) in block.iter_mut().zip(self.rows(panel)) {
            row[..self.columns].copy_from_slice(self.task.row(channel, self.pixel, self.columns));
        }
    }

    #[inline(always)]
    fn finish(&self, panel: usize, block: &mut Block) {
        for (row, channel) in block.iter_mut().zip(self.rows(panel)) {
            if let Some(residual) = self.task.residual_row(channel, self.pixel, self.columns) {
                row.iter_mut().zip(residual).for_each(|(v, r)| *v += r);
            }
        }
    }

    #[inline(always)]
    fn store(&mut self, panel: usize, block: &Block) {
        for (row, channel) in block.iter().zip(self.rows(panel)) {
            let out = self.task.row(channel, self.pixel, self.columns);
            // A copy of constant length is two vector moves, any other a call.
            match <&mut [f32; LANES]>::try_from(&mut *out) {
                Ok(whole) => *whole = *row,
                Err(_) => out.copy_from_slice(&row[..self.columns]),
            }
        }
    }
}

/// The first `len` floats of `buffer` from a cache line's start on; grows it when it is short.
fn aligned(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len + LANES {
        buffer.resize(len + LANES, 0.0);
    }
    let offset = buffer.as_ptr().align_offset(64).min(LANES);
    &mut buffer[offset..offset + len]
}
