//! A run's two ways to stop before its end.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

/// Set from anywhere, a signal handler too; looked at by all lanes.
#[derive(Debug, Default)]
pub struct Stop {
    drain: AtomicBool,
    now: AtomicBool,
}

impl Stop {
    /// Nothing asked for.
    pub const fn new() -> Self {
        Self { drain: AtomicBool::new(false), now: AtomicBool::new(false) }
    }

    /// Asks for no new segments: those at work are finished. The second time, everything ends at the next
    /// frame. Gives whether this was the first, the second, or a later time.
    pub fn ask(&self) -> Asked {
        if !self.drain.swap(true, Ordering::Relaxed) {
            Asked::First
        } else if !self.now.swap(true, Ordering::Relaxed) {
            Asked::Second
        } else {
            Asked::Again
        }
    }

    /// Whether segments are still given out.
    pub fn is_draining(&self) -> bool {
        self.drain.load(Ordering::Relaxed)
    }

    /// Set when lanes must end at the next frame.
    pub(super) fn now(&self) -> &AtomicBool {
        &self.now
    }
}

/// How often a stop has been asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// Now.
    First,
    /// Once before.
    Second,
    /// More than once before.
    Again,
}
