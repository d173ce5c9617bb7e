//! Every operator of the graph as the textbook writes it: plain loops, one output at a time.
//!
//! The fast operators and the CUDA kernels are tested against these. Input and output are whole
//! tensors, `[n, c, h, w]`; nothing here is quick, and nothing is shared with the fast ones.
#![forbid(unsafe_code)]

use crate::rvm::graph::{Activation, ConvWeights, Graph, Op};
use crate::tensor::Tensor;

/// The function that `act` names.
pub fn activate(act: Activation, x: f32) -> f32 {
    let hard = (x / 6.0 + 0.5).clamp(0.0, 1.0);
    match act {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::HardSwish => x * hard,
        Activation::HardSigmoid => hard,
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Tanh => x.tanh(),
    }
}

/// Step, zero border and distance between taps of a convolution, and its number of groups.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Step in both directions.
    pub stride: usize,
    /// Zeros on each side.
    pub pad: usize,
    /// Distance between taps.
    pub dilation: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

/// Output extent of a convolution along one axis.
pub fn conv_extent(input: usize, kernel: usize, window: Window) -> usize {
    (input + 2 * window.pad - window.dilation * (kernel - 1) - 1) / window.stride + 1
}

/// `act(conv(x) + bias + residual)`.
pub fn conv(
    x: &Tensor,
    weights: &ConvWeights,
    window: Window,
    residual: Option<&Tensor>,
    act: Activation,
) -> Tensor {
    let [n, _, h, w] = x.shape;
    let [out_c, in_c, kernel, _] = weights.shape;
    let (out_h, out_w) = (conv_extent(h, kernel, window), conv_extent(w, kernel, window));
    let per_group = out_c / window.groups;
    let mut out = Tensor::zeros([n, out_c, out_h, out_w]);
    fill(&mut out, |b, m, y, x_at| {
        let mut sum = weights.bias[m];
        for c in 0..in_c {
            let plane = x.channel(b, m / per_group * in_c + c);
            for ky in 0..kernel {
                for kx in 0..kernel {
                    let row = (y * window.stride + ky * window.dilation).checked_sub(window.pad);
                    let col = (x_at * window.stride + kx * window.dilation).checked_sub(window.pad);
                    if let (Some(row), Some(col)) = (row.filter(|&r| r < h), col.filter(|&c| c < w)) {
                        sum += weights.weight[((m * in_c + c) * kernel + ky) * kernel + kx]
                            * plane[row * w + col];
                    }
                }
            }
        }
        let added = residual.map_or(0.0, |r| r.channel(b, m)[y * out_w + x_at]);
        activate(act, sum + added)
    });
    out
}

/// Applies `op` to `inputs`; `shape` is `[c, h, w]` of the result.
pub fn apply(graph: &Graph, op: &Op, inputs: &[&Tensor], shape: [usize; 3]) -> Tensor {
    let x = inputs[0];
    let [n, c, h, w] = x.shape;
    let mut out = Tensor::zeros([n, shape[0], shape[1], shape[2]]);
    // A second input of the same shape, read at the same place.
    let second = |b: usize, ch: usize, at: usize| inputs[1].channel(b, ch)[at];
    match *op {
        Op::Conv { weights, stride, pad, dilation, groups, act, residual } => {
            let window = Window { stride, pad, dilation, groups };
            let added = if residual { Some(inputs[1]) } else { None };
            return conv(x, &graph.convs[weights.0], window, added, act);
        }
        Op::Affine { scale, shift } => {
            fill(&mut out, |b, ch, y, z| x.channel(b, ch)[y * w + z] * scale[ch] + shift[ch]);
        }
        Op::GlobalMean => fill(&mut out, |b, ch, _, _| {
            (x.channel(b, ch).iter().map(|&v| f64::from(v)).sum::<f64>() / (h * w) as f64) as f32
        }),
        Op::ScaleChannels => {
            fill(&mut out, |b, ch, y, z| x.channel(b, ch)[y * w + z] * second(b, ch, 0));
        }
        Op::AveragePool2 => fill(&mut out, |b, ch, y, z| {
            let mut sum = 0.0;
            let mut count = 0.0;
            for row in (2 * y)..(2 * y + 2).min(h) {
                for col in (2 * z)..(2 * z + 2).min(w) {
                    sum += x.channel(b, ch)[row * w + col];
                    count += 1.0;
                }
            }
            sum / count
        }),
        Op::MaxPool3 => fill(&mut out, |b, ch, y, z| {
            let mut most = f32::NEG_INFINITY;
            for row in (2 * y).saturating_sub(1)..(2 * y + 2).min(h) {
                for col in (2 * z).saturating_sub(1)..(2 * z + 2).min(w) {
                    most = most.max(x.channel(b, ch)[row * w + col]);
                }
            }
            most
        }),
        Op::Upsample2 => fill(&mut out, |b, ch, y, z| {
            let (y0, y1, fy) = half_pixel(y, h);
            let (x0, x1, fx) = half_pixel(z, w);
            let plane = x.channel(b, ch);
            let top = plane[y0 * w + x0] * (1.0 - fx) + plane[y0 * w + x1] * fx;
            let bottom = plane[y1 * w + x0] * (1.0 - fx) + plane[y1 * w + x1] * fx;
            top * (1.0 - fy) + bottom * fy
        }),
        Op::Concat => fill(&mut out, |b, ch, y, z| {
            let mut before = 0;
            for part in inputs {
                if ch < before + part.shape[1] {
                    return part.channel(b, ch - before)[y * w + z];
                }
                before += part.shape[1];
            }
            unreachable!("the result has as many channels as all inputs together")
        }),
        Op::Slice { start, .. } => fill(&mut out, |b, ch, y, z| x.channel(b, start + ch)[y * w + z]),
        Op::ChannelMean => {
            fill(&mut out, |b, _, y, z| (0..c).map(|ch| x.channel(b, ch)[y * w + z]).sum::<f32>() / c as f32)
        }
        Op::Add => fill(&mut out, |b, ch, y, z| x.channel(b, ch)[y * w + z] + second(b, ch, y * w + z)),
        Op::Sub => fill(&mut out, |b, ch, y, z| x.channel(b, ch)[y * w + z] - second(b, ch, y * w + z)),
        Op::Mul => fill(&mut out, |b, ch, y, z| x.channel(b, ch)[y * w + z] * second(b, ch, y * w + z)),
        Op::DivEps { eps } => {
            fill(&mut out, |b, ch, y, z| x.channel(b, ch)[y * w + z] / (second(b, ch, y * w + z) + eps));
        }
        Op::GruMix => fill(&mut out, |b, ch, y, col| {
            let at = y * w + col;
            let z = x.channel(b, ch)[at];
            (1.0 - z) * second(b, ch, at) + z * inputs[2].channel(b, ch)[at]
        }),
        // Along rows, then along columns, as the original does: the fast guided filter divides
        // differences of these means by almost nothing, which shows their rounding.
        Op::Box3 => fill(&mut out, |b, ch, y, z| {
            let plane = x.channel(b, ch);
            let third = 1.0f32 / 3.0;
            let three = |v: [f32; 3]| v[2].mul_add(third, v[1].mul_add(third, v[0] * third));
            let at = |row: usize, col: usize| {
                // Both count from one before the image.
                let inside = (1..=h).contains(&row) && (1..=w).contains(&col);
                if inside { plane[(row - 1) * w + col - 1] } else { 0.0 }
            };
            three([y, y + 1, y + 2].map(|row| three([at(row, z), at(row, z + 1), at(row, z + 2)])))
        }),
    }
    out
}

/// Lower and upper neighbour of output `at` in an axis of `extent`, and the upper one's weight,
/// when the axis is doubled: the centre of output `at` lies at `(at + 1/2) / 2 - 1/2`.
fn half_pixel(at: usize, extent: usize) -> (usize, usize, f32) {
    let source = ((at as f32 + 0.5) / 2.0 - 0.5).max(0.0);
    let low = source as usize;
    (low, (low + 1).min(extent - 1), source - low as f32)
}

fn fill(out: &mut Tensor, value: impl Fn(usize, usize, usize, usize) -> f32) {
    let [n, c, h, w] = out.shape;
    for b in 0..n {
        for ch in 0..c {
            for y in 0..h {
                for x in 0..w {
                    out.channel_mut(b, ch)[y * w + x] = value(b, ch, y, x);
                }
            }
        }
    }
}
