//! `vrpipe probe`: what a file holds and how `run` would take it, on this machine and without a GPU.
#![forbid(unsafe_code)]

use super::args::ProbeArgs;
use super::say;
use crate::frame::Range;
use crate::media::{self, Source};
use crate::pipeline::{Error, decode_path, software_decoder};
use serde_json::json;

pub(super) fn probe(args: &ProbeArgs) -> anyhow::Result<u8> {
    let open = |source| Error::Open { path: args.file.clone(), source };
    let source = Source::open(&args.file).map_err(open)?;
    let info = source.info();
    let video = &info.video;
    let layout = media::choose_layout(video.packing.as_ref(), &args.file, None);
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
            "  colour     {:?}, {} range{}",
            video.colour.matrix,
            if video.colour.range == Range::Full { "full" } else { "limited" },
            if video.declared_colour.matrix.is_some() { "" } else { " (matrix not stated: by size)" },
        ),
        format!("  layout     {} ({})", layout.packing, layout.detail),
        format!("  decoder    {} {}", way.decoder, way.reason),
        format!("             without a GPU: {decoder} ({reason})"),
    ];
    for track in &info.audio {
        lines
            .push(format!("  sound      {}, {} channels, {} Hz", track.codec, track.channels, track.rate_hz));
    }
    lines.extend(video.notes.iter().map(|note| format!("  note       {note}")));
    say(&lines.join("\n"));
    Ok(0)
}
