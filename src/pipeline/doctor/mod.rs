//! `vrpipe doctor`: what is here, what that means for a run, and what to do about it.
//!
//! ```text
//! facts (asks driver, libraries, files) ─> judge (pure) ─> report: checks, verdicts, exit code
//! ```
#![forbid(unsafe_code)]

mod facts;
mod judge;
mod report;
#[cfg(test)]
mod tests;

pub use facts::Wanted;
pub use report::{Check, Checkup, Verdict};

/// Looks at this machine for a run on `device`.
pub fn checkup(wanted: &Wanted, device: &super::DeviceChoice) -> Checkup {
    Checkup::new(judge::judge(&facts::gather(wanted), device))
}
