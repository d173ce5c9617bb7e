//! The blocks of all tracks in the order of their times, up to that of the next picture.
//!
//! ```text
//! let mut sound = Interleave::open(path, &plans, span, &options)?;
//! let mut file = Muxer::create_with_audio(out, &header, &sound.headers())?;
//! for each picture:  while let Some(block) = sound.next_until(pts_ms)? { file.write_audio(block)? }
//!                    file.write_frame(picture)?
//! at the end:        while let Some(block) = sound.next_until(i64::MAX)? { file.write_audio(block)? }
//! ```
#![forbid(unsafe_code)]

use std::path::Path;

use super::Error;
use super::plan::{Action, Options, TrackPlan};
use super::track::{Span, Tally, Track, open};
use crate::webm::muxer;

/// Tracks that are read side by side. Holds one block of each.
pub struct Interleave {
    tracks: Vec<Lane>,
}

struct Lane {
    track: Track,
    next: Option<muxer::AudioFrame>,
    /// An error to be given when the turn of the track comes.
    failure: Option<Error>,
}

impl Interleave {
    /// Opens every track that is not left out, in the order of the plans.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(path: &Path, plans: &[TrackPlan], span: Span, options: &Options) -> Result<Self, Error> {
        let kept = plans.iter().filter(|plan| !matches!(plan.action, Action::LeaveOut { .. }));
        Ok(Self::new(kept.map(|plan| open(path, plan, span, options)).collect::<Result<_, _>>()?))
    }

    /// Joins tracks; the index of each is its number among the output's audio tracks.
    pub fn new(tracks: Vec<Track>) -> Self {
        let lane = |(index, track)| {
            let mut lane = Lane { track, next: None, failure: None };
            lane.advance(index);
            lane
        };
        Self { tracks: tracks.into_iter().enumerate().map(lane).collect() }
    }

    /// What the muxer must be told, in order.
    pub fn headers(&self) -> Vec<muxer::AudioTrack> {
        self.tracks.iter().map(|lane| lane.track.header().clone()).collect()
    }

    /// The earliest block that lies at or ahead of `pts_ms`, if there is one: sound of the same
    /// time goes ahead of the picture.
    ///
    /// # Errors
    /// What ended a track early, after the last of its blocks; the other tracks go on.
    pub fn next_until(&mut self, pts_ms: i64) -> Result<Option<muxer::AudioFrame>, Error> {
        if let Some(failure) = self.tracks.iter_mut().find_map(|lane| lane.failure.take()) {
            return Err(failure);
        }
        let due = |lane: &Lane| lane.next.as_ref().map(|block| block.pts_ms).filter(|ms| *ms <= pts_ms);
        let earliest =
            (0..self.tracks.len()).filter_map(|index| due(&self.tracks[index]).map(|ms| (ms, index))).min();
        let Some((_, index)) = earliest else { return Ok(None) };
        let block = self.tracks[index].next.take();
        self.tracks[index].advance(index);
        Ok(block)
    }

    /// What was found in each track so far.
    pub fn tallies(&self) -> Vec<Tally> {
        self.tracks.iter().map(|lane| lane.track.tally()).collect()
    }
}

impl Lane {
    fn advance(&mut self, index: usize) {
        match self.track.next() {
            Some(Ok(block)) => self.next = Some(muxer::AudioFrame { track: index, ..block }),
            Some(Err(failure)) => self.failure = Some(failure),
            None => {}
        }
    }
}
