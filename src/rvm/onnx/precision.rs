//! Which values of a graph are computed in halfs when the network is.
//!
//! Halfs are good enough for features, and no more: a state in halfs is rounded thousands of times over and
//! turns alpha grey, and the guided filter takes small differences of large numbers. So halfs are what leads to
//! the last features (`hid`), but for the input and its smaller copies and for the states; all behind it, the
//! matte and the filter, is in 32 bits.
#![forbid(unsafe_code)]

use crate::rvm::graph::{Graph, Op};

/// What the network computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Precision {
    /// 32-bit floats throughout.
    #[default]
    Single,
    /// 16-bit floats where they are good enough.
    Half,
}

/// For each value whether it is in halfs.
pub(super) fn is_half(graph: &Graph, precision: Precision) -> Vec<bool> {
    let mut half = vec![false; graph.values.len()];
    if precision == Precision::Single {
        return half;
    }
    // Nodes are in execution order: backwards, every reader is met before what it reads from.
    half[graph.ports.hid.0] = true;
    let mut leads_to_hid = half.clone();
    for node in graph.nodes.iter().rev().filter(|node| !node.inputs.is_empty()) {
        if leads_to_hid[node.output.0] {
            node.inputs.iter().for_each(|input| leads_to_hid[input.0] = true);
            half[node.output.0] = !matches!(node.op, Op::Affine { .. } | Op::AveragePool2 | Op::GruMix);
        }
    }
    half
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rvm::{Refiner, StageSize, Variant, Weights, build_graph};

    #[test]
    fn ports_and_filter_stay_in_32_bits_and_convolutions_do_not() {
        for variant in Variant::ALL {
            let weights = Weights::synthetic(variant, Refiner::Deep);
            let graph = build_graph(&weights, StageSize { height: 90, width: 98 }, false).unwrap();
            let half = is_half(&graph, Precision::Half);
            let ports = &graph.ports;
            let outside = [ports.src, ports.mat, ports.b].into_iter().chain(ports.a);
            for id in outside.chain(ports.state_in).chain(ports.state_out) {
                assert!(!half[id.0], "{}", graph.values[id.0].name);
            }
            let convs = graph.nodes.iter().filter(|node| matches!(node.op, Op::Conv { .. }));
            let single = convs.clone().filter(|node| !half[node.output.0]).count();
            // project_mat and the three of the deep filter.
            assert_eq!(single, 4, "of {}", convs.count());
            assert!(is_half(&graph, Precision::Single).iter().all(|&half| !half));
        }
    }
}
