//! How far the matte at the start of a segment is from that of a run without segments, by length of the warm-up;
//! one JSON object.
//!
//! `cargo bench --bench seams -- WEIGHTS CLIP...`: each clip is matted on the CPU from end to end; then, at several
//! places, again from so many frames ahead with a state that begins there. Compared are the mattes as they go to
//! the encoder: mean and largest difference in codes of 255, over the first frame, over the fourth, and the
//! worst place.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use vrpipe::engine::cpu::CpuEngine;
use vrpipe::frame::{Composite, Picture, Plane, Rect};
use vrpipe::lane::Matte;
use vrpipe::media::{Source, choose_layout};
use vrpipe::rvm::{Stage, StageSize, Weights, build_graph};
use vrpipe::software::{self, Options};
use vrpipe::telemetry::LaneClocks;

const WARM_UPS: [usize; 6] = [0, 2, 4, 8, 16, 32];
/// Places that are looked at; each is beyond the longest warm-up.
const PLACES: usize = 6;
/// Frames after a place that are compared.
const AFTER: usize = 4;

fn pictures(clip: &Path) -> anyhow::Result<(Vec<Picture>, Vec<Rect>)> {
    let mut source = Source::open(clip)?;
    let video = source.video().clone();
    let eyes = choose_layout(&video, clip, &vrpipe::layout::LayoutChoice::default()).packing.eyes(video.size);
    let feed = Box::new(move || source.next_packet().map_err(Into::into));
    let mut decoder = software::open((&video).into(), feed, Options::default())?;
    let mut pictures = Vec::new();
    while let Some(picture) = decoder.next_picture()? {
        pictures.push(picture);
        if pictures.len() == 300 {
            break;
        }
    }
    Ok((pictures, eyes))
}

/// The mattes of a run of pictures, from a fresh state.
fn mattes(matte: &mut Matte, pictures: &[Picture], eyes: &[Rect]) -> anyhow::Result<Vec<Plane<u8>>> {
    let clocks = LaneClocks::default();
    matte.reset();
    let mut out = Composite::new(pictures[0].size);
    pictures
        .iter()
        .map(|picture| {
            matte.compose(picture, eyes, &mut out, &clocks)?;
            Ok(out.alpha.clone())
        })
        .collect()
}

/// Mean and largest difference.
fn difference(a: &Plane<u8>, b: &Plane<u8>) -> (f64, u8) {
    let pairs = || a.data.iter().zip(&b.data).map(|(a, b)| a.abs_diff(*b));
    (pairs().map(f64::from).sum::<f64>() / a.data.len() as f64, pairs().max().unwrap_or(0))
}

fn measure(weights: &Weights, clip: &Path) -> anyhow::Result<Value> {
    let (pictures, eyes) = pictures(clip)?;
    let eye = StageSize { height: eyes[0].size.height, width: eyes[0].size.width };
    let stage = Stage::from_detail(512, eye)?;
    let graph = build_graph(weights, stage.size(), stage.ratio_is_one())?;
    let mut matte = Matte::network(Box::new(CpuEngine::new(Arc::new(graph), eyes.len())?), stage.ratio());
    let whole = mattes(&mut matte, &pictures, &eyes)?;
    let (first, last) = (*WARM_UPS.last().unwrap_or(&0), pictures.len() - AFTER);
    let mut rows = BTreeMap::new();
    for warm_up in WARM_UPS {
        let (mut at_start, mut later, mut worst, mut largest) = (0.0, 0.0, 0.0f64, 0);
        for place in (0..PLACES).map(|n| first + (last - first) * n / (PLACES - 1)) {
            let run = mattes(&mut matte, &pictures[place - warm_up..place + AFTER], &eyes)?;
            let (mean, most) = difference(&run[warm_up], &whole[place]);
            at_start += mean / PLACES as f64;
            later += difference(&run[warm_up + AFTER - 1], &whole[place + AFTER - 1]).0 / PLACES as f64;
            worst = worst.max(mean);
            largest = largest.max(most);
        }
        rows.insert(
            warm_up,
            json!({ "mean_first_frame": at_start, "mean_fourth_frame": later, "worst_place": worst,
                "largest": largest }),
        );
    }
    Ok(json!({ "clip": clip.file_name().map(|n| n.to_string_lossy().into_owned()), "frames": pictures.len(),
        "stage": format!("{}x{}", stage.size().width, stage.size().height), "warm_ups": rows }))
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [weights, clips @ ..] = &arguments[..] else {
        println!("seams: needs weights and clips: cargo bench --bench seams -- WEIGHTS CLIP...");
        return Ok(());
    };
    let weights = Weights::load(Path::new(weights))?;
    let clips = clips.iter().map(|clip| measure(&weights, Path::new(clip)));
    println!(
        "{:#}",
        json!({ "network": weights.variant().name(), "clips": clips.collect::<Result<Vec<_>, _>>()? })
    );
    Ok(())
}
