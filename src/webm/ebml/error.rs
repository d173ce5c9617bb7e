//! Why bytes are not the EBML they should be. Every variant says where, in bytes from the start
//! of the file.
#![forbid(unsafe_code)]

use crate::webm::ids::Id;

/// What is wrong with an EBML stream.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error("cannot read at byte {at_byte}")]
    Io {
        /// Where the read began.
        at_byte: u64,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file ends inside an element.
    #[error("the file ends at byte {end}, {need} more bytes belong to {what} at byte {at_byte}")]
    Truncated {
        /// First byte of the element that is cut.
        at_byte: u64,
        /// Where the file ends.
        end: u64,
        /// Bytes that are missing at least.
        need: u64,
        /// The element, or the part of one.
        what: String,
    },
    /// The first byte of an ID or a size says a length that is not allowed.
    #[error("byte {at_byte}: {first_byte:#04x} begins no {what} of {max_length} bytes or fewer")]
    BadVint {
        /// Position of the byte.
        at_byte: u64,
        /// The byte.
        first_byte: u8,
        /// `element ID` or `element size`.
        what: &'static str,
        /// Longest form allowed.
        max_length: usize,
    },
    /// An element reaches beyond the one it lies in.
    #[error("{id} at byte {at_byte} ends at byte {end}, its parent {parent} at byte {parent_end}")]
    Overrun {
        /// The element.
        id: Id,
        /// Its first byte.
        at_byte: u64,
        /// Where it says it ends.
        end: u64,
        /// The element it lies in.
        parent: Id,
        /// Where that one ends.
        parent_end: u64,
    },
    /// Only Segment and Cluster may leave their size open.
    #[error("{id} at byte {at_byte} has an unknown size")]
    UnknownSize {
        /// The element.
        id: Id,
        /// Its first byte.
        at_byte: u64,
    },
    /// More than this program is willing to hold.
    #[error("{id} at byte {at_byte}: {what} {got} exceeds the limit of {max}")]
    Limit {
        /// The element.
        id: Id,
        /// Its first byte.
        at_byte: u64,
        /// What is too much.
        what: &'static str,
        /// How much there is.
        got: u64,
        /// How much is allowed.
        max: u64,
    },
    /// The payload does not have the form of the element's type.
    #[error("{id} at byte {at_byte}: expected {expected}, got {got}")]
    BadValue {
        /// The element.
        id: Id,
        /// Its first byte.
        at_byte: u64,
        /// What the type asks for.
        expected: &'static str,
        /// What is there.
        got: String,
    },
}
