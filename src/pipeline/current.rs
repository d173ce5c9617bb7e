//! Whether an output that is there is the one that a run would make.
#![forbid(unsafe_code)]

use super::outputs::OutputKind;
use super::plan::OutputPlan;
use super::stills;
use super::timeline::IDENTITY_TAG;
use crate::webm::reader::Reader;
use std::fs::File;

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

/// Looks at an output of a file with so many frames. An output has its name only when it is complete, so its header tells enough; the reader
/// refuses a copy that ends before its Segment does.
pub(super) fn state(output: &OutputPlan, frames: Option<u64>) -> Output {
    if output.target.kind == OutputKind::Png {
        return stills::state(output);
    }
    let path = &output.target.path;
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
        Some((_, name)) if *name != output.work_name => {
            other("it was made of another source or with other settings")
        }
        Some(_) => Output::Current { frames: frames.unwrap_or(0), bytes: metadata.len() },
    }
}
