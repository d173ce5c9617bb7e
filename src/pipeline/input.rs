//! From a path to packets and, in software, to pictures: probe, layout, decoder.
#![forbid(unsafe_code)]

use super::error::Error;
use super::hdr::{self, HdrChoice, mapped};
use crate::frame::{Colour, Picture};
use crate::kernels::hdr::ToSdr;
use crate::layout::{Layout, LayoutChoice, Projection};
use crate::media::{self, Source, VideoTrack};
use crate::packet::Codec;
use crate::software::{self, Decoder, Options, StreamInfo};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An input, opened and understood.
pub struct Input {
    /// Gives the packets.
    pub source: Source,
    /// The video track.
    pub video: VideoTrack,
    /// Container in a word.
    pub container: String,
    /// Where the eyes lie, and why.
    pub layout: Layout,
    /// Timestamps that are shown, in ticks of the track.
    pub shown: Range<i64>,
    /// Frames that will come, where the container tells.
    pub expected_frames: Option<u64>,
    /// What the user should know.
    pub notes: Vec<String>,
}

impl Input {
    /// The same with high dynamic range treated as `choice` says.
    #[must_use]
    pub fn with_hdr(mut self, choice: HdrChoice) -> Self {
        if self.video.colour.is_hdr() {
            self.notes.extend(hdr::note(self.video.colour, choice));
            if choice == HdrChoice::Map {
                self.video.mapped_from = Some(self.video.colour);
                self.video.colour = ToSdr::colour();
            }
        }
        self
    }

    /// The same with nothing shown outside `part`.
    #[must_use]
    pub fn within(mut self, part: Option<&Range<i64>>) -> Self {
        if let Some(part) = part {
            self.shown = part.start.max(self.shown.start)..part.end.min(self.shown.end);
        }
        self
    }
}

/// Opens `path`; `choice` overrules what file and name say.
///
/// # Errors
/// When the file is no video that can be read.
pub fn open_input(path: &Path, choice: &LayoutChoice) -> Result<Input, Error> {
    let source = Source::open(path).map_err(|source| Error::Open { path: path.to_path_buf(), source })?;
    let info = source.info();
    let video = info.video.clone();
    let layout = media::choose_layout(&video, path, choice);
    let mut notes = video.notes.clone();
    notes.extend(layout.notes());
    if video.rotation_degrees != 0 && layout.projection != Projection::Rectilinear {
        let (turn, projection) = (video.rotation_degrees, &layout.projection);
        notes.push(format!("the display turn of {turn} degrees is not carried over: {projection} has none"));
    }
    let shown = video.shown_from_ticks..video.shown_until_ticks.unwrap_or(i64::MAX);
    let (container, expected_frames) = (info.container.to_string(), video.frame_count);
    Ok(Input { source, video, container, layout, shown, expected_frames, notes })
}

/// Starts the software decoder for an input, whose pictures are to have the colour `wanted`: its own, or that of
/// standard range.
///
/// # Errors
/// When it is not there or cannot be started.
pub fn decode_in_software(
    path: &Path,
    source: Source,
    wanted: Colour,
    (stall, threads): (Duration, usize),
) -> Result<Box<dyn Decoder>, Error> {
    let video = source.video();
    let (given, light) = (video.colour, video.light);
    let stream = StreamInfo {
        codec: video.codec,
        size: video.size,
        depth: video.depth,
        colour: video.colour,
        time_base: video.time_base,
        configuration: video.configuration.clone(),
    };
    let options = Options { stall, threads, ..Options::default() };
    software::open(stream, feed(source), options)
        .map(|decoder| mapped(decoder, (given, light.as_ref()), wanted))
        .map_err(|source| Error::Decoder { path: path.to_path_buf(), source })
}

/// The packets of a source, for a decoder's own thread.
pub fn feed(mut source: Source) -> software::Feed {
    Box::new(move || source.next_packet().map_err(Into::into))
}

/// Pictures of an input that are shown, decoded in software: what an output is compared with.
pub struct ShownPictures {
    path: PathBuf,
    decoder: Box<dyn Decoder>,
    shown: Range<i64>,
}

impl ShownPictures {
    /// Starts decoding.
    ///
    /// # Errors
    /// As [`decode_in_software`].
    pub fn start(path: &Path, input: Input, stall: Duration) -> Result<Self, Error> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let decoder = decode_in_software(path, input.source, input.video.colour, (stall, threads))?;
        Ok(Self { path: path.to_path_buf(), decoder, shown: input.shown })
    }

    /// The next picture, `None` after the last.
    ///
    /// # Errors
    /// When decoding fails.
    pub fn next(&mut self) -> Result<Option<Picture>, Error> {
        loop {
            let next = self.decoder.next_picture();
            match next.map_err(|source| Error::Decoder { path: self.path.clone(), source })? {
                // They come in the order of their times: the rest need not be decoded.
                Some(picture) if picture.pts >= self.shown.end => return Ok(None),
                Some(picture) if !self.shown.contains(&picture.pts) => {}
                other => return Ok(other),
            }
        }
    }
}

/// Which software decoder takes a codec, and why.
pub fn software_decoder(codec: Codec) -> (&'static str, &'static str) {
    match codec {
        Codec::Av1 => ("rav1d", "AV1 is decoded in-process, on the CPU"),
        Codec::H264 | Codec::Hevc | Codec::Vp8 | Codec::Vp9 => ("ffmpeg", "a supervised child, on the CPU"),
    }
}
