//! Plans of both networks, checked without a device.

use super::super::arena::{lay_out, lifetimes};
use super::super::lower::lower;
use super::super::pack::{Channel, padded};
use super::super::plan::{Life, Plan, Slope, Step};
use super::super::tile::{Kind, kind};
use crate::engine::Error;
use crate::rvm::graph::{Graph, Op};
use crate::rvm::{Refiner, StageSize, Variant, Weights, build_graph};

fn graph(variant: Variant, refiner: Refiner, height: usize, width: usize, ratio_is_one: bool) -> Graph {
    let weights = Weights::synthetic(variant, refiner);
    build_graph(&weights, StageSize { height, width }, ratio_is_one).unwrap()
}

fn all() -> Vec<(Graph, Plan)> {
    let mut all = Vec::new();
    for variant in [Variant::MobileNetV3, Variant::ResNet50] {
        for (refiner, ratio_is_one) in [(Refiner::Deep, false), (Refiner::Fast, false), (Refiner::Fast, true)]
        {
            for (h, w) in [(90, 98), (64, 33), (16, 16), (1, 1)] {
                let graph = graph(variant, refiner, h, w, ratio_is_one);
                let plan = lower(&graph, 2).unwrap();
                all.push((graph, plan));
            }
        }
    }
    all
}

#[test]
fn every_convolution_has_a_launch() {
    for (graph, plan) in all() {
        let convs = graph.nodes.iter().filter(|node| matches!(node.op, Op::Conv { .. })).count();
        let with_weights =
            |step: &&Step| matches!(step, Step::Conv(_) | Step::Depthwise { .. } | Step::Gate { .. });
        let deep = plan.steps.iter().any(|step| matches!(step, Step::Guided { slope: Slope::Deep(_), .. }));
        let launches = plan.steps.iter().filter(with_weights).count() + if deep { 6 } else { 3 };
        assert_eq!(convs, launches);
    }
}

#[test]
fn buffers_alive_together_do_not_overlap() {
    for (_, plan) in all() {
        let (arena, lives) = (lay_out(&plan), lifetimes(&plan));
        let alive = |i: usize| match plan.buffers[i].life {
            Life::Scratch => lives[i],
            _ => Some((0, plan.steps.len())),
        };
        for i in 0..plan.buffers.len() {
            let end = arena.offsets[i] + plan.buffers[i].bytes;
            assert!(end <= arena.total_bytes);
            for j in 0..i {
                let (Some(a), Some(b)) = (alive(i), alive(j)) else { continue };
                let together = a.0 <= b.1 && b.0 <= a.1;
                let apart =
                    end <= arena.offsets[j] || arena.offsets[j] + plan.buffers[j].bytes <= arena.offsets[i];
                assert!(!together || apart, "{} and {}", plan.buffers[i].name, plan.buffers[j].name);
            }
        }
        let states = plan.buffers.iter().filter(|buffer| buffer.life == Life::State);
        assert!(states.map(|buffer| buffer.bytes).sum::<usize>() <= arena.state_bytes);
    }
}

#[test]
fn memory_of_a_large_frame_is_bounded() {
    // An 8K stereo frame; a lane may take 2 GiB in all.
    for (variant, limit_mib) in [(Variant::MobileNetV3, 300), (Variant::ResNet50, 500)] {
        let plan = lower(&graph(variant, Refiner::Deep, 512, 512, false), 2).unwrap();
        let total = lay_out(&plan).total_bytes;
        assert!(total < limit_mib << 20, "{total}");
        let alone: usize = plan.buffers.iter().map(|buffer| buffer.bytes).sum();
        assert!(total < alone * 3 / 4, "scratch is shared: {total} of {alone}");
    }
}

#[test]
fn places_are_aligned_and_inside_their_buffers() {
    for (graph, plan) in all() {
        for written in &plan.written {
            let [channels, h, w] = graph.shape(written.value);
            let place = written.place;
            assert_eq!((place.offset % 8, place.pitch % 8), (0, 0));
            assert!(place.offset + written.map.len() <= place.pitch);
            assert_eq!(plan.buffers[place.buffer.0].bytes, plan.eyes * h * w * place.pitch * 2);
            let mut held: Vec<usize> = written
                .map
                .iter()
                .filter_map(|channel| match channel {
                    Channel::Of(c) => Some(*c),
                    _ => None,
                })
                .collect();
            held.sort_unstable();
            assert_eq!(held, (0..channels).collect::<Vec<_>>());
        }
    }
}

#[test]
fn every_layer_has_the_kernel_that_is_made_for_it() {
    for (_, plan) in all() {
        let convs = plan.steps.iter().filter_map(|step| match step {
            Step::Conv(conv) => Some(conv),
            _ => None,
        });
        for (index, conv) in convs.enumerate() {
            let want = match (conv.geometry.kernel, conv.geometry.stride) {
                _ if index == 0 => Kind::Stem,
                (1, _) => Kind::Point,
                (3, 1) if conv.cin <= 64 => Kind::Rim,
                (3, 1) => Kind::Halo,
                _ => Kind::General,
            };
            assert_eq!(kind(conv), want, "{conv:?}");
        }
    }
}

#[test]
fn what_is_not_the_network_is_refused_by_name() {
    let mut broken = graph(Variant::MobileNetV3, Refiner::Deep, 32, 32, false);
    let mix = broken.nodes.iter().position(|node| node.op == Op::GruMix).unwrap();
    broken.nodes[mix].inputs.swap(0, 2);
    assert!(matches!(lower(&broken, 1), Err(Error::Graph { .. })));

    let mut broken = graph(Variant::ResNet50, Refiner::Fast, 32, 32, false);
    let last = broken.nodes.len() - 1;
    broken.nodes[last].op = Op::Add;
    let Err(Error::Graph { value, .. }) = lower(&broken, 1) else { panic!("accepted") };
    assert_eq!(value, "b");
}

#[test]
fn padding_fills_whole_groups() {
    assert_eq!(padded(0, 8).len(), 8);
    let map = padded(20, 20);
    assert_eq!((map.len(), map[0], map[19], map[20]), (24, Channel::Of(20), Channel::Of(39), Channel::Pad));
}
