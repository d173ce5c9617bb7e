//! Thousands of frames through the native engine and, beside it, the 32-bit CPU engine: the error of alpha must
//! not grow. With states in 16 bits others saw it grow.
//!
//! A real clip runs forwards and backwards over and over; NVDEC decodes it. `$VRP_DRIFT_OUT` names a file for the
//! curve, `$VRP_DRIFT_FRAMES` another number of frames.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Instant;

use vrpipe::engine::Engine;
use vrpipe::engine::cpu::CpuEngine;
use vrpipe::engine::native::{Model, NativeEngine, Tiles};
use vrpipe::frame::Rect;
use vrpipe::gpu::{Device, Stream, nvdec};
use vrpipe::kernels::sample::{Stage, sample};
use vrpipe::media::Source;
use vrpipe::rvm::{StageSize, Weights, build_graph};
use vrpipe::tensor::{Coefficients, Tensor};
use vrpipe::testing::shared;

const FRAMES: usize = 5000;
/// 70 x 57 pixels of 176 x 144: small, so that the CPU engine keeps up.
const RATIO: f64 = 0.4;
/// More threads cost this little work more than they give.
const THREADS: usize = 4;
/// Frames that a point of the curve is the mean of; the first and the last ten are compared.
const POINT: usize = 50;
/// Of the first 500 frames' mean error, that of the last 500 may be so much.
const GROWTH: f64 = 1.25;
/// In units of alpha; what is below does not count as growth.
const FLOOR: f64 = 0.02 / 255.0;
const MEAN_LIMIT: f64 = 0.4 / 255.0;
const STATE_LIMIT: f64 = 1e-2;

/// Small frames of the clip, `[1, 3, h, w]`.
fn frames(test: &str, device: &Arc<Device>) -> Option<Vec<Tensor>> {
    let path = shared(test, "media/carphone_pristine.mp4")?;
    let mut source = Source::open(&path).unwrap();
    let video = source.video().clone();
    let library = nvdec::Library::load().unwrap();
    let feed: nvdec::Feed = Box::new(move || source.next_packet().map_err(Into::into));
    let options = nvdec::Options::default();
    let mut decoder = nvdec::Decoder::open(&library, device, (&video).into(), feed, options).unwrap();
    let stream = Stream::new(device).unwrap();
    let stage = Stage::of(video.size, RATIO).unwrap();
    let eyes = [Rect { x: 0, y: 0, size: video.size }];
    let mut frames = Vec::new();
    while let Some(mut surface) = decoder.next_surface().unwrap() {
        let picture = surface.to_picture(&stream, video.colour).unwrap();
        let mut small = Tensor::zeros([1, 3, stage.size.height, stage.size.width]);
        sample(&picture, &eyes, &stage, &mut small).unwrap();
        frames.push(small);
    }
    Some(frames)
}

/// Alpha at the size of the stage.
fn alpha(out: &Coefficients, src: &Tensor) -> Vec<f32> {
    let gray = |at: usize| (0..3).map(|c| src.channel(0, c)[at]).sum::<f32>() / 3.0;
    let maps = out.a.channel(0, 3).iter().zip(out.b.channel(0, 3)).enumerate();
    maps.map(|(at, (a, b))| (a * gray(at) + b).clamp(0.0, 1.0)).collect()
}

fn relative_error(got: &Tensor, expected: &Tensor) -> f64 {
    let square = |x: f32| f64::from(x).powi(2);
    let error: f64 = got.data.iter().zip(&expected.data).map(|(a, b)| square(a - b)).sum();
    (error / expected.data.iter().map(|&b| square(b)).sum::<f64>().max(1e-12)).sqrt()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn the_error_of_alpha_does_not_grow() {
    rayon::ThreadPoolBuilder::new().num_threads(THREADS).build().unwrap().install(run);
}

fn run() {
    let test = "the_error_of_alpha_does_not_grow";
    let device = Device::open(0).expect("the feature gpu-tests asks for a device");
    let Some(weights) = shared(test, "models/rvm_mobilenetv3.safetensors") else { return };
    let weights = Weights::load(&weights).unwrap();
    let Some(clip) = frames(test, &device) else { return };
    let [_, _, height, width] = clip[0].shape;
    let graph = Arc::new(build_graph(&weights, StageSize { height, width }, false).unwrap());
    let model = Arc::new(Model::new(&device, &graph, 1, Tiles::Guessed).unwrap());
    let mut engines: [Box<dyn Engine>; 2] =
        [Box::new(NativeEngine::new(&model).unwrap()), Box::new(CpuEngine::new(graph, 1).unwrap())];
    let mut outs = [Coefficients::default(), Coefficients::default()];
    let count = std::env::var("VRP_DRIFT_FRAMES").map_or(FRAMES, |text| text.parse().unwrap());
    assert!(count >= 20 * POINT, "too few frames to see anything grow");
    // Forwards and backwards, the ends once each: no jump anywhere.
    let round = 2 * (clip.len() - 1);
    let at = |t: usize| if t % round < clip.len() { t % round } else { round - t % round };

    let start = Instant::now();
    let (mut errors, mut opaque) = (Vec::with_capacity(count), 0.0);
    let mut spent = [0.0; 2];
    for t in 0..count {
        let src = &clip[at(t)];
        for ((engine, out), spent) in engines.iter_mut().zip(&mut outs).zip(&mut spent) {
            let began = Instant::now();
            engine.step(src, out).unwrap();
            *spent += began.elapsed().as_secs_f64();
        }
        let [got, want] = [alpha(&outs[0], src), alpha(&outs[1], src)];
        let sum: f64 = got.iter().zip(&want).map(|(a, b)| f64::from((a - b).abs())).sum();
        errors.push(sum / got.len() as f64);
        opaque += want.iter().map(|&v| f64::from(v)).sum::<f64>() / want.len() as f64;
    }
    let seconds = start.elapsed().as_secs_f64();
    let states = engines.each_ref().map(|engine| engine.state().unwrap());
    let state_errors: Vec<f64> =
        states[0].iter().zip(&states[1]).map(|(a, b)| relative_error(a, b)).collect();
    let curve: Vec<f64> = errors.chunks(POINT).map(|point| mean(point) * 255.0).collect();
    let (first, last) = (mean(&errors[..10 * POINT]), mean(&errors[count - 10 * POINT..]));
    let report = serde_json::json!({
        "device": device.name().unwrap(),
        "clip": format!("carphone_pristine.mp4, {} frames to and fro, stage {width}x{height}", clip.len()),
        "network": format!("{} with the {} guided filter", weights.variant(), weights.refiner()),
        "frames": count,
        "seconds": seconds,
        "seconds_native_and_cpu": spent,
        "mean_alpha": opaque / count as f64,
        "unit": "mean absolute difference of alpha to the 32-bit CPU engine, in 1/255",
        "first_500": first * 255.0,
        "last_500": last * 255.0,
        "all": mean(&errors) * 255.0,
        "worst_frame": errors.iter().fold(0.0, |a: f64, &b| a.max(b)) * 255.0,
        "state_relative_l2_at_the_end": state_errors,
        "frames_per_point": POINT,
        "curve": curve,
    });
    println!("{report:#}");
    if let Some(path) = std::env::var_os("VRP_DRIFT_OUT") {
        std::fs::write(path, format!("{report:#}\n")).unwrap();
    }
    assert!(opaque / count as f64 > 0.05, "a person is in the picture");
    assert!(last <= first * GROWTH + FLOOR, "{last} after {first}");
    assert!(mean(&errors) <= MEAN_LIMIT, "{}", mean(&errors));
    assert!(state_errors.iter().all(|&error| error <= STATE_LIMIT), "{state_errors:?}");
}
