//! Every launch of a step against the operators of the reference, on the network itself.
//!
//! Each launch runs by itself; the feature map that it wrote is compared with that of the CPU engine. Errors of
//! half precision add up along the network, so the bound is on the relative L2 error.

use std::sync::Arc;

use super::super::launch::resolve;
use super::super::pack::Channel;
use super::super::tile::TILES;
use super::super::{Model, NativeEngine, Tiles};
use crate::engine::cpu::CpuEngine;
use crate::engine::{Engine, Error};
use crate::gpu::{Device, Stream};
use crate::rvm::graph::ValueId;
use crate::rvm::{Refiner, StageSize, Variant, Weights, build_graph};
use crate::tensor::{Coefficients, Tensor};
use half::f16;

/// Error of a feature map relative to its norm: some fifty roundings to half, 2^-11 each at worst.
const LIMIT: f64 = 1e-2;

fn noise(shape: [usize; 4], seed: u32) -> Tensor {
    let mut out = Tensor::zeros(shape);
    let mut state = seed.wrapping_mul(747_796_405).wrapping_add(1);
    for value in &mut out.data {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *value = (state >> 8) as f32 / (1 << 24) as f32;
    }
    out
}

fn error(got: &Tensor, expected: &Tensor) -> f64 {
    let square = |x: f32| f64::from(x).powi(2);
    let error: f64 = got.data.iter().zip(&expected.data).map(|(a, b)| square(a - b)).sum();
    let norm: f64 = expected.data.iter().map(|&b| square(b)).sum();
    (error / norm.max(1e-12)).sqrt()
}

fn check(variant: Variant, refiner: Refiner, [h, w]: [usize; 2], tiles: Tiles) {
    let device = Device::open(0).expect("the feature gpu-tests asks for a device");
    let weights = Weights::synthetic(variant, refiner);
    let graph = Arc::new(build_graph(&weights, StageSize { height: h, width: w }, false).unwrap());
    let eyes = 2;
    let model = Arc::new(Model::new(&device, &graph, eyes, tiles).unwrap());
    let mut memory = model.allocate().unwrap();
    let stream = Stream::new(&device).unwrap();
    let keep: Vec<ValueId> = model.plan.written.iter().map(|written| written.value).collect();
    let mut cpu = CpuEngine::keeping(graph.clone(), eyes, &keep).unwrap();
    let mut expected = Coefficients::default();

    for t in 0..2 {
        let src = noise([eyes, 3, h, w], 7 + t);
        cpu.step(&src, &mut expected).unwrap();
        let at = model.arena.offsets[model.plan.src.0];
        memory.buffers.upload_range_sync(&stream, at, &src.data).unwrap();
        for (index, step) in model.plan.steps.iter().enumerate() {
            let launch = resolve(&model.kernels, &model.bindings(&memory), step, model.tiles[index]);
            // SAFETY: the memory outlives the launch, which is waited for.
            unsafe { launch.enqueue(&stream).unwrap() };
            stream.synchronize().unwrap_or_else(|e| panic!("{}: {e:?}", model.describe(index)));
            for written in model.plan.written.iter().filter(|written| written.step == index) {
                let want = cpu.value(written.value).unwrap();
                let [n, _, h, w] = want.shape;
                let mut halfs = vec![f16::ZERO; n * h * w * written.place.pitch];
                let offset = model.arena.offsets[written.place.buffer.0];
                memory.buffers.download_range_sync(&stream, offset, &mut halfs).unwrap();
                let mut got = Tensor::zeros(want.shape);
                for (at, pixel) in halfs.chunks_exact(written.place.pitch).enumerate() {
                    for (channel, value) in written.map.iter().zip(&pixel[written.place.offset..]) {
                        assert!(value.is_finite(), "{}: {channel:?}", model.describe(index));
                        if let Channel::Of(c) = channel {
                            got.channel_mut(at / (h * w), *c)[at % (h * w)] = value.to_f32();
                        }
                    }
                }
                let error = error(&got, &want);
                let name = &graph.values[written.value.0].name;
                assert!(error <= LIMIT, "frame {t}, {name} by {}: {error:.1e}", model.describe(index));
            }
        }
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn mobilenetv3_launch_by_launch() {
    check(Variant::MobileNetV3, Refiner::Deep, [90, 98], Tiles::Guessed);
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn resnet50_launch_by_launch() {
    check(Variant::ResNet50, Refiner::Fast, [67, 61], Tiles::Guessed);
}

fn run(tiles: Tiles, variant: Variant) -> Result<(Coefficients, [Tensor; 4]), Error> {
    let device = Device::open(0)?;
    let weights = Weights::synthetic(variant, Refiner::Deep);
    let graph = build_graph(&weights, StageSize { height: 70, width: 83 }, false).unwrap();
    let model = Arc::new(Model::new(&device, &graph, 2, tiles)?);
    let mut engine = NativeEngine::new(&model)?;
    let mut out = Coefficients::default();
    for t in 0..3 {
        engine.step(&noise([2, 3, 70, 83], t), &mut out)?;
    }
    Ok((out, engine.state()?))
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn tile_shapes_change_no_bit() {
    for variant in [Variant::MobileNetV3, Variant::ResNet50] {
        let first = run(Tiles::Guessed, variant).unwrap();
        assert!(first.0.a.data.iter().chain(&first.0.b.data).all(|value| value.is_finite()));
        for (index, tile) in TILES.iter().enumerate() {
            assert!(run(Tiles::Fixed(index), variant).unwrap() == first, "{}", tile.name);
        }
        assert!(run(Tiles::Timed, variant).unwrap() == first, "timed");
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_reset_engine_repeats_itself_and_a_state_can_be_put_back() {
    let device = Device::open(0).expect("the feature gpu-tests asks for a device");
    let weights = Weights::synthetic(Variant::MobileNetV3, Refiner::Deep);
    let graph = build_graph(&weights, StageSize { height: 40, width: 56 }, false).unwrap();
    let model = Arc::new(Model::new(&device, &graph, 1, Tiles::Guessed).unwrap());
    let mut engine = NativeEngine::new(&model).unwrap();
    let frames: Vec<Tensor> = (0..3).map(|t| noise([1, 3, 40, 56], t)).collect();
    let mut outs = vec![Coefficients::default(); 3];
    for (frame, out) in frames.iter().zip(&mut outs) {
        engine.step(frame, out).unwrap();
    }
    assert!(outs[0] != outs[1]);
    let mut again = Coefficients::default();
    engine.reset();
    engine.step(&frames[0], &mut again).unwrap();
    assert!(again == outs[0]);
    engine.step(&frames[1], &mut again).unwrap();
    let state = engine.state().unwrap();
    engine.reset();
    engine.step(&frames[2], &mut again).unwrap();
    assert!(again != outs[2]);
    engine.set_state(&state).unwrap();
    engine.step(&frames[2], &mut again).unwrap();
    assert!(again == outs[2]);
}
