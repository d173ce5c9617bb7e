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
    Other(String),
}

/// Looks at an output. An output has its name only when it is complete, so its header tells enough; the reader
/// refuses a copy that ends before its Segment does.
pub(super) fn state(path: &Path, plan: &FilePlan) -> Output {
    let Ok(metadata) = std::fs::metadata(path) else { return Output::Absent };
    let other = |why: &str| Output::Other(why.to_owned());
    if !metadata.is_file() {
        // Not opened: a pipe would wait for its writer.
        return other("it is not a regular file");
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return Output::Other(format!("it cannot be opened: {error}")),
    };
    let reader = match Reader::open(file) {
        Ok(reader) => reader,
        Err(error) => return Output::Other(format!("it is no whole WebM file: {error}")),
    };
    match reader.header().tags.iter().find(|(name, _)| name == IDENTITY_TAG) {
        None => other("it was not made by this program"),
        Some((_, name)) if *name != plan.work_name => {
            other("it was made of another source or with other settings")
        }
        Some(_) => Output::Current { frames: plan.frames.unwrap_or(0), bytes: metadata.len() },
    }
}
