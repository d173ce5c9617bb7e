//! Tracks: what each stream of the file is. Values are kept as the file has them; defaults of the
//! specification are filled in only where a plain number results.
#![forbid(unsafe_code)]

use super::error::{Error, once, required};
use crate::frame::Size;
use crate::webm::ebml::{Element, Event, Parser};
use crate::webm::ids;
use std::io::Read;

/// More tracks than any file of interest has; Chromium takes no track number above 127.
const MAX_TRACKS: usize = 127;

/// Longest side of a picture: that of VP9.
const MAX_SIDE: u64 = 65536;

/// What kind of stream a track is (TrackType).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrackKind {
    /// Type 1.
    Video,
    /// Type 2.
    Audio,
    /// Any other type.
    Other(u64),
}

/// One TrackEntry.
#[derive(Clone, PartialEq, Debug)]
pub struct Track {
    /// TrackNumber, by which blocks name it.
    pub number: u64,
    /// TrackUID.
    pub uid: u64,
    /// Kind of stream.
    pub kind: TrackKind,
    /// CodecID, `V_VP9` for one.
    pub codec_id: String,
    /// CodecPrivate.
    pub codec_private: Option<Vec<u8>>,
    /// DefaultDuration, nanoseconds from frame to frame.
    pub frame_duration_ns: Option<u64>,
    /// MaxBlockAdditionID, 0 when absent.
    pub max_block_addition_id: u64,
    /// FlagLacing; the default is 1.
    pub lacing: bool,
    /// Video, if there is one.
    pub video: Option<Video>,
}

/// The Video element of a track.
#[derive(Clone, PartialEq, Debug)]
pub struct Video {
    /// PixelWidth and PixelHeight.
    pub size: Size,
    /// DisplayWidth and DisplayHeight as they are there.
    pub display: (Option<u64>, Option<u64>),
    /// StereoMode, 0 when absent: see `Packing::from_stereo_mode`.
    pub stereo_mode: u64,
    /// AlphaMode, 0 when absent; 1: BlockAdditional 1 is the alpha stream.
    pub alpha_mode: u64,
    /// Colour, if there is one.
    pub colour: Option<ColourElement>,
}

/// The Colour element, numbers of H.273 as they are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ColourElement {
    /// MatrixCoefficients.
    pub matrix: Option<u64>,
    /// Range: 1 limited, 2 full.
    pub range: Option<u64>,
    /// TransferCharacteristics.
    pub transfer: Option<u64>,
    /// Primaries.
    pub primaries: Option<u64>,
    /// BitsPerChannel.
    pub bits: Option<u64>,
}

/// Reads the children of Tracks, which was just opened.
pub(super) fn read_tracks<R: Read>(parser: &mut Parser<R>, element: Element) -> Result<Vec<Track>, Error> {
    let mut tracks: Vec<Track> = Vec::new();
    while let Some(event) = parser.next()? {
        match event {
            Event::Open(entry) if entry.id == ids::TRACK_ENTRY => {
                if tracks.len() == MAX_TRACKS {
                    let what = format!("more than {MAX_TRACKS} tracks");
                    return Err(Error::Unsupported { id: entry.id, at_byte: entry.at_byte, what });
                }
                let track = read_track(parser, entry)?;
                if tracks.iter().any(|other| other.number == track.number) {
                    return Err(Error::Repeated { id: ids::TRACK_NUMBER, at_byte: entry.at_byte });
                }
                tracks.push(track);
            }
            Event::Open(_) => parser.skip_master()?,
            Event::Leaf(_) => {}
            Event::Close(_) => break,
        }
    }
    if tracks.is_empty() {
        return Err(Error::Missing { id: ids::TRACK_ENTRY, parent: element.id, at_byte: element.at_byte });
    }
    Ok(tracks)
}

fn read_track<R: Read>(parser: &mut Parser<R>, entry: Element) -> Result<Track, Error> {
    let (mut number, mut uid, mut kind, mut codec_id) = (None, None, None, None);
    let (mut codec_private, mut duration, mut addition, mut lacing, mut video) =
        (None, None, None, None, None);
    while let Some(event) = parser.next()? {
        let leaf = match event {
            Event::Leaf(leaf) => leaf,
            Event::Open(element) if element.id == ids::VIDEO => {
                let read = read_video(parser, element)?;
                once(&mut video, read, element)?;
                continue;
            }
            Event::Open(_) => {
                parser.skip_master()?;
                continue;
            }
            Event::Close(_) => break,
        };
        let at = leaf.element();
        match at.id {
            ids::TRACK_NUMBER => once(&mut number, nonzero(leaf.uint()?, at)?, at)?,
            ids::TRACK_UID => once(&mut uid, nonzero(leaf.uint()?, at)?, at)?,
            ids::TRACK_TYPE => once(&mut kind, leaf.uint()?, at)?,
            ids::CODEC_ID => once(&mut codec_id, leaf.string()?, at)?,
            ids::CODEC_PRIVATE => once(&mut codec_private, leaf.bytes()?, at)?,
            ids::DEFAULT_DURATION => once(&mut duration, nonzero(leaf.uint()?, at)?, at)?,
            ids::MAX_BLOCK_ADDITION_ID => once(&mut addition, leaf.uint()?, at)?,
            ids::FLAG_LACING => once(&mut lacing, leaf.uint()?, at)?,
            ids::CONTENT_ENCODINGS => {
                let what = "compression or encryption".to_owned();
                return Err(Error::Unsupported { id: at.id, at_byte: at.at_byte, what });
            }
            _ => {}
        }
    }
    let kind = match required(kind, ids::TRACK_TYPE, entry)? {
        1 => TrackKind::Video,
        2 => TrackKind::Audio,
        other => TrackKind::Other(other),
    };
    if kind == TrackKind::Video && video.is_none() {
        return Err(Error::Missing { id: ids::VIDEO, parent: entry.id, at_byte: entry.at_byte });
    }
    Ok(Track {
        number: required(number, ids::TRACK_NUMBER, entry)?,
        uid: required(uid, ids::TRACK_UID, entry)?,
        kind,
        codec_id: required(codec_id, ids::CODEC_ID, entry)?,
        codec_private,
        frame_duration_ns: duration,
        max_block_addition_id: addition.unwrap_or(0),
        lacing: lacing != Some(0),
        video,
    })
}

fn read_video<R: Read>(parser: &mut Parser<R>, video: Element) -> Result<Video, Error> {
    let (mut width, mut height, mut display_width, mut display_height) = (None, None, None, None);
    let (mut stereo_mode, mut alpha_mode, mut colour) = (None, None, None);
    while let Some(event) = parser.next()? {
        let leaf = match event {
            Event::Leaf(leaf) => leaf,
            Event::Open(element) if element.id == ids::COLOUR => {
                let read = read_colour(parser)?;
                once(&mut colour, read, element)?;
                continue;
            }
            Event::Open(_) => {
                parser.skip_master()?;
                continue;
            }
            Event::Close(_) => break,
        };
        let at = leaf.element();
        match at.id {
            ids::PIXEL_WIDTH => once(&mut width, side(leaf.uint()?, at)?, at)?,
            ids::PIXEL_HEIGHT => once(&mut height, side(leaf.uint()?, at)?, at)?,
            ids::DISPLAY_WIDTH => once(&mut display_width, nonzero(leaf.uint()?, at)?, at)?,
            ids::DISPLAY_HEIGHT => once(&mut display_height, nonzero(leaf.uint()?, at)?, at)?,
            ids::STEREO_MODE => once(&mut stereo_mode, leaf.uint()?, at)?,
            ids::ALPHA_MODE => once(&mut alpha_mode, leaf.uint()?, at)?,
            _ => {}
        }
    }
    let width = required(width, ids::PIXEL_WIDTH, video)?;
    Ok(Video {
        size: Size::new(width, required(height, ids::PIXEL_HEIGHT, video)?),
        display: (display_width, display_height),
        stereo_mode: stereo_mode.unwrap_or(0),
        alpha_mode: alpha_mode.unwrap_or(0),
        colour,
    })
}

fn read_colour<R: Read>(parser: &mut Parser<R>) -> Result<ColourElement, Error> {
    let mut colour = ColourElement::default();
    while let Some(event) = parser.next()? {
        let leaf = match event {
            Event::Leaf(leaf) => leaf,
            Event::Open(_) => {
                parser.skip_master()?;
                continue;
            }
            Event::Close(_) => break,
        };
        let at = leaf.element();
        let slot = match at.id {
            ids::MATRIX_COEFFICIENTS => &mut colour.matrix,
            ids::RANGE => &mut colour.range,
            ids::TRANSFER_CHARACTERISTICS => &mut colour.transfer,
            ids::PRIMARIES => &mut colour.primaries,
            ids::BITS_PER_CHANNEL => &mut colour.bits,
            _ => continue,
        };
        once(slot, leaf.uint()?, at)?;
    }
    Ok(colour)
}

fn nonzero(value: u64, at: Element) -> Result<u64, Error> {
    match value {
        0 => {
            Err(Error::BadValue { id: at.id, at_byte: at.at_byte, expected: "more than 0", got: "0".into() })
        }
        value => Ok(value),
    }
}

fn side(value: u64, at: Element) -> Result<usize, Error> {
    if (1..=MAX_SIDE).contains(&value) {
        return Ok(value as usize);
    }
    let expected = "1 to 65536 pixels";
    Err(Error::BadValue { id: at.id, at_byte: at.at_byte, expected, got: value.to_string() })
}
