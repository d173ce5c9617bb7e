//! Whether an output that is there is the one that a run would make, and which are still to be made. Nothing is
//! changed: `vrpipe plan` asks, too.
#![forbid(unsafe_code)]

use super::error::Error;
use super::outputs::OutputKind;
use super::plan::{FilePlan, OutputPlan};
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

/// What is left to be made of a file.
#[derive(Debug)]
pub(super) struct Missing {
    /// The plan without the outputs that are there, complete and current.
    pub(super) plan: FilePlan,
    /// These.
    pub(super) current: Vec<OutputPlan>,
    /// Frames of one of them, as far as is known.
    pub(super) frames: u64,
    /// Bytes of all of them.
    pub(super) bytes: u64,
}

/// Tells outputs that are there, complete and current from those that are to be made; with `overwrite` all are.
///
/// # Errors
/// [`Error::Exists`] when something else has an output's name, unless it may be replaced.
pub(super) fn missing(mut plan: FilePlan, overwrite: bool) -> Result<Missing, Error> {
    let outputs = if overwrite { Vec::new() } else { std::mem::take(&mut plan.outputs) };
    let mut found = Missing { plan, current: Vec::new(), frames: 0, bytes: 0 };
    for output in outputs {
        match state(&output, found.plan.frames) {
            Output::Absent => found.plan.outputs.push(output),
            Output::Current { frames, bytes } => {
                let note = format!("{} is there, complete and current", output.target.path.display());
                found.plan.notes.push(note);
                (found.frames, found.bytes) = (frames, found.bytes + bytes);
                found.current.push(output);
            }
            Output::Other(why) => return Err(Error::Exists { path: output.target.path, why }),
        }
    }
    Ok(found)
}

/// Looks at an output of a file with so many frames. An output has its name only when it is complete, so its header
/// tells enough; the reader refuses a copy that ends before its Segment does.
fn state(output: &OutputPlan, frames: Option<u64>) -> Output {
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
