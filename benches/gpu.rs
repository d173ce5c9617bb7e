//! Times of the GPU path on device 0, as one JSON object: copy bandwidth, kernels, network steps.
//!
//! `cargo bench --bench gpu [-- profile | steps | once]`; with `profile` each launch of a step is listed too: what it
//! adds to the step, and its time by itself, over and over. With `steps` there are the network's steps only, with
//! `once` every launch of a step is made once and nothing timed, for a profiler. Times are taken by CUDA events over many runs enqueued together: the median of several such batches, with the
//! smallest and largest as the spread.

use std::sync::Arc;

use serde_json::{Value, json};
use vrpipe::engine::native::{Model, NativeEngine, Tiles};
use vrpipe::frame::{Colour, Matrix, Range, Size};
use vrpipe::gpu::{Device, DeviceBuffer, Error, Event, Stream};
use vrpipe::kernels::compose::ComposeJob;
use vrpipe::kernels::device::{DeviceComposite, DevicePicture};
use vrpipe::kernels::sample::{SampleJob, Stage};
use vrpipe::layout::Packing;
use vrpipe::rvm::{Refiner, StageSize, Variant, Weights, build_graph};

const BATCHES: usize = 9;
/// Bytes of a 10-bit 7680x3840 surface in, 8-bit colour and alpha out: what compose moves.
const COMPOSE_BYTES: usize = 7680 * 3840 * 3 + 7680 * 3840 * 5 / 2;

/// Milliseconds per run: median, least and most over batches of `runs`.
fn time(
    stream: &Stream,
    runs: usize,
    mut enqueue: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<[f32; 3]> {
    let device = stream.device();
    let (start, end) = (Event::timing(device)?, Event::timing(device)?);
    for _ in 0..runs.min(10) {
        enqueue()?;
    }
    let mut times = Vec::with_capacity(BATCHES);
    for _ in 0..BATCHES {
        start.record(stream)?;
        for _ in 0..runs {
            enqueue()?;
        }
        end.record(stream)?;
        end.synchronize()?;
        times.push(end.ms_since(&start)? / runs as f32);
    }
    times.sort_by(f32::total_cmp);
    Ok([times[BATCHES / 2], times[0], times[BATCHES - 1]])
}

fn entry([median, least, most]: [f32; 3]) -> Value {
    json!({ "ms": median, "ms_min": least, "ms_max": most })
}

/// A copy that moves as many bytes (read and written) as compose does.
fn copy(device: &Arc<Device>) -> anyhow::Result<Value> {
    let stream = Stream::new(device)?;
    let half = COMPOSE_BYTES / 2;
    // Several pairs in turn, so that no copy finds its data in the cache.
    let sources = (0..4).map(|_| DeviceBuffer::zeroed(device, half)).collect::<Result<Vec<_>, Error>>()?;
    let mut targets =
        (0..4).map(|_| DeviceBuffer::zeroed(device, half)).collect::<Result<Vec<_>, Error>>()?;
    let mut at = 0;
    let ms = time(&stream, 40, || {
        at = (at + 1) % 4;
        Ok(targets[at].copy_from(&stream, &sources[at], half)?)
    })?;
    let mut value = entry(ms);
    value["gb_per_s"] = json!(COMPOSE_BYTES as f64 / f64::from(ms[0]) / 1e6);
    Ok(value)
}

fn network(device: &Arc<Device>, variant: Variant, profile: bool) -> anyhow::Result<Value> {
    let weights = Weights::synthetic(variant, Refiner::Deep);
    let graph = build_graph(&weights, StageSize { height: 512, width: 512 }, false)?;
    let begin = std::time::Instant::now();
    let model = Arc::new(Model::new(device, &graph, 2, Tiles::Timed)?);
    let built_ms = begin.elapsed().as_secs_f64() * 1e3;
    let mut engine = NativeEngine::new(&model)?;
    let source: Vec<f32> = (0..2 * 3 * 512 * 512u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32)
        .collect();
    engine.upload_src(&source)?;
    let stream = Stream::new(device)?;
    let ms = time(&stream, 50, || Ok(engine.enqueue_on(&stream)?))?;
    let mut value = entry(ms);
    let (weight_bytes, lane_bytes) = model.memory_bytes();
    value["prepare_ms"] = json!(built_ms);
    value["weight_bytes"] = json!(weight_bytes);
    value["lane_bytes"] = json!(lane_bytes);
    if profile {
        let alone = engine.profile(50)?;
        for ((name, alone), (_, in_place)) in alone.into_iter().zip(engine.profile_in_place(20)?) {
            eprintln!("{variant:?} {:8.1} {:8.1} us  {name}", in_place * 1e3, alone * 1e3);
        }
    }
    Ok(value)
}

/// `sample` and `compose` of an 8K stereo frame of 10 bits; in `visible` of each eye there is somebody.
fn full_size(device: &Arc<Device>) -> anyhow::Result<Value> {
    let frame = Size::new(7680, 3840);
    let eyes = Packing::SideBySide.eyes(frame);
    let stage = Stage::of(eyes[0].size, 512.0 / 3840.0)?;
    let stream = Stream::new(device)?;
    let pitch = frame.width * 2;
    let samples: Vec<u16> =
        (0..frame.area() as u32 * 3 / 2).map(|i| (i.wrapping_mul(2_654_435_761) >> 22 << 6) as u16).collect();
    // Several surfaces in turn, so that no pass finds its input in the cache.
    let surfaces =
        (0..3).map(|_| DeviceBuffer::from_slice(device, &samples)).collect::<Result<Vec<_>, _>>()?;
    let colour = Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 };
    let picture = |at: usize| {
        DevicePicture::semi_planar(surfaces[at].address(), pitch, frame.height, frame, 10, colour)
    };
    let sample = SampleJob::new(device, frame, &eyes, &stage)?;
    let compose = ComposeJob::new(device, frame, &eyes, stage.size)?;
    let small = DeviceBuffer::zeroed(device, 2 * 3 * stage.size.area() * 4)?;
    let mut outs = (0..3).map(|_| DeviceComposite::new(device, frame)).collect::<Result<Vec<_>, _>>()?;

    let mut at = 0;
    let sample_ms = time(&stream, 50, || {
        at = (at + 1) % 3;
        // SAFETY: surfaces and result live to the end, and each timing ends by waiting.
        let done = unsafe { sample.enqueue(&stream, &picture(at), small.address()) };
        Ok(done?)
    })?;
    let mut report = json!({ "sample": entry(sample_ms) });
    for (name, radius) in [("nobody", 0.0f32), ("a_third_visible", 0.325), ("all_visible", 2.0)] {
        let maps = |scale: f32, alpha: bool| -> Vec<f32> {
            let value = |i: usize| {
                let (x, y) = ((i / 4 % 512) as f32 / 512.0 - 0.5, (i / 2048 % 512) as f32 / 512.0 - 0.5);
                match i % 4 {
                    3 if alpha => (radius - x.hypot(y)) * 40.0,
                    3 => 0.0,
                    c => scale * ((x * 37.0 + y * 11.0 + c as f32).sin()),
                }
            };
            (0..2 * 512 * 512 * 4).map(value).collect()
        };
        let a = DeviceBuffer::from_slice(device, &maps(0.2, false))?;
        let b = DeviceBuffer::from_slice(device, &maps(0.1, true))?;
        let ms = time(&stream, 50, || {
            at = (at + 1) % 3;
            // SAFETY: as above.
            let done =
                unsafe { compose.enqueue(&stream, &picture(at), (a.address(), b.address()), &mut outs[at]) };
            Ok(done?)
        })?;
        report["compose"][name] = entry(ms);
        report["compose"][name]["gb_per_s"] = json!(COMPOSE_BYTES as f64 / f64::from(ms[0]) / 1e6);
    }
    Ok(report)
}

/// Every kernel of a step once, for a profiler to look at.
fn once(device: &Arc<Device>) -> anyhow::Result<()> {
    for variant in [Variant::MobileNetV3, Variant::ResNet50] {
        let weights = Weights::synthetic(variant, Refiner::Deep);
        let graph = build_graph(&weights, StageSize { height: 512, width: 512 }, false)?;
        let model = Arc::new(Model::new(device, &graph, 2, Tiles::Guessed)?);
        NativeEngine::new(&model)?.profile(1)?;
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    // `cargo test --benches` runs every bench to see that it starts.
    if std::env::args().any(|arg| arg == "--test") {
        return Ok(());
    }
    let asked = |what: &str| std::env::args().any(|arg| arg == what);
    let profile = asked("profile");
    let device = Device::open(0)?;
    if asked("once") {
        return once(&device);
    }
    let mut report = json!({ "device": device.name()?, "batches": BATCHES });
    if !asked("steps") {
        report["copy_of_compose_bytes"] = copy(&device)?;
        report["frame_7680x3840_10bit"] = full_size(&device)?;
    }
    for (name, variant) in [("mobilenetv3", Variant::MobileNetV3), ("resnet50", Variant::ResNet50)] {
        report["step_2x512x512"][name] = network(&device, variant, profile)?;
    }
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
