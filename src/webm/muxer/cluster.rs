//! One cluster, collected until it is complete, so that it can be written with its size at once.
//!
//! A frame with alpha is a BlockGroup, one without a SimpleBlock. Spec: RFC 9559 §5.1.3.
#![forbid(unsafe_code)]

use super::audio::AudioFrame;
use super::header::VIDEO_TRACK;
use crate::webm::ebml::write::{self, element_bytes};
use crate::webm::ids;

/// Longest time a cluster spans, as ffmpeg has it; far below the 32767 that a block can say.
const MAX_SPAN_MS: i64 = 5000;

/// A cluster that holds a block is not made larger than this, as ffmpeg has it.
const MAX_BYTES: usize = 5 << 20;

/// One frame for the muxer.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Presentation time, 0 or more, more than that of the frame before.
    pub pts_ms: i64,
    /// Whether decoding can start here; alpha must then be a key frame too.
    pub key: bool,
    /// The VP9 frame of the colour stream.
    pub colour: &'a [u8],
    /// The VP9 frame of the alpha stream.
    pub alpha: Option<&'a [u8]>,
}

/// The cluster being collected.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    start_ms: i64,
    /// Its children, Timestamp first; empty before the first block.
    body: Vec<u8>,
}

impl Cluster {
    /// Whether `frame` must open a new cluster.
    pub(super) fn is_complete_before(&self, frame: &Frame) -> bool {
        let bytes = self.body.len() + frame.colour.len() + frame.alpha.map_or(0, <[u8]>::len);
        let too_much = frame.pts_ms - self.start_ms >= MAX_SPAN_MS || bytes > MAX_BYTES;
        !self.body.is_empty() && (frame.key || too_much)
    }

    /// Whether a block at `pts_ms` lies too far from its beginning: sound may begin long before the first picture.
    pub(super) fn is_too_far_from(&self, pts_ms: i64) -> bool {
        !self.body.is_empty() && (pts_ms - self.start_ms).abs() >= MAX_SPAN_MS
    }

    /// The children, none before the first block.
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Empties the cluster, keeping its memory.
    pub(super) fn clear(&mut self) {
        self.body.clear();
    }

    /// Whether a block of sound must open a new cluster.
    pub(super) fn is_complete_before_audio(&self, frame: &AudioFrame) -> bool {
        let too_much = frame.pts_ms - self.start_ms >= MAX_SPAN_MS || self.body.len() > MAX_BYTES;
        !self.body.is_empty() && too_much
    }

    /// Adds a block of sound.
    pub(super) fn push_audio(&mut self, frame: &AudioFrame) {
        let relative = self.open(frame.pts_ms);
        frame.write(&mut self.body, relative);
    }

    /// Begins the cluster at `pts_ms` unless it has begun; gives that time within it.
    fn open(&mut self, pts_ms: i64) -> i16 {
        if self.body.is_empty() {
            self.start_ms = pts_ms;
            write::uint(&mut self.body, ids::TIMESTAMP, pts_ms.unsigned_abs());
        }
        i16::try_from(pts_ms - self.start_ms).expect("a cluster spans 5 s at most")
    }

    /// Adds a frame; `previous_ms` is the time of the one it builds on. Returns where its block
    /// begins, counted from the first child.
    pub(super) fn push(&mut self, frame: &Frame, previous_ms: i64) -> u64 {
        let relative = self.open(frame.pts_ms);
        let at = self.body.len() as u64;
        match frame.alpha {
            Some(alpha) => self.block_group(frame, alpha, relative, previous_ms),
            None => write::simple_block(&mut self.body, VIDEO_TRACK, relative, frame.key, frame.colour),
        }
        at
    }

    fn block_group(&mut self, frame: &Frame, alpha: &[u8], relative: i16, previous_ms: i64) {
        let out = &mut self.body;
        // A group without ReferenceBlock is a key frame.
        let mut reference = Vec::new();
        if !frame.key {
            write::sint(&mut reference, ids::REFERENCE_BLOCK, previous_ms - frame.pts_ms);
        }
        // Sizes from the inside out, so that no payload is copied twice.
        let block = frame.colour.len() as u64 + 4;
        let more =
            element_bytes(ids::BLOCK_ADD_ID, 1) + element_bytes(ids::BLOCK_ADDITIONAL, alpha.len() as u64);
        let additions = element_bytes(ids::BLOCK_MORE, more);
        let group = element_bytes(ids::BLOCK, block)
            + element_bytes(ids::BLOCK_ADDITIONS, additions)
            + reference.len() as u64;

        write::id(out, ids::BLOCK_GROUP);
        write::size(out, group);
        write::id(out, ids::BLOCK);
        write::size(out, block);
        out.extend_from_slice(&write::block_header(VIDEO_TRACK, relative, 0));
        out.extend_from_slice(frame.colour);
        write::id(out, ids::BLOCK_ADDITIONS);
        write::size(out, additions);
        write::id(out, ids::BLOCK_MORE);
        write::size(out, more);
        // The ID comes first and is spelled out although 1 is its default: Chromium takes an
        // addition for one of the ID it has read so far.
        write::uint(out, ids::BLOCK_ADD_ID, 1);
        write::binary(out, ids::BLOCK_ADDITIONAL, alpha);
        out.extend_from_slice(&reference);
    }
}
