//! Recorded values of the original implementation against the native engine, in half precision.
//!
//! As `golden.rs`, with the limits of half precision: relative L2 error of A, b and the states at most
//! 1e-2; alpha at full size off by 0.4/255 in the mean, and 99.9 % of its pixels within 3/255.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use half::f16;
use safetensors::{Dtype, SafeTensors};
use vrpipe::engine::Engine;
use vrpipe::engine::native::{Model, NativeEngine, Tiles};
use vrpipe::frame::{Rect, Size};
use vrpipe::gpu::Device;
use vrpipe::kernels::compose::{Matte, Shade};
use vrpipe::kernels::sample::{Stage, sample_rgb8};
use vrpipe::rvm::{Refiner, StageSize, Weights, build_graph};
use vrpipe::tensor::{Coefficients, Tensor};
use vrpipe::testing::shared;

const INNER_LIMIT: f64 = 1e-2;
const ALPHA_MEAN_LIMIT: f64 = 0.4 / 255.0;
const ALPHA_FAR: f32 = 3.0 / 255.0;
const ALPHA_FAR_SHARE: f64 = 1e-3;

fn tensor(file: &SafeTensors<'_>, name: &str) -> Option<Tensor> {
    let view = file.tensor(name).ok()?;
    let data = view.data();
    let values = match view.dtype() {
        Dtype::F16 => data.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        other => panic!("{name}: {other:?}"),
    };
    Some(Tensor::from_vec(view.shape().try_into().unwrap(), values))
}

fn relative_error(got: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(got.shape, expected.shape);
    let square = |x: f32| f64::from(x) * f64::from(x);
    let error: f64 = got.data.iter().zip(&expected.data).map(|(a, b)| square(a - b)).sum();
    let norm: f64 = expected.data.iter().map(|&b| square(b)).sum();
    assert!(norm > 0.0, "nothing to compare with");
    (error / norm).sqrt()
}

fn check(test: &str, path: &Path) {
    let device = Device::open(0).expect("the feature gpu-tests asks for a device");
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    let refiner = if metadata["refiner"] == "fast_guided_filter" { Refiner::Fast } else { Refiner::Deep };
    let weights = match metadata.get("weights").map(String::as_str) {
        Some("synthetic") => Weights::synthetic(metadata["variant"].parse().unwrap(), refiner),
        named => match shared(test, named.unwrap_or("models/rvm_mobilenetv3.safetensors")) {
            Some(path) => Weights::load(&path).unwrap(),
            None => return,
        },
    };

    let file = SafeTensors::deserialize(&bytes).unwrap();
    let frames = file.tensor("frames_u8").unwrap();
    let &[count, eyes, height, width, 3] = frames.shape() else { panic!("{:?}", frames.shape()) };
    let size = Size::new(width, height);
    let stage = Stage::of(size, metadata["ratio"].parse().unwrap()).unwrap();
    let small = StageSize { height: stage.size.height, width: stage.size.width };
    let graph = build_graph(&weights, small, false).unwrap();
    // Results do not depend on it; timing takes thousands of launches, each slow under a sanitizer.
    let tiles = if std::env::var_os("VRP_SANITIZER").is_some() { Tiles::Guessed } else { Tiles::Timed };
    let model = Arc::new(Model::new(&device, &graph, eyes, tiles).unwrap());
    let mut engine = NativeEngine::new(&model).unwrap();
    let mut out = Coefficients::default();
    let mut worst = Vec::new();
    let (mut sum, mut far, mut pixels) = (0f64, 0usize, 0usize);
    for (t, frame) in frames.data().chunks_exact(eyes * height * width * 3).enumerate() {
        let mut src = Tensor::zeros([eyes, 3, small.height, small.width]);
        let planes = src.data.chunks_exact_mut(3 * small.height * small.width);
        for (eye, planes) in frame.chunks_exact(height * width * 3).zip(planes) {
            sample_rgb8(eye, size, &stage, planes).unwrap();
        }
        engine.step(&src, &mut out).unwrap();
        let states = engine.state().unwrap();
        let named = ["A", "b", "r1", "r2", "r3", "r4"];
        for (name, got) in named.iter().zip([&out.a, &out.b].into_iter().chain(&states)) {
            if let Some(expected) = tensor(&file, &format!("{name}.{t}")) {
                worst.push((format!("{name}.{t}"), relative_error(got, &expected)));
            }
        }

        let alpha = tensor(&file, &format!("pha.{t}")).unwrap();
        let matte = Matte::new(&out, &vec![Rect { x: 0, y: 0, size }; eyes]).unwrap();
        let mut row = Default::default();
        for at in 0..eyes * height * width {
            let (eye, y, x) = (at / (height * width), at / width % height, at % width);
            if x == 0 {
                matte.begin_row(&mut row, eye, y);
            }
            let rgb = [0, 1, 2].map(|c| f32::from(frame[at * 3 + c]) / 255.0);
            let got = matte.shade(&row, x, rgb).alpha.clamp(0.0, 1.0);
            let error = (got - alpha.channel(eye, 0)[y * width + x]).abs();
            sum += f64::from(error);
            far += usize::from(error > ALPHA_FAR);
            pixels += 1;
        }
    }
    assert_eq!(worst.len(), 12, "six values, each for the first and the last frame");
    for (name, error) in &worst {
        println!("{test}: {name}: relative L2 error {error:.1e}");
    }
    let (mean, share) = (sum / pixels as f64, far as f64 / pixels as f64);
    println!("{test}: {count} frames: alpha mean error {:.3}/255, {share:.1e} beyond 3/255", mean * 255.0);
    assert!(worst.iter().all(|(_, error)| *error <= INNER_LIMIT), "{worst:?}");
    assert!(mean <= ALPHA_MEAN_LIMIT, "{mean}");
    assert!(share <= ALPHA_FAR_SHARE, "{share}");
}

fn run(test: &str) {
    if let Some(path) = shared(test, &format!("golden/{test}.safetensors")) {
        check(test, &path);
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn mobilenetv3_carphone() {
    run("mobilenetv3_carphone");
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn mobilenetv3_official_onnx() {
    run("mobilenetv3_official_onnx");
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn mobilenetv3_synthetic() {
    run("mobilenetv3_synthetic");
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn resnet50_synthetic() {
    run("resnet50_synthetic");
}
