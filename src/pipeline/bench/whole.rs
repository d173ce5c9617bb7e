//! The run of everything: over a file as `vrpipe run` does it, over drawn pictures lane by lane.
#![forbid(unsafe_code)]

use super::drawn::DrawnDecoder;
use super::encoders::muxer;
use super::on_cpu::failed;
use super::report::{ClockRow, Whole};
use super::sampler::Sampler;
use super::scene::Scene;
use crate::frame::Picture;
use crate::lane::{CpuLane, Encoded, GpuLane, GpuSource, Output, Span, Treatment};
use crate::layout::Edge;
use crate::pipeline::batch::run_with;
use crate::pipeline::device::Found;
use crate::pipeline::encoding::{GpuBuffers, pair};
use crate::pipeline::error::Error;
use crate::pipeline::fault::Fault;
use crate::pipeline::matting::{matte_on_cpu, matte_on_gpu};
use crate::pipeline::plan::MattePlan;
use crate::pipeline::progress::{Event, Observer};
use crate::pipeline::report::QueueReport;
use crate::pipeline::settings::Settings;
use crate::pipeline::stop::Stop;
use crate::telemetry::LaneClocks;
use crate::webm::muxer as webm;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Collects how far the run is.
struct Collector(Arc<AtomicU64>);

impl Observer for Collector {
    fn event(&self, event: Event<'_>) {
        if let Event::Frames { done, .. } = event {
            self.0.fetch_max(done, Ordering::Relaxed);
        }
    }
}

/// Runs everything with the sampler beside it.
pub(super) fn whole(scene: &Scene, pictures: Vec<Picture>, stop: &Stop) -> Result<Whole, Error> {
    let frames = Arc::new(AtomicU64::new(0));
    let sampler = Sampler::start(Arc::clone(&frames))
        .map_err(|source| Error::Output { path: scene.folder.0.clone(), source })?;
    let outcome = match &scene.plan {
        Some(_) => over_file(scene, &frames, stop),
        None => over_drawn(scene, pictures, &frames, stop),
    };
    let sampling = sampler.finish();
    Ok(Whole { sampling, ..outcome? })
}

fn over_file(scene: &Scene, frames: &Arc<AtomicU64>, stop: &Stop) -> Result<Whole, Error> {
    let jobs: Vec<_> = scene.plan.iter().map(|plan| plan.job.clone()).collect();
    // Segments go beside the output, which is in the measurement's own folder.
    let settings = Settings { temp_dir: None, overwrite: true, ..scene.settings.clone() };
    let report = run_with(&scene.setup, &jobs, &settings, &Collector(Arc::clone(frames)), stop)?;
    let lanes = report.lanes.as_ref().map_or(1, |lanes| lanes.count());
    let wall_seconds = report.wall_seconds;
    let Some(file) = report.files.into_iter().next() else {
        return Err(Error::NoFrames { path: scene.name() });
    };
    if let Some(error) = file.error {
        return Err(match Fault::of(file.exit_code) {
            Fault::Interrupted => Error::Interrupted,
            fault => Error::Whole { what: error, fault },
        });
    }
    let clock = |row: crate::pipeline::report::StageReport| ClockRow {
        stage: row.stage.to_owned(),
        busy_seconds: row.busy_seconds,
        busy_share: row.busy_share,
    };
    Ok(Whole {
        frames: file.frames,
        wall_seconds,
        fps: file.fps,
        lanes,
        output_bytes: file.output_bytes,
        limit: file.limit,
        clocks: file.stages.into_iter().map(clock).collect(),
        queues: file.queues,
        sampling: Default::default(),
    })
}

fn over_drawn(
    scene: &Scene,
    pictures: Vec<Picture>,
    frames: &AtomicU64,
    stop: &Stop,
) -> Result<Whole, Error> {
    let (pictures, clocks) = (Arc::new(pictures), LaneClocks::default());
    // No more lanes than frames, and each its share of them.
    let lanes = scene.lanes.count().min(usize::try_from(scene.drawn_frames).unwrap_or(usize::MAX)).max(1);
    let count = |lane: usize| {
        let (lane, lanes) = (lane as u64, lanes as u64);
        scene.drawn_frames / lanes + u64::from(lane < scene.drawn_frames % lanes)
    };
    let start = Instant::now();
    let written = std::thread::scope(|scope| {
        let (pictures, clocks) = (&pictures, &clocks);
        let threads: Vec<_> = (0..lanes)
            .map(|number| {
                let decoder = DrawnDecoder { pictures: Arc::clone(pictures), given: 0, count: count(number) };
                scope.spawn(move || lane(scene, number, lanes, decoder, clocks, frames, stop))
            })
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, Result<u64, Error>>| {
            thread.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
        };
        threads.into_iter().map(join).sum::<Result<u64, Error>>()
    })?;
    let wall_seconds = start.elapsed().as_secs_f64();
    let lane_seconds = wall_seconds * lanes as f64;
    let clock = |(stage, time): (&str, crate::telemetry::StageTime)| ClockRow {
        stage: stage.to_owned(),
        busy_seconds: time.busy_seconds,
        busy_share: time.busy_seconds / lane_seconds.max(1e-9),
    };
    let limit = clocks.limit(lane_seconds);
    Ok(Whole {
        frames: frames.load(Ordering::Relaxed),
        wall_seconds,
        fps: frames.load(Ordering::Relaxed) as f64 / wall_seconds.max(1e-9),
        lanes,
        output_bytes: written,
        limit: limit.map(|(what, share)| format!("{what} ({:.0} % of the lanes' time)", 100.0 * share)),
        clocks: clocks.read().into_iter().map(clock).collect(),
        queues: QueueReport::of(&clocks),
        sampling: Default::default(),
    })
}

/// One lane over its share of drawn pictures; bytes written.
fn lane(
    scene: &Scene,
    number: usize,
    lanes: usize,
    decoder: DrawnDecoder,
    clocks: &LaneClocks,
    frames: &AtomicU64,
    stop: &Stop,
) -> Result<u64, Error> {
    let mut muxer = muxer(scene, number)?;
    let config = scene.pair(scene.lanes.encoder_threads(lanes));
    let mut bytes = 0;
    let mut sink = |pair: Encoded| {
        bytes += (pair.colour.len() + pair.alpha.as_ref().map_or(0, Vec::len)) as u64;
        frames.fetch_add(1, Ordering::Relaxed);
        muxer.write_frame(webm::Frame {
            pts_ms: 33 * pair.pts,
            key: pair.key,
            colour: &pair.colour,
            alpha: pair.alpha.as_deref(),
        })
    };
    let (size, eyes, decoder) = (scene.size, scene.eyes.clone(), Box::new(decoder));
    let (span, cancel) = (Span { matted_from: 0, shown: 0..i64::MAX }, stop.now());
    let models = &scene.setup.models;
    // As a run deals its lanes out.
    let device = scene.setup.devices.get(number % scene.setup.devices.len().max(1));
    let totals = match (device, &scene.matte) {
        (Some(Found::Gpu(gpu)), MattePlan::Network { model, detail }) => {
            let (format, plain) = ((size, scene.colour), Treatment::default());
            let mut matte = matte_on_gpu(gpu, model, *detail, models, format, &eyes, &plain)?;
            let (source, device) = (GpuSource::Upload { decoder, depth: 8 }, Arc::clone(&gpu.device));
            let (matte, mut buffers) = (&mut matte, GpuBuffers::default());
            let outputs = || Ok(vec![Output::Alpha(Box::new(pair(&config, &scene.name())?))]);
            let coding = buffers.coding(gpu, scene.coding, &config, outputs)?;
            GpuLane { source, device, size, span, matte, spare: &mut None, coding, clocks, cancel }
                .run(&mut sink)
        }
        _ => {
            let (name, matrix) = (scene.name(), scene.colour.matrix);
            let mut matte = matte_on_cpu(&name, &scene.matte, models, matrix, (&eyes, Edge::Plain))?;
            let outputs = vec![Output::Alpha(Box::new(pair(&config, &scene.name())?))];
            let (matte, frames) = (&mut matte, &mut Vec::new());
            CpuLane { decoder, size, eyes, span, matte, frames, outputs, clocks, cancel }.run(&mut sink)
        }
    };
    let totals = totals.map_err(|source| failed(scene, source))?;
    let end_ms = 33 * totals.last_pts.unwrap_or(0) + 33;
    muxer.finish(end_ms).map_err(|source| Error::Mux { path: scene.folder.0.clone(), source })?;
    Ok(bytes)
}
