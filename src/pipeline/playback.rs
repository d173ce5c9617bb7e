//! Plays an output back: both streams of a WebM with alpha through libvpx, frame by frame; or the one stream of an
//! output without, whose frames are opaque.
//! Used to verify outputs and to draw contact sheets. One frame is in memory at a time.
#![forbid(unsafe_code)]

use super::error::Error;
use super::timeline::{KIND_TAG, part_by_tags};
use crate::frame::{Colour, Matrix, Plane, Range, Samples, Size, Yuv420};
use crate::units::TimeBase;
use crate::vp9::{self, header};
use crate::webm::reader::{self, Block, Reader, Track};
use std::fs::File;
use std::io::BufReader;
use std::ops;
use std::path::{Path, PathBuf};

/// A frame of an output.
pub struct Frame {
    /// Presentation time.
    pub pts_ms: i64,
    /// Whether the container calls this a key frame.
    pub key: bool,
    /// Whether the alpha packet is a key frame.
    pub alpha_key: bool,
    /// The colour stream.
    pub colour: Yuv420<u8>,
    /// The alpha stream's luma; all opaque where there is none.
    pub alpha: Plane<u8>,
}

/// An output being played; an iterator over its frames that ends at the first error.
pub struct Playback {
    path: PathBuf,
    reader: Reader<BufReader<File>>,
    track: Track,
    size: Size,
    base: TimeBase,
    colour: vp9::Decoder,
    alpha: vp9::Decoder,
    has_index: bool,
    stopped: bool,
}

/// What is wrong with an output whose bytes are fine.
#[derive(Debug, thiserror::Error)]
enum Oddity {
    #[error("no VP9 video track with an alpha channel (AlphaMode 1) in this file")]
    NoAlphaTrack,
    #[error("the frame at {pts_ms} ms has no alpha")]
    NoAlpha { pts_ms: i64 },
    #[error("the {stream} packet at {pts_ms} ms shows nothing")]
    Hidden { stream: &'static str, pts_ms: i64 },
    #[error("the {stream} frame at {pts_ms} ms is {got}, the track {expected}")]
    Size { stream: &'static str, pts_ms: i64, expected: Size, got: Size },
    #[error("the {stream} frame at {pts_ms} ms has more than 8 bits")]
    Depth { stream: &'static str, pts_ms: i64 },
}

impl Playback {
    /// The part of its source that this is, in ticks of the source; `None` for all of it.
    pub(super) fn part(&self) -> Option<ops::Range<i64>> {
        part_by_tags(&self.reader.header().tags)
    }

    /// What an output without alpha of its own shows, as it says: `matte`, `backdrop`, `packed fisheye 180`.
    pub fn shows(&self) -> Option<&str> {
        let tags = &self.reader.header().tags;
        tags.iter().find(|(name, _)| name == KIND_TAG).map(|(_, value)| value.as_str())
    }

    /// Whether there is a stream of alpha.
    fn has_alpha(&self) -> bool {
        self.track.video.as_ref().is_some_and(|video| video.alpha_mode == 1)
    }

    /// Opens a WebM file that has VP9 with alpha, or says that it is an output without.
    ///
    /// # Errors
    /// When the file cannot be read or is of another kind.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Playback {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(|e| failed(e.into()))?;
        let mut reader =
            Reader::open(BufReader::with_capacity(1 << 20, file)).map_err(|e| failed(e.into()))?;
        let with_alpha =
            |t: &&Track| t.codec_id == "V_VP9" && t.video.as_ref().is_some_and(|v| v.alpha_mode == 1);
        let says_opaque = reader.header().tags.iter().any(|(name, _)| name == KIND_TAG);
        let opaque = |t: &&Track| says_opaque && t.codec_id == "V_VP9" && t.video.is_some();
        let tracks = &reader.header().tracks;
        let track = tracks.iter().find(with_alpha).or_else(|| tracks.iter().find(opaque)).cloned();
        let track = track.ok_or_else(|| failed(Oddity::NoAlphaTrack.into()))?;
        let size = track.video.as_ref().map_or(Size::new(0, 0), |video| video.size);
        let scale = i64::try_from(reader.header().info.timestamp_scale_ns).unwrap_or(i64::MAX);
        let base = TimeBase::new(scale, 1_000_000_000).unwrap_or(TimeBase::MILLISECOND);
        let has_index = index_is_in_front(reader.header()) && reader.check_index().is_ok();
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(16);
        let decoder = || vp9::Decoder::new(threads).map_err(|e| failed(e.into()));
        Ok(Self {
            path: path.to_path_buf(),
            size,
            base,
            colour: decoder()?,
            alpha: decoder()?,
            reader,
            track,
            has_index,
            stopped: false,
        })
    }

    /// Counts the frames of a file without decoding them.
    ///
    /// # Errors
    /// As [`Playback::open`], or when the file breaks off.
    pub fn count(path: &Path) -> Result<u64, Error> {
        let mut playback = Self::open(path)?;
        let mut frames = 0;
        while playback
            .next_block()
            .map_err(|source| Error::Playback { path: path.to_path_buf(), source })?
            .is_some()
        {
            frames += 1;
        }
        Ok(frames)
    }

    /// Size of the frames.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Colour as the container states it.
    pub fn colour(&self) -> Colour {
        let stated = self.track.video.as_ref().and_then(|video| video.colour.as_ref());
        let code = |value: Option<u64>| value.and_then(|v| u8::try_from(v).ok());
        let matrix = code(stated.and_then(|c| c.matrix)).and_then(Matrix::from_h273);
        // Matroska Range: 1 limited, 2 full.
        let range = stated.and_then(|c| c.range).map(|r| if r == 2 { Range::Full } else { Range::Limited });
        let primaries = code(stated.and_then(|c| c.primaries)).unwrap_or(2);
        let transfer = code(stated.and_then(|c| c.transfer)).unwrap_or(2);
        Colour::resolve(matrix, range, primaries, transfer, self.size)
    }

    /// Code range of the colour stream.
    pub fn range(&self) -> Range {
        self.colour().range
    }

    /// Duration as the container states it.
    pub fn duration_seconds(&self) -> Option<f64> {
        self.reader.header().info.duration_ticks.map(|ticks| ticks * self.base.seconds().as_f64())
    }

    /// Whether SeekHead and Cues lie before the first cluster and point at what they should.
    pub fn has_index(&self) -> bool {
        self.has_index
    }

    fn next_block(&mut self) -> Result<Option<Block>, Box<dyn std::error::Error + Send + Sync>> {
        loop {
            match self.reader.next_block()? {
                Some(block) if block.track != self.track.number => {}
                other => return Ok(other),
            }
        }
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, Box<dyn std::error::Error + Send + Sync>> {
        let Some(block) = self.next_block()? else { return Ok(None) };
        let pts_ms = self.base.convert(block.pts_ticks, TimeBase::MILLISECOND);
        if !self.has_alpha() {
            let colour = decode(&mut self.colour, &block.data, "colour", pts_ms, self.size)?;
            let alpha = Plane::filled(self.size, 255);
            return Ok(Some(Frame { pts_ms, key: block.key, alpha_key: block.key, colour, alpha }));
        }
        let alpha_data = block.additional.as_ref().ok_or(Oddity::NoAlpha { pts_ms })?;
        let alpha_key = match header::frames(alpha_data)?.first() {
            Some(first) => header::parse(first)?.key,
            None => false,
        };
        let colour = decode(&mut self.colour, &block.data, "colour", pts_ms, self.size)?;
        let Yuv420 { y: alpha, .. } = decode(&mut self.alpha, alpha_data, "alpha", pts_ms, self.size)?;
        Ok(Some(Frame { pts_ms, key: block.key, alpha_key, colour, alpha }))
    }
}

impl Iterator for Playback {
    type Item = Result<Frame, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stopped {
            return None;
        }
        let next = self.next_frame();
        self.stopped = !matches!(next, Ok(Some(_)));
        next.map_err(|source| Error::Playback { path: self.path.clone(), source }).transpose()
    }
}

fn index_is_in_front(header: &reader::Header) -> bool {
    let first = header.first_cluster.unwrap_or(0);
    !header.seeks.is_empty() && !header.cues.is_empty() && header.cues_at.is_some_and(|at| at < first)
}

fn decode(
    decoder: &mut vp9::Decoder,
    packet: &[u8],
    stream: &'static str,
    pts_ms: i64,
    expected: Size,
) -> Result<Yuv420<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let frame = decoder.decode(packet)?.ok_or(Oddity::Hidden { stream, pts_ms })?;
    if frame.size != expected {
        return Err(Oddity::Size { stream, pts_ms, expected, got: frame.size }.into());
    }
    match frame.to_samples() {
        Samples::Eight(planes) => Ok(planes),
        Samples::Sixteen(_) => Err(Oddity::Depth { stream, pts_ms }.into()),
    }
}
