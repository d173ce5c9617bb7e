//! The encoders alone, one and both, and the muxer alone on what they gave; and the demuxer.
#![forbid(unsafe_code)]

use super::on_cpu::{failed, turns};
use super::report::{Resource, StageRow};
use super::scene::{PICTURES, Scene};
use super::timing::{Until, together};
use crate::frame::{Colour, Size};
use crate::lane;
use crate::layout::Packing;
use crate::media::Source;
use crate::pipeline::error::Error;
use crate::vp9::{EncodedPair, Half, Pair, PairSource, Stream};
use crate::webm::muxer::{self, Muxer};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Reading the packets of the input; nothing for drawn pictures. The file is in the system's cache by then.
pub(super) fn demux(scene: &Scene) -> Result<Vec<StageRow>, Error> {
    let Some(plan) = &scene.plan else { return Ok(Vec::new()) };
    let path = &plan.job.input;
    let failed = |source| Error::Open { path: path.clone(), source };
    let row = |workers| {
        let measured = together(workers, scene.until, &|| {
            let mut source = Source::open(path).map_err(failed)?;
            Ok(Box::new(move || Ok(source.next_packet().map_err(failed)?.is_some())))
        })?;
        Ok(measured.row("demux", Resource::Disk, workers, 1))
    };
    scene.workers().into_iter().map(row).collect()
}

/// How long the encoders are measured: the first frames of each take memory, and a lane's queues must fill.
fn until(scene: &Scene) -> Until {
    Until { least: 6, ahead: 4, ..scene.until }
}

/// Colour alone, alpha alone, both: on one thread, and as the lanes of the machine have them.
pub(super) fn encode(scene: &Scene, frames: &[Arc<dyn PairSource>]) -> Result<Vec<StageRow>, Error> {
    let lanes = scene.lanes.count();
    let mut sets = vec![(1, 1), (lanes, scene.lanes.encoder_threads(lanes))];
    sets.dedup();
    let mut rows = Vec::new();
    for (name, stream) in [("colour encode", Stream::Colour), ("alpha encode", Stream::Alpha)] {
        for &(workers, threads) in &sets {
            let measured = together(workers, until(scene), &|| {
                let mut half =
                    Half::new(&scene.pair(threads), stream).map_err(|e| failed(scene, e.into()))?;
                let (mut at, mut pts) = (turns(frames.len()), 0..);
                Ok(Box::new(move || {
                    let pts = pts.next().unwrap_or(i64::MAX);
                    half.encode(&*frames[at()], pts).map_err(|e| failed(scene, e.into()))?;
                    Ok(true)
                }))
            })?;
            rows.push(measured.row(name, Resource::Cpu, workers, threads));
        }
    }
    for &(workers, threads) in &sets {
        let measured = together(workers, until(scene), &|| {
            let mut pair = Pair::new(&scene.pair(threads)).map_err(|e| failed(scene, e.into()))?;
            let (mut at, mut pts) = (turns(frames.len()), 0..);
            Ok(Box::new(move || {
                let (frame, pts) = (Arc::clone(&frames[at()]), pts.next().unwrap_or(i64::MAX));
                pair.encode(frame, pts, false).map_err(|e| failed(scene, e.into()))?;
                Ok(true)
            }))
        })?;
        rows.push(measured.row("encode", Resource::Cpu, workers, threads));
    }
    Ok(rows)
}

/// Writing what the encoders gave, into the system's cache.
pub(super) fn mux(scene: &Scene, coded: &[EncodedPair]) -> Result<Vec<StageRow>, Error> {
    let number = AtomicUsize::new(0);
    let row = |workers| {
        let measured = together(workers, scene.until, &|| {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let mut muxer = muxer(scene, number)?;
            let (mut at, mut pts) = (0.., 0..);
            Ok(Box::new(move || {
                let pair = &coded[at.next().unwrap_or(0) % coded.len()];
                let frame = muxer::Frame {
                    pts_ms: 33 * pts.next().unwrap_or(i64::MAX / 33),
                    key: pair.key,
                    colour: &pair.colour,
                    alpha: Some(&pair.alpha),
                };
                muxer.write_frame(frame).map_err(|e| failed(scene, lane::Error::Mux(e)))?;
                Ok(true)
            }))
        })?;
        Ok(measured.row("mux", Resource::Disk, workers, 1))
    };
    scene.workers().into_iter().map(row).collect()
}

/// Starts file `number` of the measurement's folder.
pub(super) fn muxer(scene: &Scene, number: usize) -> Result<Muxer<BufWriter<File>>, Error> {
    let path = scene.folder.0.join(format!("{number}.webm"));
    create(&path, scene.size, scene.colour, scene.packing, true)
}

/// Starts a file of one stream without alpha.
pub(super) fn video_muxer(path: &Path, size: Size, colour: Colour) -> Result<Muxer<BufWriter<File>>, Error> {
    create(path, size, colour, Packing::Mono, false)
}

fn create(
    path: &Path,
    size: Size,
    colour: Colour,
    packing: Packing,
    alpha: bool,
) -> Result<Muxer<BufWriter<File>>, Error> {
    let path = path.to_path_buf();
    let file = File::create(&path).map_err(|source| Error::Output { path: path.clone(), source })?;
    let header = muxer::Header {
        video: muxer::VideoTrack {
            size,
            display_size: None,
            colour,
            packing,
            projection: None,
            light: None,
            frame_duration_ns: None,
            alpha,
        },
        expected_key_frames: 1000,
        chapters: Vec::new(),
        title: None,
        writing_app: concat!("vrpipe ", env!("CARGO_PKG_VERSION")).to_owned(),
        tags: Vec::new(),
    };
    Muxer::create(BufWriter::with_capacity(1 << 20, file), &header)
        .map_err(|source| Error::Mux { path, source })
}

/// What libvpx makes of `frames`.
pub(super) fn packets(scene: &Scene, frames: &[Arc<dyn PairSource>]) -> Result<Vec<EncodedPair>, Error> {
    let failed = |e: crate::vp9::Error| failed(scene, e.into());
    let mut pair = Pair::new(&scene.pair(scene.settings.threads.min(64))).map_err(failed)?;
    let (mut at, mut coded) = (turns(frames.len()), Vec::new());
    for pts in 0..2 * PICTURES as i64 {
        coded.extend(pair.encode(Arc::clone(&frames[at()]), pts, false).map_err(failed)?);
    }
    coded.extend(pair.finish().map_err(failed)?);
    Ok(coded)
}

/// Share of the blocks of `frames` in which something is visible.
pub(super) fn visible_share(frames: &[Arc<dyn PairSource>]) -> f64 {
    let (mut visible, mut all) = (0, 0);
    for activity in frames.iter().filter_map(|frame| frame.activity()) {
        for y in 0..activity.size.height {
            visible += activity.row(y).iter().filter(|&&active| active != 0).count();
        }
        all += activity.size.area();
    }
    if all == 0 { 1.0 } else { visible as f64 / all as f64 }
}
