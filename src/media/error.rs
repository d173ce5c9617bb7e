//! What can go wrong between a path and its packets.
//!
//! Every variant says what was read, what was expected and what was there; the path is added by
//! [`Error::Open`] or by the caller, who knows it. Causes from crates stay chained as sources.
#![forbid(unsafe_code)]

use std::path::PathBuf;

/// An error of the media stage.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// The path as given.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The path names a folder, a pipe or a device.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The first bytes belong to no container this program reads.
    #[error("expected an MP4, MOV, MKV or WebM file, but it begins with {begins}")]
    UnknownContainer {
        /// The first bytes, printable or in hex.
        begins: String,
    },
    /// The system failed to read.
    #[error("reading {what} at byte {at_byte} failed")]
    Io {
        /// What was being read.
        what: &'static str,
        /// Where in the file.
        at_byte: u64,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The file ends inside something.
    #[error("the file is cut off: {what} at byte {at_byte} needs {need} bytes, only {have} are there")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where it starts.
        at_byte: u64,
        /// Bytes that it takes.
        need: u64,
        /// Bytes that the file has from there.
        have: u64,
    },
    /// Bytes contradict the format.
    #[error("malformed {what} at byte {at_byte}: expected {expected}, got {got}")]
    Malformed {
        /// The structure.
        what: &'static str,
        /// Where it lies in the file; within the structure when that is all that is known.
        at_byte: u64,
        /// What the format wants.
        expected: &'static str,
        /// What was there.
        got: String,
    },
    /// A part that the file must have is absent.
    #[error("the file has no {what}: {detail}")]
    Missing {
        /// The part.
        what: &'static str,
        /// What was found instead.
        detail: String,
    },
    /// The file has no video track.
    #[error("the file has no video track (found: {found})")]
    NoVideo {
        /// The tracks that are there.
        found: String,
    },
    /// A feature that this program does not process.
    #[error("unsupported {what}: {got}")]
    Unsupported {
        /// The kind of feature.
        what: &'static str,
        /// Its value in this file.
        got: String,
    },
    /// A value is beyond what a sane file has; protects time and memory.
    #[error("{what} is beyond the limit: {got}, at most {max}")]
    Limit {
        /// The quantity.
        what: &'static str,
        /// The value found.
        got: u64,
        /// The largest accepted.
        max: u64,
    },
    /// The MP4 crate refused a box.
    #[error("malformed {name} box at byte {at_byte}")]
    Mp4 {
        /// The box type.
        name: &'static str,
        /// Where the box lies in the file.
        at_byte: u64,
        /// The crate's reason.
        #[source]
        source: shiguredo_mp4::Error,
    },
    /// The sample tables of an MP4 track contradict each other.
    #[error("the sample tables of the video track contradict each other")]
    SampleTable {
        /// The crate's reason.
        #[source]
        source: shiguredo_mp4::aux::SampleTableAccessorError,
    },
    /// The Matroska crate refused the file.
    #[error("malformed Matroska data near byte {at_byte}")]
    Matroska {
        /// About where in the file.
        at_byte: u64,
        /// The crate's reason.
        #[source]
        source: matroska_demuxer::DemuxError,
    },
    /// A demuxer crate panicked on these bytes; the panic was contained.
    #[error("the {what} demuxer gave up near byte {at_byte}: {reason}")]
    Demuxer {
        /// Which one.
        what: &'static str,
        /// About where in the file.
        at_byte: u64,
        /// The panic's message.
        reason: String,
    },
}
