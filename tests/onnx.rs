//! The ONNX models that this program writes, run by onnxruntime, against the original network.
//!
//! This is the independent proof of weights and graph: nothing of our own computes here. Skipped
//! by name where the golden data, python3 or onnxruntime is missing.

use std::path::{Path, PathBuf};
use std::process::Command;
use vrpipe::rvm::onnx::{OnnxOptions, Precision, write_onnx};
use vrpipe::rvm::{Refiner, StageSize, Variant, Weights, build_graph};
use vrpipe::testing::shared;

/// What the script exits with when a module is missing.
const MISSING: i32 = 77;

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
    let python = std::env::var_os("VRPIPE_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let output = match Command::new(python).arg(script).arg(&model).arg(golden).arg(name).output() {
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
        let output = match Command::new("python3").args(["-c", script]).arg(&model).output() {
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
