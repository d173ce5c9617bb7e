//! Fast operators against the reference, over shapes and parameters drawn at random.

use proptest::prelude::*;

use super::{Sketch, difference, noise, reference_values};
use crate::rvm::graph::{Activation, ConvWeights, Op, ValueId};
use crate::tensor::Tensor;

const ACTIVATIONS: [Activation; 6] = [
    Activation::None,
    Activation::Relu,
    Activation::HardSwish,
    Activation::HardSigmoid,
    Activation::Sigmoid,
    Activation::Tanh,
];

/// The last value of the sketch by the engine and by the reference.
fn compare(sketch: &Sketch, src: &Tensor, id: ValueId) -> Result<(), TestCaseError> {
    let zero = || Tensor::zeros([src.shape[0], 1, 1, 1]);
    let expected = reference_values(&sketch.graph, src, &[zero(), zero(), zero(), zero()]);
    let worst = difference(&sketch.run(src, id), expected[id.0].as_ref().unwrap());
    prop_assert!(worst < 1e-5, "{worst}");
    Ok(())
}

#[derive(Debug)]
struct ConvCase {
    eyes: usize,
    size: [usize; 2],
    /// Channels of a group, in and out; number of groups.
    channels: [usize; 3],
    kernel: usize,
    stride: usize,
    pad: usize,
    dilation: usize,
    act: Activation,
    residual: bool,
}

prop_compose! {
    fn conv_case()(
        eyes in 1usize..3, h in 1usize..24, w in 1usize..40, kernel in prop::sample::select(vec![1usize, 3, 5, 7]),
        stride in 1usize..4, dilation in 1usize..4, pad in 0usize..7, kind in 0usize..4, small in 1usize..5,
        m in 1usize..40, k in 1usize..70, act in 0usize..6, residual in any::<bool>(),
    ) -> ConvCase {
        let reach = dilation * (kernel - 1);
        // Most often the padding that keeps the size, sometimes another; enough for the kernel.
        let pad = if pad > 3 { reach / 2 } else { pad };
        let least = |n: usize| n.max((reach + 1).saturating_sub(2 * pad));
        let channels = match kind {
            0 | 1 => [k, m, 1],
            2 => [1, 1, m + 1],
            _ => [small, small + 1, small + 1],
        };
        ConvCase {
            eyes, size: [least(h), least(w)], channels, kernel, stride, pad, dilation,
            act: ACTIVATIONS[act], residual,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn convolutions_agree_with_the_reference(case in conv_case()) {
        let [k, m, groups] = case.channels;
        let [h, w] = case.size;
        let ConvCase { kernel, stride, pad, dilation, act, residual, .. } = case;
        let mut sketch = Sketch::new([k * groups, h, w]);
        let shape = [m * groups, k, kernel, kernel];
        let scale = 1.0 / ((k * kernel * kernel) as f32).sqrt();
        let weight = noise(shape, 7).data.iter().map(|v| v * scale).collect();
        let bias = noise([1, 1, 1, m * groups], 8).data;
        let mut conv = || sketch.conv(ConvWeights { name: "conv".into(), shape, weight: Clone::clone(&weight), bias: bias.clone() });
        let (first, second): (_, _) = (conv(), conv());
        let extent = |n: usize| (n + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
        let out = [m * groups, extent(h), extent(w)];
        let op = |weights, residual| Op::Conv { weights, stride, pad, dilation, groups, act, residual };
        let mut id = sketch.node(op(first, false), &[ValueId(0)], out);
        if residual {
            id = sketch.node(op(second, true), &[ValueId(0), id], out);
        }
        let src = noise([case.eyes, k * groups, h, w], 9);
        compare(&sketch, &src, id)?;
    }

    #[test]
    fn other_operators_agree_with_the_reference(
        eyes in 1usize..3, c in 1usize..5, h in 1usize..20, w in 1usize..70, crop in 0usize..4, seed in any::<u64>(),
    ) {
        let shape = [3 * c, h, w];
        let src = noise([eyes, 3 * c, h, w], seed);
        let half = [3 * c, h.div_ceil(2), w.div_ceil(2)];
        let double = [3 * c, (2 * h - crop % 2).max(1), (2 * w - crop / 2).max(1)];
        let single: Vec<(Op, [usize; 3])> = vec![
            (Op::GlobalMean, [3 * c, 1, 1]),
            (Op::AveragePool2, half),
            (Op::MaxPool3, half),
            (Op::Upsample2, double),
            (Op::ChannelMean, [1, h, w]),
            (Op::Box3, shape),
            (Op::Slice { start: c, len: c }, [c, h, w]),
        ];
        for (op, out) in single {
            let mut sketch = Sketch::new(shape);
            let id = sketch.node(op, &[ValueId(0)], out);
            compare(&sketch, &src, id)?;
        }
        let part = [c, h, w];
        let pairs = [Op::Add, Op::Sub, Op::Mul, Op::DivEps { eps: 3.0 }, Op::Concat, Op::GruMix, Op::ScaleChannels];
        for op in pairs {
            let mut sketch = Sketch::new(shape);
            let mut slice = |i: usize| sketch.node(Op::Slice { start: i * c, len: c }, &[ValueId(0)], part);
            let (x, y, z) = (slice(0), slice(1), slice(2));
            let id = match op {
                Op::Concat => {
                    let joined = sketch.node(Op::Concat, &[y, x, y], [3 * c, h, w]);
                    sketch.node(Op::Box3, &[joined], [3 * c, h, w])
                }
                Op::GruMix => sketch.node(op, &[x, y, z], part),
                Op::ScaleChannels => {
                    let mean = sketch.node(Op::GlobalMean, &[y], [c, 1, 1]);
                    sketch.node(op, &[x, mean], part)
                }
                _ => sketch.node(op, &[x, y], part),
            };
            compare(&sketch, &src, id)?;
        }
        let mut sketch = Sketch::new([3, h, w]);
        let op = Op::Affine { scale: [2.0, -0.5, 1.0], shift: [0.25, 1.0, -3.0] };
        let id = sketch.node(op, &[ValueId(0)], [3, h, w]);
        compare(&sketch, &noise([eyes, 3, h, w], seed), id)?;
    }
}
