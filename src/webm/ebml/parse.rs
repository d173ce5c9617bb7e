//! A pull parser of EBML: bytes in order in, events out; no seeking, no tree.
//!
//! Masters (by `webm::ids`) are entered, everything else is a leaf, read or skipped by choice.
//! Segment and Cluster may have an unknown size; they end where a child cannot belong to them, or
//! with the input. Whatever the bytes are, parsing ends in an event, an end or an error, and
//! memory stays below `Limits`. CRC-32 elements are not checked. Spec: RFC 8794 §6.
#![forbid(unsafe_code)]

use super::element::{Element, Limits};
use super::leaf::Leaf;
use super::{Error, vint};
use crate::webm::ids::{self, Id};
use std::io::{ErrorKind, Read, Seek, SeekFrom};

/// Longest ID of Matroska (EBMLMaxIDLength).
const MAX_ID_LENGTH: usize = 4;

/// What [`Parser::next`] found.
#[derive(Debug)]
pub enum Event<'a, R> {
    /// A master element begins; its children follow.
    Open(Element),
    /// An element without children (or one this program does not know).
    Leaf(Leaf<'a, R>),
    /// A master element is over.
    Close(Element),
}

#[derive(Debug)]
struct Enclosing {
    element: Element,
    /// Where it must end: its own end, or for an unknown size that of the element around it.
    end: Option<u64>,
}

impl Enclosing {
    fn new(element: Element) -> Self {
        Self { element, end: element.size_bytes.and_then(|size| element.data_at_byte.checked_add(size)) }
    }
}

/// The parser. Give it a `BufReader`: headers are read in small pieces.
#[derive(Debug)]
pub struct Parser<R> {
    input: R,
    limits: Limits,
    position: u64,
    /// Bytes of the current leaf not read yet.
    left: u64,
    leaf: Option<Element>,
    /// An element read already, which first closes others.
    ahead: Option<Element>,
    open: Vec<Enclosing>,
}

impl<R: Read> Parser<R> {
    /// A parser of `input` from its first byte on.
    pub fn new(input: R, limits: Limits) -> Self {
        Self::resume(input, limits, 0, None)
    }

    /// A parser of an input that stands at byte `position` of the file, between two children of
    /// `parent`.
    pub fn resume(input: R, limits: Limits, position: u64, parent: Option<Element>) -> Self {
        let mut open = Vec::with_capacity(limits.depth);
        open.extend(parent.map(Enclosing::new));
        Self { input, limits, position, left: 0, leaf: None, ahead: None, open }
    }

    /// Where the next byte is taken from, counted from the start of the file.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The input, standing at [`Parser::position`].
    pub fn into_inner(self) -> R {
        self.input
    }

    /// The next event, `None` at the end of the input. What is left of the leaf before is skipped.
    ///
    /// # Errors
    /// Anything of [`Error`] but `BadValue`. After an error nothing useful follows.
    #[expect(clippy::should_implement_trait, reason = "an event borrows the parser")]
    pub fn next(&mut self) -> Result<Option<Event<'_, R>>, Error> {
        self.skip_leaf()?;
        let here = self.ahead.map_or(self.position, |element| element.at_byte);
        if self.open.last().is_some_and(|top| top.end == Some(here)) {
            return Ok(self.open.pop().map(|closed| Event::Close(closed.element)));
        }
        let element = match self.ahead.take() {
            Some(element) => element,
            None => match self.read_header()? {
                Some(element) => element,
                None => return self.at_end(),
            },
        };
        if let Some(top) = self.open.last()
            && top.element.size_bytes.is_none()
            && ends(top.element.id, element.id)
        {
            self.ahead = Some(element);
            return Ok(self.open.pop().map(|closed| Event::Close(closed.element)));
        }
        let end = self.check(&element)?;
        if element.id.is_master() {
            if self.open.len() >= self.limits.depth {
                let (got, max) = (self.open.len() as u64 + 1, self.limits.depth as u64);
                return Err(Error::Limit {
                    id: element.id,
                    at_byte: element.at_byte,
                    what: "depth",
                    got,
                    max,
                });
            }
            self.open.push(Enclosing { element, end });
            return Ok(Some(Event::Open(element)));
        }
        self.left = element.size_bytes.unwrap_or(0);
        self.leaf = Some(element);
        Ok(Some(Event::Leaf(Leaf { parser: self, element })))
    }

    /// Goes on behind the master element that was opened last and is still open.
    ///
    /// # Errors
    /// As [`Parser::next`].
    pub fn skip_master(&mut self) -> Result<(), Error> {
        let depth = self.open.len();
        while self.open.len() >= depth && self.next()?.is_some() {}
        Ok(())
    }

    /// The input is over between two elements: fine unless a known size says otherwise.
    fn at_end(&mut self) -> Result<Option<Event<'_, R>>, Error> {
        let Some(top) = self.open.pop() else { return Ok(None) };
        match top.end {
            Some(end) => Err(self.truncated(&top.element, end - self.position)),
            None => Ok(Some(Event::Close(top.element))),
        }
    }

    /// End of an element, checked against what it lies in and the length of the input.
    fn check(&self, element: &Element) -> Result<Option<u64>, Error> {
        let Element { id, at_byte, .. } = *element;
        if element.size_bytes.is_none() && !id.may_be_unknown_size() {
            return Err(Error::UnknownSize { id, at_byte });
        }
        // Sizes stay below 2^56 and so do positions that were reached by reading.
        let end = element.data_at_byte + element.size_bytes.unwrap_or(0);
        let parent = self.open.last();
        if let Some(Enclosing { element: parent, end: Some(parent_end) }) = parent
            && end > *parent_end
        {
            return Err(Error::Overrun { id, at_byte, end, parent: parent.id, parent_end: *parent_end });
        }
        if let Some(input_end) = self.limits.input_bytes
            && end > input_end
        {
            let what = id.to_string();
            return Err(Error::Truncated { at_byte, end: input_end, need: end - input_end, what });
        }
        Ok(match element.size_bytes {
            Some(_) => Some(end),
            None => parent.and_then(|parent| parent.end),
        })
    }

    fn read_header(&mut self) -> Result<Option<Element>, Error> {
        let at_byte = self.position;
        let mut bytes = [0; 8];
        let Some(first) = self.first_byte()? else { return Ok(None) };
        bytes[0] = first;
        let length = vint::length(first);
        let bad =
            |at_byte, first_byte, what, max_length| Error::BadVint { at_byte, first_byte, what, max_length };
        if length > MAX_ID_LENGTH {
            return Err(bad(at_byte, first, "element ID", MAX_ID_LENGTH));
        }
        self.fill(&mut bytes[1..length], at_byte, "an element ID")?;
        // All data bits zero or one are no IDs (RFC 8794 §5).
        if !matches!(vint::decode(&bytes[..length]), Some(Some(1..))) {
            return Err(bad(at_byte, first, "element ID", MAX_ID_LENGTH));
        }
        let id = Id(bytes[..length].iter().fold(0, |id, &byte| id << 8 | u32::from(byte)));

        let size_at = self.position;
        self.fill(&mut bytes[..1], at_byte, "an element size")?;
        let (first, length) = (bytes[0], vint::length(bytes[0]));
        if length > 8 {
            return Err(bad(size_at, first, "element size", 8));
        }
        self.fill(&mut bytes[1..length], at_byte, "an element size")?;
        let size_bytes =
            vint::decode(&bytes[..length]).ok_or_else(|| bad(size_at, first, "element size", 8))?;
        Ok(Some(Element { id, at_byte, data_at_byte: self.position, size_bytes }))
    }

    fn first_byte(&mut self) -> Result<Option<u8>, Error> {
        let mut byte = [0];
        loop {
            match self.input.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::Io { at_byte: self.position, source }),
            }
        }
        self.position += 1;
        Ok(Some(byte[0]))
    }

    fn fill(&mut self, bytes: &mut [u8], at_byte: u64, what: &str) -> Result<(), Error> {
        for i in 0..bytes.len() {
            bytes[i] = self.first_byte()?.ok_or_else(|| Error::Truncated {
                at_byte,
                end: self.position,
                need: (bytes.len() - i) as u64,
                what: what.to_owned(),
            })?;
        }
        Ok(())
    }

    fn skip_leaf(&mut self) -> Result<(), Error> {
        let Some(element) = self.leaf.take() else { return Ok(()) };
        let skipped = std::io::copy(&mut (&mut self.input).take(self.left), &mut std::io::sink());
        let skipped = skipped.map_err(|source| Error::Io { at_byte: self.position, source })?;
        self.position += skipped;
        self.left -= skipped;
        if self.left > 0 { Err(self.truncated(&element, self.left)) } else { Ok(()) }
    }

    /// Bytes of the current leaf that are not read yet.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Reads the rest of the current leaf, `element`.
    pub(super) fn payload(&mut self, element: &Element) -> Result<Vec<u8>, Error> {
        let (got, max) = (self.left, self.limits.payload_bytes);
        if got > max {
            let (id, at_byte) = (element.id, element.at_byte);
            return Err(Error::Limit { id, at_byte, what: "payload size in bytes", got, max });
        }
        let mut bytes = Vec::with_capacity(got.min(1 << 20) as usize);
        let read = (&mut self.input).take(got).read_to_end(&mut bytes);
        let read = read.map_err(|source| Error::Io { at_byte: self.position, source })? as u64;
        self.position += read;
        self.left -= read;
        self.leaf = None;
        if read < got { Err(self.truncated(element, got - read)) } else { Ok(bytes) }
    }

    fn truncated(&self, element: &Element, need: u64) -> Error {
        Error::Truncated { at_byte: element.at_byte, end: self.position, need, what: element.id.to_string() }
    }
}

impl<R: Read + Seek> Parser<R> {
    /// Goes on at byte `position` of the file, between two children of `parent`. Byte 0 of the
    /// file must be byte 0 of the input.
    ///
    /// # Errors
    /// `Io` when the input cannot seek there.
    pub fn seek(&mut self, position: u64, parent: Option<Element>) -> Result<(), Error> {
        let sought = self.input.seek(SeekFrom::Start(position));
        sought.map_err(|source| Error::Io { at_byte: position, source })?;
        (self.position, self.leaf, self.ahead) = (position, None, None);
        self.open.clear();
        self.open.extend(parent.map(Enclosing::new));
        Ok(())
    }
}

/// Whether `child` cannot lie in a `parent` of unknown size and therefore ends it (RFC 8794 §6.2).
fn ends(parent: Id, child: Id) -> bool {
    matches!(child, ids::EBML | ids::SEGMENT) || parent == ids::CLUSTER && child.is_top_level()
}
