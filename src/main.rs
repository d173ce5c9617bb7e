//! The program: everything is in the library, this owns the exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(vrpipe::cli::main())
}
