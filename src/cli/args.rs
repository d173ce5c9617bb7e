//! The command line as types. Parsing has no side effects; each command resolves its own.
#![forbid(unsafe_code)]

use crate::pipeline::DeviceChoice;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::bench_args::BenchArgs;
use super::engine_args::{DoctorArgs, EngineCommand};
use super::run_args::{RunArgs, parse_device};
use super::shape_args::{LayoutArg, ProjectionArg, parse_projection};
use std::path::PathBuf;

/// Turns VR video into VP9 WebM with a transparent background.
#[derive(Parser, Debug)]
#[command(name = "vrpipe", version, about, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 ok, 1 verify found differences, 2 usage, 3 input, 4 device, \
    5 bug, 6 output, 7 something is not set up (a model, ffmpeg), 130 interrupted.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Matte videos and write them as WebM with alpha, packed alpha, a matte, before a background, as PNG
    Run(RunArgs),
    /// Say what `run` would do with the same options: lanes, memory, disk, time, names
    Plan(PlanArgs),
    /// Say what a file holds and how it would be taken
    Probe(ProbeArgs),
    /// Decode an output again and check it, alone or against its input
    Verify(VerifyArgs),
    /// Write a picture: input, matte and composite of a few frames beside each other
    Sheet(SheetArgs),
    /// Measure each stage alone and the whole run, and say what limits it
    Bench(BenchArgs),
    /// Weights of the matting network
    #[command(subcommand)]
    Model(ModelCommand),
    /// TensorRT engines: build them ahead of a run, list and check them
    #[command(subcommand)]
    Engine(EngineCommand),
    /// Say whether a run would work on this machine, and what to do if not
    Doctor(DoctorArgs),
}

/// Options of `plan`.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Those of `run`.
    #[command(flatten)]
    pub run: RunArgs,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Options of `probe`.
#[derive(Args, Debug)]
pub struct ProbeArgs {
    /// The file
    pub file: PathBuf,
    /// The device that the way of decoding is told for
    #[arg(long, value_name = "auto|cpu|cuda:N", default_value = "auto", value_parser = parse_device)]
    pub device: DeviceChoice,
    /// Where the eyes lie in a frame, as with `run`
    #[arg(long, value_enum, default_value_t = LayoutArg::Auto)]
    pub layout: LayoutArg,
    /// How directions lie in an eye, as with `run`
    #[arg(long, value_name = "PROJECTION", default_value = "auto", value_parser = parse_projection)]
    pub projection: ProjectionArg,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Options of `verify`.
#[derive(Args, Debug)]
pub struct VerifyArgs {
    /// An output: a WebM file, or a folder of PNG files
    pub output: PathBuf,
    /// The video it was made from: counts, timestamps and pictures are compared
    #[arg(long, value_name = "INPUT")]
    pub against: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// Options of `sheet`.
#[derive(Args, Debug)]
pub struct SheetArgs {
    /// A WebM file
    pub video: PathBuf,
    /// The video it was made from, shown in the first column; without it that is the colour stream
    #[arg(long, value_name = "INPUT")]
    pub input: Option<PathBuf>,
    /// The PNG file to write
    #[arg(short, long, value_name = "FILE.png")]
    pub output: PathBuf,
    /// How many frames, spread over the video
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub rows: u16,
}

/// Commands about weights.
#[derive(Subcommand, Debug)]
pub enum ModelCommand {
    /// Download the published weights (GPL-3.0) and check their SHA-256
    Fetch {
        /// Which network
        #[arg(value_enum)]
        network: NetworkArg,
        /// Folder to put the file in
        #[arg(long, value_name = "DIR", default_value = "engines")]
        to: PathBuf,
    },
    /// Say which weights are found, and where
    List,
}

/// Networks that are published.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum NetworkArg {
    /// The fast one, 15 MB
    #[value(name = "mobilenetv3")]
    MobileNetV3,
    /// The larger one, 100 MB
    #[value(name = "resnet50")]
    ResNet50,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_destination_is_needed_and_only_one() {
        let parse = |args: &[&str]| Cli::try_parse_from(args).map(|_| ());
        assert!(parse(&["vrpipe", "run", "a.mp4"]).is_err());
        assert!(parse(&["vrpipe", "run", "a.mp4", "-o", "b.webm", "--out-dir", "d"]).is_err());
        assert!(parse(&["vrpipe", "run", "a.mp4", "-o", "b.webm"]).is_ok());
        assert!(parse(&["vrpipe", "run", "a.mp4", "b.mp4", "--out-dir", "d", "--ratio", "0.25"]).is_ok());
        assert!(parse(&["vrpipe", "run", "a.mp4", "-o", "b.webm", "--ratio", "1.5"]).is_err());
    }
}
