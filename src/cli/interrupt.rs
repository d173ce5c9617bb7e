//! Ctrl-C and SIGTERM: the first asks the run to stop and tidy up, the second ends it at once.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

/// Set by the first signal.
pub(super) static STOP: AtomicBool = AtomicBool::new(false);

/// Installs the handler.
///
/// # Errors
/// When the system refuses, or a handler is installed already.
pub(super) fn install() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            // The user has asked twice; parts of files stay behind and are replaced by a later run.
            std::process::abort();
        }
        eprintln!("\nvrpipe: stopping; once more to stop at once");
    })
}
