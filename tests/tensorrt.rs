//! TensorRT ahead of time, with the real library and no GPU: it parses our ONNX, builds plans, and what goes wrong
//! is told. Where the library is not at hand (scripts/fetch_tensorrt.sh brings it) the tests say that they are
//! skipped.
#![cfg(feature = "tensorrt")]
#![allow(missing_docs)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use vrpipe::engine::tensorrt::{Capability, Error, Toolkit, library, plan_file, prepare};
use vrpipe::rvm::{Refiner, StageSize, Variant, Weights, build_graph};

/// Where the library is.
fn library_folder(test: &str) -> Option<PathBuf> {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/tensorrt");
    let found = library::find(fetched.is_dir().then_some(fetched.as_path()));
    match found {
        Ok(libraries) => libraries.library.parent().map(Path::to_path_buf),
        Err(error) => {
            eprintln!("skipped: {test}: {error}");
            None
        }
    }
}

fn vrpipe(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vrpipe"));
    let output = command.args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn plans_of_both_networks_are_built_for_gpus_that_are_not_here() {
    let Some(folder) = library_folder("plans_of_both_networks_are_built_for_gpus_that_are_not_here") else {
        return;
    };
    let toolkit = Toolkit::load(Some(&folder)).unwrap();
    let plans = tempfile::tempdir().unwrap();
    let mut count = 0;
    let kinds = [Capability::new(8, 6), Capability::new(8, 9), Capability::new(12, 0)];
    for (variant, refiner, ratio_is_one, height, width, eyes, kinds) in [
        (Variant::MobileNetV3, Refiner::Fast, false, 512, 512, 2, &kinds[..]),
        (Variant::MobileNetV3, Refiner::Deep, false, 288, 512, 2, &kinds[1..2]),
        (Variant::MobileNetV3, Refiner::Fast, true, 240, 426, 1, &kinds[2..]),
        (Variant::ResNet50, Refiner::Deep, false, 288, 512, 2, &kinds[..]),
        (Variant::ResNet50, Refiner::Fast, false, 181, 197, 1, &kinds[..1]),
    ] {
        let weights = Weights::synthetic(variant, refiner);
        let graph = build_graph(&weights, StageSize { height, width }, ratio_is_one).unwrap();
        let recipe = (&weights, &Arc::new(graph));
        for &capability in kinds {
            let built = std::cell::Cell::new(0);
            let building = || built.set(built.get() + 1);
            let prepare = || prepare(&toolkit, recipe, eyes, capability, plans.path(), &building);
            let prepared = prepare().unwrap();
            assert!(prepared.path.is_file(), "{}", prepared.path.display());
            // Half as many bytes as the weights have in 32 bits, and some code.
            let floats: usize = weights.convs().iter().map(|conv| conv.weight.len()).sum();
            let plan = plan_file::read_for(&prepared.path, &prepared.key).unwrap();
            assert!(plan.len() > floats * 2, "{} bytes for {floats} weights", plan.len());
            // A second time it is taken as it lies there, and built anew when it is cut.
            prepare().unwrap();
            assert_eq!(built.get(), 1);
            count += 1;
            if count == 1 {
                std::fs::write(&prepared.path, &plan[..100]).unwrap();
                prepare().unwrap();
                assert_eq!(built.get(), 2);
            }
        }
    }
    assert_eq!(plan_file::list(plans.path()).unwrap().len(), count);
}

#[test]
fn what_the_library_refuses_is_told_in_its_words() {
    let Some(folder) = library_folder("what_the_library_refuses_is_told_in_its_words") else { return };
    let toolkit = Toolkit::load(Some(&folder)).unwrap();
    let error = toolkit.build(b"no model at all", Capability::new(8, 9)).unwrap_err();
    assert!(
        matches!(&error, Error::Call { call: "parsing the ONNX model", said, .. } if said.len() > 5),
        "{error}"
    );
    let error = toolkit.build(b"", Capability::new(9, 0)).unwrap_err();
    assert!(matches!(error, Error::NotServed { .. }), "{error}");
}

#[test]
fn plans_come_from_the_command_line_and_are_checked() {
    let Some(library) = library_folder("plans_come_from_the_command_line_and_are_checked") else { return };
    let root = tempfile::tempdir().unwrap();
    let weights = root.path().join("weights.safetensors");
    let Some(model) = vrpipe::testing::shared(
        "plans_come_from_the_command_line_and_are_checked",
        "models/rvm_mobilenetv3.safetensors",
    ) else {
        return;
    };
    std::fs::copy(model, &weights).unwrap();
    let folder = root.path().join("plans");
    let [weights, folder_text, library] = [&weights, &folder, &library].map(|path| path.to_str().unwrap());
    let build = |arch: &str| {
        let size = ["--size", "256x144", "--model", weights, "--folder", folder_text];
        vrpipe(&[&["engine", "build", "--tensorrt-lib", library, "--arch", arch][..], &size].concat())
    };
    let (code, text) = build("8.6,12.0");
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("for want of a GPU") && text.contains("sm120.plan"), "{text}");
    let (code, text) = build("9.0");
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("does not run on GPUs of compute capability 9.0"), "{text}");

    let plans: Vec<PathBuf> = plan_file::list(&folder).unwrap().into_iter().map(|(path, _)| path).collect();
    let (code, text) = vrpipe(&["engine", "list", "--folder", folder_text]);
    assert_eq!((code, text.matches("2 eyes of 256x144").count()), (Some(0), 2), "{text}");
    let check = |path: &Path| vrpipe(&["engine", "check", "--tensorrt-lib", library, path.to_str().unwrap()]);
    assert_eq!(check(&plans[0]).0, Some(0));
    // Of another version, cut short, and none at all.
    let (mut key, plan) = plan_file::read(&plans[0]).unwrap();
    key.version.minor += 1;
    let other = plan_file::write(&folder, &key, &plan).unwrap();
    let (code, text) = check(&other);
    assert_eq!(code, Some(7));
    assert!(text.contains("build it again"), "{text}");
    let whole = std::fs::read(&plans[1]).unwrap();
    std::fs::write(&plans[1], &whole[..whole.len() / 2]).unwrap();
    let (code, text) = check(&plans[1]);
    assert!(code == Some(7) && text.contains("bytes, there are"), "{text}");
    let (code, text) = check(Path::new(weights));
    assert!(code == Some(7) && text.contains("not an engine plan"), "{text}");
    assert_eq!(vrpipe(&["engine", "list", "--folder", folder_text]).0, Some(7));
}

#[test]
fn a_library_that_is_missing_or_none_is_told() {
    let nowhere =
        vrpipe(&["engine", "build", "--size", "64x64", "--arch", "8.9", "--tensorrt-lib", "/nowhere"]);
    assert_eq!(nowhere.0, Some(7), "{}", nowhere.1);
    assert!(nowhere.1.contains("/nowhere") && nowhere.1.contains("--tensorrt-lib"), "{}", nowhere.1);
    let root = tempfile::tempdir().unwrap();
    for name in ["libtensorrt_rtx.so.1", "libtensorrt_onnxparser_rtx.so.1"] {
        std::fs::write(root.path().join(name), "not ELF").unwrap();
    }
    let folder = root.path().to_str().unwrap();
    let (code, text) =
        vrpipe(&["engine", "build", "--size", "64x64", "--arch", "8.9", "--tensorrt-lib", folder]);
    assert!(code == Some(7) && text.contains("libtensorrt_rtx.so.1"), "{text}");
}
