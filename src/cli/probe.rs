//! `vrpipe probe`: what a file holds and how `run` would take it, on this machine and without a GPU.
#![forbid(unsafe_code)]

use super::args::ProbeArgs;
use super::say;
use super::shape_args::choice;
use crate::frame::{Colour, Range};
use crate::media::{self, Source};
use crate::pipeline::{Error, decode_path, software_decoder};
use serde_json::json;

pub(super) fn probe(args: &ProbeArgs) -> anyhow::Result<u8> {
    let open = |source| Error::Open { path: args.file.clone(), source };
    let source = Source::open(&args.file).map_err(open)?;
    let info = source.info();
    let video = &info.video;
    let layout = media::choose_layout(video, &args.file, &choice(args.layout, &args.projection));
    let way = decode_path(&args.device, video)?;
    let (decoder, reason) = software_decoder(video.codec);
    if args.json {
        let all = json!({
            "file": args.file,
            "info": info,
            "layout": layout,
            "decode_path": way,
            "software_decoder": { "name": decoder, "reason": reason },
        });
        say(&serde_json::to_string_pretty(&all)?);
        return Ok(0);
    }
    let mut lines = vec![
        format!("{}", args.file.display()),
        format!(
            "  container  {}, {:.1} MB{}",
            info.container,
            info.file_bytes as f64 / 1e6,
            info.duration_s.map_or(String::new(), |s| format!(", {s:.2} s")),
        ),
        format!(
            "  video      {} {} {} bit {}{}{}",
            video.codec,
            video.size,
            video.depth,
            video.chroma,
            video.frame_rate.map_or(String::new(), |r| format!(", {:.3} frames/s ({r})", r.as_f64())),
            video.frame_count.map_or(String::new(), |n| format!(", {n} frames")),
        ),
        format!(
            "  colour     {:?}, {} range{}{}",
            video.colour.matrix,
            if video.colour.range == Range::Full { "full" } else { "limited" },
            match video.colour.transfer {
                Colour::PQ => ", HDR (PQ)",
                Colour::HLG => ", HDR (HLG)",
                _ => "",
            },
            if video.declared_colour.matrix.is_some() { "" } else { " (matrix not stated: by size)" },
        ),
        format!("  layout     {} ({})", layout.packing, layout.packing_basis),
        format!("  projection {} ({})", layout.projection, layout.projection_basis),
        format!("  decoder    {} {}", way.decoder, way.reason),
        format!("             without a GPU: {decoder} ({reason})"),
    ];
    if !layout.pose.is_level() {
        lines.push(format!("  pose       {}", layout.pose));
    }
    if video.rotation_degrees != 0 {
        lines.push(format!("  rotation   {} degrees clockwise for display", video.rotation_degrees));
    }
    for track in &info.audio {
        lines
            .push(format!("  sound      {}, {} channels, {} Hz", track.codec, track.channels, track.rate_hz));
    }
    for chapter in &info.chapters {
        lines.push(format!("  chapter    {:.3} s {}", chapter.start_ns as f64 / 1e9, chapter.title));
    }
    for (name, value) in &info.tags {
        lines.push(format!("  tag        {name}: {value}"));
    }
    lines.extend(video.notes.iter().chain(&layout.notes()).map(|note| format!("  note       {note}")));
    say(&lines.join("\n"));
    Ok(0)
}
