//! Why a file cannot be read as WebM. Every variant about bytes says where they are.
#![forbid(unsafe_code)]

use crate::webm::ebml;
use crate::webm::ids::Id;

/// What is wrong with a WebM file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are no EBML, or cannot be had.
    #[error(transparent)]
    Ebml(#[from] ebml::Error),
    /// The file is something else.
    #[error("this is not a WebM or Matroska file: {found}")]
    NotWebm {
        /// What was found in place of an EBML header for one.
        found: String,
    },
    /// An element that must be there is not.
    #[error("{parent} at byte {at_byte} lacks {id}")]
    Missing {
        /// What is missing.
        id: Id,
        /// Where it should be.
        parent: Id,
        /// First byte of the parent.
        at_byte: u64,
    },
    /// An element that may be there once is there again.
    #[error("{id} at byte {at_byte} is there a second time")]
    Repeated {
        /// The element.
        id: Id,
        /// First byte of the second.
        at_byte: u64,
    },
    /// A value outside of what the element allows.
    #[error("{id} at byte {at_byte}: expected {expected}, got {got}")]
    BadValue {
        /// The element.
        id: Id,
        /// Its first byte.
        at_byte: u64,
        /// What is allowed.
        expected: &'static str,
        /// What is there.
        got: String,
    },
    /// Legal, but not among what this reader can do.
    #[error("{id} at byte {at_byte}: {what} is not supported")]
    Unsupported {
        /// The element.
        id: Id,
        /// Its first byte.
        at_byte: u64,
        /// What the reader cannot do.
        what: String,
    },
    /// An element where it must not be.
    #[error("{id} at byte {at_byte} {what}")]
    Misplaced {
        /// The element.
        id: Id,
        /// Its first byte.
        at_byte: u64,
        /// Why not there.
        what: &'static str,
    },
    /// A SeekHead entry points at something else.
    #[error("SeekHead says that {id} is at byte {at_byte}, but there is {found}")]
    WrongSeek {
        /// What it promises.
        id: Id,
        /// Where, in the file.
        at_byte: u64,
        /// What is there.
        found: String,
    },
    /// A cue does not lead to a key frame of its time.
    #[error("the cue for {time_ticks} ticks, which points at byte {at_byte}: {found}")]
    WrongCue {
        /// Its time.
        time_ticks: i64,
        /// Where it points, in the file.
        at_byte: u64,
        /// What is there.
        found: String,
    },
}

/// Fills `slot` unless something is there already.
pub(super) fn once<T>(slot: &mut Option<T>, value: T, element: ebml::Element) -> Result<(), Error> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::Repeated { id: element.id, at_byte: element.at_byte }),
    }
}

/// The value of a mandatory child.
pub(super) fn required<T>(slot: Option<T>, id: Id, parent: ebml::Element) -> Result<T, Error> {
    slot.ok_or(Error::Missing { id, parent: parent.id, at_byte: parent.at_byte })
}
