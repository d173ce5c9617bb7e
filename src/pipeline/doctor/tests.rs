//! Machines that are not at hand, judged; and the one that is.

use super::super::device::DeviceChoice;
use super::facts::{Driver, Facts, GpuFacts, Wanted};
use super::judge::judge;
use super::report::{Check, Checkup, Verdict};
use crate::engine::tensorrt::{Libraries, Version};
use crate::frame::Size;
use crate::gpu::nvdec::Caps;
use crate::packet::Codec;
use std::path::PathBuf;

fn decodes(codec: Codec, depth: u8) -> (Codec, u8, Caps) {
    let (min, max) = (Size::new(48, 16), Size::new(8192, 8192));
    let caps =
        Caps { supported: true, engines: 7, min, max, max_macroblocks: 1 << 18, nv12: true, p016: true };
    (codec, depth, caps)
}

/// An H100 with everything installed.
fn good() -> Facts {
    let gpu = GpuFacts {
        name: "NVIDIA H100".into(),
        compute_capability: (9, 0),
        memory: (80_000_000_000, 85_000_000_000),
        decoding: Ok(vec![decodes(Codec::H264, 8), decodes(Codec::Hevc, 10), (Codec::Av1, 8, Caps::NONE)]),
    };
    Facts {
        driver: Ok(Driver { version: Some("580.159.04".into()), cuda: 13000 }),
        kernels_built: true,
        nvcc: None,
        gpus: vec![Ok(gpu)],
        tensorrt: Ok((
            Libraries { library: "/lib/libtensorrt_rtx.so.1".into(), parser: "/lib/p".into() },
            Version { major: 1, minor: 7, patch: 1 },
        )),
        tensorrt_built: true,
        libvpx: (1, 12, 0),
        ffmpeg: Ok("ffmpeg version 5.1".into()),
        model: Ok(("engines/rvm.pth".into(), "mobilenetv3 with the fast guided filter".into())),
        other_models: vec![],
        disk: ("out".into(), Ok(100_000_000_000)),
        threads: 16,
        memory_bytes: 64_000_000_000,
    }
}

fn bare() -> Facts {
    Facts { driver: Err("no CUDA driver".into()), gpus: vec![], ..good() }
}

fn look(facts: &Facts, device: &DeviceChoice) -> Checkup {
    Checkup::new(judge(facts, device))
}

fn of<'a>(checkup: &'a Checkup, subject: &str) -> &'a Check {
    checkup.checks.iter().find(|check| check.subject == subject).unwrap()
}

#[test]
fn a_machine_with_all_there_is_works() {
    let checkup = look(&good(), &DeviceChoice::Auto);
    assert!(checkup.works && checkup.exit_code == 0, "{}", checkup.text());
    assert!(checkup.checks.iter().all(|check| check.verdict == Verdict::Good), "{}", checkup.text());
    assert!(of(&checkup, "NVDEC 0").found.contains("HEVC 10 bit up to 8192x8192 (7 engines), AV1 8 bit not"));
    assert!(of(&checkup, "driver").found.contains("580.159.04, CUDA up to 13.0"));
}

#[cfg(not(feature = "tensorrt-enterprise"))]
#[test]
fn tensorrt_rtx_on_hopper_is_said_not_to_serve() {
    let checkup = look(&good(), &DeviceChoice::Auto);
    let advice = of(&checkup, "TensorRT").advice.as_deref().unwrap();
    assert!(advice.contains("none of the GPUs here") && advice.contains("native engine"), "{advice}");
}

#[test]
fn no_gpu_limits_a_run_and_fails_one_on_a_gpu() {
    let checkup = look(&bare(), &DeviceChoice::Auto);
    assert_eq!((checkup.works, of(&checkup, "driver").verdict), (true, Verdict::Limited));
    assert!(of(&checkup, "driver").advice.is_some());
    assert!(look(&bare(), &DeviceChoice::Cpu).works);
    let checkup = look(&bare(), &DeviceChoice::Cuda(vec![0]));
    assert_eq!((checkup.works, checkup.exit_code), (false, 4));
    assert_eq!(look(&good(), &DeviceChoice::Cuda(vec![0])).exit_code, 0);
    let checkup = look(&good(), &DeviceChoice::Cuda(vec![0, 3]));
    assert_eq!((of(&checkup, "GPU 3").found.as_str(), checkup.exit_code), ("is not there", 4));
}

#[test]
fn ffmpeg_may_be_missing_beside_nvdec_only() {
    let without = |facts: Facts| Facts { ffmpeg: Err("ffmpeg was not found".into()), ..facts };
    let checkup = look(&without(good()), &DeviceChoice::Auto);
    assert_eq!((checkup.works, of(&checkup, "ffmpeg").verdict), (true, Verdict::Limited));
    for (facts, device) in [(bare(), DeviceChoice::Auto), (good(), DeviceChoice::Cpu)] {
        assert_eq!(look(&without(facts), &device).exit_code, 7);
    }
}

#[test]
fn what_is_missing_comes_with_a_way_out() {
    let no_model = Facts { model: Err("no model \"mobilenetv3\"".into()), ..good() };
    let checkup = look(&no_model, &DeviceChoice::Auto);
    assert_eq!(checkup.exit_code, 7);
    assert!(of(&checkup, "model").advice.as_deref().unwrap().contains("model fetch"));
    let other = Facts { other_models: vec![("resnet50", PathBuf::from("r.pth"))], ..no_model };
    assert!(
        of(&look(&other, &DeviceChoice::Auto), "model")
            .advice
            .as_deref()
            .unwrap()
            .contains("--model resnet50")
    );
    let full = Facts { disk: ("out".into(), Ok(0)), ..good() };
    assert_eq!(look(&full, &DeviceChoice::Auto).exit_code, 6);
    let old = Facts { libvpx: (1, 11, 0), kernels_built: false, memory_bytes: 1 << 30, ..bare() };
    let checkup = look(&old, &DeviceChoice::Auto);
    assert!(checkup.works);
    for check in checkup.checks.iter().filter(|check| check.verdict != Verdict::Good) {
        assert!(check.advice.is_some(), "{check:?}");
    }
}

#[test]
fn json_and_text_say_the_same() {
    let checkup = look(&Facts { ffmpeg: Err("line one\nline two".into()), ..bare() }, &DeviceChoice::Auto);
    let json = serde_json::to_value(&checkup).unwrap();
    assert_eq!((json["works"].as_bool(), json["exit_code"].as_u64()), (Some(false), Some(7)));
    let all = json["checks"].as_array().unwrap();
    assert_eq!(all.len(), checkup.checks.len());
    let ffmpeg = all.iter().find(|check| check["subject"] == "ffmpeg").unwrap();
    assert_eq!(
        (ffmpeg["verdict"].as_str(), ffmpeg["found"].as_str()),
        (Some("missing"), Some("line one\nline two"))
    );
    let text = checkup.text();
    assert!(text.contains("missing  ffmpeg    line one\n                   line two\n"), "{text}");
    assert!(text.ends_with("a run would fail here (exit code 7)"), "{text}");
}

/// Whatever machine this is, the doctor gets to an end and looks at everything.
#[test]
fn this_machine_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = Wanted {
        model: "no such model".into(),
        folder: folder.path().join("not/there/yet"),
        tensorrt_lib: Some(folder.path().to_path_buf()),
    };
    let checkup = super::checkup(&wanted, &DeviceChoice::Cpu);
    assert_eq!((checkup.works, of(&checkup, "model").verdict.word()), (false, "missing"));
    assert!(of(&checkup, "disk").found.contains("GB free"), "{}", checkup.text());
    for subject in ["driver", "kernels", "TensorRT", "nvcc", "libvpx", "ffmpeg", "host"] {
        of(&checkup, subject);
    }
}
