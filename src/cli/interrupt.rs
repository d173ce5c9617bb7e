//! Ctrl-C and SIGTERM: the first lets the segments at work be finished, the second stops at the next frame,
//! the third ends the program at once.
#![forbid(unsafe_code)]

use super::tell;
use crate::pipeline::{Asked, Stop};

/// What the signals set.
pub(super) static STOP: Stop = Stop::new();

/// Installs the handler.
///
/// # Errors
/// When the system refuses, or a handler is installed already.
pub(super) fn install() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| match STOP.ask() {
        Asked::First => {
            tell(
                "\nvrpipe: finishing the segments at work; once more to stop at once. What is finished is kept.",
            );
        }
        Asked::Second => tell("\nvrpipe: stopping; segments that are not finished will be done again"),
        // Whatever moment this is, the next run goes on from the finished segments.
        Asked::Again => std::process::abort(),
    })
}
