//! One file from probe to the finished output.
#![forbid(unsafe_code)]

use super::device::Found;
use super::error::{Error, chain};
use super::input::open_input;
use super::lanes::prepare;
use super::matting::Models;
use super::output::PendingFile;
use super::progress::{Event, Observer};
use super::report::{FileReport, StageReport};
use super::settings::{Job, Settings};
use crate::frame::Size;
use crate::lane::Totals;
use crate::layout::Packing;
use crate::media::VideoTrack;
use crate::telemetry::LaneClocks;
use crate::units::{Rational, TimeBase};
use crate::vp9::{EncodedPair, Pair, PairConfig};
use crate::webm::muxer::{self, Muxer};
use std::fs::File;
use std::io::BufWriter;
use std::num::NonZeroU32;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Time from one key frame of an output to the next. Players seek to key frames; ffmpeg's VP9
/// default of 128 frames is about as long at 30 frames a second.
const KEY_INTERVAL_SECONDS: i64 = 4;

/// Does one job and says how it went; never fails as such, the report carries the error.
pub fn run_job(
    job: &Job,
    place: (usize, usize),
    settings: &Settings,
    shared: (&Found, &Models),
    observer: &dyn Observer,
    cancel: &AtomicBool,
) -> FileReport {
    let start = Instant::now();
    let mut report =
        FileReport { input: job.input.clone(), output: job.output.clone(), ..FileReport::default() };
    let clocks = LaneClocks::default();
    let result = process(job, place, settings, shared, observer, cancel, &clocks, &mut report);
    let wall = start.elapsed().as_secs_f64();
    report.wall_seconds = wall;
    report.fps = report.frames as f64 / wall.max(1e-9);
    report.stages = clocks
        .read()
        .into_iter()
        .map(|(stage, time)| StageReport {
            stage,
            busy_seconds: time.busy_seconds,
            busy_share: time.busy_seconds / wall.max(1e-9),
        })
        .collect();
    match result {
        Ok(()) => {
            observer.event(Event::Finished { report: &report });
        }
        Err(error) => {
            report.error = Some(chain(&error));
            report.exit_code = error.fault().exit_code();
            observer.event(Event::Failed { report: &report });
        }
    }
    report
}

#[expect(clippy::too_many_arguments, reason = "the body of run_job, split off for `?`")]
fn process(
    job: &Job,
    place: (usize, usize),
    settings: &Settings,
    shared: (&Found, &Models),
    observer: &dyn Observer,
    cancel: &AtomicBool,
    clocks: &LaneClocks,
    report: &mut FileReport,
) -> Result<(), Error> {
    if job.output.exists() && !settings.overwrite {
        return Err(Error::Exists { path: job.output.clone() });
    }
    let input = open_input(&job.input, settings.packing)?;
    let (video, layout, expected_frames) = (input.video.clone(), input.layout.clone(), input.expected_frames);
    report.notes = input.notes.clone();
    let prepared = prepare(&job.input, input, settings, shared)?;
    let (source, matte) = (&prepared.source, &prepared.matte);
    let plan = [
        format!("{}, {} {} {} bit", source.container, source.codec, video.size, video.depth),
        format!("decoded by {} {}", source.decoder, source.decoder_reason),
        format!("layout {} ({})", layout.packing, layout.detail),
        matte.sentence(),
    ];
    report.source = Some(source.clone());
    report.matte = Some(matte.clone());
    observer.event(Event::Started { input: &job.input, output: &job.output, place, plan: &plan });

    let (pending, file) = PendingFile::create(&job.output)
        .map_err(|source| Error::Output { path: job.output.clone(), source })?;
    let muxing = |source| Error::Mux { path: job.output.clone(), source };
    let copy = file.try_clone().map_err(|source| Error::Output { path: job.output.clone(), source })?;
    let header = output_header(&video, layout.packing, expected_frames);
    let muxer = Muxer::create(BufWriter::with_capacity(1 << 20, copy), &header).map_err(muxing)?;
    let encoding = |source| Error::Encode { path: job.input.clone(), source };
    let pair = Pair::new(&PairConfig {
        size: video.size,
        colour: video.colour,
        quality: settings.quality,
        crf: settings.crf,
        threads: settings.threads.div_ceil(2).min(64),
        key_interval: key_interval(video.frame_rate),
    })
    .map_err(encoding)?;

    let mut writer =
        Writer { muxer, time_base: video.time_base, shift_ticks: 0, last_ms: None, frames: 0, nudged: 0 };
    let totals = prepared
        .run(pair, clocks, cancel, &mut |pair| {
            writer.write(&pair)?;
            observer.event(Event::Frames { input: &job.input, done: writer.frames, total: expected_frames });
            Ok(())
        })
        .map_err(|source| Error::from_lane(source, job))?;
    report.frames = totals.frames;
    let Some(end_ms) = writer.end_ms(totals, video.frame_rate) else {
        return Err(Error::NoFrames { path: job.input.clone() });
    };
    writer.notes(&mut report.notes);
    if totals.complaints > 0 {
        let n = totals.complaints;
        report.notes.push(format!("the decoder complained {n} times: pictures may show damage of the input"));
    }
    if totals.unseen > 0 {
        let n = totals.unseen;
        report
            .notes
            .push(format!("{n} packets of the input gave no picture (damaged, or not meant to be seen)"));
    }
    report.duration_seconds = end_ms as f64 / 1000.0;
    finish(writer.muxer, end_ms, pending, &file, job)?;
    report.output_bytes = file.metadata().map(|m| m.len()).unwrap_or(0);
    Ok(())
}

/// Writes the tail of the file and moves it into place.
fn finish(
    muxer: Muxer<BufWriter<File>>,
    end_ms: i64,
    pending: PendingFile,
    file: &File,
    job: &Job,
) -> Result<(), Error> {
    let buffer = muxer.finish(end_ms).map_err(|source| Error::Mux { path: job.output.clone(), source })?;
    let output = |source| Error::Output { path: job.output.clone(), source };
    buffer.into_inner().map_err(|e| output(e.into_error()))?;
    pending.commit(file).map_err(output)
}

/// Frames from one key frame to the next.
fn key_interval(rate: Option<Rational>) -> Option<NonZeroU32> {
    let rate = rate.filter(|r| r.num() > 0).map_or(30, |r| (r.num() / r.den()).clamp(1, 1000));
    NonZeroU32::new(u32::try_from(rate * KEY_INTERVAL_SECONDS).unwrap_or(u32::MAX))
}

/// Puts encoded frames into the file, their timestamps in milliseconds.
struct Writer {
    muxer: Muxer<BufWriter<File>>,
    time_base: TimeBase,
    /// Added to every timestamp: WebM knows none below 0.
    shift_ticks: i64,
    last_ms: Option<i64>,
    frames: u64,
    /// Frames that share a millisecond with the one before and were moved on by one.
    nudged: u64,
}

impl Writer {
    fn write(&mut self, pair: &EncodedPair) -> Result<(), muxer::Error> {
        if self.last_ms.is_none() && pair.pts < 0 {
            self.shift_ticks = -pair.pts;
        }
        let exact = self.time_base.convert(pair.pts.saturating_add(self.shift_ticks), TimeBase::MILLISECOND);
        let ms = match self.last_ms {
            Some(last) if exact <= last => {
                self.nudged += 1;
                last + 1
            }
            _ => exact,
        };
        self.muxer.write_frame(muxer::Frame {
            pts_ms: ms,
            key: pair.key,
            colour: &pair.colour,
            alpha: Some(&pair.alpha),
        })?;
        self.last_ms = Some(ms);
        self.frames += 1;
        Ok(())
    }

    /// End of the last frame: its time and one frame's length at the nominal rate.
    fn end_ms(&self, totals: Totals, rate: Option<Rational>) -> Option<i64> {
        let last = self.last_ms.filter(|_| totals.frames > 0)?;
        let length = rate
            .filter(|r| r.num() > 0)
            .map(|r| (1000 * r.den() + r.num() / 2) / r.num())
            // No rate: the mean distance of the frames.
            .unwrap_or_else(|| last / (totals.frames as i64 - 1).max(1));
        Some(last + length.max(1))
    }

    fn notes(&self, notes: &mut Vec<String>) {
        if self.shift_ticks > 0 {
            let seconds = self.time_base.to_seconds_f64(self.shift_ticks);
            notes
                .push(format!("the input begins {seconds:.3} s before 0; all timestamps were moved by that"));
        }
        if self.nudged > 0 {
            let n = self.nudged;
            notes.push(format!(
                "{n} frames fell on the millisecond of the one before and were moved on by 1 ms"
            ));
        }
    }
}

/// What the muxer must know before the first frame.
fn output_header(video: &VideoTrack, packing: Packing, expected_frames: Option<u64>) -> muxer::Header {
    let interval = key_interval(video.frame_rate).map_or(1, |n| u64::from(n.get()));
    // Not announced: room for two hours at 30 frames a second, 50 KB; beyond that Cues go to the end.
    let frames = expected_frames.unwrap_or(2 * 3600 * 30);
    muxer::Header {
        video: muxer::VideoTrack {
            size: video.size,
            display_size: display_size(video, packing),
            colour: video.colour,
            packing,
            frame_duration_ns: video
                .frame_rate
                .filter(|rate| rate.num() > 0)
                .and_then(|rate| u64::try_from(1_000_000_000 * rate.den() / rate.num()).ok()),
            alpha: true,
        },
        expected_key_frames: frames.div_ceil(interval) + 1,
        title: None,
        writing_app: concat!("vrpipe ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

/// Display size, where it is not the size of the frame. For a stereo video it is that of one view:
/// so do ffmpeg and, through it, Chromium's file playback understand it (without it they show a
/// side-by-side video twice as wide as it is; seen in Chromium 156). Pixels that are not square
/// stretch the width.
fn display_size(video: &VideoTrack, packing: Packing) -> Option<Size> {
    let aspect = video.pixel_aspect.filter(|a| a.num() > 0).map_or(1.0, Rational::as_f64);
    let Size { width, height } = video.size;
    let (across, down) = match packing {
        Packing::Mono => (1.0, 1.0),
        Packing::SideBySide | Packing::SideBySideSwapped => (2.0, 1.0),
        Packing::TopBottom | Packing::TopBottomSwapped => (1.0, 2.0),
    };
    let shown = |side: usize, factor: f64| ((side as f64 * factor).round() as usize).max(1);
    let display = Size::new(shown(width, aspect / across), shown(height, 1.0 / down));
    (display != video.size).then_some(display)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_are_four_seconds_apart_at_any_rate() {
        let frames = |num, den| key_interval(Rational::new(num, den)).unwrap().get();
        assert_eq!((frames(30, 1), frames(30000, 1001), frames(60, 1)), (120, 116, 240));
        assert_eq!(key_interval(None).unwrap().get(), 120);
        assert_eq!(frames(1, 10), 4);
    }
}
