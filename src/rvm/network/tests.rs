//! The graphs are well formed at every size, and have the shapes and layers of the published ones.
#![forbid(unsafe_code)]

use super::{build_graph, layers};
use crate::rvm::graph::{Graph, Op};
use crate::rvm::{Refiner, StageSize, Variant, Weights};
use std::collections::HashSet;

/// Works each shape out again from the operator, apart from the builder.
fn check(graph: &Graph) {
    let mut known: HashSet<usize> = graph.ports.state_in.iter().map(|id| id.0).collect();
    known.insert(graph.ports.src.0);
    let mut used = HashSet::new();
    for node in &graph.nodes {
        let name = &graph.values[node.output.0].name;
        assert!(node.inputs.iter().all(|id| known.contains(&id.0)), "{name} reads what is not there");
        assert!(known.insert(node.output.0), "{name} is written twice");
        let shapes: Vec<[usize; 3]> = node.inputs.iter().map(|&id| graph.shape(id)).collect();
        let [c, h, w] = shapes[0];
        let got = graph.shape(node.output);
        let expected = match &node.op {
            Op::Conv { weights, stride, pad, dilation, groups, residual, .. } => {
                let conv = &graph.convs[weights.0];
                let [out, per_group, kernel, _] = conv.shape;
                assert!(used.insert(weights.0), "{name}");
                assert_eq!(conv.weight.len(), conv.shape.iter().product::<usize>(), "{name}");
                assert_eq!(conv.bias.len(), out, "{name}");
                assert_eq!(per_group * groups, c, "{name}");
                assert_eq!(shapes.len(), 1 + usize::from(*residual), "{name}");
                assert!(shapes[1..].iter().all(|&shape| shape == got), "{name}");
                let size = |n: usize| (n + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
                [out, size(h), size(w)]
            }
            Op::GlobalMean => [c, 1, 1],
            Op::ScaleChannels => {
                assert_eq!(shapes[1], [c, 1, 1], "{name}");
                shapes[0]
            }
            Op::AveragePool2 | Op::MaxPool3 => [c, h.div_ceil(2), w.div_ceil(2)],
            Op::Upsample2 => {
                assert!(got[1] == 2 * h || got[1] == 2 * h - 1, "{name}: {h} to {}", got[1]);
                assert!(got[2] == 2 * w || got[2] == 2 * w - 1, "{name}: {w} to {}", got[2]);
                [c, got[1], got[2]]
            }
            Op::Concat => {
                assert!(shapes.iter().all(|shape| shape[1..] == [h, w]), "{name}: {shapes:?}");
                [shapes.iter().map(|shape| shape[0]).sum(), h, w]
            }
            Op::Slice { start, len } => {
                assert!(start + len <= c, "{name}");
                [*len, h, w]
            }
            Op::ChannelMean => [1, h, w],
            Op::Affine { .. } | Op::Box3 => shapes[0],
            Op::Add | Op::Sub | Op::Mul | Op::DivEps { .. } | Op::GruMix => {
                assert!(shapes.iter().all(|&shape| shape == shapes[0]), "{name}: {shapes:?}");
                shapes[0]
            }
        };
        assert_eq!(got, expected, "{name}");
    }
    assert_eq!(used.len(), graph.convs.len(), "every convolution is used");
    let names: HashSet<&str> = graph.values.iter().map(|value| value.name.as_str()).collect();
    assert_eq!(names.len(), graph.values.len(), "names are unique");
    for (before, after) in graph.ports.state_in.iter().zip(graph.ports.state_out) {
        assert_eq!(graph.shape(*before), graph.shape(after));
    }
}

#[test]
fn graphs_are_well_formed_at_every_size() {
    for variant in Variant::ALL {
        let weights = Weights::synthetic(variant, Refiner::Deep);
        let sizes = [(1, 1), (1, 40), (2, 3), (15, 16), (17, 33), (45, 47), (64, 31), (90, 98), (513, 511)];
        for (height, width) in sizes {
            for ratio_is_one in [false, true] {
                let graph = build_graph(&weights, StageSize { height, width }, ratio_is_one).unwrap();
                check(&graph);
                let ports = &graph.ports;
                assert_eq!(graph.shape(ports.b), [4, height, width]);
                assert_eq!(graph.shape(ports.hid), [16, height, width]);
                assert_eq!(ports.a.is_none(), ratio_is_one);
                assert_eq!(ports.b == ports.mat, ratio_is_one);
            }
        }
    }
}

#[test]
fn states_have_the_shapes_of_the_golden_data() {
    let size = StageSize { height: 90, width: 98 };
    let shapes = |variant| {
        let graph = build_graph(&Weights::synthetic(variant, Refiner::Fast), size, false).unwrap();
        graph.ports.state_in.map(|id| graph.shape(id))
    };
    assert_eq!(shapes(Variant::MobileNetV3), [[16, 45, 49], [20, 23, 25], [40, 12, 13], [64, 6, 7]]);
    assert_eq!(shapes(Variant::ResNet50), [[16, 45, 49], [32, 23, 25], [64, 12, 13], [128, 6, 7]]);
}

#[test]
fn sizes_out_of_range_are_errors() {
    let weights = Weights::synthetic(Variant::MobileNetV3, Refiner::Fast);
    for (height, width) in [(0, 5), (5, 0), (usize::MAX, 5), (5, 16385)] {
        assert!(build_graph(&weights, StageSize { height, width }, false).is_err());
    }
}

#[test]
fn layer_counts_are_those_of_the_published_networks() {
    // Published ONNX: 85 convolutions with the deep filter, four of them box filters.
    assert_eq!(layers(Variant::MobileNetV3, Refiner::Deep).len(), 85 - 4);
    assert_eq!(layers(Variant::MobileNetV3, Refiner::Fast).len(), 85 - 4 - 3);
    // 53 in ResNet50, 2 in LR-ASPP, 13 in the decoder, 1 projection.
    assert_eq!(layers(Variant::ResNet50, Refiner::Fast).len(), 53 + 2 + 13 + 1);
    let weights = |variant| {
        let all = layers(variant, Refiner::Deep);
        all.iter().map(|layer| layer.shape.iter().product::<usize>()).sum::<usize>()
    };
    assert_eq!(weights(Variant::MobileNetV3) / 10_000, 371);
    assert_eq!(weights(Variant::ResNet50) / 100_000, 268);
}
