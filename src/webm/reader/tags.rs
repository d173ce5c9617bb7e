//! Tags: names and values that hold for the whole file.
#![forbid(unsafe_code)]

use super::error::Error;
use crate::webm::ebml::{Event, Parser};
use crate::webm::ids;
use std::io::Read;

/// Reads the children of Tags, which was just opened. Targets are not looked at, and values that are no
/// strings not kept.
pub(super) fn read_tags<R: Read>(parser: &mut Parser<R>) -> Result<Vec<(String, String)>, Error> {
    let mut tags = Vec::new();
    let mut name = None;
    while let Some(event) = parser.next()? {
        match event {
            Event::Open(element) if matches!(element.id, ids::TAG | ids::SIMPLE_TAG) => name = None,
            Event::Open(_) => parser.skip_master()?,
            Event::Close(element) if element.id == ids::TAGS => break,
            Event::Close(_) => {}
            Event::Leaf(leaf) => match leaf.id() {
                ids::TAG_NAME => name = Some(leaf.string()?),
                ids::TAG_STRING => {
                    let value = leaf.string()?;
                    tags.extend(name.take().map(|name| (name, value)));
                }
                _ => {}
            },
        }
    }
    Ok(tags)
}
