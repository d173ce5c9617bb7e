//! MobileNetV3-Large as RVM uses it: the last stage is dilated, the classifier is gone.
//!
//! Spec: Howard et al., 2019 (arXiv 1905.02244), table 1; names and the rounding of squeeze
//! widths are those of torchvision's `mobilenet_v3_large(dilated=True)`, features 0 to 16.
#![forbid(unsafe_code)]

use super::build::Features;
use super::builder::{Builder, Step};
use crate::rvm::graph::Activation::{self, HardSigmoid, HardSwish, None as Linear, Relu};
use crate::rvm::graph::{Op, ValueId};
use crate::rvm::layer::Layer;

/// Norm constant of this backbone; the decoder's is another.
const EPS: f64 = 1e-3;

/// Mean and deviation per channel that this backbone was trained with (ImageNet, RGB).
const MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f64; 3] = [0.229, 0.224, 0.225];

/// One inverted residual.
struct Block {
    kernel: usize,
    expand: usize,
    out: usize,
    /// Width of the squeeze, where there is squeeze-and-excitation.
    squeeze: Option<usize>,
    act: Activation,
    stride: usize,
    dilation: usize,
}

const fn block(
    (kernel, expand, out): (usize, usize, usize),
    squeeze: Option<usize>,
    act: Activation,
    (stride, dilation): (usize, usize),
) -> Block {
    Block { kernel, expand, out, squeeze, act, stride, dilation }
}

/// features.1 to features.15. A dilated block has stride 1, the first of them too.
const BLOCKS: [Block; 15] = [
    block((3, 16, 16), None, Relu, (1, 1)),
    block((3, 64, 24), None, Relu, (2, 1)),
    block((3, 72, 24), None, Relu, (1, 1)),
    block((5, 72, 40), Some(24), Relu, (2, 1)),
    block((5, 120, 40), Some(32), Relu, (1, 1)),
    block((5, 120, 40), Some(32), Relu, (1, 1)),
    block((3, 240, 80), None, HardSwish, (2, 1)),
    block((3, 200, 80), None, HardSwish, (1, 1)),
    block((3, 184, 80), None, HardSwish, (1, 1)),
    block((3, 184, 80), None, HardSwish, (1, 1)),
    block((3, 480, 112), Some(120), HardSwish, (1, 1)),
    block((3, 672, 112), Some(168), HardSwish, (1, 1)),
    block((5, 672, 160), Some(168), HardSwish, (1, 2)),
    block((5, 960, 160), Some(240), HardSwish, (1, 2)),
    block((5, 960, 160), Some(240), HardSwish, (1, 2)),
];

/// f1 = features.1 (16 channels), f2 = features.3 (24), f3 = features.6 (40), f4 = features.16 (960).
pub(super) fn backbone(net: &mut Builder, src: ValueId) -> Features {
    let scale = DEVIATION.map(|deviation| (1.0 / deviation) as f32);
    let shift = std::array::from_fn(|c| (-MEAN[c] / DEVIATION[c]) as f32);
    let x = net.affine("backbone.normalize", src, scale, shift);
    let stem = conv_norm("backbone.features.0", [16, 3, 3, 3]);
    let mut x = net.apply(x, stem, Step::strided(2, HardSwish));
    let mut outputs = Vec::with_capacity(BLOCKS.len());
    for (block, index) in BLOCKS.iter().zip(1..) {
        x = inverted_residual(net, x, index, block);
        outputs.push(x);
    }
    let head = conv_norm("backbone.features.16", [960, 160, 1, 1]);
    let f4 = net.apply(x, head, Step::dense(HardSwish));
    Features { f1: outputs[0], f2: outputs[2], f3: outputs[5], f4 }
}

fn conv_norm(name: &str, shape: [usize; 4]) -> Layer {
    Layer::normed(format!("{name}.0"), shape, format!("{name}.1"), EPS)
}

fn inverted_residual(net: &mut Builder, input: ValueId, index: usize, block: &Block) -> ValueId {
    let base = format!("backbone.features.{index}.block");
    let channels = net.shape(input)[0];
    let mut parts = (0..).map(|part| format!("{base}.{part}"));
    let mut next = || parts.next().expect("the range has no end");

    let mut x = input;
    if block.expand != channels {
        let layer = conv_norm(&next(), [block.expand, channels, 1, 1]);
        x = net.apply(x, layer, Step::dense(block.act));
    }
    let depthwise = conv_norm(&next(), [block.expand, 1, block.kernel, block.kernel]);
    let step = Step { stride: block.stride, dilation: block.dilation, act: block.act };
    x = net.apply(x, depthwise, step);
    if let Some(width) = block.squeeze {
        x = squeeze_excite(net, &next(), x, width);
    }
    let project = net.declare(conv_norm(&next(), [block.out, block.expand, 1, 1]));
    let shortcut = (block.stride == 1 && block.out == channels).then_some(input);
    net.conv(x, project, Step::dense(Linear), shortcut)
}

fn squeeze_excite(net: &mut Builder, name: &str, x: ValueId, width: usize) -> ValueId {
    let channels = net.shape(x)[0];
    let mean = net.global_mean(&format!("{name}.avgpool"), x);
    let squeeze = Layer::biased(format!("{name}.fc1"), [width, channels, 1, 1]);
    let squeezed = net.apply(mean, squeeze, Step::dense(Relu));
    let excite = Layer::biased(format!("{name}.fc2"), [channels, width, 1, 1]);
    let scale = net.apply(squeezed, excite, Step::dense(HardSigmoid));
    net.pointwise(&format!("{name}.scale"), Op::ScaleChannels, &[x, scale])
}
