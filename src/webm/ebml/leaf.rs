//! Leaves of EBML: payloads as bytes, numbers, text. Spec: RFC 8794 §7.
#![forbid(unsafe_code)]

use super::Error;
use super::element::Element;
use super::parse::Parser;
use crate::webm::ids::Id;
use std::io::Read;

/// An element whose payload can be read once. Dropped unread, it is skipped.
#[derive(Debug)]
pub struct Leaf<'a, R> {
    pub(super) parser: &'a mut Parser<R>,
    pub(super) element: Element,
}

impl<R: Read> Leaf<'_, R> {
    /// Place and extent.
    pub fn element(&self) -> Element {
        self.element
    }

    /// What it is.
    pub fn id(&self) -> Id {
        self.element.id
    }

    /// The payload.
    ///
    /// # Errors
    /// `Limit` when it is larger than [`Limits::payload_bytes`](super::Limits::payload_bytes), `Truncated`, `Io`.
    pub fn bytes(self) -> Result<Vec<u8>, Error> {
        self.parser.payload(&self.element)
    }

    /// The payload as an unsigned integer of 0 to 8 bytes (none at all means 0).
    ///
    /// # Errors
    /// As [`Leaf::bytes`]; `BadValue` for more than 8 bytes.
    pub fn uint(self) -> Result<u64, Error> {
        let bytes = self.number("an unsigned integer of 8 bytes or fewer", |length| length <= 8)?;
        Ok(bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    /// The payload as a signed integer of 0 to 8 bytes (none at all means 0).
    ///
    /// # Errors
    /// As [`Leaf::bytes`]; `BadValue` for more than 8 bytes.
    pub fn sint(self) -> Result<i64, Error> {
        let bytes = self.number("a signed integer of 8 bytes or fewer", |length| length <= 8)?;
        let sign = if bytes.first().is_some_and(|first| first & 0x80 != 0) { -1 } else { 0 };
        Ok(bytes.iter().fold(sign, |value, &byte| value << 8 | i64::from(byte)))
    }

    /// The payload as a float of 0, 4 or 8 bytes (none at all means 0).
    ///
    /// # Errors
    /// As [`Leaf::bytes`]; `BadValue` for any other length.
    pub fn float(self) -> Result<f64, Error> {
        let bytes = self.number("a float of 0, 4 or 8 bytes", |length| matches!(length, 0 | 4 | 8))?;
        if let Ok(bytes) = <[u8; 4]>::try_from(&bytes[..]) {
            return Ok(f64::from(f32::from_be_bytes(bytes)));
        }
        Ok(<[u8; 8]>::try_from(&bytes[..]).map_or(0.0, f64::from_be_bytes))
    }

    /// The payload as UTF-8 text, up to the first zero byte (RFC 8794 §7.4 allows zero padding).
    ///
    /// # Errors
    /// As [`Leaf::bytes`]; `BadValue` when it is not UTF-8.
    pub fn string(self) -> Result<String, Error> {
        let Element { id, at_byte, .. } = self.element;
        let mut bytes = self.bytes()?;
        let length = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        bytes.truncate(length);
        String::from_utf8(bytes).map_err(|error| Error::BadValue {
            id,
            at_byte,
            expected: "UTF-8 text",
            got: error.utf8_error().to_string(),
        })
    }

    fn number(self, expected: &'static str, fits: fn(u64) -> bool) -> Result<Vec<u8>, Error> {
        let Element { id, at_byte, .. } = self.element;
        match self.parser.left() {
            length if fits(length) => self.bytes(),
            length => Err(Error::BadValue { id, at_byte, expected, got: format!("{length} bytes") }),
        }
    }
}
