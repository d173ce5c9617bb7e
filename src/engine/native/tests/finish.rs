//! The decoder's last level and the guided filter against the reference.

use proptest::prelude::*;

use super::super::pack;
use super::super::plan::{BufferId, Slope, Step};
use super::bed::*;
use crate::engine::cpu::reference::{Window, apply, conv};
use crate::rvm::graph::{Activation, ConvWeights, Graph, Op, Ports, ValueId};
use crate::tensor::Tensor;

const PLAIN: Window = Window { stride: 1, pad: 0, dilation: 1, groups: 1 };
const PADDED: Window = Window { pad: 1, ..PLAIN };

fn apply_op(op: Op, inputs: &[&Tensor], shape: [usize; 3]) -> Tensor {
    let ports = Ports {
        src: ValueId(0),
        state_in: [ValueId(0); 4],
        state_out: [ValueId(0); 4],
        hid: ValueId(0),
        mat: ValueId(0),
        a: None,
        b: ValueId(0),
    };
    apply(&Graph { values: vec![], nodes: vec![], convs: vec![], ports }, &op, inputs, shape)
}

fn layer(shape: [usize; 4], seed: u64) -> ConvWeights {
    let [out, within, kernel, _] = shape;
    let scale = 6.0 / ((within * kernel * kernel) as f32).sqrt();
    let weight = tensor(shape, Values::Random, scale, seed).data;
    ConvWeights {
        name: String::new(),
        shape,
        weight,
        bias: tensor([1, out, 1, 1], Values::Random, 1.0, !seed).data,
    }
}

fn halved(x: &Tensor) -> Tensor {
    let halfs = x.data.iter().map(|&v| half::f16::from_f32(v.min(65504.0)).to_f32());
    Tensor::from_vec(x.shape, halfs.collect())
}

/// The image with its mean, as the entry leaves it.
fn guide(eyes: usize, h: usize, w: usize, values: Values, seed: u64) -> Tensor {
    let mut rgb = tensor([eyes, 3, h, w], values, 1.0, seed);
    rgb.data.iter_mut().for_each(|v| *v = v.abs());
    let gray = apply_op(Op::ChannelMean, &[&rgb], [1, h, w]);
    apply_op(Op::Concat, &[&rgb, &gray], [4, h, w])
}

fn none() -> (BufferId, BufferId) {
    (BufferId(0), BufferId(0))
}

fn largest(x: &Tensor) -> f32 {
    x.data.iter().fold(0.0, |most, value| most.max(value.abs()))
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn the_last_level_agrees_with_the_textbook(
        eyes in 1usize..3, (h, w) in (1usize..36, 1usize..36), values in prop::sample::select(VALUES.to_vec()),
        (first_room, second_room) in ((0usize..3, 0usize..3), (0usize..3, 0usize..3)), seed in any::<u64>(),
    ) {
        let input = [h.div_ceil(2), w.div_ceil(2)];
        let x = tensor([eyes, 32, input[0], input[1]], values, if values == Values::Random { 8.0 } else { 512.0 }, seed);
        let guide = guide(eyes, h, w, values, seed ^ 1);
        let layers = [layer([16, 35, 3, 3], seed ^ 2), layer([16, 16, 3, 3], seed ^ 3), layer([4, 16, 1, 1], seed ^ 4)];
        let rgb = halved(&apply_op(Op::Slice { start: 0, len: 3 }, &[&guide], [3, h, w]));
        let enlarged = halved(&apply_op(Op::Upsample2, &[&x], [32, h, w]));
        let joined = apply_op(Op::Concat, &[&enlarged, &rgb], [35, h, w]);
        let middle = halved(&conv(&joined, &layers[0], PADDED, None, Activation::Relu));
        let hid = conv(&middle, &layers[1], PADDED, None, Activation::Relu);
        let mat = conv(&hid, &layers[2], PLAIN, None, Activation::None);

        let mut bed = Bed::new(eyes);
        let map = [pack::padded(0, 32), pack::padded(32, 3)].concat();
        let packed = pack::tail(&layers[0], &layers[1], &layers[2], &map);
        let weights = [(bed.halfs(&packed.weight), bed.floats(&packed.bias))];
        let from = bed.map(&x, Room(first_room.0, first_room.1));
        let guide = bed.floats(&interleaved(&guide));
        let to = bed.slice_out(hid.shape, Room(second_room.0, second_room.1));
        let out = bed.output(eyes * h * w * 16);
        let step = Step::Tail { x: from, guide, hid: to, mat: out, input, size: [h, w], weights: 0 };
        let ran = bed.run(&step, 0, &weights, none());
        // Halfs of the enlarged map and of the first result may round the other way, a step of 2^-10 of some of
        // the 144 inputs each, whose weights are about 1/12.
        let bound = |of: &Tensor| (largest(&joined) + largest(&middle) + largest(of)) * 2e-3 + 1e-4;
        let (hid_bound, mat_bound) = (bound(&hid), bound(&mat));
        compare("hid", &ran.map(to, hid.shape).data, &hid.data, |_| hid_bound);
        compare("mat", &planar(&ran.floats(out), mat.shape).data, &mat.data, |_| mat_bound);
    }

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn the_guided_filters_agree_with_the_textbook(
        eyes in 1usize..3, (h, w) in (1usize..40, 1usize..70), values in prop::sample::select(VALUES.to_vec()),
        deep in any::<bool>(), (ahead, behind) in (0usize..3, 0usize..3), seed in any::<u64>(),
    ) {
        let eps = 1e-5f32;
        let (x, y) = (guide(eyes, h, w, values, seed), tensor([eyes, 4, h, w], Values::Random, 2.0, seed ^ 1));
        let hid = tensor([eyes, 16, h, w], values, 4.0, seed ^ 2);
        let shape = [4, h, w];
        let box3 = |t: &Tensor| apply_op(Op::Box3, &[t], shape);
        let mul = |a: &Tensor, b: &Tensor| apply_op(Op::Mul, &[a, b], shape);
        let sub = |a: &Tensor, b: &Tensor| apply_op(Op::Sub, &[a, b], shape);
        let (mx, my) = (box3(&x), box3(&y));
        let covariance = sub(&box3(&mul(&x, &y)), &mul(&mx, &my));
        let variance = sub(&box3(&mul(&x, &x)), &mul(&mx, &mx));
        let layers = [layer([16, 24, 1, 1], seed ^ 3), layer([16, 16, 1, 1], seed ^ 4), layer([4, 16, 1, 1], seed ^ 5)];
        let a = if deep {
            let joined = apply_op(Op::Concat, &[&covariance, &variance, &hid], [24, h, w]);
            let first = conv(&joined, &layers[0], PLAIN, None, Activation::Relu);
            let second = conv(&first, &layers[1], PLAIN, None, Activation::Relu);
            conv(&second, &layers[2], PLAIN, None, Activation::None)
        } else {
            apply_op(Op::DivEps { eps }, &[&covariance, &variance], shape)
        };
        let b = sub(&my, &mul(&a, &mx));

        let mut bed = Bed::new(eyes);
        let place = bed.map(&hid, Room(ahead, behind));
        let (guide, mat) = (bed.floats(&interleaved(&x)), bed.floats(&interleaved(&y)));
        let outs = [bed.output(eyes * h * w * 16), bed.output(eyes * h * w * 16)];
        let refs: Vec<&ConvWeights> = layers.iter().collect();
        let slope = if deep { Slope::Deep(pack::floats(&refs)) } else { Slope::Fast(eps) };
        let step = Step::Guided { hid: place, guide, mat, a: outs[0], b: outs[1], size: [h, w], slope };
        let ran = bed.run(&step, 0, &[], none());
        let got = outs.map(|id| planar(&ran.floats(id), a.shape));
        // Moments lose what their means share: a few roundings of values up to 4. The fast filter divides that.
        let moment = 4e-6f32;
        let slope_bound = |at: usize| {
            if deep {
                2e-5 * (4.0 + largest(&a))
            } else {
                let under = variance.data[at].max(0.0) + eps;
                moment / under * (1.0 + a.data[at].abs()) + 1e-5 * a.data[at].abs()
            }
        };
        compare("A", &got[0].data, &a.data, slope_bound);
        compare("b", &got[1].data, &b.data, |at| slope_bound(at) * mx.data[at].abs() + 2e-6 * (1.0 + a.data[at].abs()));
    }
}
