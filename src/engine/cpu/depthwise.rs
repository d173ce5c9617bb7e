//! Depthwise convolution: each channel with its own small kernel.
//!
//! A channel is copied into a frame of zeros first, its columns sorted by their remainder modulo
//! the stride, so that the inner loop has neither borders nor gaps: one multiply-add of a vector
//! of neighbours for each tap. Each channel is the work of one thread.

use std::cell::RefCell;

use rayon::prelude::*;

use super::activation::activate;
use super::pack::Geometry;
use super::plan::Input;
use super::simd::{fma, wide};
use crate::rvm::graph::{Activation, ConvWeights};

/// Outputs that are summed together: four AVX2 vectors.
const RUN: usize = 32;

thread_local! {
    /// The framed channel of this thread.
    static FRAMED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// A depthwise convolution made ready.
pub struct Depthwise {
    geometry: Geometry,
    act: Activation,
    weight: Vec<f32>,
    bias: Vec<f32>,
    /// Floats of one remainder class of a framed row.
    phase: usize,
    /// Where each tap of the first output lies in the frame.
    taps: Vec<usize>,
}

impl Depthwise {
    /// Lays out the frame.
    pub fn new(weights: &ConvWeights, geometry: Geometry, act: Activation) -> Self {
        let Geometry { kernel, stride, dilation, .. } = geometry;
        let reach = dilation * (kernel - 1);
        let phase = geometry.output[1].next_multiple_of(RUN) + reach / stride;
        let tap = |ky: usize, kx: usize| {
            ky * dilation * stride * phase + kx * dilation % stride * phase + kx * dilation / stride
        };
        let taps = (0..kernel * kernel).map(|at| tap(at / kernel, at % kernel)).collect();
        let (weight, bias) = (weights.weight.clone(), weights.bias.clone());
        Self { geometry, act, weight, bias, phase, taps }
    }

    /// Writes the convolution of `x` to `out`, `[eyes, c, h, w]`.
    pub fn run(&self, x: Input<'_>, residual: Option<Input<'_>>, out: &mut [f32]) {
        let channels = self.bias.len();
        out.par_chunks_mut(self.geometry.pixels()).enumerate().for_each(|(index, out)| {
            let (eye, channel) = (index / channels, index % channels);
            FRAMED.with_borrow_mut(|framed| {
                self.frame(x.plane(eye, channel), framed);
                let weight = &self.weight[channel * self.taps.len()..][..self.taps.len()];
                let size = self.geometry.output;
                let row_step = self.geometry.stride * self.geometry.stride * self.phase;
                // A residual comes before the activation.
                let act = if residual.is_some() { Activation::None } else { self.act };
                channel_sums(framed, &self.taps, weight, self.bias[channel], row_step, size, act, out);
            });
            if let Some(residual) = residual {
                out.iter_mut().zip(residual.plane(eye, channel)).for_each(|(v, r)| *v += r);
                activate(self.act, out);
            }
        });
    }

    fn frame(&self, plane: &[f32], framed: &mut Vec<f32>) {
        let Geometry { stride, pad, input: [in_h, in_w], output: [out_h, _], .. } = self.geometry;
        let row_len = stride * self.phase;
        let reach = self.geometry.dilation * (self.geometry.kernel - 1);
        let rows = (out_h - 1) * stride + reach + 1;
        framed.clear();
        framed.resize(rows * row_len, 0.0);
        for (y, row) in plane.chunks_exact(in_w).enumerate().take(in_h.min(rows.saturating_sub(pad))) {
            let to = &mut framed[(y + pad) * row_len..][..row_len];
            for rest in 0..stride.min(pad + in_w) {
                // Framed columns `rest`, `rest + stride`, ...; those left of `pad` stay zero.
                let first = pad.saturating_sub(rest).div_ceil(stride);
                let from = rest + first * stride - pad;
                if from >= in_w || first >= self.phase {
                    continue;
                }
                let to = &mut to[rest * self.phase + first..(rest + 1) * self.phase];
                if stride == 1 {
                    let n = to.len().min(in_w - from);
                    to[..n].copy_from_slice(&row[from..from + n]);
                } else {
                    let values = row[from..].iter().step_by(stride);
                    to.iter_mut().zip(values).for_each(|(to, from)| *to = *from);
                }
            }
        }
    }
}

wide! {
    /// Sums all taps of every output of one channel. `row_step` is the distance in the frame
    /// between the rows of two outputs below one another.
    fn channel_sums(
        framed: &[f32],
        taps: &[usize],
        weight: &[f32],
        bias: f32,
        row_step: usize,
        size: [usize; 2],
        act: Activation,
        out: &mut [f32],
    ) {
        for (y, row) in out.chunks_exact_mut(size[1]).enumerate() {
            for (index, run) in row.chunks_mut(RUN).enumerate() {
                let base = &framed[y * row_step + index * RUN..];
                let mut sums = [bias; RUN];
                for (&tap, &weight) in taps.iter().zip(weight) {
                    if let Some(values) = base[tap..].first_chunk::<RUN>() {
                        for (sum, value) in sums.iter_mut().zip(values) {
                            *sum = fma::<FMA>(*value, weight, *sum);
                        }
                    }
                }
                activate(act, &mut sums);
                match <&mut [f32; RUN]>::try_from(&mut *run) {
                    Ok(whole) => *whole = sums,
                    Err(_) => run.copy_from_slice(&sums[..run.len()]),
                }
            }
        }
    }
}
