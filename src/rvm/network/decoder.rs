//! LR-ASPP, the recurrent decoder and the projection to the matte.
//!
//! Spec: RVM section 3 and supplementary table 1. Every level but the last splits its channels in
//! halves and sends the second through a ConvGRU, whose state lives from frame to frame.
#![forbid(unsafe_code)]

use super::build::Features;
use super::builder::{Builder, Step};
use crate::rvm::graph::Activation::{None as Linear, Relu, Sigmoid, Tanh};
use crate::rvm::graph::{Op, ValueId};
use crate::rvm::layer::Layer;
use crate::rvm::variant::Variant;

/// Norm constant of everything after the backbone.
const EPS: f64 = 1e-5;

/// Channels of the last features.
pub(super) const HIDDEN_CHANNELS: usize = 16;

/// What the decoder gives.
pub(super) struct Decoded {
    pub(super) state_out: [ValueId; 4],
    pub(super) hid: ValueId,
    pub(super) mat: ValueId,
}

pub(super) fn decoder(
    net: &mut Builder,
    variant: Variant,
    src: ValueId,
    features: &Features,
    state_in: [ValueId; 4],
) -> Decoded {
    let s1 = net.average_pool2("decoder.s1", src);
    let s2 = net.average_pool2("decoder.s2", s1);
    let s3 = net.average_pool2("decoder.s3", s2);
    let [r1, r2, r3, r4] = state_in;
    let widths = variant.state_channels();

    let x = aspp(net, features.f4, variant.aspp_channels());
    let (x, r4) = recurrent_half(net, "decoder.decode4", x, r4, 4);
    let (x, r3) = level(net, 3, x, features.f3, s3, r3, 2 * widths[2]);
    let (x, r2) = level(net, 2, x, features.f2, s2, r2, 2 * widths[1]);
    let (x, r1) = level(net, 1, x, features.f1, s1, r1, 2 * widths[0]);

    let x = net.upsample2("decoder.decode0.upsample", x, src);
    let x = net.concat("decoder.decode0.concat", &[x, src]);
    let name = "decoder.decode0.conv";
    let first = [HIDDEN_CHANNELS, net.shape(x)[0], 3, 3];
    let first = Layer::normed(format!("{name}.0"), first, format!("{name}.1"), EPS);
    let x = net.apply(x, first, Step::dense(Relu));
    let second = [HIDDEN_CHANNELS, HIDDEN_CHANNELS, 3, 3];
    let second = Layer::normed(format!("{name}.3"), second, format!("{name}.4"), EPS);
    let hid = net.apply(x, second, Step::dense(Relu));

    let project = Layer::biased("project_mat.conv", [4, HIDDEN_CHANNELS, 1, 1]);
    let mat = net.apply(hid, project, Step::dense(Linear));
    Decoded { state_out: [r1, r2, r3, r4], hid, mat }
}

fn aspp(net: &mut Builder, f4: ValueId, out: usize) -> ValueId {
    let shape = [out, net.shape(f4)[0], 1, 1];
    let local = Layer::normed("aspp.aspp1.0", shape, "aspp.aspp1.1", EPS);
    let local = net.apply(f4, local, Step::dense(Relu));
    let mean = net.global_mean("aspp.aspp2.0", f4);
    let scale = net.apply(mean, Layer::plain("aspp.aspp2.1", shape), Step::dense(Sigmoid));
    net.pointwise("aspp", Op::ScaleChannels, &[local, scale])
}

/// decode3 to decode1: enlarge, join with features and image, convolve, recur.
fn level(
    net: &mut Builder,
    index: usize,
    x: ValueId,
    features: ValueId,
    image: ValueId,
    state: ValueId,
    out: usize,
) -> (ValueId, ValueId) {
    let name = format!("decoder.decode{index}");
    let x = net.upsample2(&format!("{name}.upsample"), x, image);
    let x = net.concat(&format!("{name}.concat"), &[x, features, image]);
    let shape = [out, net.shape(x)[0], 3, 3];
    let layer = Layer::normed(format!("{name}.conv.0"), shape, format!("{name}.conv.1"), EPS);
    let x = net.apply(x, layer, Step::dense(Relu));
    recurrent_half(net, &name, x, state, index)
}

/// The second half of the channels through the ConvGRU; gives the halves joined and the state.
fn recurrent_half(
    net: &mut Builder,
    name: &str,
    x: ValueId,
    state: ValueId,
    index: usize,
) -> (ValueId, ValueId) {
    let half = net.shape(x)[0] / 2;
    let kept = net.slice(&format!("{name}.kept"), x, 0, half);
    let fed = net.slice(&format!("{name}.fed"), x, half, half);
    let new_state = conv_gru(net, &format!("{name}.gru"), fed, state);
    net.rename(new_state, &format!("r{index}o"));
    (net.concat(&format!("{name}.joined"), &[kept, new_state]), new_state)
}

/// `r, z = sigmoid(ih([x, h])); c = tanh(hh([x, r h])); h' = (1 - z) h + z c`.
fn conv_gru(net: &mut Builder, name: &str, x: ValueId, h: ValueId) -> ValueId {
    let width = net.shape(h)[0];
    let joined = net.concat(&format!("{name}.xh"), &[x, h]);
    let gates = Layer::biased(format!("{name}.ih.0"), [2 * width, 2 * width, 3, 3]);
    let gates = net.apply(joined, gates, Step::dense(Sigmoid));
    let reset = net.slice(&format!("{name}.r"), gates, 0, width);
    let update = net.slice(&format!("{name}.z"), gates, width, width);
    let remembered = net.pointwise(&format!("{name}.rh"), Op::Mul, &[reset, h]);
    let joined = net.concat(&format!("{name}.xrh"), &[x, remembered]);
    let candidate = Layer::biased(format!("{name}.hh.0"), [width, 2 * width, 3, 3]);
    let candidate = net.apply(joined, candidate, Step::dense(Tanh));
    net.pointwise(&format!("{name}.h"), Op::GruMix, &[update, h, candidate])
}
