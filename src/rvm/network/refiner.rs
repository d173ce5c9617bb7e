//! Guided filter: from the matte at stage size to the coefficients that compose enlarges.
//!
//! Spec: Wu et al., 2018 (arXiv 1803.05619), with radius 1. Instead of a matte it gives slope A
//! and intercept b of a local linear model of the matte in the image's colours and gray.
#![forbid(unsafe_code)]

use super::builder::{Builder, Step};
use super::decoder::HIDDEN_CHANNELS;
use crate::rvm::graph::Activation::{None as Linear, Relu};
use crate::rvm::graph::{Op, ValueId};
use crate::rvm::layer::Layer;
use crate::rvm::variant::Refiner;

/// Norm constant, as in the decoder.
const EPS: f64 = 1e-5;

/// Keeps the fast filter finite where the image is flat.
const FLATNESS: f32 = 1e-5;

/// Gives A and b, `[4, h, w]` each.
pub(super) fn guided_filter(
    net: &mut Builder,
    kind: Refiner,
    src: ValueId,
    mat: ValueId,
    hid: ValueId,
) -> (ValueId, ValueId) {
    let gray = net.channel_mean("refiner.gray", src);
    let x = net.concat("refiner.x", &[src, gray]);
    let mean_x = net.pointwise("refiner.mean_x", Op::Box3, &[x]);
    let mean_y = net.pointwise("refiner.mean_y", Op::Box3, &[mat]);
    let cov = centered_product(net, "refiner.cov", (x, mat), (mean_x, mean_y));
    let var = centered_product(net, "refiner.var", (x, x), (mean_x, mean_x));
    let a = match kind {
        Refiner::Fast => net.pointwise("refiner.a", Op::DivEps { eps: FLATNESS }, &[cov, var]),
        Refiner::Deep => deep_slope(net, cov, var, hid),
    };
    let offset = net.pointwise("refiner.a_mean_x", Op::Mul, &[a, mean_x]);
    let b = net.pointwise("refiner.b", Op::Sub, &[mean_y, offset]);
    (a, b)
}

/// `box(x y) - mean_x mean_y`.
fn centered_product(
    net: &mut Builder,
    name: &str,
    (x, y): (ValueId, ValueId),
    (mean_x, mean_y): (ValueId, ValueId),
) -> ValueId {
    let product = net.pointwise(&format!("{name}.product"), Op::Mul, &[x, y]);
    let mean = net.pointwise(&format!("{name}.mean"), Op::Box3, &[product]);
    let means = net.pointwise(&format!("{name}.means"), Op::Mul, &[mean_x, mean_y]);
    net.pointwise(name, Op::Sub, &[mean, means])
}

fn deep_slope(net: &mut Builder, cov: ValueId, var: ValueId, hid: ValueId) -> ValueId {
    let x = net.concat("refiner.concat", &[cov, var, hid]);
    let normed = |index: usize, shape| {
        Layer::normed(format!("refiner.conv.{index}"), shape, format!("refiner.conv.{}", index + 1), EPS)
    };
    let first = normed(0, [HIDDEN_CHANNELS, net.shape(x)[0], 1, 1]);
    let x = net.apply(x, first, Step::dense(Relu));
    let x = net.apply(x, normed(3, [HIDDEN_CHANNELS, HIDDEN_CHANNELS, 1, 1]), Step::dense(Relu));
    let last = Layer::biased("refiner.conv.6", [4, HIDDEN_CHANNELS, 1, 1]);
    net.apply(x, last, Step::dense(Linear))
}
