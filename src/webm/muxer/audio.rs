//! Sound in a WebM file: the entry of a track, a block, and blocks that wait for their cluster.
//!
//! A block of sound that lasts into a key frame should lie in the key frame's cluster (WebM
//! container guidelines), so the last blocks are held back until the next picture tells. Specs:
//! RFC 9559 §5.1.3.5, §5.1.4.1, Matroska codec mappings (A_OPUS, A_VORBIS).
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use super::header::VIDEO_TRACK;
use crate::webm::ebml::write::{self, element_bytes};
use crate::webm::ids;

/// Chromium takes no track number above 126; the first is the video's.
pub(super) const MAX_TRACKS: usize = 125;

/// No more than this is held back: half a second of every track of a large file.
const MAX_WAITING_BYTES: usize = 1 << 20;
const MAX_WAITING_MS: i64 = 500;

/// An audio track: Opus or Vorbis.
#[derive(Clone, PartialEq, Debug)]
pub struct AudioTrack {
    /// `A_OPUS` or `A_VORBIS`.
    pub codec_id: &'static str,
    /// OpusHead, or the laced headers of Vorbis.
    pub codec_private: Vec<u8>,
    /// Samples per second; 48 000 for Opus.
    pub rate_hz: u32,
    /// Channels.
    pub channels: u8,
    /// What players take off the times of blocks: the pre-skip of Opus.
    pub codec_delay_ns: u64,
    /// What must be decoded ahead of a place to play from there: 80 ms for Opus.
    pub seek_pre_roll_ns: u64,
    /// Three letters of ISO 639-2; anything else is written as "und".
    pub language: Option<String>,
    /// Name for people.
    pub name: Option<String>,
    /// Whether players should choose it unasked.
    pub default: bool,
}

/// A block of sound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AudioFrame {
    /// Which of the audio tracks, from 0.
    pub track: usize,
    /// Time of the block, codec delay included; 0 or more.
    pub pts_ms: i64,
    /// How long it lasts, for its place among the clusters and the file's duration.
    pub duration_ns: u64,
    /// How much of its end is padding, to be dropped by players.
    pub discard_end_ns: u64,
    /// The packet.
    pub data: Vec<u8>,
}

/// TrackNumber of an audio track.
pub(super) fn number(index: usize) -> u8 {
    debug_assert!(index < MAX_TRACKS);
    VIDEO_TRACK + 1 + index as u8
}

impl AudioTrack {
    /// Writes the children of its TrackEntry.
    pub(super) fn entry(&self, out: &mut Vec<u8>, number: u8) {
        write::uint(out, ids::TRACK_NUMBER, number.into());
        write::uint(out, ids::TRACK_UID, number.into());
        write::uint(out, ids::TRACK_TYPE, 2); // audio
        write::uint(out, ids::FLAG_DEFAULT, self.default.into());
        write::uint(out, ids::FLAG_LACING, 0);
        if let Some(name) = &self.name {
            write::string(out, ids::NAME, name);
        }
        let three = |l: &&str| l.len() == 3 && l.bytes().all(|b| b.is_ascii_lowercase());
        write::string(out, ids::LANGUAGE, self.language.as_deref().filter(three).unwrap_or("und"));
        write::string(out, ids::CODEC_ID, self.codec_id);
        write::binary(out, ids::CODEC_PRIVATE, &self.codec_private);
        if self.codec_delay_ns > 0 {
            write::uint(out, ids::CODEC_DELAY, self.codec_delay_ns);
        }
        if self.seek_pre_roll_ns > 0 {
            write::uint(out, ids::SEEK_PRE_ROLL, self.seek_pre_roll_ns);
        }
        write::master(out, ids::AUDIO, |out| {
            write::float(out, ids::SAMPLING_FREQUENCY, f64::from(self.rate_hz));
            write::uint(out, ids::CHANNELS, self.channels.into());
        });
    }
}

impl AudioFrame {
    /// Time at which it ends, rounded up.
    pub(super) fn end_ms(&self) -> i64 {
        let heard = self.duration_ns.saturating_sub(self.discard_end_ns);
        self.pts_ms.saturating_add(i64::try_from(heard.div_ceil(1_000_000)).unwrap_or(i64::MAX))
    }

    /// Appends the block. Only a BlockGroup has room for DiscardPadding.
    pub(super) fn write(&self, out: &mut Vec<u8>, relative_ms: i16) {
        let number = number(self.track);
        if self.discard_end_ns == 0 {
            return write::simple_block(out, number, relative_ms, true, &self.data);
        }
        let mut padding = Vec::with_capacity(12);
        write::sint(
            &mut padding,
            ids::DISCARD_PADDING,
            i64::try_from(self.discard_end_ns).unwrap_or(i64::MAX),
        );
        let block = self.data.len() as u64 + 4;
        write::id(out, ids::BLOCK_GROUP);
        write::size(out, element_bytes(ids::BLOCK, block) + padding.len() as u64);
        write::id(out, ids::BLOCK);
        write::size(out, block);
        out.extend_from_slice(&write::block_header(number, relative_ms, 0));
        out.extend_from_slice(&self.data);
        out.extend_from_slice(&padding);
    }
}

/// Blocks held back, in the order of their times.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    frames: VecDeque<AudioFrame>,
    bytes: usize,
    /// Time of the last block, and the latest end of all, given so far.
    pub(super) last_ms: Option<i64>,
    pub(super) end_ms: i64,
}

impl Waiting {
    pub(super) fn push(&mut self, frame: AudioFrame) {
        self.bytes += frame.data.len();
        self.last_ms = Some(frame.pts_ms);
        self.end_ms = self.end_ms.max(frame.end_ms());
        self.frames.push_back(frame);
    }

    pub(super) fn pop(&mut self) -> Option<AudioFrame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.data.len();
        Some(frame)
    }

    /// How many may wait no longer.
    pub(super) fn overdue(&self) -> usize {
        let newest = self.frames.back().map_or(0, |f| f.pts_ms);
        match self.frames.front() {
            Some(_) if self.bytes > MAX_WAITING_BYTES => self.frames.len(),
            Some(_) => self.frames.partition_point(|f| newest - f.pts_ms > MAX_WAITING_MS),
            None => 0,
        }
    }

    /// How many, from the first on, have ended by `pts_ms`.
    pub(super) fn ended_by(&self, pts_ms: i64) -> usize {
        self.frames.iter().take_while(|f| f.end_ms() <= pts_ms).count()
    }
}
