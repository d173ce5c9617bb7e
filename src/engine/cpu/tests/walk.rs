//! The walk over whole networks: against the reference, and that threads and eyes change no bit.

use std::sync::Arc;

use super::{Sketch, difference, noise, reference_values};
use crate::engine::cpu::CpuEngine;
use crate::engine::{Engine, Error};
use crate::rvm::graph::{Graph, Op, ValueId};
use crate::rvm::{Refiner, StageSize, Variant, Weights, build_graph};
use crate::tensor::{Coefficients, Tensor};

fn network(variant: Variant, refiner: Refiner, height: usize, width: usize, one: bool) -> Arc<Graph> {
    let weights = Weights::synthetic(variant, refiner);
    Arc::new(build_graph(&weights, StageSize { height, width }, one).unwrap())
}

fn frame(eyes: usize, graph: &Graph, seed: u64) -> Tensor {
    let [c, h, w] = graph.shape(graph.ports.src);
    let mut src = noise([eyes, c, h, w], seed);
    src.data.iter_mut().for_each(|v| *v = *v * 0.5 + 0.5);
    src
}

fn eye(tensor: &Tensor, index: usize) -> Tensor {
    let [n, c, h, w] = tensor.shape;
    let len = tensor.data.len() / n;
    Tensor::from_vec([1, c, h, w], tensor.data[index * len..(index + 1) * len].to_vec())
}

#[test]
fn networks_agree_with_the_reference_over_two_frames() {
    let cases = [
        (Variant::MobileNetV3, Refiner::Deep, 45, 38, false),
        (Variant::MobileNetV3, Refiner::Fast, 17, 33, true),
        (Variant::ResNet50, Refiner::Deep, 34, 19, false),
    ];
    for (variant, refiner, h, w, one) in cases {
        let graph = network(variant, refiner, h, w, one);
        let mut engine = CpuEngine::new(graph.clone(), 2).unwrap();
        let mut out = Coefficients::default();
        for seed in 1..3 {
            let src = frame(2, &graph, seed);
            let values = reference_values(&graph, &src, &engine.state().unwrap());
            engine.step(&src, &mut out).unwrap();
            for (id, state) in graph.ports.state_out.iter().zip(engine.state().unwrap()) {
                assert!(difference(&state, values[id.0].as_ref().unwrap()) < 1e-5);
            }
            assert!(difference(&out.b, values[graph.ports.b.0].as_ref().unwrap()) < 1e-4);
            match graph.ports.a {
                Some(a) => assert!(difference(&out.a, values[a.0].as_ref().unwrap()) < 1e-4),
                None => assert!(out.a.shape == out.b.shape && out.a.data.iter().all(|&v| v == 0.0)),
            }
        }
    }
}

#[test]
fn threads_and_eyes_change_no_bit() {
    for variant in Variant::ALL {
        let graph = network(variant, Refiner::Deep, 61, 83, false);
        let run = |threads: usize, frames: &[Tensor]| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let eyes = frames[0].shape[0];
            let mut engine = CpuEngine::new(graph.clone(), eyes).unwrap();
            let mut out = Coefficients::default();
            pool.install(|| frames.iter().for_each(|f| engine.step(f, &mut out).unwrap()));
            (out, engine.state().unwrap())
        };
        let frames = [frame(2, &graph, 3), frame(2, &graph, 4)];
        let (out, state) = run(1, &frames);
        assert!(out.b.data.iter().all(|v| v.is_finite()));
        for threads in [2, 3, 7] {
            assert!((out.clone(), state.clone()) == run(threads, &frames), "{threads} threads");
        }
        for index in 0..2 {
            let alone = run(2, &frames.clone().map(|f| eye(&f, index)));
            let a = eye(&out.a, index) == alone.0.a;
            let b = eye(&out.b, index) == alone.0.b;
            let states = state.iter().zip(&alone.1).all(|(both, one)| eye(both, index) == *one);
            assert!(a && b && states, "{variant:?}: eye {index}");
        }
    }
}

#[test]
fn reset_and_state_round_trip() {
    let graph = network(Variant::MobileNetV3, Refiner::Fast, 33, 20, false);
    let mut engine = CpuEngine::keeping(graph.clone(), 1, &[graph.ports.hid, graph.ports.mat]).unwrap();
    let frames = [frame(1, &graph, 5), frame(1, &graph, 6)];
    let mut first = Coefficients::default();
    engine.step(&frames[0], &mut first).unwrap();
    let after_first = engine.state().unwrap();
    let mut second = Coefficients::default();
    engine.step(&frames[1], &mut second).unwrap();
    assert_ne!(engine.state().unwrap(), after_first);
    let hid = engine.value(graph.ports.hid).unwrap();
    assert_eq!(hid.shape, [1, 16, 33, 20]);
    assert!(engine.value(ValueId(7)).is_none());

    let mut again = Coefficients::default();
    engine.set_state(&after_first).unwrap();
    engine.step(&frames[1], &mut again).unwrap();
    assert!(again == second && engine.value(graph.ports.hid).unwrap() == hid);
    engine.reset();
    engine.step(&frames[0], &mut again).unwrap();
    assert!(again == first);
}

#[test]
fn buffers_are_reused_and_none_is_taken_after_the_first_step() {
    let graph = network(Variant::MobileNetV3, Refiner::Fast, 64, 64, false);
    let mut engine = CpuEngine::new(graph.clone(), 1).unwrap();
    let all: usize = graph.values.iter().map(|v| v.shape.iter().product::<usize>()).sum();
    assert!(engine.memory_floats() * 4 < all, "{} of {all}", engine.memory_floats());
    let mut out = Coefficients::default();
    engine.step(&frame(1, &graph, 1), &mut out).unwrap();
    let mut places = engine.buffer_addresses();
    places.extend([out.a.data.as_ptr(), out.b.data.as_ptr()]);
    places.sort_unstable();
    for seed in 2..5 {
        engine.step(&frame(1, &graph, seed), &mut out).unwrap();
        let mut now = engine.buffer_addresses();
        now.extend([out.a.data.as_ptr(), out.b.data.as_ptr()]);
        now.sort_unstable();
        assert_eq!(places, now);
    }
}

#[test]
fn wrong_shapes_are_errors() {
    let graph = network(Variant::MobileNetV3, Refiner::Fast, 16, 16, false);
    let mut engine = CpuEngine::new(graph, 2).unwrap();
    let mut out = Coefficients::default();
    for shape in [[1, 3, 16, 16], [2, 3, 16, 15], [2, 4, 16, 16]] {
        let step = engine.step(&Tensor::zeros(shape), &mut out);
        assert!(matches!(step, Err(Error::Shape { got, .. }) if got == shape));
    }
    let mut state = engine.state().unwrap();
    state.swap(0, 1);
    assert!(engine.set_state(&state).is_err());
}

#[test]
fn graphs_that_contradict_themselves_are_errors() {
    let build = |change: &dyn Fn(&mut Sketch)| {
        let mut sketch = Sketch::new([3, 4, 4]);
        change(&mut sketch);
        CpuEngine::new(Arc::new(sketch.graph), 1).err()
    };
    assert!(build(&|_| {}).is_none());
    let wrong: [&dyn Fn(&mut Sketch); 6] = [
        &|s| _ = s.node(Op::Add, &[ValueId(0)], [3, 4, 4]),
        &|s| _ = s.node(Op::AveragePool2, &[ValueId(0)], [3, 2, 3]),
        &|s| _ = s.node(Op::Box3, &[ValueId(9)], [3, 4, 4]),
        &|s| _ = s.node(Op::Slice { start: 2, len: 2 }, &[ValueId(0)], [2, 4, 4]),
        &|s| _ = s.node(Op::Concat, &[ValueId(0), ValueId(1)], [4, 4, 4]),
        &|s| s.graph.ports.state_out[0] = ValueId(0),
    ];
    for change in wrong {
        assert!(matches!(build(change), Some(Error::Graph { .. })));
    }
}
