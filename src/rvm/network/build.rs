//! From weights and a stage size to the graph of one step of the network.
//!
//! A backbone gives four feature maps, LR-ASPP narrows the last, the decoder carries the states,
//! and the refiner, below ratio 1, turns the matte into the coefficients of a guided filter.
#![forbid(unsafe_code)]

use super::builder::Builder;
use super::{decoder, mobilenet, refiner, resnet};
use crate::rvm::graph::{Graph, Ports, ValueId};
use crate::rvm::layer::Layer;
use crate::rvm::size::StageSize;
use crate::rvm::variant::{Refiner, Variant};
use crate::rvm::weights::{Error, Weights};

/// Longest side of a stage. Far above what is of use; below it no product of sizes overflows.
const MAX_SIDE: usize = 16384;

/// What a backbone gives: feature maps at 1/2, 1/4, 1/8 and 1/16 of the stage, sizes rounded up.
pub(super) struct Features {
    pub(super) f1: ValueId,
    pub(super) f2: ValueId,
    pub(super) f3: ValueId,
    pub(super) f4: ValueId,
}

/// The graph for one stage size. At ratio 1 (`ratio_is_one`) the matte is at full size already:
/// there is no refiner, A is absent and b is the matte.
///
/// # Errors
/// [`Error::StageSize`] when a side is 0 or above 16384.
pub fn build_graph(weights: &Weights, size: StageSize, ratio_is_one: bool) -> Result<Graph, Error> {
    let valid = 1..=MAX_SIDE;
    if !valid.contains(&size.height) || !valid.contains(&size.width) {
        return Err(Error::StageSize { height: size.height, width: size.width, max: MAX_SIDE });
    }
    let refiner = (!ratio_is_one).then_some(weights.refiner());
    let (builder, ports) = trace(weights.variant(), refiner, size);
    // The refiner's layers are the last, so a graph without them takes a prefix.
    let convs = weights.convs()[..builder.layers.len()].to_vec();
    Ok(Graph { values: builder.values, nodes: builder.nodes, convs, ports })
}

/// Every convolution of a network, in the order in which the original runs them.
pub fn layers(variant: Variant, refiner: Refiner) -> Vec<Layer> {
    // The layers do not depend on the size.
    trace(variant, Some(refiner), StageSize { height: 16, width: 16 }).0.layers
}

fn trace(variant: Variant, refiner: Option<Refiner>, size: StageSize) -> (Builder, Ports) {
    let mut net = Builder::default();
    let StageSize { height, width } = size;
    let src = net.input("src", [3, height, width]);
    let widths = variant.state_channels();
    let state_in: [ValueId; 4] = std::array::from_fn(|i| {
        let cell = 2 << i;
        net.input(&format!("r{}i", i + 1), [widths[i], height.div_ceil(cell), width.div_ceil(cell)])
    });

    let features = match variant {
        Variant::MobileNetV3 => mobilenet::backbone(&mut net, src),
        Variant::ResNet50 => resnet::backbone(&mut net, src),
    };
    let decoded = decoder::decoder(&mut net, variant, src, &features, state_in);
    let (a, b) = match refiner {
        None => (None, decoded.mat),
        Some(kind) => {
            let (a, b) = refiner::guided_filter(&mut net, kind, src, decoded.mat, decoded.hid);
            net.rename(a, "A");
            net.rename(b, "b");
            (Some(a), b)
        }
    };
    net.rename(decoded.hid, "hid");
    net.rename(decoded.mat, "mat");
    let decoder::Decoded { state_out, hid, mat } = decoded;
    (net, Ports { src, state_in, state_out, hid, mat, a, b })
}
