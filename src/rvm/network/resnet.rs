//! ResNet50 as RVM uses it: the last stage is dilated, the classifier is gone.
//!
//! Spec: He et al., 2015 (arXiv 1512.03385), table 1, with the stride in the 3x3 convolution, as
//! torchvision's `resnet50(replace_stride_with_dilation=[False, False, True])` has it.
#![forbid(unsafe_code)]

use super::build::Features;
use super::builder::{Builder, Step};
use crate::rvm::graph::Activation::{None as Linear, Relu};
use crate::rvm::graph::ValueId;
use crate::rvm::layer::Layer;

const EPS: f64 = 1e-5;

/// A bottleneck gives four times its inner width.
const EXPANSION: usize = 4;

/// Stride and dilation of the 3x3 convolution in the first block and in the others.
struct Stage {
    width: usize,
    blocks: usize,
    first: (usize, usize),
    others: (usize, usize),
}

/// layer1 to layer4. Where dilation replaces the stride, the first block still has dilation 1.
const STAGES: [Stage; 4] = [
    Stage { width: 64, blocks: 3, first: (1, 1), others: (1, 1) },
    Stage { width: 128, blocks: 4, first: (2, 1), others: (1, 1) },
    Stage { width: 256, blocks: 6, first: (2, 1), others: (1, 1) },
    Stage { width: 512, blocks: 3, first: (1, 1), others: (1, 2) },
];

/// The published network feeds this backbone with the image as it is: unlike the other, it does not
/// normalise (the golden data were made so, and differ in every digit when it does).
///
/// f1 = conv1 (64 channels), f2 = layer1 (256), f3 = layer2 (512), f4 = layer4 (2048).
pub(super) fn backbone(net: &mut Builder, x: ValueId) -> Features {
    let stem = Layer::normed("backbone.conv1", [64, 3, 7, 7], "backbone.bn1", EPS);
    let f1 = net.apply(x, stem, Step::strided(2, Relu));
    let pooled = net.max_pool3("backbone.maxpool", f1);
    let f2 = stage(net, pooled, 0);
    let f3 = stage(net, f2, 1);
    let deep = stage(net, f3, 2);
    let f4 = stage(net, deep, 3);
    Features { f1, f2, f3, f4 }
}

fn stage(net: &mut Builder, mut x: ValueId, index: usize) -> ValueId {
    let Stage { width, blocks, first, others } = STAGES[index];
    for block in 0..blocks {
        let name = format!("backbone.layer{}.{block}", index + 1);
        let (stride, dilation) = if block == 0 { first } else { others };
        x = bottleneck(net, &name, x, width, Step { stride, dilation, act: Relu });
    }
    x
}

fn bottleneck(net: &mut Builder, name: &str, input: ValueId, width: usize, step: Step) -> ValueId {
    let channels = net.shape(input)[0];
    let out = EXPANSION * width;
    let part = |index: usize, shape| {
        Layer::normed(format!("{name}.conv{index}"), shape, format!("{name}.bn{index}"), EPS)
    };
    let reduce = net.apply(input, part(1, [width, channels, 1, 1]), Step::dense(Relu));
    let spatial = net.apply(reduce, part(2, [width, width, 3, 3]), step);
    // The original runs conv3 before the shortcut's convolution: declared in that order, but the
    // shortcut is computed first, because conv3 adds it.
    let expand = net.declare(part(3, [out, width, 1, 1]));
    let shortcut = if step.stride == 1 && channels == out {
        input
    } else {
        let shape = [out, channels, 1, 1];
        let layer = Layer::normed(format!("{name}.downsample.0"), shape, format!("{name}.downsample.1"), EPS);
        net.apply(input, layer, Step::strided(step.stride, Linear))
    };
    net.conv(spatial, expand, Step::dense(Relu), Some(shortcut))
}
