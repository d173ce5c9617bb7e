//! The journal of one output in the making: whose segments these are, and which are finished.
//!
//! A JSON file, replaced as a whole after every segment: written beside it, synced, renamed. Whatever moment
//! the machine dies at, there is the old one or the new one.
#![forbid(unsafe_code)]

use super::identity::Identity;
use crate::pipeline::output::PendingFile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// Raised when the meaning of a field changes; an older journal is then begun anew.
const FORMAT: u32 = 1;

/// What is known of a finished segment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Finished {
    /// Frames in it; a segment without any has no file.
    pub frames: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// Bytes of its file.
    pub bytes: u64,
    /// Packets of the source that gave no picture.
    pub unseen: u64,
    /// What the decoder complained of.
    pub complaints: u64,
    /// Frames moved on by a millisecond.
    pub nudged: u64,
    /// Whether libvpx had to encode it in place of our own encoder.
    #[serde(default)]
    pub by_libvpx: bool,
}

/// Finished segments by number.
pub type Done = BTreeMap<u32, Finished>;

/// The segments that need not be done again, of what is finished of each output of a file: those that all of them have.
/// Where that is so the first tells as much of a segment as any.
pub fn done_for_all(outputs: impl IntoIterator<Item = Done>) -> Done {
    let both = |mut done: Done, other: Done| {
        done.retain(|number, _| other.contains_key(number));
        done
    };
    outputs.into_iter().reduce(both).unwrap_or_default()
}

/// The journal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Journal {
    format: u32,
    /// Whose segments these are.
    pub identity: Identity,
    /// What is finished.
    pub finished: Done,
}

impl Journal {
    /// A journal with nothing done.
    pub fn new(identity: Identity) -> Self {
        Self { format: FORMAT, identity, finished: Done::new() }
    }

    /// Reads a journal; why it is of no use, in words, when it is not.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(path: &Path) -> io::Result<Option<Result<Self, String>>> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(match serde_json::from_slice::<Self>(&bytes) {
            Ok(journal) if journal.format == FORMAT => Ok(journal),
            Ok(journal) => Err(format!("its journal has format {}, this is {FORMAT}", journal.format)),
            Err(error) => Err(format!("its journal cannot be understood ({error})")),
        }))
    }

    /// Replaces the file at `path`.
    ///
    /// # Errors
    /// When it cannot be written; the old one is then still there.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let (pending, mut file) = PendingFile::create(path)?;
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        file.write_all(&text)?;
        pending.commit(&file)
    }
}
