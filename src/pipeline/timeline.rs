//! Timestamps of the source in the milliseconds of WebM, and what a file says ahead of its frames.
#![forbid(unsafe_code)]

use super::outputs::Look;
use super::plan::{FilePlan, OutputPlan};
use crate::frame::Size;
use crate::layout::{Packing, Pose, Projection};
use crate::media::VideoTrack;
use crate::sound;
use crate::units::{Rational, TimeBase};
use crate::webm::muxer;
use std::ops::Range;

/// Name of the tag that says which work an output is.
pub(super) const IDENTITY_TAG: &str = "VRPIPE_WORK";

/// Name of the tag that says what an output without alpha of its own shows.
pub(super) const KIND_TAG: &str = "VRPIPE_OUTPUT";

/// Name of the tag that says which part of its source an output is.
const PART_TAG: &str = "VRPIPE_PART";

/// From ticks to milliseconds that rise from frame to frame.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    time_base: TimeBase,
    /// Added to every timestamp: WebM knows none below 0. Not known before the first frame of a file
    /// without an index.
    shift_ticks: Option<i64>,
    rising: Rising,
}

/// Times that would not rise are moved on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rising {
    /// The last one given.
    pub(super) last_ms: Option<i64>,
    /// Frames that share a millisecond with the one before and were moved on by one.
    pub(super) moved: u64,
}

impl Rising {
    /// `ms`, or the millisecond after the last one.
    pub(super) fn after(&mut self, ms: i64) -> i64 {
        let given = match self.last_ms {
            Some(last) if ms <= last => {
                self.moved += 1;
                last + 1
            }
            _ => ms,
        };
        self.last_ms = Some(given);
        given
    }
}

impl Timeline {
    /// The times of a file's segment.
    pub(super) fn new(plan: &FilePlan) -> Self {
        let shift_ticks = plan.origin.map(|first| moved(first, plan.part.is_some()));
        Self { time_base: plan.video.time_base, shift_ticks, rising: Rising::default() }
    }

    /// The time of the next frame.
    pub(super) fn ms(&mut self, pts: i64) -> i64 {
        let shift = *self.shift_ticks.get_or_insert_with(|| shift(pts));
        self.rising.after(self.time_base.convert(pts.saturating_add(shift), TimeBase::MILLISECOND))
    }

    /// The last time given, and how many were moved on.
    pub(super) fn rising(&self) -> Rising {
        self.rising
    }
}

/// What is added to all times: a part begins at 0, the whole where it does.
pub(super) fn moved(first: i64, is_part: bool) -> i64 {
    if is_part { first.saturating_neg() } else { shift(first) }
}

/// What moves `first` to 0 if it lies before.
fn shift(first: i64) -> i64 {
    first.min(0).saturating_neg()
}

/// What a user should know of the times of a file.
pub(super) fn shift_note(plan: &FilePlan) -> Option<String> {
    let ticks = plan.origin.filter(|_| plan.part.is_none()).map(shift).filter(|&ticks| ticks > 0)?;
    let seconds = plan.video.time_base.to_seconds_f64(ticks);
    Some(format!("the input begins {seconds:.3} s before 0; all timestamps were moved by that"))
}

/// The part of the input's time that goes into the output, for its sound.
pub(super) fn span(plan: &FilePlan) -> sound::Span {
    let nanoseconds = TimeBase::new(1, 1_000_000_000).expect("a billion is more than 0");
    let part_end = plan.part.as_ref().map(|part| part.end).filter(|&end| end != i64::MAX);
    let ns = |ticks| plan.video.time_base.convert(ticks, nanoseconds);
    sound::Span {
        start_ns: plan.origin.map_or(0, |first| ns(moved(first, plan.part.is_some()).saturating_neg())),
        end_ns: part_end.into_iter().chain(plan.video.shown_until_ticks).min().map(ns),
    }
}

/// End of the last of `frames` frames, at `last_ms`: one frame's length at the nominal rate.
pub(super) fn end_ms(video: &VideoTrack, last_ms: i64, frames: u64) -> i64 {
    let length = video
        .frame_rate
        .filter(|r| r.num() > 0)
        .map(|r| 1000.0 * r.den() as f64 / r.num() as f64)
        // A rate from a damaged header may be anything.
        .map(|ms| ms.round().clamp(1.0, 60_000.0) as i64)
        // No rate: the mean distance of the frames.
        .unwrap_or_else(|| last_ms / (frames as i64 - 1).max(1));
    last_ms + length.max(1)
}

/// What the muxer must know before the first frame.
pub(super) fn header(plan: &FilePlan, output: &OutputPlan, key_frames: u64) -> muxer::Header {
    let video = &plan.video;
    let OutputPlan { size, colour, packing, .. } = *output;
    // A packed frame is made with square pixels, and no element says what it is.
    let is_packed = matches!(output.look, Look::Packed { .. });
    let aspect = video.pixel_aspect.filter(|a| a.num() > 0 && !is_packed).map_or(1.0, Rational::as_f64);
    muxer::Header {
        video: muxer::VideoTrack {
            size,
            display_size: display_size(size, aspect, packing),
            colour,
            light: video.light.filter(|_| colour.is_hdr()),
            packing,
            projection: if is_packed { None } else { projection(plan) },
            frame_duration_ns: video.frame_rate.filter(|rate| rate.num() > 0).and_then(|rate| {
                u64::try_from(1_000_000_000 * i128::from(rate.den()) / i128::from(rate.num())).ok()
            }),
            alpha: output.target.kind.is_alpha(),
        },
        expected_key_frames: key_frames,
        title: title(plan),
        chapters: chapters(plan),
        writing_app: concat!("vrpipe ", env!("CARGO_PKG_VERSION")).to_owned(),
        tags: tags(plan, output),
    }
}

/// Tags of an output: which work it is, and which part of its source.
fn tags(plan: &FilePlan, output: &OutputPlan) -> Vec<(String, String)> {
    let is_title = |name: &str| name.eq_ignore_ascii_case("TITLE");
    let mut tags = vec![(IDENTITY_TAG.to_owned(), output.work_name.clone())];
    if !output.target.kind.is_alpha() {
        tags.push((KIND_TAG.to_owned(), output.look.tag()));
    }
    tags.extend(plan.part.as_ref().map(|part| (PART_TAG.to_owned(), format!("{} {}", part.start, part.end))));
    tags.extend(plan.tags.iter().filter(|(name, _)| !is_title(name)).cloned());
    tags
}

/// Title for people, which has an element of its own.
fn title(plan: &FilePlan) -> Option<String> {
    let title = plan.tags.iter().find(|(name, _)| name.eq_ignore_ascii_case("TITLE"));
    title.map(|(_, title)| title.clone())
}

/// The chapters on the output's timeline; those wholly outside a part are left out.
fn chapters(plan: &FilePlan) -> Vec<muxer::Chapter> {
    let sound::Span { start_ns, end_ns } = span(plan);
    let end_ns = end_ns.unwrap_or(i64::MAX);
    let placed = |ns: i64| u64::try_from(ns.clamp(start_ns, end_ns).saturating_sub(start_ns)).unwrap_or(0);
    let next_starts = plan.chapters.iter().skip(1).map(|next| Some(next.start_ns)).chain([None]);
    let with_ends = plan.chapters.iter().zip(next_starts);
    let inside = with_ends.filter(|(chapter, next)| {
        let ends = chapter.end_ns.or(*next).unwrap_or(i64::MAX);
        chapter.start_ns < end_ns && (ends > start_ns || chapter.start_ns >= start_ns)
    });
    inside
        .map(|(chapter, _)| muxer::Chapter {
            start_ns: placed(chapter.start_ns),
            end_ns: chapter.end_ns.map(placed),
            title: chapter.title.clone(),
        })
        .collect()
}

/// The part of its source that an output is, in ticks of the source, by its tags.
pub(super) fn part_by_tags(tags: &[(String, String)]) -> Option<Range<i64>> {
    let (_, part) = tags.iter().find(|(name, _)| name == PART_TAG)?;
    let (start, end) = part.split_once(' ')?;
    Some(start.parse().ok()?..end.parse().ok()?)
}

/// Projection and pose to write; a flat picture that is to be turned says so by its pose.
fn projection(plan: &FilePlan) -> Option<(Projection, Pose)> {
    let turn = Pose::turned(plan.video.rotation_degrees);
    match plan.layout.to_write() {
        Some((projection, pose)) => Some((projection.clone(), pose)),
        None if plan.layout.projection == Projection::Rectilinear && !turn.is_level() => {
            Some((Projection::Rectilinear, turn))
        }
        None => None,
    }
}

/// Display size, where it is not the size of the frame. For a stereo video it is that of one view:
/// so do ffmpeg and, through it, Chromium's file playback understand it (without it they show a
/// side-by-side video twice as wide as it is; seen in Chromium 156). Pixels that are not square
/// stretch the width.
fn display_size(size: Size, aspect: f64, packing: Packing) -> Option<Size> {
    let Size { width, height } = size;
    let (across, down) = match packing {
        Packing::Mono => (1.0, 1.0),
        Packing::SideBySide | Packing::SideBySideSwapped => (2.0, 1.0),
        Packing::TopBottom | Packing::TopBottomSwapped => (1.0, 2.0),
    };
    let shown = |side: usize, factor: f64| ((side as f64 * factor).round() as usize).max(1);
    let display = Size::new(shown(width, aspect / across), shown(height, 1.0 / down));
    (display != size).then_some(display)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_rise_and_begin_at_nought() {
        let time_base = TimeBase::new(1, 3000).unwrap();
        let mut line = Timeline { time_base, shift_ticks: Some(shift(-30)), rising: Rising::default() };
        assert_eq!([-30, -29, -27, 0].map(|pts| line.ms(pts)), [0, 1, 2, 10]);
        assert_eq!(line.rising().moved, 2, "-29 falls on 0, and is moved; -27 falls on 1, and is too");
    }
}
