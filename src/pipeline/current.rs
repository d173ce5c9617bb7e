//! Whether an output that is there is the one that a run would make.
#![forbid(unsafe_code)]

use super::plan::FilePlan;
use super::timeline::IDENTITY_TAG;
use crate::webm::reader::Reader;
use std::fs::File;
use std::path::Path;

/// An output as it was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Output {
    /// There is none.
    Absent,
    /// It is complete, of this source and these settings.
    Current {
        /// Frames that it should have.
        frames: u64,
        /// Its size.
        bytes: u64,
    },
    /// It is something else, in words.
    Other(&'static str),
}

/// Looks at an output. An output has its name only when it is complete, so its header tells enough.
pub(super) fn state(path: &Path, plan: &FilePlan) -> Output {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return Output::Absent };
    let reader = File::open(path).ok().and_then(|file| Reader::open(file).ok());
    let Some(reader) = reader else { return Output::Other("it is no WebM file") };
    let header = reader.header();
    let made = header.tags.iter().find(|(name, _)| name == IDENTITY_TAG);
    match made {
        None => Output::Other("it was not made by this program"),
        Some((_, name)) if *name != plan.identity.name() => {
            Output::Other("it was made of another source or with other settings")
        }
        // A copy that was cut off has the header of a whole one.
        Some(_)
            if header
                .segment
                .size_bytes
                .is_none_or(|size| end(header.segment.at_byte, size) > metadata.len()) =>
        {
            Output::Other("it is cut off")
        }
        Some(_) => Output::Current { frames: plan.frames.unwrap_or(0), bytes: metadata.len() },
    }
}

/// At least where the Segment ends.
fn end(at_byte: u64, size: u64) -> u64 {
    at_byte.saturating_add(size)
}
