//! The EBML header and Segment's Info.
#![forbid(unsafe_code)]

use super::error::{Error, once, required};
use crate::webm::ebml::{Element, Event, Parser};
use crate::webm::ids;
use std::io::Read;

/// What Info says about the file.
#[derive(Clone, PartialEq, Debug)]
pub struct Info {
    /// Nanoseconds of a tick; 1 000 000 in WebM.
    pub timestamp_scale_ns: u64,
    /// Length in ticks; a live stream has none.
    pub duration_ticks: Option<f64>,
    /// Title for people.
    pub title: Option<String>,
    /// The library that made the file.
    pub muxing_app: String,
    /// The program that made the file.
    pub writing_app: String,
}

/// Reads the EBML header, returns DocType.
pub(super) fn read_doc_type<R: Read>(parser: &mut Parser<R>) -> Result<String, Error> {
    let not_webm = |found| Error::NotWebm { found };
    let header = match parser.next() {
        Ok(Some(Event::Open(element))) if element.id == ids::EBML => element,
        Ok(Some(Event::Open(element) | Event::Close(element))) => {
            return Err(not_webm(element.id.to_string()));
        }
        Ok(Some(Event::Leaf(leaf))) => return Err(not_webm(leaf.id().to_string())),
        Ok(None) => return Err(not_webm("the file is empty".to_owned())),
        // Bytes that fail already in the header of their first element are most likely no EBML.
        Err(error) if !matches!(error, crate::webm::ebml::Error::Io { .. }) => {
            return Err(not_webm(error.to_string()));
        }
        Err(error) => return Err(error.into()),
    };
    let mut doc_type = None;
    while let Some(event) = parser.next()? {
        let leaf = match event {
            Event::Leaf(leaf) => leaf,
            Event::Close(_) => break,
            Event::Open(_) => {
                parser.skip_master()?;
                continue;
            }
        };
        let element = leaf.element();
        // Above these, bytes mean what this reader does not know (RFC 8794 §11.2, RFC 9559 §5.1).
        let most = match element.id {
            ids::DOC_TYPE => {
                once(&mut doc_type, leaf.string()?, element)?;
                continue;
            }
            ids::EBML_READ_VERSION => 1,
            ids::EBML_MAX_ID_LENGTH => 4,
            ids::EBML_MAX_SIZE_LENGTH => 8,
            ids::DOC_TYPE_READ_VERSION => 4,
            _ => continue,
        };
        let value = leaf.uint()?;
        if value > most {
            let Element { id, at_byte, .. } = element;
            return Err(Error::Unsupported { id, at_byte, what: format!("{value} (more than {most})") });
        }
    }
    match required(doc_type, ids::DOC_TYPE, header)? {
        doc_type if doc_type == "webm" || doc_type == "matroska" => Ok(doc_type),
        doc_type => Err(not_webm(format!("DocType {doc_type:?}"))),
    }
}

/// Reads the children of `element`, which was just opened.
pub(super) fn read_info<R: Read>(parser: &mut Parser<R>, element: Element) -> Result<Info, Error> {
    let (mut scale, mut duration, mut title, mut muxing_app, mut writing_app) =
        (None, None, None, None, None);
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
        let bad = |expected, got| Error::BadValue { id: at.id, at_byte: at.at_byte, expected, got };
        match at.id {
            ids::TIMESTAMP_SCALE => match leaf.uint()? {
                0 => return Err(bad("more than 0 ns", "0".to_owned())),
                value => once(&mut scale, value, at)?,
            },
            ids::DURATION => match leaf.float()? {
                value if value.is_finite() && value > 0.0 => once(&mut duration, value, at)?,
                value => return Err(bad("more than 0 ticks", value.to_string())),
            },
            ids::TITLE => once(&mut title, leaf.string()?, at)?,
            ids::MUXING_APP => once(&mut muxing_app, leaf.string()?, at)?,
            ids::WRITING_APP => once(&mut writing_app, leaf.string()?, at)?,
            _ => {}
        }
    }
    Ok(Info {
        timestamp_scale_ns: scale.unwrap_or(1_000_000),
        duration_ticks: duration,
        title,
        muxing_app: required(muxing_app, ids::MUXING_APP, element)?,
        writing_app: required(writing_app, ids::WRITING_APP, element)?,
    })
}
