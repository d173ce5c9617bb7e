//! Frames per second of whole GPU lanes without encoders, and of decoding alone, as one JSON object.
//!
//! `cargo bench --bench lanes -- CLIP [MODEL]`: for 1, 2, 4 and 8 sessions at once, each decodes all of CLIP by
//! NVDEC; first the frames are dropped, then each goes through sample, network (MODEL, else mobilenetv3 with
//! synthetic weights, longer side 512), compose and the copy to pinned memory. Set-up is not timed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};
use vrpipe::engine::native::{Model, Tiles};
use vrpipe::frame::Size;
use vrpipe::gpu::{Device, nvdec};
use vrpipe::kernels::sample;
use vrpipe::lane::{GpuMatte, Out};
use vrpipe::media::Source;
use vrpipe::rvm::{Refiner, Stage, StageSize, Variant, Weights, build_graph};

/// Frames on their way to the host in each lane.
const IN_FLIGHT: usize = 3;

fn decoder(
    library: &Arc<nvdec::Library>,
    device: &Arc<Device>,
    clip: &Path,
) -> anyhow::Result<nvdec::Decoder> {
    let mut source = Source::open(clip)?;
    let info = source.video().into();
    let feed = Box::new(move || source.next_packet().map_err(Into::into));
    Ok(nvdec::Decoder::open(library, device, info, feed, nvdec::Options::default())?)
}

/// Runs `sessions` copies of what `prepare` makes, all started at once: frames and seconds.
fn together<W, R>(sessions: usize, prepare: W) -> anyhow::Result<(u64, Duration)>
where
    W: Fn() -> anyhow::Result<R> + Sync,
    R: FnOnce() -> anyhow::Result<u64>,
{
    let (ready, prepare) = (Barrier::new(sessions + 1), &prepare);
    std::thread::scope(|scope| {
        let work = || {
            let prepared = prepare();
            ready.wait();
            prepared?()
        };
        let threads: Vec<_> = (0..sessions).map(|_| scope.spawn(work)).collect();
        ready.wait();
        let start = Instant::now();
        let mut frames = 0;
        for thread in threads {
            frames += thread.join().expect("no session panics")?;
        }
        Ok((frames, start.elapsed()))
    })
}

fn weights(model: Option<&Path>) -> anyhow::Result<Weights> {
    Ok(match model {
        Some(path) => Weights::load(path)?,
        None => Weights::synthetic(Variant::MobileNetV3, Refiner::Deep),
    })
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench").map(PathBuf::from);
    let Some(clip) = arguments.next() else {
        println!("lanes: needs a clip: cargo bench --bench lanes -- CLIP [MODEL]");
        return Ok(());
    };
    let model = arguments.next();
    let device = Device::open(0)?;
    let library = nvdec::Library::load()?;
    let video = Source::open(&clip)?.video().clone();
    let packing =
        vrpipe::media::choose_layout(&video, &clip, &vrpipe::layout::LayoutChoice::default()).packing;
    let eyes = packing.eyes(video.size);
    let eye = StageSize { height: eyes[0].size.height, width: eyes[0].size.width };
    let stage = Stage::from_detail(512, eye)?;
    let weights = weights(model.as_deref())?;
    let graph = build_graph(&weights, stage.size(), stage.ratio_is_one())?;
    let network = Arc::new(Model::new(&device, &graph, eyes.len(), Tiles::Timed)?);
    let seen =
        sample::Stage { ratio: stage.ratio(), size: Size::new(stage.size().width, stage.size().height) };

    let mut rows = Vec::new();
    for sessions in [1, 2, 4, 8] {
        let alone = together(sessions, || {
            let mut decoder = decoder(&library, &device, &clip)?;
            Ok(move || {
                let mut frames = 0;
                while decoder.next_surface()?.is_some() {
                    frames += 1;
                }
                Ok(frames)
            })
        })?;
        let (free_before, total) = device.memory()?;
        device.ledger().restart();
        let least_free = std::sync::atomic::AtomicUsize::new(usize::MAX);
        let lanes = together(sessions, || {
            let mut matte = GpuMatte::new(&device, &network, &seen, video.size, &eyes, video.colour)?;
            let mut ring = (0..IN_FLIGHT).map(|_| matte.host_frame()).collect::<Result<Vec<_>, _>>()?;
            let mut decoder = decoder(&library, &device, &clip)?;
            let (device, least_free) = (&device, &least_free);
            Ok(move || {
                let mut frames = 0;
                while let Some(mut surface) = decoder.next_surface()? {
                    let frame = &mut ring[frames as usize % IN_FLIGHT];
                    frame.wait()?;
                    matte.surface(&mut surface, Out::Planes(frame))?;
                    frames += 1;
                    if frames == 30 {
                        least_free.fetch_min(device.memory()?.0, std::sync::atomic::Ordering::Relaxed);
                    }
                }
                ring.iter().try_for_each(|frame| frame.wait())?;
                Ok(frames)
            })
        })?;
        let rate = |(frames, time): (u64, Duration)| frames as f64 / time.as_secs_f64();
        let used = free_before.saturating_sub(least_free.into_inner());
        rows.push(json!({
            "sessions": sessions,
            "frames_each": alone.0 / sessions as u64,
            "decode_alone_fps": rate(alone),
            "lane_fps": rate(lanes),
            "lane_over_decode": rate(lanes) / rate(alone),
            "device_bytes_per_lane": used / sessions,
            "device_bytes_total": total,
            "memory_of_all_by_part": device.ledger().peak(),
        }));
    }
    let report: Value = json!({
        "device": device.name().context("name of the device")?,
        "clip": clip.file_name().map(|name| name.to_string_lossy().into_owned()),
        "size": video.size.to_string(),
        "depth": video.depth,
        "network": weights.variant().name(),
        "results": rows,
    });
    println!("{report:#}");
    Ok(())
}
