//! Speed, size and quality of the presets, by libvpx with the activity map and without and by our own encoder,
//! against ffmpeg's libvpx-vp9.
//!
//! `cargo bench --bench presets -- person CARPHONE.mp4 MODEL | busy BUNNY.mp4 [--frames 60] [--keep FILE]
//! [--only LABEL]`: makes composites of the clip (needs ffmpeg; `--keep` stores them for the next time),
//! encodes them each way, decodes what came out, and prints a JSON line for each. Processor time is that of
//! the whole process, or of ffmpeg; it includes the key frame. Everything runs on one thread each.

mod foreign;
mod frames;
mod measure;
mod native;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::json;
use vrpipe::frame::{Composite, Samples};
use vrpipe::vp9::{Decoder, EncodedPair, Pair, PairConfig, PairSource, PlaneRef, Planes, Quality};

use measure::{Decoded, Measures, cpu_seconds};

/// What an encoder made of a clip.
struct Encoded {
    label: String,
    cpu_seconds: f64,
    pairs: Vec<EncodedPair>,
}

/// A frame whose activity map is withheld.
struct Unknown(Arc<Composite>);

impl PairSource for Unknown {
    fn colour(&self) -> Planes<'_> {
        (&self.0.colour).into()
    }
    fn alpha(&self) -> PlaneRef<'_> {
        (&self.0.alpha).into()
    }
    fn activity(&self) -> Option<PlaneRef<'_>> {
        None
    }
}

fn ours(clip: &[Arc<Composite>], quality: Quality, map: bool) -> anyhow::Result<Encoded> {
    let config = PairConfig {
        size: clip[0].alpha.size,
        colour: frames::COLOUR,
        quality,
        crf: None,
        threads: 1,
        key_interval: None,
    };
    let start = cpu_seconds(libc::RUSAGE_SELF);
    let mut pair = Pair::new(&config)?;
    let mut pairs = Vec::new();
    for (i, frame) in clip.iter().enumerate() {
        let withheld = || Arc::new(Unknown(Arc::clone(frame)));
        let frame: Arc<dyn PairSource> = if map { Arc::clone(frame) as _ } else { withheld() };
        pairs.extend(pair.encode(frame, i as i64, false)?);
    }
    pairs.extend(pair.finish()?);
    let cpu_seconds = cpu_seconds(libc::RUSAGE_SELF) - start;
    let name = serde_json::to_value(quality)?;
    let how = if map { "" } else { ", all coded" };
    Ok(Encoded { label: format!("{}{how}", name.as_str().unwrap_or("?")), cpu_seconds, pairs })
}

fn report(clip: &[Arc<Composite>], scene: &str, encoded: &Encoded) -> anyhow::Result<()> {
    let mut decoders = [Decoder::new(1)?, Decoder::new(1)?];
    let mut measures = Measures::default();
    for (frame, pair) in clip.iter().zip(&encoded.pairs) {
        let mut planes = |which: usize, packet: &[u8]| -> anyhow::Result<_> {
            match decoders[which].decode(packet)?.context("a picture for each packet")?.to_samples() {
                Samples::Eight(planes) => Ok(planes),
                Samples::Sixteen(_) => bail!("more than 8 bits"),
            }
        };
        let decoded = Decoded { colour: planes(0, &pair.colour)?, alpha: planes(1, &pair.alpha)?.y };
        measures.add(frame, &decoded);
    }
    let frames = encoded.pairs.len() as f64;
    let rounded = |value: f64, places: i32| (value * 10f64.powi(places)).round() / 10f64.powi(places);
    let mean_kb = |of: fn(&EncodedPair) -> usize| {
        rounded(encoded.pairs.iter().map(of).sum::<usize>() as f64 / frames / 1e3, 2)
    };
    let line = json!({
        "scene": scene, "encoder": encoded.label, "frames": encoded.pairs.len(),
        "cpu_ms_per_frame": rounded(encoded.cpu_seconds / frames * 1e3, 1),
        "kb_per_frame": [mean_kb(|pair| pair.colour.len()), mean_kb(|pair| pair.alpha.len())],
        "visible_luma_psnr_db": rounded(measures.psnr(), 2),
        "visible_luma_ssim": rounded(measures.ssim(), 4),
        "alpha_mean_error": rounded(measures.alpha_error(), 4),
        "alpha_edge_error": rounded(measures.edge_error(), 3),
        "alpha_worst": measures.worst,
        "share_0_changed_percent": rounded(measures.clear_changed(), 4),
        "share_255_changed_percent": rounded(measures.opaque_changed(), 4),
        "flat_changed_per_million": rounded(measures.flat_changed(), 2),
        "flat_worst": measures.flat_worst,
    });
    println!("{line}");
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(scene) = arguments.next() else {
        println!("presets: needs a scene: person CLIP MODEL, or busy CLIP");
        return Ok(());
    };
    let (mut count, mut keep, mut only, mut files) = (60, None, None, Vec::new());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--frames" => count = value()?.parse()?,
            "--keep" => keep = Some(PathBuf::from(value()?)),
            "--only" => only = Some(value()?),
            _ => files.push(PathBuf::from(argument)),
        }
    }
    let clip = frames::clip(&scene, &files, count, keep.as_deref())?;
    let wanted = |label: &str| only.as_deref().is_none_or(|only| label.starts_with(only));
    for quality in [Quality::Fast, Quality::Balanced, Quality::Best] {
        for map in [true, false] {
            if wanted(serde_json::to_value(quality)?.as_str().unwrap_or("")) && (map || only.is_none()) {
                report(&clip, &scene, &ours(&clip, quality, map)?)?;
            }
        }
    }
    for quality in [Quality::Fast, Quality::Balanced, Quality::Best] {
        let name = format!("native, {}", serde_json::to_value(quality)?.as_str().unwrap_or(""));
        if wanted(&name) {
            report(&clip, &scene, &native::encode(&clip, quality)?)?;
        }
    }
    for (label, options) in foreign::SETTINGS {
        if wanted(label) {
            report(&clip, &scene, &foreign::encode(&clip, label, options)?)?;
        }
    }
    Ok(())
}
