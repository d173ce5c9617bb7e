//! What a run tells the outside while it works.
#![forbid(unsafe_code)]

use super::plan::lanes::Lanes;
use super::report::{FileReport, MemoryReport};
use std::path::Path;

/// Something that happened to one file of a run.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// All inputs have been looked at and work begins.
    Planned {
        /// Frames to be written in this run, as far as the files tell.
        frames: u64,
        /// The lanes.
        lanes: &'a Lanes,
    },
    /// Something that all files share: which engine is used and why, that one is being built.
    Note {
        /// A sentence.
        text: &'a str,
    },
    /// The output was there, complete and current; nothing is done.
    Skipped {
        /// What is known.
        report: &'a FileReport,
    },
    /// A segment failed and is tried again.
    Again {
        /// The file.
        input: &'a Path,
        /// The segment, from 0.
        segment: usize,
        /// The attempt to come, from 2.
        attempt: u32,
        /// What went wrong.
        reason: &'a str,
    },
    /// Work on the file begins; several may be at work at once.
    Started {
        /// The file.
        input: &'a Path,
        /// Where its result will be.
        output: &'a Path,
        /// Place in the run, from 0, and how many files there are.
        place: (usize, usize),
        /// What was found and decided, a sentence each: codec and decoder, layout and why, matte.
        plan: &'a [String],
    },
    /// More frames have been written.
    Frames {
        /// The file.
        input: &'a Path,
        /// Frames written so far, those of earlier runs with them; fewer again when a segment fails.
        done: u64,
        /// Frames expected, when the container tells.
        total: Option<u64>,
    },
    /// The output is in place.
    Finished {
        /// All about it.
        report: &'a FileReport,
    },
    /// All is done; what it took of a GPU.
    Memory {
        /// By part.
        report: &'a MemoryReport,
    },
    /// The file could not be done; the run goes on with the next.
    Failed {
        /// What is known, with the error.
        report: &'a FileReport,
    },
}

/// Receives the events of a run, from several threads.
pub trait Observer: Sync {
    /// Called for each event; returns quickly.
    fn event(&self, event: Event<'_>);
}

/// Ignores everything.
#[derive(Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: Event<'_>) {}
}
