//! The command line: arguments, and one file per command. Nothing here knows how a video is
//! matted; it resolves options, calls `pipeline` and prints.
#![forbid(unsafe_code)]

mod args;
mod bench;
mod bench_args;
mod doctor;
mod engine;
mod engine_args;
mod interrupt;
mod model;
mod output_args;
mod part_args;
mod plan;
mod probe;
mod progress;
mod run;
mod run_args;
mod shape_args;
mod sheet;
mod touch_args;
mod verify;

use crate::pipeline;
use args::{Cli, Command};
use clap::Parser;

/// How long `verify` and `sheet` wait for a decoder that shows no sign of life.
const STALL: std::time::Duration = std::time::Duration::from_secs(60);

/// Parses the command line, does what it asks and gives the exit code.
pub fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { pipeline::Fault::Usage.exit_code() } else { 0 };
            // Help and usage go to a terminal; if that is gone nobody reads them.
            let _ = error.print();
            return code;
        }
    };
    let result = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Plan(args) => plan::plan(&args),
        Command::Probe(args) => probe::probe(&args),
        Command::Verify(args) => verify::verify(&args),
        Command::Sheet(args) => sheet::sheet(&args),
        Command::Bench(args) => bench::run_bench(&args),
        Command::Model(command) => model::model(&command),
        Command::Engine(command) => engine::engine(&command),
        Command::Doctor(args) => doctor::doctor(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            tell(&format!("vrpipe: {error:#}"));
            exit_code(&error)
        }
    }
}

/// The code of the first cause that has one.
fn exit_code(error: &anyhow::Error) -> u8 {
    let known = error.chain().find_map(|cause| cause.downcast_ref::<pipeline::Error>());
    known.map_or(pipeline::Fault::Bug, pipeline::Error::fault).exit_code()
}

/// Prints to standard error, which may be gone, too.
fn tell(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints to standard output; a reader that went away (`vrpipe probe x | head -1`) is no error.
fn say(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
