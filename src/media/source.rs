//! An opened video file: its description and its video packets in decode order.
//!
//! Owned by one thread at a time. Joins what the container says with the codec's own headers.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use crate::frame::{Light, Size};
use crate::layout::{Layout, LayoutChoice, Statements};
use crate::packet::{Codec, Packet};
use crate::units::{Rational, TimeBase};

use super::audio::AudioTrack;
use super::bitstream::{self, StreamHeader};
use super::index::{Index, Place, SeekPoint};
use super::info::{Chapter, Chroma, Container, DeclaredColour, Info, VideoTrack};
use super::input::Input;
use super::matroska::{self, Matroska};
use super::mp4::{self, Mp4};
use super::{Error, choose_layout};

/// A raw 8K 4:2:0 frame of 10 bits in 16 has 96 MiB; coded ones are far smaller.
pub(super) const MAX_PACKET_BYTES: u64 = 256 << 20;

/// Bytes read at once while only the headers of packets are looked at.
const INDEX_WINDOW_BYTES: usize = 4096;

/// What a demuxer knows of the video track; the rest is in the bitstream.
pub(super) struct Demuxed {
    pub(super) id: u64,
    pub(super) codec: Codec,
    pub(super) size: Option<Size>,
    pub(super) format: Option<(u8, Chroma)>,
    pub(super) configuration: Vec<u8>,
    pub(super) colour: DeclaredColour,
    pub(super) light: Option<Light>,
    pub(super) time_base: TimeBase,
    pub(super) frame_count: Option<u64>,
    pub(super) duration_ticks: Option<i64>,
    pub(super) frame_rate: Option<Rational>,
    pub(super) shown_from_ticks: i64,
    pub(super) shown_until_ticks: Option<i64>,
    pub(super) layout: Statements,
    pub(super) rotation_degrees: u16,
    pub(super) pixel_aspect: Option<Rational>,
    pub(super) notes: Vec<String>,
}

/// A file whose headers were read by the demuxer `D`.
pub(super) struct Opened<D> {
    pub(super) container: Container,
    pub(super) duration_s: Option<f64>,
    pub(super) video: Demuxed,
    pub(super) audio: Vec<AudioTrack>,
    pub(super) other_tracks: usize,
    pub(super) chapters: Vec<Chapter>,
    pub(super) tags: Vec<(String, String)>,
    pub(super) demuxer: D,
}

impl<D> Opened<D> {
    /// The same with another demuxer.
    fn map<E>(self, wrap: impl FnOnce(D) -> E) -> Opened<E> {
        let Self { container, duration_s, video, audio, other_tracks, chapters, tags, demuxer } = self;
        let demuxer = wrap(demuxer);
        Opened { container, duration_s, video, audio, other_tracks, chapters, tags, demuxer }
    }
}

enum Demuxer {
    Mp4(Box<Mp4>),
    Matroska(Box<Matroska>),
}

impl Demuxer {
    fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        match self {
            Self::Mp4(demuxer) => demuxer.next_packet(),
            Self::Matroska(demuxer) => demuxer.next_packet(),
        }
    }

    fn index(&mut self, input: Input) -> Result<Index, Error> {
        match self {
            Self::Mp4(demuxer) => demuxer.index(input),
            Self::Matroska(demuxer) => demuxer.index(input),
        }
    }

    fn seek(&mut self, place: Place) -> Result<(), Error> {
        match (self, place) {
            (Self::Mp4(demuxer), place) => demuxer.seek(place),
            (Self::Matroska(demuxer), Place::Cluster { at, skip }) => demuxer.seek(at, skip),
            // A place of another file: its caller's mistake, and harmless.
            (Self::Matroska(_), _) => Ok(()),
        }
    }
}

/// An opened video file.
pub struct Source {
    path: PathBuf,
    info: Info,
    demuxer: Demuxer,
    /// The first packet, when opening had to look into it.
    peeked: Option<Packet>,
    /// The end, or an error, was given.
    done: bool,
}

impl Source {
    /// Opens a file and reads its headers; no more of it than a bounded number of bytes.
    ///
    /// # Errors
    /// Anything in [`Error`]: the file cannot be read, is no video file that this program takes, is
    /// cut off, or its headers make no sense.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let mut input = Input::open(path)?;
        let file_bytes = input.len();
        let head = input.read_vec(0, file_bytes.min(8), 8, "first bytes")?;
        let mut opened = if matroska::is_matroska(&head) {
            Matroska::open(input)?.map(|d| Demuxer::Matroska(Box::new(d)))
        } else if mp4::is_mp4(&head) {
            Mp4::open(input)?.map(|d| Demuxer::Mp4(Box::new(d)))
        } else {
            return Err(Error::UnknownContainer { begins: printable(&head) });
        };
        let (video, peeked) = describe(opened.video, &mut opened.demuxer)?;
        let info = Info {
            container: opened.container,
            file_bytes,
            duration_s: opened.duration_s,
            video,
            audio: opened.audio,
            other_tracks: opened.other_tracks,
            chapters: opened.chapters,
            tags: opened.tags,
        };
        Ok(Self { path: path.to_owned(), info, demuxer: opened.demuxer, peeked, done: false })
    }

    /// What probing found.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// The video track.
    pub fn video(&self) -> &VideoTrack {
        &self.info.video
    }

    /// The path as given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The layout to use; see [`choose_layout`].
    pub fn layout(&self, choice: &LayoutChoice) -> Layout {
        choose_layout(&self.info.video, &self.path, choice)
    }

    /// Reads where all packets are and when they are shown, not what is in them. Uses the source up:
    /// its place in the file is lost.
    ///
    /// # Errors
    /// A read error, a cut file, or malformed data; [`Error::Unsupported`] where packets cannot be told
    /// without reading them (laced video).
    pub fn index(mut self) -> Result<Index, Error> {
        // Headers lie far apart: reading ahead would read most of the file.
        let input = Input::open(&self.path)?.with_window(INDEX_WINDOW_BYTES);
        self.demuxer.index(input)
    }

    /// Goes to a key packet, which is the next one given.
    ///
    /// # Errors
    /// As [`Source::next_packet`].
    pub fn seek(&mut self, point: &SeekPoint) -> Result<(), Error> {
        self.peeked = None;
        self.done = true;
        self.demuxer.seek(point.place)?;
        self.done = false;
        Ok(())
    }

    /// The next packet of the video track in decode order, `None` at the end.
    ///
    /// # Errors
    /// A read error, a cut file ([`Error::Truncated`], after all packets ahead of the cut), or
    /// malformed data. After an error the source is at its end.
    pub fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        if let Some(packet) = self.peeked.take() {
            return Ok(Some(packet));
        }
        if self.done {
            return Ok(None);
        }
        let next = self.demuxer.next_packet();
        self.done = !matches!(next, Ok(Some(_)));
        next
    }
}

/// Joins container and bitstream. Looks into the first packet only if the container's
/// configuration does not hold the sequence header.
fn describe(video: Demuxed, demuxer: &mut Demuxer) -> Result<(VideoTrack, Option<Packet>), Error> {
    let codec = video.codec;
    let mut peeked = None;
    let header = match bitstream::from_configuration(codec, &video.configuration)? {
        Some(header) => Some(header),
        None => {
            let first = demuxer.next_packet()?.ok_or_else(|| Error::Missing {
                what: "video packets",
                detail: format!("the {codec} track is empty"),
            })?;
            let header = bitstream::from_packet(codec, &video.configuration, &first.data)?;
            peeked = Some(first);
            header
        }
    };
    // Without any header, what vpcC or the Matroska track says is all there is.
    let by_container = video.size.zip(video.format);
    let header = header.or(by_container.map(|(size, (depth, chroma))| StreamHeader {
        size,
        crop: [0; 2],
        depth,
        chroma,
        colour: DeclaredColour::default(),
    }));
    let header = header.ok_or_else(|| Error::Missing {
        what: "sequence header",
        detail: format!("neither the {codec} configuration nor the first packet holds one"),
    })?;
    if header.chroma != Chroma::Yuv420 {
        let got = format!("{} (4:2:0 is read)", header.chroma);
        return Err(Error::Unsupported { what: "chroma format", got });
    }
    if !matches!(header.depth, 8 | 10) {
        let got = format!("{} bits (8 and 10 are read)", header.depth);
        return Err(Error::Unsupported { what: "bit depth", got });
    }
    let declared_colour = video.colour.or(header.colour);
    let track = VideoTrack {
        id: video.id,
        codec,
        size: header.size,
        crop: header.crop,
        depth: header.depth,
        chroma: header.chroma,
        time_base: video.time_base,
        frame_count: video.frame_count,
        duration_ticks: video.duration_ticks,
        frame_rate: video.frame_rate.filter(|r| r.num() > 0),
        shown_from_ticks: video.shown_from_ticks,
        shown_until_ticks: video.shown_until_ticks,
        configuration: video.configuration,
        colour: declared_colour.resolve(header.size)?,
        mapped_from: None,
        declared_colour,
        light: video.light,
        layout: video.layout,
        rotation_degrees: video.rotation_degrees,
        pixel_aspect: video.pixel_aspect,
        notes: video.notes,
    };
    Ok((track, peeked))
}

/// Bytes as text where they are text, else in hex.
pub(super) fn printable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(|c| !c.is_control() || c.is_whitespace()) => format!("{text:?}"),
        _ => bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" "),
    }
}
