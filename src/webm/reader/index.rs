//! SeekHead and Cues: reading them, and following them to what they point at.
#![forbid(unsafe_code)]

use super::block::{self, Cursor};
use super::error::{Error, once, required};
use super::file::Header;
use crate::webm::ebml::{self, Element, Event, Parser};
use crate::webm::ids::{self, Id};
use std::io::{Read, Seek};

/// A file has a handful of top-level elements to find.
const MAX_SEEKS: usize = 64;

/// Cues of ten hours with a key frame in every frame; memory for 32 MiB.
const MAX_CUES: usize = 1 << 20;

/// An entry of SeekHead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeekEntry {
    /// The element it points at.
    pub id: Id,
    /// First byte of that element, counted from the start of Segment's data.
    pub position: u64,
}

/// A point of Cues.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cue {
    /// Time in ticks.
    pub time_ticks: i64,
    /// The track it is about.
    pub track: u64,
    /// First byte of the cluster, counted from the start of Segment's data.
    pub cluster: u64,
    /// First byte of the block, counted from the start of the cluster's data.
    pub block: Option<u64>,
}

/// Reads the children of SeekHead, which was just opened, and adds them to `seeks`.
pub(super) fn read_seek_head<R: Read>(
    parser: &mut Parser<R>,
    element: Element,
    seeks: &mut Vec<SeekEntry>,
) -> Result<(), Error> {
    while let Some(event) = parser.next()? {
        match event {
            Event::Open(seek) if seek.id == ids::SEEK => {
                if seeks.len() == MAX_SEEKS {
                    return Err(too_many(element, MAX_SEEKS));
                }
                seeks.push(read_seek(parser, seek)?);
            }
            Event::Open(_) => parser.skip_master()?,
            Event::Leaf(_) => {}
            Event::Close(_) => break,
        }
    }
    Ok(())
}

fn read_seek<R: Read>(parser: &mut Parser<R>, seek: Element) -> Result<SeekEntry, Error> {
    let (mut id, mut position) = (None, None);
    while let Some(event) = parser.next()? {
        match event {
            Event::Open(_) => parser.skip_master()?,
            Event::Close(_) => break,
            Event::Leaf(leaf) => {
                let at = leaf.element();
                match at.id {
                    ids::SEEK_ID => {
                        let bytes = leaf.bytes()?;
                        if !(1..=4).contains(&bytes.len()) {
                            let (expected, got) = ("an ID of 1 to 4 bytes", format!("{} bytes", bytes.len()));
                            return Err(Error::BadValue { id: at.id, at_byte: at.at_byte, expected, got });
                        }
                        once(&mut id, Id(bytes.iter().fold(0, |id, &byte| id << 8 | u32::from(byte))), at)?;
                    }
                    ids::SEEK_POSITION => once(&mut position, leaf.uint()?, at)?,
                    _ => {}
                }
            }
        }
    }
    let id = required(id, ids::SEEK_ID, seek)?;
    Ok(SeekEntry { id, position: required(position, ids::SEEK_POSITION, seek)? })
}

/// Reads the children of Cues, which was just opened.
pub(super) fn read_cues<R: Read>(parser: &mut Parser<R>, element: Element) -> Result<Vec<Cue>, Error> {
    let mut cues = Vec::new();
    while let Some(event) = parser.next()? {
        match event {
            Event::Open(point) if point.id == ids::CUE_POINT => read_cue_point(parser, point, &mut cues)?,
            Event::Open(_) => parser.skip_master()?,
            Event::Leaf(_) => {}
            Event::Close(_) => break,
        }
        if cues.len() > MAX_CUES {
            return Err(too_many(element, MAX_CUES));
        }
    }
    Ok(cues)
}

fn read_cue_point<R: Read>(parser: &mut Parser<R>, point: Element, cues: &mut Vec<Cue>) -> Result<(), Error> {
    let mut time = None;
    let first = cues.len();
    while let Some(event) = parser.next()? {
        match event {
            Event::Open(positions) if positions.id == ids::CUE_TRACK_POSITIONS => {
                if cues.len() > MAX_CUES {
                    return Err(too_many(point, MAX_CUES));
                }
                cues.push(read_positions(parser, positions)?);
            }
            Event::Open(_) => parser.skip_master()?,
            Event::Close(_) => break,
            Event::Leaf(leaf) if leaf.id() == ids::CUE_TIME => {
                let at = leaf.element();
                once(&mut time, block::ticks(leaf.uint()?, at)?, at)?;
            }
            Event::Leaf(_) => {}
        }
    }
    let time_ticks = required(time, ids::CUE_TIME, point)?;
    if first == cues.len() {
        return Err(Error::Missing {
            id: ids::CUE_TRACK_POSITIONS,
            parent: point.id,
            at_byte: point.at_byte,
        });
    }
    cues[first..].iter_mut().for_each(|cue| cue.time_ticks = time_ticks);
    Ok(())
}

fn read_positions<R: Read>(parser: &mut Parser<R>, positions: Element) -> Result<Cue, Error> {
    let (mut track, mut cluster, mut block) = (None, None, None);
    while let Some(event) = parser.next()? {
        let leaf = match event {
            Event::Leaf(leaf) => leaf,
            Event::Close(_) => break,
            Event::Open(_) => {
                parser.skip_master()?;
                continue;
            }
        };
        let at = leaf.element();
        let slot = match at.id {
            ids::CUE_TRACK => &mut track,
            ids::CUE_CLUSTER_POSITION => &mut cluster,
            ids::CUE_RELATIVE_POSITION => &mut block,
            _ => continue,
        };
        once(slot, leaf.uint()?, at)?;
    }
    let track = required(track, ids::CUE_TRACK, positions)?;
    let cluster = required(cluster, ids::CUE_CLUSTER_POSITION, positions)?;
    Ok(Cue { time_ticks: 0, track, cluster, block })
}

fn too_many(element: Element, max: usize) -> Error {
    let what = format!("more than {max} entries");
    Error::Unsupported { id: element.id, at_byte: element.at_byte, what }
}

/// Byte `position` of Segment's data, in the file; `u64::MAX` (where nothing is) on overflow.
pub(super) fn in_file(segment: Element, position: u64) -> u64 {
    segment.data_at_byte.saturating_add(position)
}

/// The element a SeekHead entry points at, opened if it is a master.
pub(super) fn follow_seek<R: Read + Seek>(
    parser: &mut Parser<R>,
    segment: Element,
    seek: SeekEntry,
) -> Result<Element, Error> {
    let at_byte = in_file(segment, seek.position);
    let found = match element_at(parser, at_byte, segment)? {
        Ok(element) if element.id == seek.id => return Ok(element),
        Ok(element) => element.id.to_string(),
        Err(nothing) => nothing,
    };
    Err(Error::WrongSeek { id: seek.id, at_byte, found })
}

/// The element that begins at `at_byte`, or what is there in place of one.
fn element_at<R: Read + Seek>(
    parser: &mut Parser<R>,
    at_byte: u64,
    parent: Element,
) -> Result<Result<Element, String>, Error> {
    let nothing = Ok(Err("no element".to_owned()));
    let inside = parent.size_bytes.is_none_or(|size| at_byte < parent.data_at_byte.saturating_add(size));
    if !inside || at_byte > i64::MAX as u64 {
        return nothing;
    }
    parser.seek(at_byte, Some(parent))?;
    match parser.next() {
        Ok(Some(Event::Open(element))) => Ok(Ok(element)),
        Ok(Some(Event::Leaf(leaf))) => Ok(Ok(leaf.element())),
        Ok(Some(Event::Close(_)) | None) => nothing,
        Err(error @ ebml::Error::Io { .. }) => Err(error.into()),
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// Follows a cue to its cluster and block: that must be a key frame of the cue's track and time.
pub(super) fn follow_cue<R: Read + Seek>(
    parser: &mut Parser<R>,
    header: &Header,
    cue: &Cue,
) -> Result<(), Error> {
    let mut at_byte = in_file(header.segment, cue.cluster);
    let wrong = |at_byte, found| Error::WrongCue { time_ticks: cue.time_ticks, at_byte, found };
    let cluster = match element_at(parser, at_byte, header.segment)? {
        Ok(element) if element.id == ids::CLUSTER => element,
        Ok(element) => return Err(wrong(at_byte, element.id.to_string())),
        Err(nothing) => return Err(wrong(at_byte, nothing)),
    };
    let mut cursor = Cursor::in_cluster(cluster);
    let mut block = cursor.next(parser, &header.tracks)?;
    if let Some(relative) = cue.block {
        // The cluster's time is known now; go on at the very block.
        at_byte = cluster.data_at_byte.saturating_add(relative);
        match element_at(parser, at_byte, cluster)? {
            Ok(element) if matches!(element.id, ids::SIMPLE_BLOCK | ids::BLOCK_GROUP) => {}
            Ok(element) => return Err(wrong(at_byte, element.id.to_string())),
            Err(nothing) => return Err(wrong(at_byte, nothing)),
        }
        parser.seek(at_byte, Some(cluster))?;
        block = cursor.next(parser, &header.tracks)?;
    }
    while let Some(found) = block {
        if cursor.cluster() != Some(cluster) || found.pts_ticks > cue.time_ticks {
            break;
        }
        if found.track == cue.track && found.pts_ticks == cue.time_ticks {
            let not_key = || wrong(found.at_byte, "a block that is no key frame".to_owned());
            return if found.key { Ok(()) } else { Err(not_key()) };
        }
        if cue.block.is_some() {
            break;
        }
        block = cursor.next(parser, &header.tracks)?;
    }
    Err(wrong(at_byte, format!("no block of track {} and that time", cue.track)))
}
