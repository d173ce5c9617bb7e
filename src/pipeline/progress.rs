//! What a run tells the outside while it works.
#![forbid(unsafe_code)]

use super::report::FileReport;
use std::path::Path;

/// Something that happened to one file of a run.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The file has been opened and work begins.
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
        /// Frames written so far.
        done: u64,
        /// Frames expected, when the container tells.
        total: Option<u64>,
    },
    /// The output is in place.
    Finished {
        /// All about it.
        report: &'a FileReport,
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
