//! The ONNX models that this program writes, run by onnxruntime, against the original network.
//!
//! This is the independent proof of weights and graph: nothing of our own computes here, but in the last
//! test, which is about the limit for engines in halfs. Skipped by name where the golden data, python3 or
//! onnxruntime is missing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use vrpipe::engine::Engine;
use vrpipe::engine::cpu::CpuEngine;
use vrpipe::engine::tensorrt::{prepare, validation};
use vrpipe::rvm::onnx::{OnnxOptions, Precision, write_onnx};
use vrpipe::rvm::{Refiner, StageSize, Variant, Weights, build_graph};
use vrpipe::tensor::Coefficients;
use vrpipe::testing::shared;

/// What the script exits with when a module is missing.
const MISSING: i32 = 77;

/// One that has onnxruntime.
fn python() -> std::ffi::OsString {
    std::env::var_os("VRPIPE_TEST_PYTHON").unwrap_or_else(|| "python3".into())
}

/// In 32 bits and in halfs.
fn check(test: &str, weights: &Weights, golden: &Path, size: StageSize, batch: usize) {
    for precision in [Precision::Single, Precision::Half] {
        check_in(precision, test, weights, golden, size, batch);
    }
}

fn check_in(
    precision: Precision,
    test: &str,
    weights: &Weights,
    golden: &Path,
    size: StageSize,
    batch: usize,
) {
    let graph = build_graph(weights, size, false).expect("the size is in range");
    let name = if precision == Precision::Half { "half" } else { "single" };
    let model = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{name}.onnx"));
    let options = OnnxOptions { batch, inner_outputs: true, precision, ..OnnxOptions::default() };
    let bytes = write_onnx(&graph, options);
    std::fs::write(&model, bytes).expect("the folder for test files is writable");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx_check.py");
    let output = match Command::new(python()).arg(script).arg(&model).arg(golden).arg(name).output() {
        Ok(output) => output,
        Err(error) => return eprintln!("skipped: {test}: python3: {error}"),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(0) => println!("{text}"),
        Some(MISSING) => eprintln!("skipped: {test}: {}", text.trim()),
        _ => panic!("{test} {name}:\n{text}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

#[test]
fn mobilenetv3_synthetic_matches_the_original() {
    let test = "mobilenetv3_synthetic_matches_the_original";
    let Some(golden) = shared(test, "golden/mobilenetv3_synthetic.safetensors") else { return };
    let weights = Weights::synthetic(Variant::MobileNetV3, Refiner::Deep);
    check(test, &weights, &golden, StageSize { height: 90, width: 98 }, 2);
}

#[test]
fn resnet50_synthetic_matches_the_original() {
    let test = "resnet50_synthetic_matches_the_original";
    let Some(golden) = shared(test, "golden/resnet50_synthetic.safetensors") else { return };
    let weights = Weights::synthetic(Variant::ResNet50, Refiner::Deep);
    check(test, &weights, &golden, StageSize { height: 90, width: 98 }, 2);
}

#[test]
fn mobilenetv3_with_the_fast_filter_matches_the_original() {
    let test = "mobilenetv3_with_the_fast_filter_matches_the_original";
    let Some(golden) = shared(test, "golden/mobilenetv3_carphone.safetensors") else { return };
    let Some(model) = shared(test, "models/rvm_mobilenetv3.pth") else { return };
    let weights = Weights::load(&model).unwrap();
    check(test, &weights, &golden, StageSize { height: 144, width: 176 }, 2);
}

#[test]
fn weights_of_a_published_onnx_match_the_original() {
    let test = "weights_of_a_published_onnx_match_the_original";
    let Some(golden) = shared(test, "golden/mobilenetv3_official_onnx.safetensors") else { return };
    let Some(model) = shared(test, "models/rvm_mobilenetv3_dgf_test.onnx") else { return };
    let weights = Weights::load(&model).unwrap();
    check(test, &weights, &golden, StageSize { height: 144, width: 176 }, 1);
}

/// Ratio 1 and odd sizes: no original to compare with, but the model must load and run, and the
/// shapes it declares must be the ones that it gives.
#[test]
fn models_of_any_size_run() {
    let test = "models_of_any_size_run";
    let script = "import sys\n\
        try: import numpy, onnxruntime\n\
        except ImportError as error: print(error); sys.exit(77)\n\
        s = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n\
        out = s.run(None, {i.name: numpy.full(i.shape, 0.5, numpy.float32) for i in s.get_inputs()})\n\
        assert all(numpy.isfinite(o).all() for o in out)\n\
        assert [list(o.shape) for o in out] == [o.shape for o in s.get_outputs()]\n\
        print(' '.join(o.name for o in s.get_outputs()))";
    for (variant, ratio_is_one, height, width) in [
        (Variant::MobileNetV3, true, 47, 33),
        (Variant::MobileNetV3, false, 1, 1),
        (Variant::MobileNetV3, false, 17, 90),
        (Variant::ResNet50, true, 5, 31),
        (Variant::MobileNetV3, true, 64, 96),
        (Variant::MobileNetV3, false, 288, 512),
        (Variant::ResNet50, false, 45, 93),
    ] {
        let weights = Weights::synthetic(variant, Refiner::Fast);
        let graph = build_graph(&weights, StageSize { height, width }, ratio_is_one).unwrap();
        let model = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("any_size.onnx");
        // As TensorRT gets it, too.
        let (precision, maps_channels_last) =
            if width > 90 { (Precision::Half, true) } else { Default::default() };
        let options = OnnxOptions { batch: 2, inner_outputs: ratio_is_one, precision, maps_channels_last };
        std::fs::write(&model, write_onnx(&graph, options)).unwrap();
        let output = match Command::new(python()).args(["-c", script]).arg(&model).output() {
            Ok(output) => output,
            Err(error) => return eprintln!("skipped: {test}: python3: {error}"),
        };
        let text = String::from_utf8_lossy(&output.stdout);
        if output.status.code() == Some(MISSING) {
            return eprintln!("skipped: {test}: {}", text.trim());
        }
        assert!(output.status.success(), "{height}x{width}: {}", String::from_utf8_lossy(&output.stderr));
        let expected = if ratio_is_one { "b r1o r2o r3o r4o mat hid" } else { "A b r1o r2o r3o r4o" };
        assert_eq!(text.trim(), expected);
    }
}

/// The frames on which a TensorRT engine is compared with the CPU engine are no harder for halfs than golden data: an
/// engine that computes this ONNX stays well within the limit.
#[test]
fn halfs_stay_within_the_limit_of_engines() {
    let test = "halfs_stay_within_the_limit_of_engines";
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx_distance.py");
    let published = shared(test, "models/rvm_mobilenetv3.pth");
    let published = published.map(|path| Weights::load(&path).expect("the published weights are whole"));
    let made_up = [
        (Variant::MobileNetV3, Refiner::Deep),
        (Variant::MobileNetV3, Refiner::Fast),
        (Variant::ResNet50, Refiner::Fast),
    ];
    let made_up = made_up.map(|(variant, refiner)| Weights::synthetic(variant, refiner));
    let sizes = [(144, 176, false), (91, 97, false), (90, 98, true)];
    for weights in published.iter().chain(&made_up) {
        for (height, width, ratio_is_one) in sizes {
            let eyes = 2;
            let graph = Arc::new(build_graph(weights, StageSize { height, width }, ratio_is_one).unwrap());
            let mut engine = CpuEngine::new(Arc::clone(&graph), eyes).unwrap();
            let mut out = Coefficients::default();
            let mut floats = Vec::new();
            for index in 0..validation::FRAMES {
                let frame = validation::frame(&graph, eyes, index);
                engine.step(&frame, &mut out).unwrap();
                floats.extend(frame.data);
                if !ratio_is_one {
                    floats.extend(&out.a.data);
                }
                floats.extend(&out.b.data);
            }
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
            let (model, frames) = (folder.join("distance.onnx"), folder.join("distance.f32"));
            std::fs::write(&model, prepare::onnx(&graph, eyes)).unwrap();
            let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
            std::fs::write(&frames, bytes).unwrap();
            let output = match Command::new(python()).arg(&script).args([&model, &frames]).output() {
                Ok(output) => output,
                Err(error) => return eprintln!("skipped: {test}: python3: {error}"),
            };
            let text = String::from_utf8_lossy(&output.stdout);
            if output.status.code() == Some(MISSING) {
                return eprintln!("skipped: {test}: {}", text.trim());
            }
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{height}x{width}: {error}");
            let distance: f64 = text.trim().parse().unwrap();
            let (variant, refiner) = (weights.variant(), weights.refiner());
            println!("{variant} {refiner} {width}x{height} ratio 1 {ratio_is_one}: {distance:.1e}");
            assert!(distance < validation::LIMIT / 2.0, "{distance:.1e}, at most {:.0e}", validation::LIMIT);
        }
    }
}
