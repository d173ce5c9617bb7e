//! Recorded values of the original implementation, through weights, graph, CPU engine and matte.
//!
//! Each file holds frames and what the original made of them, and names the weights it used
//! (`weights` in its metadata; the published ones where there is none). All frames are run in
//! order with carried state. Limits: relative L2 error 1e-4 of every recorded inner value, 2e-3 of
//! alpha at every pixel of every frame.

use std::path::Path;
use std::sync::Arc;

use half::f16;
use safetensors::{Dtype, SafeTensors};
use vrpipe::engine::Engine;
use vrpipe::engine::cpu::CpuEngine;
use vrpipe::frame::{Rect, Size};
use vrpipe::kernels::compose::{Matte, Shade};
use vrpipe::kernels::sample::{Stage, sample_rgb8};
use vrpipe::rvm::{Refiner, StageSize, Variant, Weights, build_graph};
use vrpipe::tensor::{Coefficients, Tensor};
use vrpipe::testing::shared;

const INNER_LIMIT: f64 = 1e-4;
const ALPHA_LIMIT: f32 = 2e-3;
/// Colour where the matte is not empty; the residual is added to the frame and clamped.
const COLOUR_LIMIT: f32 = 4e-3;

struct Golden<'a> {
    file: SafeTensors<'a>,
    worst: Vec<(String, f64)>,
}

impl Golden<'_> {
    fn tensor(&self, name: &str) -> Option<Tensor> {
        let view = self.file.tensor(name).ok()?;
        let data = view.data();
        let values = match view.dtype() {
            Dtype::F16 => data.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
            Dtype::F32 => data.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            other => panic!("{name}: {other:?}"),
        };
        Some(Tensor::from_vec(view.shape().try_into().unwrap(), values))
    }

    /// Relative L2 error of `got`, where the file has a value of that name.
    fn compare(&mut self, name: String, got: &Tensor) {
        let Some(expected) = self.tensor(&name) else { return };
        assert_eq!(got.shape, expected.shape, "{name}");
        let square = |x: f32| f64::from(x) * f64::from(x);
        let error: f64 = got.data.iter().zip(&expected.data).map(|(a, b)| square(a - b)).sum();
        let norm: f64 = expected.data.iter().map(|&b| square(b)).sum();
        assert!(norm > 0.0, "{name}: nothing to compare with");
        self.worst.push((name, (error / norm).sqrt()));
    }
}

/// Weights that the metadata names; `None` after saying that they are not there.
fn weights(test: &str, variant: Variant, refiner: Refiner, named: Option<&str>) -> Option<Weights> {
    if named == Some("synthetic") {
        return Some(Weights::synthetic(variant, refiner));
    }
    let path = shared(test, named.unwrap_or("models/rvm_mobilenetv3.safetensors"))?;
    let weights = Weights::load(&path).unwrap();
    assert_eq!((weights.variant(), weights.refiner()), (variant, refiner), "{}", path.display());
    Some(weights)
}

fn check(test: &str, path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    let refiner = match metadata["refiner"].as_str() {
        "fast_guided_filter" => Refiner::Fast,
        "deep_guided_filter" => Refiner::Deep,
        other => panic!("{other}"),
    };
    let named = metadata.get("weights").map(String::as_str);
    let variant = metadata["variant"].parse().unwrap();
    let Some(weights) = weights(test, variant, refiner, named) else { return };

    let mut golden = Golden { file: SafeTensors::deserialize(&bytes).unwrap(), worst: Vec::new() };
    let frames = golden.file.tensor("frames_u8").unwrap();
    let &[count, eyes, height, width, 3] = frames.shape() else { panic!("{:?}", frames.shape()) };
    let rgb = frames.data().to_vec();
    let size = Size::new(width, height);
    let stage = Stage::of(size, metadata["ratio"].parse().unwrap()).unwrap();
    let small = StageSize { height: stage.size.height, width: stage.size.width };
    let graph = Arc::new(build_graph(&weights, small, false).unwrap());
    let ports = graph.ports.clone();
    let mut engine = CpuEngine::keeping(graph, eyes, &[ports.hid, ports.mat]).unwrap();
    let mut out = Coefficients::default();
    let (mut worst_alpha, mut worst_colour) = (0f32, 0f32);
    for (t, frame) in rgb.chunks_exact(eyes * height * width * 3).enumerate() {
        let mut src = Tensor::zeros([eyes, 3, small.height, small.width]);
        let planes = src.data.chunks_exact_mut(3 * small.height * small.width);
        for (eye, planes) in frame.chunks_exact(height * width * 3).zip(planes) {
            sample_rgb8(eye, size, &stage, planes).unwrap();
        }
        engine.step(&src, &mut out).unwrap();

        golden.compare(format!("src_sm.{t}"), &src);
        golden.compare(format!("hid.{t}"), &engine.value(ports.hid).unwrap());
        golden.compare(format!("mat.{t}"), &engine.value(ports.mat).unwrap());
        golden.compare(format!("A.{t}"), &out.a);
        golden.compare(format!("b.{t}"), &out.b);
        for (i, state) in engine.state().unwrap().iter().enumerate() {
            golden.compare(format!("r{}.{t}", i + 1), state);
        }

        let alpha = golden.tensor(&format!("pha.{t}")).unwrap();
        let colour = golden.tensor(&format!("fgr.{t}"));
        let matte = Matte::new(&out, &vec![Rect { x: 0, y: 0, size }; eyes]).unwrap();
        let mut row = Default::default();
        for at in 0..eyes * height * width {
            let (eye, y, x) = (at / (height * width), at / width % height, at % width);
            if x == 0 {
                matte.begin_row(&mut row, eye, y);
            }
            let rgb = [0, 1, 2].map(|c| f32::from(frame[at * 3 + c]) / 255.0);
            let pixel = matte.shade(&row, x, rgb);
            let place = y * width + x;
            let got = pixel.alpha.clamp(0.0, 1.0);
            worst_alpha = worst_alpha.max((got - alpha.channel(eye, 0)[place]).abs());
            if let Some(colour) = &colour {
                for c in 0..3 {
                    let error = (pixel.rgb[c].clamp(0.0, 1.0) - colour.channel(eye, c)[place]).abs();
                    worst_colour = worst_colour.max(error);
                }
            }
        }
    }
    // Nine recorded values, each for the first and the last frame.
    assert_eq!(golden.worst.len(), 18);
    for (name, error) in &golden.worst {
        println!("{test}: {name}: relative L2 error {error:.1e}");
    }
    println!("{test}: {count} frames: worst alpha {worst_alpha:.1e}, colour {worst_colour:.1e}");
    assert!(golden.worst.iter().all(|(_, error)| *error <= INNER_LIMIT), "{:?}", golden.worst);
    assert!(worst_alpha <= ALPHA_LIMIT, "{worst_alpha}");
    assert!(worst_colour <= COLOUR_LIMIT, "{worst_colour}");
}

fn run(test: &str) {
    if let Some(path) = shared(test, &format!("golden/{test}.safetensors")) {
        check(test, &path);
    }
}

/// The published weights, on a clip with a person.
#[test]
fn mobilenetv3_carphone() {
    run("mobilenetv3_carphone");
}

/// Weights in the form of the published ONNX file: norms folded, initialisers without names.
#[test]
fn mobilenetv3_official_onnx() {
    run("mobilenetv3_official_onnx");
}

#[test]
fn mobilenetv3_synthetic() {
    run("mobilenetv3_synthetic");
}

#[test]
fn resnet50_synthetic() {
    run("resnet50_synthetic");
}
