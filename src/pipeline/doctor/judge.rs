//! From facts to verdicts: a pure function, so that machines that are not at hand can be judged in tests.
#![forbid(unsafe_code)]

use super::super::device::DeviceChoice;
use super::super::fault::Fault;
use super::facts::{Facts, GpuFacts};
use super::report::{Check, Verdict};
use crate::engine::tensorrt::{Capability, library::PRODUCT};
use crate::packet::Codec;

const GB: f64 = 1e9;
/// A lane of an 8K video holds 1.4 GB of its GPU, and the driver 0.16 GB (README).
const LANE_DEVICE_BYTES: u64 = 1_600_000_000;
/// Two encoders of 8K hold 2 GB (docs/encoder.md).
const LANE_HOST_BYTES: u64 = 2_000_000_000;
/// A minute of 8K needs some hundred megabytes, finished segments and output together.
const SCARCE_DISK_BYTES: u64 = 2_000_000_000;

/// All checks, in the order in which they are told.
pub fn judge(facts: &Facts, device: &DeviceChoice) -> Vec<Check> {
    let mut checks = vec![driver(facts, device), kernels(facts, device)];
    let gpus = facts.gpus.iter().enumerate();
    checks.extend(gpus.clone().map(|(ordinal, gpu)| self::gpu(ordinal, gpu, device)));
    checks.extend(gpus.filter_map(|(ordinal, gpu)| Some(decoding(ordinal, gpu.as_ref().ok()?))));
    checks.extend([tensorrt(facts), nvcc(facts), libvpx(facts), ffmpeg(facts, device), model(facts)]);
    checks.extend([disk(facts), memory(facts)]);
    if let DeviceChoice::Cuda(ordinals) = device {
        checks.extend(ordinals.iter().filter(|&&at| at >= facts.gpus.len()).map(|at| {
            Check::new(&format!("GPU {at}"), Verdict::Fatal(Fault::Device), "is not there".to_owned())
                .advice("choose another with --device")
        }));
    }
    checks
}

/// A thing of the GPU path that is missing: fatal only where a GPU was asked for by number.
fn without_gpu(device: &DeviceChoice) -> Verdict {
    match device {
        DeviceChoice::Cuda(_) => Verdict::Fatal(Fault::Device),
        DeviceChoice::Auto => Verdict::Limited,
        DeviceChoice::Cpu => Verdict::Good,
    }
}

fn driver(facts: &Facts, device: &DeviceChoice) -> Check {
    match &facts.driver {
        Ok(driver) => {
            let cuda = format!("CUDA up to {}.{}", driver.cuda / 1000, driver.cuda % 1000 / 10);
            let found = driver.version.as_ref().map_or(cuda.clone(), |version| format!("{version}, {cuda}"));
            if facts.gpus.is_empty() {
                let found = format!("{found}; no GPU");
                return Check::new("driver", without_gpu(device), found).advice(
                    "the CPU does all the work, a few frames a second; in a container, pass the GPU in",
                );
            }
            Check::new("driver", Verdict::Good, found)
        }
        Err(why) => Check::new("driver", without_gpu(device), why.clone()).advice(
            "the CPU does all the work, a few frames a second; for an NVIDIA GPU, install its driver \
             (in a container: pass the GPU in, with the capabilities compute, utility and video)",
        ),
    }
}

fn kernels(facts: &Facts, device: &DeviceChoice) -> Check {
    if facts.kernels_built {
        return Check::new("kernels", Verdict::Good, "compiled into this program".to_owned());
    }
    Check::new("kernels", without_gpu(device), "this program was built without nvcc".to_owned())
        .advice("no GPU can be used: run scripts/fetch_nvcc.sh and build again")
}

/// Whether the GPU takes part in the run that is asked about.
fn takes_part(ordinal: usize, device: &DeviceChoice) -> bool {
    match device {
        DeviceChoice::Cuda(ordinals) => ordinals.contains(&ordinal),
        DeviceChoice::Auto => true,
        DeviceChoice::Cpu => false,
    }
}

fn gpu(ordinal: usize, gpu: &Result<GpuFacts, String>, device: &DeviceChoice) -> Check {
    let subject = format!("GPU {ordinal}");
    let wanted = takes_part(ordinal, device);
    match gpu {
        Ok(GpuFacts { name, compute_capability: (major, minor), memory: (free, all), .. }) => {
            let (free_gb, all_gb) = (*free as f64 / GB, *all as f64 / GB);
            let found =
                format!("{name}, compute capability {major}.{minor}, {free_gb:.1} of {all_gb:.1} GB free");
            if wanted && *free < LANE_DEVICE_BYTES {
                return Check::new(&subject, Verdict::Limited, found)
                    .advice("an 8K lane takes 1.6 GB: smaller videos only, or free some memory");
            }
            Check::new(&subject, Verdict::Good, found)
        }
        Err(why) => {
            let verdict = if wanted { without_gpu(device) } else { Verdict::Good };
            Check::new(&subject, verdict, why.clone()).advice("this GPU is not used")
        }
    }
}

fn decoding(ordinal: usize, gpu: &GpuFacts) -> Check {
    let subject = format!("NVDEC {ordinal}");
    let kinds = match &gpu.decoding {
        Ok(kinds) => kinds,
        Err(why) => {
            return Check::new(&subject, Verdict::Limited, why.clone())
                .advice("videos are decoded on the CPU; in a container, add the driver capability video");
        }
    };
    let told = kinds.iter().map(|(codec, depth, caps)| match caps.supported {
        true => format!("{codec} {depth} bit up to {} ({} engines)", caps.max, caps.engines),
        false => format!("{codec} {depth} bit not"),
    });
    let check = Check::new(&subject, Verdict::Good, told.collect::<Vec<_>>().join(", "));
    let missing = |codec| !kinds.iter().any(|(kind, _, caps)| *kind == codec && caps.supported);
    if missing(Codec::H264) && missing(Codec::Hevc) {
        return Check { verdict: Verdict::Limited, ..check }.advice("H.264 and HEVC are decoded on the CPU");
    }
    check
}

fn tensorrt(facts: &Facts) -> Check {
    let served = facts.gpus.iter().flatten().any(|gpu| {
        let (major, minor) = gpu.compute_capability;
        Capability::new(major.unsigned_abs(), minor.unsigned_abs()).check().is_ok()
    });
    let native = "not needed: the native engine runs on every GPU from 7.5 on";
    match (&facts.tensorrt, facts.tensorrt_built) {
        (_, false) => Check::new("TensorRT", Verdict::Good, "this program was built without it".to_owned())
            .advice(&format!("{native}; for it, install libclang and build with --features tensorrt")),
        (Err(why), true) => Check::new("TensorRT", Verdict::Good, why.clone())
            .advice(&format!("{native}; the Python package tensorrt-rtx-cu13-libs has the library")),
        (Ok((libraries, version)), true) => {
            let found = format!("{PRODUCT} {version} at {}", libraries.library.display());
            let check = Check::new("TensorRT", Verdict::Good, found);
            match facts.gpus.is_empty() || served {
                true => check,
                false => check.advice(&format!("none of the GPUs here is served by {PRODUCT}; {native}")),
            }
        }
    }
}

fn nvcc(facts: &Facts) -> Check {
    let found = facts.nvcc.as_ref().map_or("not found".to_owned(), |path| path.display().to_string());
    let found = format!("{found}; it and NVRTC are not needed to run, nvcc only to build this program");
    Check::new("nvcc", Verdict::Good, found)
}

fn libvpx(facts: &Facts) -> Check {
    let (major, minor, patch) = facts.libvpx;
    let check = Check::new("libvpx", Verdict::Good, format!("{major}.{minor}.{patch}, linked in"));
    if facts.libvpx < (1, 12, 0) {
        return Check { verdict: Verdict::Limited, ..check }
            .advice("some settings of the encoder need 1.12; build on a newer system or set its folder");
    }
    check
}

fn ffmpeg(facts: &Facts, device: &DeviceChoice) -> Check {
    let why = match &facts.ffmpeg {
        Ok(version) => return Check::new("ffmpeg", Verdict::Good, version.clone()),
        Err(why) => why,
    };
    let has_nvdec = |gpu: &GpuFacts| {
        let decodes = |codec| {
            let kinds = gpu.decoding.as_deref().unwrap_or_default();
            kinds.iter().any(|(kind, _, caps)| *kind == codec && caps.supported)
        };
        decodes(Codec::H264) && decodes(Codec::Hevc)
    };
    let gpus = facts.gpus.iter().enumerate().filter(|(ordinal, _)| takes_part(*ordinal, device));
    let (verdict, advice) = match gpus.filter_map(|(_, gpu)| gpu.as_ref().ok()).any(has_nvdec) {
        true => (Verdict::Limited, "install it: what NVDEC does not take, and some kinds of sound, need it"),
        false => (Verdict::Fatal(Fault::SetUp), "install it: without NVDEC all codecs but AV1 need it"),
    };
    Check::new("ffmpeg", verdict, why.clone()).advice(advice)
}

fn model(facts: &Facts) -> Check {
    match &facts.model {
        Ok((path, what)) => Check::new("model", Verdict::Good, format!("{}: {what}", path.display())),
        Err(why) => {
            let check = Check::new("model", Verdict::Fatal(Fault::SetUp), why.clone());
            match facts.other_models.first() {
                Some((name, path)) => check.advice(&format!("--model {name} is there: {}", path.display())),
                None => check.advice("`vrpipe model fetch mobilenetv3` downloads one (15 MB)"),
            }
        }
    }
}

fn disk(facts: &Facts) -> Check {
    let (folder, free) = &facts.disk;
    match free {
        Ok(0) => Check::new("disk", Verdict::Fatal(Fault::Output), format!("{}: full", folder.display()))
            .advice("make room, or choose another folder"),
        Ok(bytes) => {
            let found = format!("{}: {:.1} GB free", folder.display(), *bytes as f64 / GB);
            let check = Check::new("disk", Verdict::Good, found);
            match *bytes < SCARCE_DISK_BYTES {
                true => Check { verdict: Verdict::Limited, ..check }
                    .advice("`vrpipe plan` tells how much a run needs, outputs and finished segments"),
                false => check,
            }
        }
        Err(why) => Check::new("disk", Verdict::Fatal(Fault::Output), format!("{}: {why}", folder.display())),
    }
}

fn memory(facts: &Facts) -> Check {
    let told = match facts.memory_bytes {
        u64::MAX => "memory unknown".to_owned(),
        bytes => format!("{:.1} GB of memory to be had", bytes as f64 / GB),
    };
    let check = Check::new("host", Verdict::Good, format!("{} CPU threads, {told}", facts.threads));
    match facts.memory_bytes < LANE_HOST_BYTES {
        true => Check { verdict: Verdict::Limited, ..check }
            .advice("two encoders of an 8K video take 2 GB: smaller videos only"),
        false => check,
    }
}
