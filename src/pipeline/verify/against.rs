//! Compares an output with the video it was made from: frame for frame, by timestamp and picture.
#![forbid(unsafe_code)]

use super::VerifyReport;
use crate::frame::{Plane, Sample, Samples, Size};
use crate::layout::LayoutChoice;
use crate::pipeline::HdrChoice;
use crate::pipeline::error::Error;
use crate::pipeline::input::{ShownPictures, open_input};
use crate::pipeline::playback::{Frame, Playback};
use crate::pipeline::timeline::moved;
use crate::units::TimeBase;
use std::path::Path;
use std::time::Duration;

/// WebM counts milliseconds.
const MAX_TIME_ERROR_MS: i64 = 1;
/// PSNR of opaque pixels below which a frame does not show its input: a frame beside the right
/// one of a moving clip stays well below, the coarsest encoding well above.
const MIN_PSNR_DB: f64 = 22.0;

pub(super) struct Against {
    pictures: ShownPictures,
    time_base: TimeBase,
    input_size: Size,
    size: Size,
    /// Whether what is opaque is the input's picture: not before a background, in a matte, in a packed frame.
    is_picture: bool,
    /// Added to the input's times, as the writer does when a video begins before 0.
    is_part: bool,
    shift_ticks: Option<i64>,
    frames: u64,
    missing: u64,
    worst_ms: i64,
    squared: f64,
    opaque: u64,
    worst_psnr: (f64, u64),
}

impl Against {
    pub(super) fn open(path: &Path, playback: &Playback, stall: Duration) -> Result<Self, Error> {
        let part = playback.part();
        let input = open_input(path, &LayoutChoice::default())?.within(part.as_ref());
        let input = input.with_hdr(HdrChoice::of_output(playback.colour()));
        Ok(Self {
            time_base: input.video.time_base,
            input_size: input.video.size,
            pictures: ShownPictures::start(path, input, stall)?,
            size: playback.size(),
            is_picture: playback.shows().is_none(),
            is_part: part.is_some(),
            shift_ticks: None,
            frames: 0,
            missing: 0,
            worst_ms: 0,
            squared: 0.0,
            opaque: 0,
            worst_psnr: (f64::INFINITY, 0),
        })
    }

    pub(super) fn compare(&mut self, frame: &Frame) -> Result<(), Error> {
        let Some(picture) = self.pictures.next()? else {
            self.missing += 1;
            return Ok(());
        };
        let shift = *self.shift_ticks.get_or_insert(moved(picture.pts, self.is_part));
        let want_ms = self.time_base.convert(picture.pts.saturating_add(shift), TimeBase::MILLISECOND);
        self.worst_ms = self.worst_ms.max((want_ms - frame.pts_ms).abs());
        if self.is_picture && picture.size == self.size {
            let (squared, opaque) = match &picture.samples {
                Samples::Eight(yuv) => luma_error(&yuv.y, picture.depth, frame),
                Samples::Sixteen(yuv) => luma_error(&yuv.y, picture.depth, frame),
            };
            self.squared += squared;
            self.opaque += opaque;
            // A handful of opaque pixels says little about a frame.
            if opaque >= 64 {
                let psnr = psnr(squared, opaque);
                if psnr < self.worst_psnr.0 {
                    self.worst_psnr = (psnr, self.frames);
                }
            }
        }
        self.frames += 1;
        Ok(())
    }

    pub(super) fn conclude(mut self, report: &mut VerifyReport) -> Result<(), Error> {
        let mut extra = 0;
        while self.pictures.next()?.is_some() {
            extra += 1;
        }
        let input_size = self.input_size;
        if self.is_picture {
            report.check(
                "size as the input",
                input_size == self.size,
                format!("{} of {input_size}", self.size),
            );
        }
        let (ours, theirs) = (self.frames + self.missing, self.frames + extra);
        report.check("as many frames as the input", ours == theirs, format!("{ours} of {theirs}"));
        report.check(
            "timestamps as the input",
            self.worst_ms <= MAX_TIME_ERROR_MS,
            format!("at most {} ms off", self.worst_ms),
        );
        if !self.is_picture {
            return Ok(());
        }
        if self.opaque == 0 {
            report.check("shows the input", true, "nothing is opaque: no picture to compare");
        } else {
            let (worst, at) = self.worst_psnr;
            report.check(
                "shows the input",
                worst >= MIN_PSNR_DB,
                format!(
                    "luma of opaque pixels {:.1} dB, worst frame {worst:.1} dB (number {at})",
                    psnr(self.squared, self.opaque)
                ),
            );
        }
        Ok(())
    }
}

/// Sum of squared luma errors over opaque pixels in 8-bit codes, and their number.
fn luma_error<T: Sample>(input: &Plane<T>, depth: u8, frame: &Frame) -> (f64, u64) {
    let scale = 1.0 / f64::from(1u32 << (depth - 8));
    let (mut squared, mut opaque) = (0.0, 0);
    for y in 0..input.size.height {
        let rows = input.row(y).iter().zip(frame.colour.y.row(y)).zip(frame.alpha.row(y));
        for ((&theirs, &ours), _) in rows.filter(|(_, alpha)| **alpha == 255) {
            let error = f64::from(theirs.code()) * scale - f64::from(ours);
            squared += error * error;
            opaque += 1;
        }
    }
    (squared, opaque)
}

/// Peak signal-to-noise ratio in dB for 8-bit codes.
fn psnr(squared: f64, count: u64) -> f64 {
    if squared == 0.0 { f64::INFINITY } else { 10.0 * (255.0 * 255.0 * count as f64 / squared).log10() }
}
