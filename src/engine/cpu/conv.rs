//! Dense convolution: a matrix product of the weights with the pixels that each output sees.
//!
//! Output pixels are cut into strips, each the work of one thread: pixels are packed (see `pack`;
//! a 1x1 convolution reads them where they lie), multiplied by the `gemm` crate, and bias,
//! residual and activation applied while the result is in the cache. A kernel of our own with
//! AVX2 intrinsics was tried (Zen 3) and was no faster.
//!
//! `gemm` picks its order of summation by the sizes it is given. Strips therefore depend on the
//! convolution alone, not on threads or eyes, which keeps results the same to the bit.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::activation::activate;
use super::pack::{Geometry, pack_channel};
use super::plan::Input;
use super::simd::wide;
use crate::rvm::graph::{Activation, ConvWeights};

/// Floats of a strip's matrix: half of a second level cache of 512 KiB.
const STRIP_FLOATS: usize = 64 * 1024;
/// Strip lengths are whole cache lines, and within these limits.
const STRIP_STEP: usize = 16;
const STRIP_PIXELS: Range<usize> = 64..1024;
/// Least number of strips of an image that is large enough, so that there is work for all threads.
const STRIPS: usize = 8;

thread_local! {
    /// The packed strip of this thread; grows to the largest and stays.
    static PACKED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// A convolution made ready.
pub struct Conv {
    geometry: Geometry,
    groups: usize,
    /// Output and input channels of a group.
    channels: [usize; 2],
    act: Activation,
    /// As in the graph: a row of the matrix for each output channel.
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Conv {
    /// Takes the weights over.
    pub fn new(weights: &ConvWeights, geometry: Geometry, groups: usize, act: Activation) -> Self {
        let [out_c, in_c, ..] = weights.shape;
        Self {
            geometry: geometry.flat(),
            groups,
            channels: [out_c / groups, in_c],
            act,
            weight: weights.weight.clone(),
            bias: weights.bias.clone(),
        }
    }

    /// Output pixels of a strip.
    fn strip_pixels(&self) -> usize {
        let by_cache = STRIP_FLOATS / (self.channels[1] * self.geometry.taps());
        let by_work = self.geometry.pixels().div_ceil(STRIPS);
        by_cache.min(by_work).clamp(STRIP_PIXELS.start, STRIP_PIXELS.end).next_multiple_of(STRIP_STEP)
    }

    /// Writes the convolution of `x` to `out`, `[eyes, c, h, w]`.
    pub fn run(&self, x: Input<'_>, residual: Option<Input<'_>>, eyes: usize, out: &mut [f32]) {
        let pixels = self.geometry.pixels();
        let strip = self.strip_pixels();
        let strips = pixels.div_ceil(strip);
        let planes = Planes { ptr: out.as_mut_ptr(), len: out.len() };
        let job = |index: usize| {
            let start = index % strips * strip;
            let eye = index / strips / self.groups;
            let group = index / strips % self.groups;
            let pixels = start..(start + strip).min(pixels);
            let task = Task { conv: self, x, residual, out: &planes, eye, group, pixels };
            PACKED.with_borrow_mut(|packed| task.run(packed));
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
    fn run(&self, packed: &mut Vec<f32>) {
        let conv = self.conv;
        let [m, in_c] = conv.channels;
        let depth = in_c * conv.geometry.taps();
        let columns = self.pixels.len();
        let first = self.group * in_c;
        let in_place = conv.geometry.is_pointwise().then(|| self.x.run_of_planes(self.eye, first, in_c));
        let (pixels, pixel_step) = match in_place.flatten() {
            Some(planes) => (&planes[self.pixels.start..], conv.geometry.pixels()),
            None => {
                let step = columns.next_multiple_of(STRIP_STEP);
                let rows = conv.geometry.taps() * step;
                let dst = aligned(packed, depth * step);
                for (channel, dst) in dst.chunks_exact_mut(rows).enumerate() {
                    let plane = self.x.plane(self.eye, first + channel);
                    pack_channel(plane, &conv.geometry, self.pixels.clone(), step, dst);
                }
                (&*dst, step)
            }
        };
        assert!((depth - 1) * pixel_step + columns <= pixels.len());
        let weight = &conv.weight[self.group * m * depth..][..m * depth];
        // The last row lies farthest on: with it inside the output, all are.
        self.row(m - 1);
        let out = self.row(0).as_mut_ptr();
        let (a, b) = (weight.as_ptr(), pixels.as_ptr());
        let steps = [conv.geometry.pixels(), depth, pixel_step].map(|step| step as isize);
        let serial = gemm::Parallelism::None;
        // SAFETY: `a` has m rows of `depth`; `b` has `depth` rows, `pixel_step` apart, of `columns`
        // by the assertion; `out` is the first of m rows of `columns`, checked by `row`, which
        // belong to this job alone (see `Planes`).
        unsafe {
            gemm::gemm(
                m, columns, depth, out, 1, steps[0], false, a, 1, steps[1], b, 1, steps[2], 0.0, 1.0, false,
                false, false, serial,
            );
        }
        for channel in 0..m {
            let bias = conv.bias[self.group * m + channel];
            let residual = self
                .residual
                .map(|residual| &residual.plane(self.eye, self.group * m + channel)[self.pixels.clone()]);
            finish(bias, residual, conv.act, self.row(channel));
        }
    }

    /// This strip's results of output channel `channel` of the group.
    #[allow(clippy::mut_from_ref, reason = "a strip's elements belong to one job, see Planes")]
    fn row(&self, channel: usize) -> &mut [f32] {
        let [m, _] = self.conv.channels;
        let plane = (self.eye * self.conv.groups + self.group) * m + channel;
        let at = plane * self.conv.geometry.pixels() + self.pixels.start;
        assert!(at + self.pixels.len() <= self.out.len);
        // SAFETY: inside the output, by the line above; of this job alone, see `Planes`; and the
        // caller drops a row before it asks for the next.
        unsafe { std::slice::from_raw_parts_mut(self.out.ptr.wrapping_add(at), self.pixels.len()) }
    }
}

wide! {
    /// What comes after the products.
    fn finish(bias: f32, residual: Option<&[f32]>, act: Activation, row: &mut [f32]) {
        match residual {
            Some(residual) => row.iter_mut().zip(residual).for_each(|(v, r)| *v = (*v + bias) + r),
            None => row.iter_mut().for_each(|v| *v += bias),
        }
        activate(act, row);
    }
}

/// The first `len` floats of `buffer` from a cache line's start on; grows it when it is short.
fn aligned(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    const LINE_FLOATS: usize = 16;
    if buffer.len() < len + LINE_FLOATS {
        buffer.resize(len + LINE_FLOATS, 0.0);
    }
    let offset = buffer.as_ptr().align_offset(64).min(LINE_FLOATS);
    &mut buffer[offset..offset + len]
}
