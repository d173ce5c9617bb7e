//! Weights in the order in which the kernels read them.
//!
//! A dense kernel becomes a matrix `[padded out][tap][padded in]`, rows padded to whole units of
//! the inner loop. Input channels follow the physical order of the buffer that is read, output
//! channels that of the buffer that is written; padding gets zeros.
#![forbid(unsafe_code)]

use half::f16;

use super::plan::{GROUP, Packed, UNIT_K};
use crate::rvm::graph::ConvWeights;

/// What a physical channel of a buffer holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Channel {
    /// A channel of the value.
    Of(usize),
    /// The constant 1 inside the image, 0 in the zero padding around it.
    One,
    /// Padding: finite, of no meaning.
    Pad,
}

/// Physical order of `count` channels from `first` on, padded to whole groups.
pub fn padded(first: usize, count: usize) -> Vec<Channel> {
    let mut map: Vec<Channel> = (first..first + count).map(Channel::Of).collect();
    map.resize(count.next_multiple_of(GROUP), Channel::Pad);
    map
}

/// A scale and a shift per input channel, to be folded into the weights.
pub type Affine = ([f32; 3], [f32; 3]);

/// Packs a dense kernel.
pub fn dense(conv: &ConvWeights, input: &[Channel], output: &[Channel], affine: Option<Affine>) -> Packed {
    let [_, per_group, kernel, _] = conv.shape;
    let taps = kernel * kernel;
    let k_padded = (taps * input.len()).next_multiple_of(UNIT_K);
    let mut weight = vec![f16::ZERO; output.len() * k_padded];
    let scale = |c: usize| affine.map_or(1.0, |(scale, _)| scale[c]);
    for (row, channel) in weight.chunks_exact_mut(k_padded).zip(output) {
        let Channel::Of(out) = channel else { continue };
        let at = |c: usize, tap: usize| conv.weight[(out * per_group + c) * taps + tap];
        for tap in 0..taps {
            for (slot, source) in row[tap * input.len()..].iter_mut().zip(input) {
                let value = match source {
                    Channel::Of(c) => at(*c, tap) * scale(*c),
                    // Zero padding comes after the shift, so the shift rides on a channel that is
                    // itself zero there.
                    Channel::One => {
                        affine.map_or(0.0, |(_, shift)| (0..per_group).map(|c| at(c, tap) * shift[c]).sum())
                    }
                    Channel::Pad => 0.0,
                };
                *slot = f16::from_f32(value);
            }
        }
    }
    Packed { name: conv.name.clone(), weight, bias: biases(conv, output) }
}

/// Packs a depthwise kernel: `[tap][channel]`.
pub fn depthwise(conv: &ConvWeights, channels: &[Channel]) -> Packed {
    let taps = conv.shape[2] * conv.shape[3];
    let mut weight = vec![f16::ZERO; taps * channels.len()];
    for (tap, row) in weight.chunks_exact_mut(channels.len()).enumerate() {
        for (slot, channel) in row.iter_mut().zip(channels) {
            if let Channel::Of(c) = channel {
                *slot = f16::from_f32(conv.weight[c * taps + tap]);
            }
        }
    }
    Packed { name: conv.name.clone(), weight, bias: biases(conv, channels) }
}

/// Packs a fully connected layer: `[padded out][padded in]`, no padding to whole steps.
pub fn connected(conv: &ConvWeights, input: &[Channel], output: &[Channel]) -> Packed {
    let mut weight = vec![f16::ZERO; output.len() * input.len()];
    for (row, channel) in weight.chunks_exact_mut(input.len()).zip(output) {
        let Channel::Of(out) = channel else { continue };
        for (slot, source) in row.iter_mut().zip(input) {
            if let Channel::Of(c) = source {
                *slot = f16::from_f32(conv.weight[out * conv.shape[1] + c]);
            }
        }
    }
    Packed { name: conv.name.clone(), weight, bias: biases(conv, output) }
}

/// Halfs of a row of the tail's two convolutions: `TAIL_W0_ROW` and `TAIL_W1_ROW` of `kernels/tail.cu`.
const TAIL_ROWS: [usize; 2] = [376, 152];

/// Packs the decoder's last level: two dense kernels with rows of the tail's own lengths, then the matte
/// among the floats. `input` is the order of what the first reads.
pub fn tail(first: &ConvWeights, second: &ConvWeights, matte: &ConvWeights, input: &[Channel]) -> Packed {
    let hidden = padded(0, 16);
    let mut packed = Packed { name: first.name.clone(), ..Packed::default() };
    for ((conv, input), row) in [(first, input), (second, &hidden)].into_iter().zip(TAIL_ROWS) {
        let Packed { weight, bias, .. } = dense(conv, input, &hidden, None);
        for channel in weight.chunks_exact(weight.len() / hidden.len()) {
            // What is cut off or added is padding.
            let used = 9 * input.len();
            packed.weight.extend(&channel[..used]);
            packed.weight.resize(packed.weight.len() + row - used, f16::ZERO);
        }
        packed.bias.extend(bias);
    }
    packed.bias.extend(floats(&[matte]));
    packed
}

/// Layers that stay in floats, each `[out][in]` followed by its biases.
pub fn floats(convs: &[&ConvWeights]) -> Vec<f32> {
    convs.iter().flat_map(|conv| conv.weight.iter().chain(&conv.bias)).copied().collect()
}

fn biases(conv: &ConvWeights, output: &[Channel]) -> Vec<f32> {
    output
        .iter()
        .map(|channel| match channel {
            Channel::Of(c) => conv.bias[*c],
            Channel::One | Channel::Pad => 0.0,
        })
        .collect()
}
