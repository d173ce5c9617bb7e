//! Kernels from feature map to feature map against the reference: depthwise, enlarging, pooling, the entry.

use proptest::prelude::*;

use super::super::launch::DEPTHWISE;
use super::super::pack;
use super::super::plan::{BufferId, Geometry, Packed, Step};
use super::bed::*;
use crate::engine::cpu::reference::{Window, activate, apply, conv};
use crate::rvm::graph::{Activation, ConvWeights, Graph, Op, Ports, ValueId};
use crate::tensor::Tensor;

const HALF_MAX: f32 = 65504.0;

const ACTIVATIONS: [Activation; 4] =
    [Activation::None, Activation::Relu, Activation::HardSwish, Activation::HardSigmoid];

/// An operator without weights, by the reference.
fn reference(op: Op, x: &Tensor, [c, h, w]: [usize; 3]) -> Tensor {
    let ports = Ports {
        src: ValueId(0),
        state_in: [ValueId(0); 4],
        state_out: [ValueId(0); 4],
        hid: ValueId(0),
        mat: ValueId(0),
        a: None,
        b: ValueId(0),
    };
    let graph = Graph { values: vec![], nodes: vec![], convs: vec![], ports };
    apply(&graph, &op, &[x], [c, h, w])
}

fn rooms() -> impl Strategy<Value = [Room; 4]> {
    [(0usize..3, 0usize..3), (0..3, 0..3), (0..3, 0..3), (0..3, 0..3)]
        .prop_map(|all| all.map(|(a, b)| Room(a, b)))
}

fn values() -> impl Strategy<Value = Values> {
    prop::sample::select(VALUES.to_vec())
}

/// Sides from 1 up, odd ones, and around what a block of 128 or 256 threads covers.
fn side() -> impl Strategy<Value = usize> {
    prop_oneof![1usize..9, 14usize..19, 30usize..36]
}

fn none() -> (BufferId, BufferId) {
    (BufferId(0), BufferId(0))
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn depthwise_agrees_with_the_textbook(
        eyes in 1usize..4, (h, w) in (side(), side()), groups in 1usize..10, shape in prop::sample::select(DEPTHWISE.to_vec()),
        act in prop::sample::select(ACTIVATIONS.to_vec()), values in values(), rooms in rooms(), seed in any::<u64>(),
    ) {
        let (kernel, stride, dilation) = shape;
        let channels = groups * 8;
        let scale = if values == Values::Random { 8.0 } else { 1024.0 };
        let x = tensor([eyes, channels, h, w], values, scale, seed);
        let layer = ConvWeights {
            name: String::new(),
            shape: [channels, 1, kernel, kernel],
            weight: tensor([channels, 1, kernel, kernel], Values::Random, 3.0, seed ^ 1).data,
            bias: tensor([1, channels, 1, 1], Values::Random, 2.0, seed ^ 2).data,
        };
        let window = Window { stride, pad: dilation * (kernel / 2), dilation, groups: channels };
        let sums = conv(&x, &layer, window, None, Activation::None);
        let [_, _, out_h, out_w] = sums.shape;
        let mut bed = Bed::new(eyes);
        let Packed { weight, bias, .. } = pack::depthwise(&layer, &pack::padded(0, channels));
        let weights = [(bed.halfs(&weight), bed.floats(&bias))];
        let (from, to) = (bed.map(&x, rooms[0]), bed.slice_out(sums.shape, rooms[1]));
        let geometry = Geometry { input: [h, w], output: [out_h, out_w], kernel, stride, pad: window.pad, dilation };
        let step = Step::Depthwise { x: from, y: to, channels, geometry, act, weights: 0 };
        let got = bed.run(&step, 0, &weights, none()).map(to, sums.shape);
        let want: Vec<f32> = sums.data.iter().map(|&sum| activate(act, sum)).collect();
        // At most 25 terms, each at most so large, in another order; no activation is steeper than 3/2.
        compare("depthwise", &got.data, &want, |at| half_step(want[at]) + 25.0 * 3.0 * scale * 1e-6);
    }

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn enlarging_agrees_with_the_textbook(
        eyes in 1usize..4, (h, w) in (side(), side()), cut in 0usize..4, groups in 1usize..10, values in values(),
        rooms in rooms(), seed in any::<u64>(),
    ) {
        let output = [(2 * h - cut % 2).max(1), (2 * w - cut / 2).max(1)];
        let x = tensor([eyes, groups * 8, h, w], values, HALF_MAX, seed);
        let want = reference(Op::Upsample2, &x, [groups * 8, output[0], output[1]]);
        let mut bed = Bed::new(eyes);
        let (from, to) = (bed.map(&x, rooms[0]), bed.slice_out(want.shape, rooms[1]));
        let step = Step::Resize { up: true, x: from, y: to, channels: groups * 8, input: [h, w], output };
        let got = bed.run(&step, 0, &[], none()).map(to, want.shape);
        compare("upsample", &got.data, &want.data, |at| 1.01 * half_step(want.data[at]) + HALF_MAX * 5e-7);
    }

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn pooling_agrees_with_the_textbook_to_the_bit(
        eyes in 1usize..4, (h, w) in (side(), side()), groups in 1usize..10, values in values(), rooms in rooms(),
        seed in any::<u64>(),
    ) {
        let output = [h.div_ceil(2), w.div_ceil(2)];
        let x = tensor([eyes, groups * 8, h, w], values, HALF_MAX, seed);
        let want = reference(Op::MaxPool3, &x, [groups * 8, output[0], output[1]]);
        let mut bed = Bed::new(eyes);
        let (from, to) = (bed.map(&x, rooms[0]), bed.slice_out(want.shape, rooms[1]));
        let step = Step::Resize { up: false, x: from, y: to, channels: groups * 8, input: [h, w], output };
        prop_assert!(bed.run(&step, 0, &[], none()).map(to, want.shape) == want);
    }

    /// The image for the guide, the first convolution and the averages at 1/2, 1/4 and 1/8.
    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn the_entry_agrees_with_the_textbook(
        eyes in 1usize..4, (h, w) in (1usize..50, 1usize..50), values in values(), rooms in rooms(), seed in any::<u64>(),
    ) {
        let src = tensor([eyes, 3, h, w], values, 1.0, seed);
        let mut bed = Bed::new(eyes);
        let from = bed.floats(&src.data);
        let guide = bed.output(eyes * h * w * 16);
        let stem_shape = [eyes, 8, h, w];
        let stem = bed.slice_out(stem_shape, Room(0, 0));
        let mut averages: Vec<Tensor> = Vec::new();
        for _ in 0..3 {
            let last = averages.last().unwrap_or(&src);
            let [_, _, h, w] = last.shape;
            averages.push(reference(Op::AveragePool2, last, [3, h.div_ceil(2), w.div_ceil(2)]));
        }
        let shapes = [0, 1, 2].map(|i| [eyes, 8, averages[i].shape[2], averages[i].shape[3]]);
        let levels = [0, 1, 2].map(|i| bed.slice_out(shapes[i], rooms[i]));
        let ran = bed.run(&Step::Entry { src: from, guide, stem, levels, size: [h, w] }, 0, &[], none());

        let got = planar(&ran.floats(guide), [eyes, 4, h, w]);
        let gray = reference(Op::ChannelMean, &src, [1, h, w]);
        for n in 0..eyes {
            for c in 0..3 {
                prop_assert!(got.channel(n, c) == src.channel(n, c), "the guide is the image");
            }
            compare("gray", got.channel(n, 3), gray.channel(n, 0), |_| 2e-7);
        }
        // Three channels, then 1 for the first convolution or 0 for the levels, then zeros.
        let maps = [(ran.map(stem, stem_shape), &src, 1.0)].into_iter();
        let maps = maps.chain((0..3).map(|i| (ran.map(levels[i], shapes[i]), &averages[i], 0.0)));
        for (got, want, fourth) in maps {
            for n in 0..eyes {
                for c in 0..3 {
                    let want = want.channel(n, c);
                    compare("a copy of the image", got.channel(n, c), want, |at| 1.01 * half_step(want[at]) + 2e-7);
                }
                prop_assert!(got.channel(n, 3).iter().all(|&value| value == fourth));
                prop_assert!((4..8).all(|c| got.channel(n, c).iter().all(|&value| value == 0.0)));
            }
        }
    }
}
