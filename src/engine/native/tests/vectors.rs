//! Means over the image and layers on vectors against the reference.

use half::f16;
use proptest::prelude::*;

use super::super::pack;
use super::super::plan::{BufferId, Packed, Step};
use super::bed::*;
use crate::engine::cpu::reference::{Window, conv};
use crate::rvm::graph::{Activation, ConvWeights};
use crate::tensor::Tensor;

const ACTIVATIONS: [Activation; 6] = [
    Activation::None,
    Activation::Relu,
    Activation::HardSwish,
    Activation::HardSigmoid,
    Activation::Sigmoid,
    Activation::Tanh,
];

fn none() -> (BufferId, BufferId) {
    (BufferId(0), BufferId(0))
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn sums_agree_with_the_textbook(
        eyes in 1usize..4, (h, w) in (1usize..40, 1usize..40), groups in 1usize..20, parts in 1usize..17,
        values in prop::sample::select(VALUES.to_vec()), (ahead, behind) in (0usize..3, 0usize..3), seed in any::<u64>(),
    ) {
        let (channels, pixels) = (groups * 8, h * w);
        let x = tensor([eyes, channels, h, w], values, 65504.0, seed);
        let mut bed = Bed::new(eyes);
        let from = bed.map(&x, Room(ahead, behind));
        let y = bed.output(eyes * parts * channels * 4);
        let ran = bed.run(&Step::Sums { x: from, y, channels, pixels, parts }, 0, &[], none());
        let got = ran.floats(y);
        for n in 0..eyes {
            for part in 0..parts {
                let range = pixels * part / parts..pixels * (part + 1) / parts;
                let want: Vec<f32> = (0..channels)
                    .map(|c| x.channel(n, c)[range.clone()].iter().map(|&v| f64::from(v)).sum::<f64>() as f32)
                    .collect();
                let sizes: Vec<f32> =
                    (0..channels).map(|c| x.channel(n, c)[range.clone()].iter().map(|v| v.abs()).sum()).collect();
                let at = (n * parts + part) * channels;
                // Up to 1600 terms, 32 chains of additions.
                compare("sums", &got[at..at + channels], &want, |c| sizes[c] * 6e-6);
            }
        }
    }

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn layers_on_vectors_agree_with_the_textbook(
        eyes in 1usize..4, input_groups in prop_oneof![1usize..8, 30usize..36, 100usize..130],
        output_groups in prop_oneof![1usize..4, 14usize..20],
        parts in 1usize..17, act in prop::sample::select(ACTIVATIONS.to_vec()), half in any::<bool>(),
        values in prop::sample::select(VALUES.to_vec()), room in 0usize..70, seed in any::<u64>(),
    ) {
        let (inputs, outputs) = (input_groups * 8, output_groups * 8);
        let scale = 1.0 / 37.0;
        let x = tensor([eyes, inputs, parts, 1], values, 100.0, seed);
        let layer = ConvWeights {
            name: String::new(),
            shape: [outputs, inputs, 1, 1],
            weight: tensor([outputs, inputs, 1, 1], Values::Random, 6.0 / (inputs as f32).sqrt(), seed ^ 1).data,
            bias: tensor([1, outputs, 1, 1], Values::Random, 2.0, seed ^ 2).data,
        };
        let mut means = Tensor::zeros([eyes, inputs, 1, 1]);
        for (n, c) in (0..eyes).flat_map(|n| (0..inputs).map(move |c| (n, c))) {
            means.channel_mut(n, c)[0] = x.channel(n, c).iter().sum::<f32>() * scale;
        }
        let window = Window { stride: 1, pad: 0, dilation: 1, groups: 1 };
        let want = conv(&means, &layer, window, None, act);
        let sizes = {
            let mut positive = (means.clone(), layer.clone());
            positive.0.data.iter_mut().chain(&mut positive.1.weight).for_each(|v| *v = v.abs());
            conv(&positive.0, &positive.1, window, None, Activation::None)
        };

        let mut bed = Bed::new(eyes);
        let channels = |n| pack::padded(0, n);
        let Packed { weight, bias, .. } = pack::connected(&layer, &channels(inputs), &channels(outputs));
        let weights = [(bed.halfs(&weight), bed.floats(&bias))];
        // [n, parts, inputs].
        let from = bed.floats(&interleaved(&x));
        let pitch = outputs + room;
        // What lies between vectors must stay.
        let y = if half {
            bed.changing_halfs(&vec![f16::ONE; eyes * pitch])
        } else {
            bed.changing(&vec![1.0; eyes * pitch])
        };
        let step =
            Step::Gate { x: from, parts, scale, inputs, outputs, y, half, pitch, act, weights: 0 };
        let ran = bed.run(&step, 0, &weights, none());
        let got = if half { ran.halfs(y) } else { ran.floats(y) };
        for n in 0..eyes {
            let (row, want) = (&got[n * pitch..(n + 1) * pitch], &want.data[n * outputs..(n + 1) * outputs]);
            let bound = |at: usize| {
                let rounding = if half { 1.01 * half_step(want[at]) } else { 0.0 };
                1e-5 * (1.0 + sizes.data[n * outputs + at].abs()) + rounding
            };
            compare("gate", &row[..outputs], want, bound);
            prop_assert!(row[outputs..].iter().all(|&value| value == 1.0), "wrote between vectors");
        }
    }
}
