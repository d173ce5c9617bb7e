//! Blocks, one after the other: SimpleBlock, or BlockGroup with its additions.
#![forbid(unsafe_code)]

use super::error::{Error, once, required};
use super::track::Track;
use crate::webm::ebml::{Element, Event, Parser, vint};
use crate::webm::ids;
use std::io::Read;

/// One block: a frame of a track.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// TrackNumber; a track of that number is in the header.
    pub track: u64,
    /// Time in ticks of the file (milliseconds in WebM), before any codec delay.
    pub pts_ticks: i64,
    /// A key frame: the flag of a SimpleBlock, or a BlockGroup without ReferenceBlock.
    pub key: bool,
    /// The frame.
    pub data: Vec<u8>,
    /// BlockAdditional of BlockAddID 1: alpha, where AlphaMode is 1.
    pub additional: Option<Vec<u8>>,
    /// BlockDuration in ticks.
    pub duration_ticks: Option<u64>,
    /// First byte of the SimpleBlock or BlockGroup in the file.
    pub at_byte: u64,
}

/// Where reading stands among the clusters.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    cluster: Option<Element>,
    /// Timestamp of that cluster, which must precede its blocks.
    cluster_ticks: Option<i64>,
}

impl Cursor {
    /// Standing inside of `cluster`.
    pub(super) fn in_cluster(cluster: Element) -> Self {
        Self { cluster: Some(cluster), cluster_ticks: None }
    }

    /// The cluster of the last block.
    pub(super) fn cluster(&self) -> Option<Element> {
        self.cluster
    }

    /// The next block, `None` at the end of the file.
    pub(super) fn next<R: Read>(
        &mut self,
        parser: &mut Parser<R>,
        tracks: &[Track],
    ) -> Result<Option<Block>, Error> {
        while let Some(event) = parser.next()? {
            match event {
                Event::Open(element) if element.id == ids::CLUSTER => *self = Self::in_cluster(element),
                Event::Open(element) if element.id == ids::BLOCK_GROUP => {
                    let cluster_ticks = self.cluster_ticks(element)?;
                    return read_group(parser, element, cluster_ticks, tracks).map(Some);
                }
                Event::Open(element) if matches!(element.id, ids::EBML | ids::SEGMENT) => {
                    let what = "a second stream behind the first".to_owned();
                    return Err(Error::Unsupported { id: element.id, at_byte: element.at_byte, what });
                }
                Event::Open(_) => parser.skip_master()?,
                Event::Close(element) if element.id == ids::CLUSTER => *self = Self::default(),
                Event::Close(_) => {}
                Event::Leaf(leaf) => {
                    let element = leaf.element();
                    match element.id {
                        ids::TIMESTAMP if self.cluster.is_some() => {
                            let value = ticks(leaf.uint()?, element)?;
                            once(&mut self.cluster_ticks, value, element)?;
                        }
                        ids::SIMPLE_BLOCK => {
                            let cluster_ticks = self.cluster_ticks(element)?;
                            let raw = leaf.bytes()?;
                            return read_block(raw, element, element.at_byte, cluster_ticks, tracks)
                                .map(Some);
                        }
                        ids::BLOCK => {
                            let what = "lies outside of a BlockGroup";
                            return Err(Error::Misplaced { id: element.id, at_byte: element.at_byte, what });
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(None)
    }

    fn cluster_ticks(&self, block: Element) -> Result<i64, Error> {
        let what = "precedes the Timestamp of a Cluster";
        self.cluster_ticks.ok_or(Error::Misplaced { id: block.id, at_byte: block.at_byte, what })
    }
}

/// A time of the file as a signed number.
pub(super) fn ticks(value: u64, at: Element) -> Result<i64, Error> {
    i64::try_from(value).map_err(|_| Error::BadValue {
        id: at.id,
        at_byte: at.at_byte,
        expected: "a time below 2^63",
        got: value.to_string(),
    })
}

fn read_group<R: Read>(
    parser: &mut Parser<R>,
    group: Element,
    cluster_ticks: i64,
    tracks: &[Track],
) -> Result<Block, Error> {
    let (mut block, mut additional, mut duration, mut key) = (None, None, None, true);
    while let Some(event) = parser.next()? {
        match event {
            Event::Open(element) if element.id == ids::BLOCK_ADDITIONS => {
                while let Some(event) = parser.next()? {
                    match event {
                        Event::Open(more) if more.id == ids::BLOCK_MORE => {
                            if let Some(bytes) = read_more(parser, more)? {
                                once(&mut additional, bytes, more)?;
                            }
                        }
                        Event::Open(_) => parser.skip_master()?,
                        Event::Leaf(_) => {}
                        Event::Close(_) => break,
                    }
                }
            }
            Event::Open(_) => parser.skip_master()?,
            Event::Close(_) => break,
            Event::Leaf(leaf) => {
                let element = leaf.element();
                match element.id {
                    ids::BLOCK => {
                        let read = read_block(leaf.bytes()?, element, group.at_byte, cluster_ticks, tracks)?;
                        once(&mut block, read, element)?;
                    }
                    ids::BLOCK_DURATION => once(&mut duration, leaf.uint()?, element)?,
                    ids::REFERENCE_BLOCK => key = false,
                    _ => {}
                }
            }
        }
    }
    let block = required(block, ids::BLOCK, group)?;
    Ok(Block { key, additional, duration_ticks: duration, ..block })
}

/// The payload of a BlockMore of ID 1; those of other IDs are of no use here.
fn read_more<R: Read>(parser: &mut Parser<R>, more: Element) -> Result<Option<Vec<u8>>, Error> {
    let (mut id, mut additional) = (None, None);
    while let Some(event) = parser.next()? {
        match event {
            Event::Open(_) => parser.skip_master()?,
            Event::Close(_) => break,
            Event::Leaf(leaf) => {
                let element = leaf.element();
                match element.id {
                    ids::BLOCK_ADD_ID if additional.is_some() => {
                        // Chromium has taken the addition for one of no ID by now.
                        let what = "follows its BlockAdditional";
                        return Err(Error::Misplaced { id: element.id, at_byte: element.at_byte, what });
                    }
                    ids::BLOCK_ADD_ID => once(&mut id, leaf.uint()?, element)?,
                    ids::BLOCK_ADDITIONAL => once(&mut additional, leaf.bytes()?, element)?,
                    _ => {}
                }
            }
        }
    }
    let additional = required(additional, ids::BLOCK_ADDITIONAL, more)?;
    Ok((id.unwrap_or(1) == 1).then_some(additional))
}

/// Takes a Block or SimpleBlock payload apart: track, relative time, flags, frame (RFC 9559 §10).
fn read_block(
    mut raw: Vec<u8>,
    element: Element,
    at_byte: u64,
    cluster_ticks: i64,
    tracks: &[Track],
) -> Result<Block, Error> {
    let bad = |expected, got| Error::BadValue { id: element.id, at_byte: element.at_byte, expected, got };
    let length = raw.first().map_or(1, |&first| vint::length(first));
    let track = raw.get(..length).and_then(vint::decode).flatten();
    let (Some(track), Some(&[high, low, flags])) = (track, raw.get(length..length + 3)) else {
        return Err(bad("track number, time and flags", format!("{} bytes", raw.len())));
    };
    if !tracks.iter().any(|known| known.number == track) {
        return Err(bad("a track of the header", format!("track {track}")));
    }
    if flags & 0x06 != 0 {
        let what = "lacing".to_owned();
        return Err(Error::Unsupported { id: element.id, at_byte: element.at_byte, what });
    }
    let relative = i64::from(i16::from_be_bytes([high, low]));
    let pts_ticks = cluster_ticks
        .checked_add(relative)
        .ok_or_else(|| bad("a time below 2^63", format!("{cluster_ticks} + {relative}")))?;
    raw.drain(..length + 3);
    Ok(Block {
        track,
        pts_ticks,
        key: flags & 0x80 != 0,
        data: raw,
        additional: None,
        duration_ticks: None,
        at_byte,
    })
}
