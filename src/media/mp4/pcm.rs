//! Where linear samples lie in an MP4 or MOV file.
//!
//! One sample of such a track is one value per channel: the sample table would hold 48 000 entries
//! a second, and QuickTime writes 1 for their size whatever it is. So chunks are walked instead.
//! Memory: 8 bytes per chunk. Spec: ISO/IEC 14496-12 §8.7, QuickTime "sound sample description".
#![forbid(unsafe_code)]

use shiguredo_mp4::Either;
use shiguredo_mp4::boxes::{Co64Box, StcoBox, StscBox, StszBox, SttsBox};

use crate::media::Error;

use super::boxes::Box;
use super::samples::{Sample, decode};

/// Frames to a packet: 85 ms at 48 kHz.
const PACKET_FRAMES: u64 = 4096;

/// The chunks of a track of linear samples.
pub(super) struct Chunks {
    /// First chunk, counted from 1, and frames per chunk from there on.
    runs: Vec<(u64, u64)>,
    offsets: Vec<u64>,
    frame_bytes: u64,
    ticks_per_frame: i64,
    frames: u64,
    chunk: usize,
    in_chunk: u64,
    given: u64,
}

impl Chunks {
    /// Reads the tables; `None` where samples are no single frames, so that the ordinary sample
    /// table is what to use.
    pub(super) fn parse(stbl: &Box<'_>, frame_bytes: u64) -> Result<Option<Self>, Error> {
        let Some(sizes) = stbl.find(b"stsz")? else { return Ok(None) };
        // Asked before decoding: what has entries is no such table, and may be large.
        let (fixed, count) = (u64::from(sizes.u32_at(4)?), u64::from(sizes.u32_at(8)?));
        if fixed != 1 && fixed != frame_bytes {
            return Ok(None);
        }
        let _checked: StszBox = decode(&sizes, "stsz")?;
        let times: SttsBox = decode(&stbl.need(b"stts", "decoding times (stts)")?, "stts")?;
        let Some(first) = times.entries.first() else { return Ok(None) };
        let runs: StscBox = decode(&stbl.need(b"stsc", "sample-to-chunk table (stsc)")?, "stsc")?;
        let offsets = match stbl.find(b"co64")? {
            Some(table) => Either::B(decode::<Co64Box>(&table, "co64")?),
            None => {
                Either::A(decode::<StcoBox>(&stbl.need(b"stco", "chunk offsets (stco or co64)")?, "stco")?)
            }
        };
        let offsets: Vec<u64> = match offsets {
            Either::A(table) => table.chunk_offsets.into_iter().map(u64::from).collect(),
            Either::B(table) => table.chunk_offsets,
        };
        let run = |e: &shiguredo_mp4::boxes::StscEntry| {
            (u64::from(e.first_chunk.get()), u64::from(e.sample_per_chunk))
        };
        Ok(Some(Self {
            runs: runs.entries.iter().map(run).collect(),
            offsets,
            frame_bytes,
            ticks_per_frame: first.sample_delta.into(),
            frames: count,
            chunk: 0,
            in_chunk: 0,
            given: 0,
        }))
    }

    /// The next packet's place and time, `None` at the end.
    pub(super) fn next(&mut self) -> Option<Sample> {
        loop {
            let offset = *self.offsets.get(self.chunk)?;
            let number = self.chunk as u64 + 1;
            let run = self.runs.partition_point(|(first, _)| *first <= number).checked_sub(1)?;
            let in_chunk = self.runs[run].1;
            let frames =
                in_chunk.saturating_sub(self.in_chunk).min(PACKET_FRAMES).min(self.frames - self.given);
            if frames == 0 {
                if self.given == self.frames {
                    return None;
                }
                (self.chunk, self.in_chunk) = (self.chunk + 1, 0);
                continue;
            }
            let ticks =
                |frames: u64| i64::try_from(frames).unwrap_or(i64::MAX).saturating_mul(self.ticks_per_frame);
            let sample = Sample {
                offset: offset.saturating_add(self.in_chunk.saturating_mul(self.frame_bytes)),
                size: u32::try_from(frames * self.frame_bytes).unwrap_or(u32::MAX),
                time: ticks(self.given),
                duration: u32::try_from(ticks(frames)).unwrap_or(u32::MAX),
                key: true,
            };
            self.in_chunk += frames;
            self.given += frames;
            return Some(sample);
        }
    }
}
