//! The ONNX models that this program writes, run by onnxruntime, against the original network.
//!
//! This is the independent proof of weights and graph: nothing of our own computes here. Skipped
//! by name where the golden data, python3 or onnxruntime is missing.

use std::path::{Path, PathBuf};
use std::process::Command;
use vrpipe::rvm::onnx::{OnnxOptions, write_onnx};
use vrpipe::rvm::{Refiner, StageSize, Variant, Weights, build_graph};
use vrpipe::testing::shared;

/// What the script exits with when a module is missing.
const MISSING: i32 = 77;

fn check(test: &str, weights: &Weights, golden: &Path, size: StageSize, batch: usize) {
    let graph = build_graph(weights, size, false).unwrap();
    let model = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.onnx"));
    std::fs::write(&model, write_onnx(&graph, OnnxOptions { batch, inner_outputs: true })).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/onnx_check.py");
    let output = match Command::new("python3").arg(script).arg(&model).arg(golden).output() {
        Ok(output) => output,
        Err(error) => return eprintln!("skipped: {test}: python3: {error}"),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    match output.status.code() {
        Some(0) => println!("{text}"),
        Some(MISSING) => eprintln!("skipped: {test}: {}", text.trim()),
        _ => panic!("{test}:\n{text}{}", String::from_utf8_lossy(&output.stderr)),
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
