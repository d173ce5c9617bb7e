//! An opened file: its header, then block after block.
#![forbid(unsafe_code)]

use super::block::{Block, Cursor};
use super::error::{Error, once, required};
use super::index::{self, Cue, SeekEntry};
use super::info::{self, Info};
use super::tags;
use super::track::{self, Track};
use crate::webm::ebml::{self, Element, Event, Limits, Parser};
use crate::webm::ids;
use std::io::{BufReader, Read, Seek, SeekFrom};

/// What a file says about itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Header {
    /// DocType: `webm` or `matroska`.
    pub doc_type: String,
    /// Segment, of unknown size in a live stream.
    pub segment: Element,
    /// Info.
    pub info: Info,
    /// Tracks, at least one.
    pub tracks: Vec<Track>,
    /// Entries of SeekHead, of all of them.
    pub seeks: Vec<SeekEntry>,
    /// Tags that precede the clusters: name and value.
    pub tags: Vec<(String, String)>,
    /// Points of Cues, empty if there are none.
    pub cues: Vec<Cue>,
    /// First byte of the first Cluster, in the file.
    pub first_cluster: Option<u64>,
    /// First byte of Cues, in the file.
    pub cues_at: Option<u64>,
}

/// Reads one file; owns the input and buffers it.
#[derive(Debug)]
pub struct Reader<R> {
    parser: Parser<BufReader<R>>,
    header: Header,
    cursor: Cursor,
}

impl<R: Read + Seek> Reader<R> {
    /// Reads all that precedes the first cluster, and Cues behind the clusters if SeekHead knows
    /// of them. Byte 0 of the input is byte 0 of the file.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub fn open(input: R) -> Result<Self, Error> {
        Self::with_limits(input, Limits::default())
    }

    /// [`Reader::open`] with other limits; the length of the input is always taken from it.
    ///
    /// # Errors
    /// Any of [`Error`].
    pub fn with_limits(mut input: R, limits: Limits) -> Result<Self, Error> {
        let length = input.seek(SeekFrom::End(0)).and_then(|length| input.rewind().map(|()| length));
        let length = length.map_err(|source| ebml::Error::Io { at_byte: 0, source })?;
        let limits = Limits { input_bytes: Some(length), ..limits };
        let mut parser = Parser::new(BufReader::new(input), limits);
        let header = read_header(&mut parser)?;
        let mut reader = Self { parser, header, cursor: Cursor::default() };
        reader.rewind()?;
        Ok(reader)
    }

    /// What the file says about itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next block of any track, in the order of the file; `None` behind the last.
    ///
    /// # Errors
    /// Any of [`Error`]; nothing useful follows one.
    pub fn next_block(&mut self) -> Result<Option<Block>, Error> {
        self.cursor.next(&mut self.parser, &self.header.tracks)
    }

    /// Goes back to before the first block.
    ///
    /// # Errors
    /// `Ebml` when the input cannot seek.
    pub fn rewind(&mut self) -> Result<(), Error> {
        let segment = self.header.segment;
        // Without a cluster, the end of the segment; an unknown size without one is empty anyway.
        let end = index::in_file(segment, segment.size_bytes.unwrap_or(0));
        self.parser.seek(self.header.first_cluster.unwrap_or(end), Some(segment))?;
        self.cursor = Cursor::default();
        Ok(())
    }

    /// Follows every entry of SeekHead and every cue: the first must point at elements of their
    /// kind, the others, sorted by time, at a key frame of their track and time. Then goes back to
    /// before the first block.
    ///
    /// # Errors
    /// `Missing` without SeekHead or Cues, `WrongSeek`, `WrongCue`, and what reading there gives.
    pub fn check_index(&mut self) -> Result<(), Error> {
        let Self { parser, header, .. } = self;
        let Element { id: parent, at_byte, .. } = header.segment;
        for (id, absent) in [(ids::SEEK_HEAD, header.seeks.is_empty()), (ids::CUES, header.cues.is_empty())] {
            if absent {
                return Err(Error::Missing { id, parent, at_byte });
            }
        }
        for &seek in &header.seeks {
            index::follow_seek(parser, header.segment, seek)?;
        }
        for (i, cue) in header.cues.iter().enumerate() {
            if let Some(previous) = i.checked_sub(1).map(|i| header.cues[i])
                && previous.time_ticks > cue.time_ticks
            {
                let at_byte = index::in_file(header.segment, cue.cluster);
                let found = format!("it follows one for {} ticks", previous.time_ticks);
                return Err(Error::WrongCue { time_ticks: cue.time_ticks, at_byte, found });
            }
            index::follow_cue(parser, header, cue)?;
        }
        self.rewind()
    }
}

fn read_header<R: Read + Seek>(parser: &mut Parser<R>) -> Result<Header, Error> {
    let doc_type = info::read_doc_type(parser)?;
    let segment = loop {
        match parser.next()? {
            Some(Event::Open(element)) if element.id == ids::SEGMENT => break element,
            Some(Event::Leaf(leaf)) if leaf.id() == ids::VOID => {}
            _ => return Err(Error::NotWebm { found: "no Segment behind the EBML header".to_owned() }),
        }
    };
    let (mut info, mut tracks, mut cues, mut cues_at) = (None, None, None, None);
    let (mut seeks, mut tags, mut first_cluster) = (Vec::new(), Vec::new(), None);
    while let Some(event) = parser.next()? {
        let Event::Open(element) = event else { continue };
        match element.id {
            ids::SEEK_HEAD => index::read_seek_head(parser, element, &mut seeks)?,
            ids::INFO => {
                let read = info::read_info(parser, element)?;
                once(&mut info, read, element)?;
            }
            ids::TRACKS => {
                let read = track::read_tracks(parser, element)?;
                once(&mut tracks, read, element)?;
            }
            ids::TAGS => tags.extend(tags::read_tags(parser)?),
            ids::CUES => {
                cues_at = Some(element.at_byte);
                let read = index::read_cues(parser, element)?;
                once(&mut cues, read, element)?;
            }
            ids::CLUSTER => {
                first_cluster = Some(element.at_byte);
                break;
            }
            _ => parser.skip_master()?,
        }
    }
    if let (None, Some(&seek)) = (&cues, seeks.iter().find(|seek| seek.id == ids::CUES)) {
        let element = index::follow_seek(parser, segment, seek)?;
        cues_at = Some(element.at_byte);
        cues = Some(index::read_cues(parser, element)?);
    }
    Ok(Header {
        doc_type,
        segment,
        info: required(info, ids::INFO, segment)?,
        tracks: required(tracks, ids::TRACKS, segment)?,
        seeks,
        tags,
        cues: cues.unwrap_or_default(),
        first_cluster,
        cues_at,
    })
}
