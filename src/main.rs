//! The program: everything is in the library, this owns the exit code and the process's heap.

use std::process::ExitCode;

/// Blocks from this size on are the system's and go back to it when they are freed.
#[cfg(target_env = "gnu")]
const MAPPED_BYTES: libc::c_int = 128 << 10;

/// Keeps glibc from raising its thresholds to 32 MiB after the first large block is freed. It does so by
/// default, and the frames of one segment then leave holes between those of the next: the peak of a ten-minute
/// clip was up to 40 % above that of one minute, and is 3 % above it with this.
fn hold_heap_down() {
    #[cfg(target_env = "gnu")]
    for parameter in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: called before any other thread is there; a refusal leaves the defaults, which are sound.
        unsafe { libc::mallopt(parameter, MAPPED_BYTES) };
    }
}

fn main() -> ExitCode {
    hold_heap_down();
    ExitCode::from(vrpipe::cli::main())
}
