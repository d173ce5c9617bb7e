//! The same frames through ffmpeg's libvpx-vp9 with `-pix_fmt yuva420p`.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, ensure};
use vrpipe::frame::Composite;
use vrpipe::vp9::EncodedPair;
use vrpipe::webm::reader;

use crate::Encoded;
use crate::frames::COLOUR_OPTIONS;
use crate::measure::cpu_seconds;

/// What people use: nothing at all, and what is advised for speed.
pub const SETTINGS: [(&str, &[&str]); 2] = [
    ("ffmpeg defaults", &[]),
    ("ffmpeg realtime", &["-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1"]),
];

/// Encodes `clip` by ffmpeg; its processor time includes reading the raw frames from a pipe.
pub fn encode(clip: &[Arc<Composite>], label: &str, options: &[&str]) -> anyhow::Result<Encoded> {
    let size = clip[0].alpha.size;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("out.webm");
    let start = cpu_seconds(libc::RUSAGE_CHILDREN);
    let mut ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "rawvideo", "-pix_fmt", "yuva420p", "-r", "30", "-s", &size.to_string()])
        .args(COLOUR_OPTIONS)
        .args(["-i", "-", "-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p"])
        .args(options)
        .arg(&file)
        .stdin(Stdio::piped())
        .spawn()
        .context("ffmpeg")?;
    let mut input = ffmpeg.stdin.take().context("ffmpeg's input")?;
    for frame in clip {
        for plane in [&frame.colour.y, &frame.colour.u, &frame.colour.v, &frame.alpha] {
            input.write_all(&plane.data)?;
        }
    }
    drop(input);
    ensure!(ffmpeg.wait()?.success(), "ffmpeg failed");
    let cpu_seconds = cpu_seconds(libc::RUSAGE_CHILDREN) - start;
    let pairs = read(&file)?;
    ensure!(pairs.len() == clip.len(), "{} frames of {}", pairs.len(), clip.len());
    Ok(Encoded { label: label.to_owned(), cpu_seconds, pairs })
}

fn read(file: &Path) -> anyhow::Result<Vec<EncodedPair>> {
    let mut reader = reader::Reader::open(std::io::BufReader::new(std::fs::File::open(file)?))?;
    let mut pairs = Vec::new();
    while let Some(block) = reader.next_block()? {
        let alpha = block.additional.context("a matte beside each picture")?;
        pairs.push(EncodedPair { pts: block.pts_ticks, key: block.key, colour: block.data, alpha });
    }
    Ok(pairs)
}
