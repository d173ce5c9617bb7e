//! A track on its way into the output: its header, then its blocks in order.
#![forbid(unsafe_code)]

use std::path::Path;

use super::Error;
use super::copy::Copy;
use super::plan::{Action, Options, TrackPlan};
use super::transcode::Transcode;
use crate::media::AudioSource;
use crate::webm::muxer;

/// What Opus wants decoded ahead of a place (RFC 7845 §4.6).
pub(super) const SEEK_PRE_ROLL_NS: i64 = 80_000_000;

/// The part of the input that goes into the output, in nanoseconds of the timeline on which the
/// video's packets lie. `start_ns` is 0 in the output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// Where the output begins; 0 keeps the times of the file.
    pub start_ns: i64,
    /// Where it ends; `None`: with the file.
    pub end_ns: Option<i64>,
}

/// What was found along the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Blocks given.
    pub blocks: u64,
    /// Packets that could not be used; with `ffmpeg`, lines of its complaints.
    pub damaged: u64,
    /// Samples per channel of silence put into gaps, at the input's rate.
    pub filled: u64,
    /// Samples per channel cut where sound overlapped.
    pub cut: u64,
}

enum Way {
    Copy(Box<Copy>),
    Transcode(Box<Transcode>),
}

/// An opened track; an iterator that ends after the first error, before which all sound that
/// could be read was given.
pub struct Track {
    header: muxer::AudioTrack,
    way: Way,
    blocks: u64,
    last_ms: i64,
    done: bool,
}

/// Opens a track as planned.
///
/// # Errors
/// When the file or the decoder is no longer what it was for the plan, or the plan leaves it out.
pub fn open(path: &Path, plan: &TrackPlan, span: Span, options: &Options) -> Result<Track, Error> {
    let id = plan.track.id;
    let source = AudioSource::open(path, id).map_err(|source| Error::Media { track: id, source })?;
    let (way, header) = match plan.action {
        Action::Copy => {
            let (copy, header) = Copy::open(source, span)?;
            (Way::Copy(Box::new(copy)), header)
        }
        _ => {
            let (transcode, header) = Transcode::open(path, source, plan, span, options)?;
            (Way::Transcode(Box::new(transcode)), header)
        }
    };
    Ok(Track { header, way, blocks: 0, last_ms: 0, done: false })
}

impl Track {
    /// What the muxer must be told of it.
    pub fn header(&self) -> &muxer::AudioTrack {
        &self.header
    }

    /// What was found so far.
    pub fn tally(&self) -> Tally {
        let blocks = self.blocks;
        match &self.way {
            Way::Copy(copy) => Tally { blocks, damaged: copy.damaged, ..Tally::default() },
            Way::Transcode(transcode) => {
                let repairs = transcode.repairs();
                let damaged = transcode.damaged();
                Tally { blocks, damaged, filled: repairs.filled, cut: repairs.cut }
            }
        }
    }
}

impl Iterator for Track {
    type Item = Result<muxer::AudioFrame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = match &mut self.way {
            Way::Copy(copy) => copy.next_block(),
            Way::Transcode(transcode) => transcode.next_block(),
        };
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose().map(|block| {
            block.map(|mut block| {
                // Times of a copied track may be out of order by their rounding, or by damage.
                block.pts_ms = block.pts_ms.max(self.last_ms);
                self.last_ms = block.pts_ms;
                self.blocks += 1;
                block
            })
        })
    }
}

/// Nearest millisecond, halves up.
pub(super) fn milliseconds(ns: i64) -> i64 {
    ns.saturating_add(500_000).div_euclid(1_000_000)
}
