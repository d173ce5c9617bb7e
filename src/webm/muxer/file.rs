//! The file being written: header first, then cluster after cluster, then back to patch the sizes,
//! the duration and the index.
#![forbid(unsafe_code)]

use super::audio::{self, AudioFrame, AudioTrack, Waiting};
use super::chapters;
use super::cluster::{Cluster, Frame};
use super::cues::{self, Cue};
use super::header::{self, Header};
use super::{Error, error::Error::Io};
use crate::webm::ebml::{vint, write};
use crate::webm::ids;
use std::io::{Seek, SeekFrom, Write};

/// Writes one WebM file. Each cluster goes out in two writes; buffering it further gains nothing.
#[derive(Debug)]
pub struct Muxer<W> {
    out: W,
    /// Where in `out` the file begins.
    base: u64,
    /// Bytes written, patches not counted; positions below count from the file's first byte.
    length: u64,
    segment_data: u64,
    info_at: u64,
    tracks_at: u64,
    duration_at: u64,
    cues_at: u64,
    cues_bytes: u64,
    alpha: bool,
    cluster: Cluster,
    cues: Vec<Cue>,
    last_ms: Option<i64>,
    audio_tracks: usize,
    waiting: Waiting,
}

impl<W: Write + Seek> Muxer<W> {
    /// Begins a file at the output's present position, without sound.
    ///
    /// # Errors
    /// `BadSize`, `Io`.
    pub fn create(out: W, header: &Header) -> Result<Self, Error> {
        Self::create_with_audio(out, header, &[])
    }

    /// Begins a file at the output's present position, with these audio tracks beside the video.
    ///
    /// # Errors
    /// `BadSize`, `TooManyTracks`, `Io`.
    pub fn create_with_audio(mut out: W, header: &Header, sound: &[AudioTrack]) -> Result<Self, Error> {
        if sound.len() > audio::MAX_TRACKS {
            return Err(Error::TooManyTracks { count: sound.len() });
        }
        let size = header.video.size;
        if !(1..=65536).contains(&size.width) || !(1..=65536).contains(&size.height) {
            return Err(Error::BadSize { size });
        }
        let base = out.stream_position().map_err(|source| Io { what: "the start", at_byte: 0, source })?;
        let mut bytes = Vec::new();
        write::header(&mut bytes, "webm");
        write::open_unknown(&mut bytes, ids::SEGMENT);
        let segment_data = bytes.len() as u64;

        let info_at = segment_data + cues::SEEK_HEAD_BYTES;
        let (info, duration_in_info) = header::info(header);
        let tracks_at = info_at + info.len() as u64;
        let tracks = header::tracks(&header.video, sound);
        let mut tags = chapters::chapters(&header.chapters);
        tags.extend(header::tags(&header.tags));
        let cues_at = tracks_at + (tracks.len() + tags.len()) as u64;
        let cues_bytes = cues::reservation(header.expected_key_frames);
        // Right as far as it goes, should the file never be finished.
        let found = [(ids::INFO, info_at - segment_data), (ids::TRACKS, tracks_at - segment_data)];
        bytes.extend(cues::seek_head(&found));
        bytes.extend(info);
        bytes.extend(tracks);
        bytes.extend(tags);
        write::void(&mut bytes, cues_bytes);

        let mut muxer = Self {
            out,
            base,
            length: 0,
            segment_data,
            info_at,
            tracks_at,
            duration_at: info_at + duration_in_info,
            cues_at,
            cues_bytes,
            alpha: header.video.alpha,
            cluster: Cluster::default(),
            cues: Vec::new(),
            last_ms: None,
            audio_tracks: sound.len(),
            waiting: Waiting::default(),
        };
        muxer.append(&bytes, "the header")?;
        Ok(muxer)
    }

    /// Adds a frame. Copies it once; writes when a cluster is complete.
    ///
    /// # Errors
    /// A variant of [`Error`] for each rule of [`Frame`] that is broken; `Io`.
    pub fn write_frame(&mut self, frame: Frame) -> Result<(), Error> {
        self.check(&frame)?;
        // Sound that lasts into a key frame goes into its cluster; ahead of the first, all does.
        self.write_waiting(match (frame.key, self.last_ms) {
            (true, None) => 0,
            (true, Some(_)) => self.waiting.ended_by(frame.pts_ms),
            (false, _) => usize::MAX,
        })?;
        if self.cluster.is_complete_before(&frame) {
            self.write_cluster()?;
        }
        self.write_waiting(usize::MAX)?;
        if self.cluster.is_too_far_from(frame.pts_ms) {
            self.write_cluster()?;
        }
        let block = self.cluster.push(&frame, self.last_ms.unwrap_or(0));
        if frame.key {
            let cluster = self.length - self.segment_data;
            self.cues.push(Cue { time_ms: frame.pts_ms.unsigned_abs(), cluster, block });
        }
        self.last_ms = Some(frame.pts_ms);
        Ok(())
    }

    /// Adds a block of sound, which may wait for the next picture.
    ///
    /// # Errors
    /// `NoSuchTrack`, `NegativePts`, `OutOfOrder`, `EmptyFrame`, `Io`.
    pub fn write_audio(&mut self, frame: AudioFrame) -> Result<(), Error> {
        let AudioFrame { track: index, pts_ms, .. } = frame;
        if index >= self.audio_tracks {
            return Err(Error::NoSuchTrack { index, count: self.audio_tracks });
        }
        if pts_ms < 0 {
            return Err(Error::NegativePts { pts_ms });
        }
        if frame.data.is_empty() {
            return Err(Error::EmptyFrame { pts_ms, what: "audio" });
        }
        let previous_ms = self.last_ms.max(self.waiting.last_ms).unwrap_or(0);
        if pts_ms < previous_ms {
            return Err(Error::OutOfOrder { what: "audio", previous_ms, pts_ms });
        }
        self.waiting.push(frame);
        self.write_waiting(self.waiting.overdue())
    }

    /// Writes the first `count` of the blocks that wait.
    fn write_waiting(&mut self, count: usize) -> Result<(), Error> {
        for _ in 0..count {
            let Some(frame) = self.waiting.pop() else { break };
            if self.cluster.is_complete_before_audio(&frame) {
                self.write_cluster()?;
            }
            self.cluster.push_audio(&frame);
        }
        Ok(())
    }

    /// Ends the file: `end_ms` is where the last frame ends; sound may go on. Returns the output, flushed and
    /// standing behind the file.
    ///
    /// # Errors
    /// `NoFrames`, `EndNotAfterLastFrame`, `Io`.
    pub fn finish(mut self, end_ms: i64) -> Result<W, Error> {
        let last_ms = self.last_ms.ok_or(Error::NoFrames)?;
        if end_ms <= last_ms {
            return Err(Error::EndNotAfterLastFrame { last_ms, end_ms });
        }
        self.write_waiting(usize::MAX)?;
        self.write_cluster()?;
        let end_ms = end_ms.max(self.waiting.end_ms);

        let mut cues = cues::cues(&self.cues);
        let cues_at = if cues::fill(&mut cues, self.cues_bytes) {
            self.patch(self.cues_at, &cues, "Cues")?;
            self.cues_at
        } else {
            let at = self.length;
            self.append(&cues, "Cues")?;
            at
        };
        let position = |at| at - self.segment_data;
        let seek_head = cues::seek_head(&[
            (ids::INFO, position(self.info_at)),
            (ids::TRACKS, position(self.tracks_at)),
            (ids::CUES, position(cues_at)),
        ]);
        self.patch(self.segment_data, &seek_head, "SeekHead")?;

        let mut duration = Vec::new();
        write::float(&mut duration, ids::DURATION, end_ms as f64);
        debug_assert_eq!(duration.len() as u64, header::DURATION_BYTES);
        self.patch(self.duration_at, &duration, "Duration")?;
        // A file of 2^56 bytes keeps its unknown size, which is as valid.
        let size = vint::eight_bytes(self.length - self.segment_data).unwrap_or(vint::UNKNOWN_SIZE);
        self.patch(self.segment_data - size.len() as u64, &size, "the size of Segment")?;

        let at_byte = self.length;
        let end = self.out.seek(SeekFrom::Start(self.base + self.length)).and_then(|_| self.out.flush());
        end.map_err(|source| Io { what: "the end", at_byte, source })?;
        Ok(self.out)
    }

    fn check(&self, frame: &Frame) -> Result<(), Error> {
        let Frame { pts_ms, key, colour, alpha } = *frame;
        if pts_ms < 0 {
            return Err(Error::NegativePts { pts_ms });
        }
        match self.last_ms {
            Some(previous_ms) if pts_ms <= previous_ms => {
                return Err(Error::PtsNotIncreasing { previous_ms, pts_ms });
            }
            None if !key => return Err(Error::FirstNotKey { pts_ms }),
            _ => {}
        }
        if let Some(previous_ms) = self.waiting.last_ms.filter(|last| *last > pts_ms) {
            return Err(Error::OutOfOrder { what: "video", previous_ms, pts_ms });
        }
        if alpha.is_some() != self.alpha {
            return Err(Error::Alpha { pts_ms, expected: self.alpha });
        }
        if colour.is_empty() {
            return Err(Error::EmptyFrame { pts_ms, what: "colour" });
        }
        if alpha.is_some_and(<[u8]>::is_empty) {
            return Err(Error::EmptyFrame { pts_ms, what: "alpha" });
        }
        Ok(())
    }

    fn write_cluster(&mut self) -> Result<(), Error> {
        let mut head = Vec::with_capacity(12);
        write::id(&mut head, ids::CLUSTER);
        write::size(&mut head, self.cluster.body().len() as u64);
        self.append(&head, "a Cluster")?;
        let (body, at_byte) = (self.cluster.body(), self.length);
        self.out.write_all(body).map_err(|source| Io { what: "a Cluster", at_byte, source })?;
        self.length += body.len() as u64;
        self.cluster.clear();
        Ok(())
    }

    fn append(&mut self, bytes: &[u8], what: &'static str) -> Result<(), Error> {
        self.out.write_all(bytes).map_err(|source| Io { what, at_byte: self.length, source })?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn patch(&mut self, at_byte: u64, bytes: &[u8], what: &'static str) -> Result<(), Error> {
        let sought = self.out.seek(SeekFrom::Start(self.base + at_byte));
        sought.and_then(|_| self.out.write_all(bytes)).map_err(|source| Io { what, at_byte, source })
    }
}
