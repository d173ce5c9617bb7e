//! The moov box: movie header, tracks, and defaults of fragments.
//!
//! Input: the moov box in memory; output borrows from it. Fixed fields are read here, tables are
//! left to [`super::samples`]. Spec: ISO/IEC 14496-12 §8.2, §8.3, §8.4, §8.8.
#![forbid(unsafe_code)]

use shiguredo_mp4::boxes::TrexBox;

use crate::media::Error;

use super::boxes::{self, Box};
use super::samples::decode;

/// More tracks than any camera or editor writes.
const MAX_TRACKS: u64 = 256;

/// The GSpherical metadata box of a track (facts of Google's spherical video v1).
const SPHERICAL_V1: [u8; 16] =
    [0xff, 0xcc, 0x82, 0x63, 0xf8, 0x55, 0x4a, 0x93, 0x88, 0x14, 0x58, 0x7a, 0x02, 0x52, 0x1f, 0xdd];

/// A moov box.
pub(super) struct Movie<'a> {
    /// Ticks per second of the movie's own times, which edit durations use.
    pub(super) timescale: u32,
    /// Duration in those ticks; 0 when unknown.
    pub(super) duration: u64,
    /// The tracks in file order.
    pub(super) tracks: Vec<Track<'a>>,
    /// Defaults of fragments; `None` when the file has no mvex box.
    pub(super) fragment_defaults: Option<Vec<TrexBox>>,
}

/// A trak box.
pub(super) struct Track<'a> {
    pub(super) id: u32,
    pub(super) enabled: bool,
    /// Clockwise turn by the matrix of tkhd.
    pub(super) rotation_degrees: u16,
    /// `vide`, `soun`, ...
    pub(super) handler: [u8; 4],
    /// Ticks per second, not 0.
    pub(super) timescale: u32,
    /// Duration by mdhd; 0 when unknown.
    pub(super) duration: u64,
    /// ISO 639-2/T code by mdhd; `None` for "und" and for QuickTime's own numbers.
    pub(super) language: Option<String>,
    /// Name by udta.
    pub(super) name: Option<String>,
    pub(super) edit_list: Option<Box<'a>>,
    pub(super) sample_table: Box<'a>,
    /// The first sample entry.
    pub(super) entry: Option<Box<'a>>,
    /// IDs of the tracks that are its chapters, four bytes each (tref/chap).
    pub(super) chapter_tracks: &'a [u8],
    /// XML of the GSpherical box.
    pub(super) spherical_v1: Option<&'a [u8]>,
}

impl<'a> Movie<'a> {
    /// Reads a moov box.
    pub(super) fn parse(moov: &Box<'a>) -> Result<Self, Error> {
        if let Some(compressed) = moov.find(b"cmov")? {
            let got = format!("compressed movie header (cmov at byte {})", compressed.at);
            return Err(Error::Unsupported { what: "QuickTime feature", got });
        }
        let (mut timescale, mut duration) = (1000, 0);
        let mut tracks = Vec::new();
        let mut fragment_defaults = None;
        for child in moov.children() {
            let child = child?;
            match &child.kind {
                b"mvhd" => (timescale, duration) = times(&child)?,
                b"trak" => {
                    if tracks.len() as u64 == MAX_TRACKS {
                        return Err(Error::Limit {
                            what: "number of tracks",
                            got: MAX_TRACKS + 1,
                            max: MAX_TRACKS,
                        });
                    }
                    tracks.push(Track::parse(&child)?);
                }
                b"mvex" => {
                    let trex = child.children().filter(|c| c.as_ref().map_or(true, |c| &c.kind == b"trex"));
                    // One per track: more would not be looked at.
                    let trex = trex.take(MAX_TRACKS as usize);
                    fragment_defaults = Some(trex.map(|c| decode(&c?, "trex")).collect::<Result<_, _>>()?);
                    if let Some(header) = child.find(b"mehd")? {
                        let version = header.u32_at(0)? >> 24;
                        duration = if version == 1 { header.u64_at(4)? } else { header.u32_at(4)?.into() };
                    }
                }
                _ => {}
            }
        }
        Ok(Self { timescale: timescale.max(1), duration, tracks, fragment_defaults })
    }
}

/// Timescale and duration of mvhd and mdhd, which agree so far.
fn times(header: &Box<'_>) -> Result<(u32, u64), Error> {
    let long = header.u32_at(0)? >> 24 == 1;
    let timescale = header.u32_at(if long { 20 } else { 12 })?;
    let duration = if long { header.u64_at(24)? } else { header.u32_at(16)?.into() };
    // All ones stand for "unknown" (§8.2.2.3).
    let unknown = if long { u64::MAX } else { u32::MAX.into() };
    Ok((timescale, if duration == unknown { 0 } else { duration }))
}

impl<'a> Track<'a> {
    fn parse(trak: &Box<'a>) -> Result<Self, Error> {
        let header = trak.need(b"tkhd", "track header (tkhd)")?;
        let long = header.u32_at(0)? >> 24 == 1;
        let enabled = header.u32_at(0)? & 1 == 1;
        let id = header.u32_at(if long { 20 } else { 12 })?;
        let matrix_at = if long { 52 } else { 40 };
        let corner = |i: usize| header.u32_at(matrix_at + 4 * i).map(|v| v as i32);
        let rotation_degrees = rotation(corner(0)?, corner(1)?, corner(3)?, corner(4)?);

        let media = trak.need(b"mdia", "media box (mdia)")?;
        let media_header = media.need(b"mdhd", "media header (mdhd)")?;
        let (timescale, duration) = times(&media_header)?;
        if timescale == 0 || timescale > i32::MAX as u32 {
            return Err(Error::Malformed {
                what: "timescale in mdhd",
                at_byte: media_header.at,
                expected: "1 to 2147483647",
                got: timescale.to_string(),
            });
        }
        let handler = media.need(b"hdlr", "handler (hdlr)")?.u32_at(8)?.to_be_bytes();
        let sample_table =
            media.need(b"minf", "media information (minf)")?.need(b"stbl", "sample table (stbl)")?;
        let descriptions = sample_table.need(b"stsd", "sample descriptions (stsd)")?;
        let entry = descriptions.children_after(8).next();
        let edit_list = match trak.find(b"edts")? {
            Some(edits) => edits.find(b"elst")?,
            None => None,
        };
        let spherical_v1 =
            trak.children().map_while(Result::ok).find(|c| c.uuid == Some(&SPHERICAL_V1[..])).map(|c| c.body);
        // No error where it is damaged: a file plays without its chapters.
        let references = trak.children().map_while(Result::ok).find(|c| &c.kind == b"tref");
        let chapter_tracks = references.and_then(|r| r.children_after(0).find(|c| &c.kind == b"chap"));
        Ok(Self {
            id,
            enabled,
            rotation_degrees,
            handler,
            timescale,
            duration,
            language: language(&media_header),
            name: name(trak),
            edit_list,
            sample_table,
            entry,
            chapter_tracks: chapter_tracks.map_or(&[], |c| c.body),
            spherical_v1,
        })
    }

    /// How the track is called in messages: handler and coding.
    pub(super) fn describe(&self) -> String {
        let coding = self.entry.map_or_else(|| "none".to_owned(), |e| boxes::name(&e.kind));
        format!("{} {coding}", boxes::name(&self.handler))
    }
}

/// The three letters packed into mdhd (§8.4.2.3).
fn language(media_header: &Box<'_>) -> Option<String> {
    let long = media_header.body.first() == Some(&1);
    let packed = boxes::be16(media_header.body, if long { 32 } else { 20 })?;
    let letters: Vec<u8> = [10, 5, 0].map(|shift| (packed >> shift & 0x1f) as u8 + 0x60).to_vec();
    let code = String::from_utf8(letters).ok().filter(|code| code.bytes().all(|b| b.is_ascii_lowercase()))?;
    (code != "und").then_some(code)
}

/// The name box of a track's user data, at most 200 bytes of it.
fn name(trak: &Box<'_>) -> Option<String> {
    let data = trak.children().map_while(Result::ok).find(|c| &c.kind == b"udta")?;
    let name = data.children_after(0).find(|c| &c.kind == b"name")?;
    let text = String::from_utf8_lossy(&name.body[..name.body.len().min(200)]).into_owned();
    let text = text.trim_matches(|c: char| c.is_control()).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// The turn of a matrix (a b / c d) by whole quarters; 0 for any other matrix.
fn rotation(a: i32, b: i32, c: i32, d: i32) -> u16 {
    match (a.signum(), b.signum(), c.signum(), d.signum()) {
        (0, 1, -1, 0) => 90,
        (-1, 0, 0, -1) => 180,
        (0, -1, 1, 0) => 270,
        _ => 0,
    }
}
