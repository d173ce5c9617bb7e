//! Operators on values small enough to work out on paper; the reference and the engine alike.

use super::{Sketch, reference_values};
use crate::rvm::graph::{Activation, ConvWeights, Op, ValueId};
use crate::tensor::Tensor;

fn check(sketch: &Sketch, src: &Tensor, id: ValueId, expected: &[f32]) {
    let zero = || Tensor::zeros([src.shape[0], 1, 1, 1]);
    let by_reference = reference_values(&sketch.graph, src, &[zero(), zero(), zero(), zero()]);
    for got in [by_reference[id.0].clone().unwrap(), sketch.run(src, id)] {
        assert_eq!(got.data.len(), expected.len());
        for (got, expected) in got.data.iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{got} for {expected}");
        }
    }
}

fn image(h: usize, w: usize, data: &[f32]) -> Tensor {
    Tensor::from_vec([1, data.len() / h / w, h, w], data.to_vec())
}

fn single(op: Op, src: &Tensor, out: [usize; 3], expected: &[f32]) {
    let [_, c, h, w] = src.shape;
    let mut sketch = Sketch::new([c, h, w]);
    let id = sketch.node(op, &[ValueId(0)], out);
    check(&sketch, src, id, expected);
}

#[test]
fn convolution_with_stride_padding_and_residual() {
    // 1 2 3     the kernel takes the right neighbour minus the one above; bias 0.5
    // 4 5 6
    // 7 8 9
    let src = image(3, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    let kernel = [0.0, -1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    let weights =
        ConvWeights { name: "c".into(), shape: [1, 1, 3, 3], weight: kernel.to_vec(), bias: vec![0.5] };
    let op = |weights, stride, residual, act| Op::Conv {
        weights,
        stride,
        pad: 1,
        dilation: 1,
        groups: 1,
        act,
        residual,
    };
    let mut sketch = Sketch::new([1, 3, 3]);
    let id = sketch.conv(weights);
    let whole = sketch.node(op(id, 1, false, Activation::None), &[ValueId(0)], [1, 3, 3]);
    check(&sketch, &src, whole, &[2.5, 3.5, 0.5, 4.5, 4.5, -2.5, 4.5, 4.5, -5.5]);
    let strided = sketch.node(op(id, 2, false, Activation::Relu), &[ValueId(0)], [1, 2, 2]);
    check(&sketch, &src, strided, &[2.5, 0.5, 4.5, 0.0]);
    let added = sketch.node(op(id, 2, true, Activation::Relu), &[ValueId(0), strided], [1, 2, 2]);
    check(&sketch, &src, added, &[5.0, 1.0, 9.0, 0.0]);
}

#[test]
fn dilated_depthwise_convolution() {
    let src = image(1, 5, &[1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
    // The middle row of the kernel: left + 10 * right for the first channel, the pixel itself
    // times two for the second; with dilation 2 the neighbours are two pixels away.
    let weight = [[0.0; 3], [1.0, 0.0, 10.0], [0.0; 3], [0.0; 3], [0.0, 2.0, 0.0], [0.0; 3]].concat();
    let mut sketch = Sketch::new([2, 1, 5]);
    let weights =
        sketch.conv(ConvWeights { name: "d".into(), shape: [2, 1, 3, 3], weight, bias: vec![0.0, -1.0] });
    let op = Op::Conv {
        weights,
        stride: 1,
        pad: 2,
        dilation: 2,
        groups: 2,
        act: Activation::None,
        residual: false,
    };
    let id = sketch.node(op, &[ValueId(0)], [2, 1, 5]);
    check(&sketch, &src, id, &[30.0, 40.0, 51.0, 2.0, 3.0, 19.0, 39.0, 59.0, 79.0, 99.0]);
}

#[test]
fn pooling_and_resizing() {
    let src = image(3, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    single(Op::AveragePool2, &src, [1, 2, 2], &[3.0, 4.5, 7.5, 9.0]);
    single(Op::MaxPool3, &src, [1, 2, 2], &[5.0, 6.0, 8.0, 9.0]);
    single(Op::GlobalMean, &src, [1, 1, 1], &[5.0]);
    let ninths = [12.0, 21.0, 16.0, 27.0, 45.0, 33.0, 24.0, 39.0, 28.0].map(|v: f32| v / 9.0);
    single(Op::Box3, &src, [1, 3, 3], &ninths);
    let src = image(1, 2, &[0.0, 4.0]);
    single(Op::Upsample2, &src, [1, 2, 4], &[0.0, 1.0, 3.0, 4.0, 0.0, 1.0, 3.0, 4.0]);
    single(Op::Upsample2, &src, [1, 1, 3], &[0.0, 1.0, 3.0]);
}

#[test]
fn arithmetic() {
    let src = image(1, 2, &[0.25, 1.0, 8.0, 6.0, -4.0, 2.0]);
    single(Op::ChannelMean, &src, [1, 1, 2], &[4.25 / 3.0, 3.0]);
    let op = Op::Affine { scale: [4.0, 0.5, 1.0], shift: [1.0, 0.0, -1.0] };
    single(op, &src, [3, 1, 2], &[2.0, 5.0, 4.0, 3.0, -5.0, 1.0]);
    let cases: [(Op, &[usize], [f32; 2]); 5] = [
        (Op::Add, &[0, 1], [8.25, 7.0]),
        (Op::Sub, &[0, 1], [-7.75, -5.0]),
        (Op::Mul, &[1, 2], [-32.0, 12.0]),
        (Op::DivEps { eps: 0.5 }, &[1, 0], [32.0 / 3.0, 4.0]),
        // (1 - z) h + z c with z, h, c the three channels.
        (Op::GruMix, &[0, 1, 2], [0.75 * 8.0 - 1.0, 2.0]),
    ];
    for (op, inputs, expected) in cases {
        let mut sketch = Sketch::new([3, 1, 2]);
        let slices: Vec<ValueId> = inputs
            .iter()
            .map(|&start| sketch.node(Op::Slice { start, len: 1 }, &[ValueId(0)], [1, 1, 2]))
            .collect();
        let id = sketch.node(op, &slices, [1, 1, 2]);
        check(&sketch, &src, id, &expected);
    }
}
