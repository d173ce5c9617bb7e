//! Checks an output by decoding its streams again, alone or against its input.
//!
//! Nothing here trusts the writer: the container is read by the strict reader of `webm`, the
//! packets are decoded by libvpx, and each claim is a named check with what was seen.
#![forbid(unsafe_code)]

mod against;
mod cleanness;
mod opaque;
mod report;

pub use report::{Check, VerifyReport};

use super::error::Error;
use super::playback::{Frame, Playback};
use against::Against;
use cleanness::Cleanness;
use opaque::Shows;
use std::path::Path;
use std::time::Duration;

/// Decodes all of `output` and checks it; with `input` also counts, timestamps and pictures
/// against that. One pass, a few frames in memory.
///
/// # Errors
/// When the output cannot be opened at all, or the input cannot be decoded. Anything wrong with
/// an output that opens is a failed check of the report.
pub fn verify(output: &Path, input: Option<&Path>, stall: Duration) -> Result<VerifyReport, Error> {
    if output.is_dir() {
        return opaque::verify_stills(output);
    }
    let mut playback = Playback::open(output)?;
    let mut report = VerifyReport::new(output);
    report.size = Some(playback.size());
    let mut against = input.map(|path| Against::open(path, &playback, stall)).transpose()?;
    let mut shows = playback.shows().map(|shows| Shows::new(shows, playback.size(), playback.range()));
    let mut cleanness = Cleanness::new(playback.size(), playback.range());
    let mut seen = Seen::default();
    let stopped = loop {
        match playback.next() {
            None => break None,
            Some(Err(error)) => break Some(error),
            Some(Ok(frame)) => {
                seen.add(&frame);
                match &mut shows {
                    Some(shows) => shows.add(&frame.colour),
                    None => cleanness.add(&frame),
                }
                if let Some(against) = &mut against {
                    against.compare(&frame)?;
                }
            }
        }
    };
    report.frames = seen.frames;
    report.duration_seconds = playback.duration_seconds();
    report.check(
        "decodes",
        stopped.is_none() && seen.frames > 0,
        match stopped {
            Some(error) => format!("after {} frames: {}", seen.frames, super::error::chain(&error)),
            None if shows.is_some() => format!("{} frames", seen.frames),
            None => format!("{} frames of colour and alpha", seen.frames),
        },
    );
    report.check(
        "index",
        playback.has_index(),
        "SeekHead and Cues before the first cluster, pointing at key frames",
    );
    report.check(
        "timestamps rise",
        seen.not_rising == 0,
        format!("{} of {} do not", seen.not_rising, seen.frames),
    );
    report.check(
        "key frames aligned",
        seen.key_frames > 0 && seen.misaligned == 0,
        format!("{} key frames, {} without a key frame of alpha", seen.key_frames, seen.misaligned),
    );
    if let Some(shows) = shows {
        shows.conclude(&mut report);
        if let Some(against) = against {
            against.conclude(&mut report)?;
        }
        return Ok(report);
    }
    report.varies(
        "alpha varies",
        (seen.darkest, seen.brightest),
        [0, 255],
        format!(
            "{} to {}; {:.1} % transparent, {:.1} % opaque",
            seen.darkest,
            seen.brightest,
            seen.share(seen.clear),
            seen.share(seen.solid)
        ),
    );
    cleanness.conclude(&mut report);
    if let Some(against) = against {
        against.conclude(&mut report)?;
    }
    Ok(report)
}

/// What the frames add up to.
struct Seen {
    frames: u64,
    last_ms: Option<i64>,
    not_rising: u64,
    key_frames: u64,
    misaligned: u64,
    darkest: u8,
    brightest: u8,
    clear: u64,
    solid: u64,
    pixels: u64,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            frames: 0,
            last_ms: None,
            not_rising: 0,
            key_frames: 0,
            misaligned: 0,
            darkest: 255,
            brightest: 0,
            clear: 0,
            solid: 0,
            pixels: 0,
        }
    }
}

impl Seen {
    fn add(&mut self, frame: &Frame) {
        self.frames += 1;
        self.not_rising += u64::from(self.last_ms.is_some_and(|last| frame.pts_ms <= last));
        self.last_ms = Some(frame.pts_ms);
        self.key_frames += u64::from(frame.key);
        self.misaligned += u64::from(frame.key && !frame.alpha_key);
        for y in 0..frame.alpha.size.height {
            for &alpha in frame.alpha.row(y) {
                self.darkest = self.darkest.min(alpha);
                self.brightest = self.brightest.max(alpha);
                self.clear += u64::from(alpha == 0);
                self.solid += u64::from(alpha == 255);
            }
        }
        self.pixels += frame.alpha.size.area() as u64;
    }

    fn share(&self, count: u64) -> f64 {
        100.0 * count as f64 / self.pixels.max(1) as f64
    }
}
