//! Options of `run`: what is done, how and where.
#![forbid(unsafe_code)]

use super::engine_args::EngineArgs;
use super::output_args::{Destination, OutputArgs};
use super::part_args::PartArgs;
use super::shape_args::ShapeArgs;
use super::touch_args::TouchArgs;
use crate::pipeline::{DeviceChoice, EncoderChoice};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Options of `run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Videos (MP4, MOV, MKV, WebM; H.264, HEVC, VP9, AV1; 8 or 10 bit 4:2:0), folders of them, patterns
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Destination.
    #[command(flatten)]
    pub destination: Destination,
    /// Outputs.
    #[command(flatten)]
    pub outputs: OutputArgs,
    /// Replace outputs that exist
    #[arg(long)]
    pub overwrite: bool,
    /// Where the work is done: all GPUs that work, else the CPU; or some of them
    #[arg(long, value_name = "auto|cpu|cuda:N[,N]", default_value = "auto", value_parser = parse_device)]
    pub device: DeviceChoice,
    /// Engine.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Length of the segments that a video is cut into, in seconds; off: one piece, which cannot be resumed
    #[arg(long, value_name = "SECONDS|off", default_value = "8", value_parser = parse_segment)]
    pub segment: Segment,
    /// Frames matted ahead of each segment so that the matte does not jump at its start
    #[arg(long, value_name = "FRAMES", default_value_t = 32, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub warm_up: u32,
    /// Segments at work at once; as many as cores and memory can carry if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub lanes: Option<u16>,
    /// How often a segment that failed is tried again
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub retries: u32,
    /// Where finished segments are kept until a video is complete; beside its output if not given
    #[arg(long, value_name = "DIR")]
    pub temp_dir: Option<PathBuf>,
    /// How the background is found
    #[arg(long, value_enum, default_value_t = MatteArg::Rvm)]
    pub matte: MatteArg,
    /// Network weights: a file, or a name searched in $VRPIPE_MODELS and engines/
    #[arg(long, value_name = "NAME|FILE", default_value = "mobilenetv3")]
    pub model: String,
    /// Screen colour for --matte chroma: auto, or #rrggbb
    #[arg(long, value_name = "COLOUR", default_value = "auto")]
    pub key_colour: String,
    /// Longer side of an eye as the network sees it, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 512, value_parser = clap::value_parser!(u32).range(16..=8192))]
    pub detail: u32,
    /// Scale from an eye to what the network sees, instead of --detail
    #[arg(long, value_name = "0..1", conflicts_with = "detail", value_parser = parse_ratio)]
    pub ratio: Option<f64>,
    /// The shape of the picture.
    #[command(flatten)]
    pub shape: ShapeArgs,
    /// Changes to the matte.
    #[command(flatten)]
    pub touch: TouchArgs,
    /// The part that is done.
    #[command(flatten)]
    pub part: PartArgs,
    /// Speed against size and fidelity
    #[arg(long, value_enum, default_value_t = QualityArg::Balanced)]
    pub quality: QualityArg,
    /// What encodes: libvpx on the CPU; native, pixels on the GPU; auto is native for --quality fast on a GPU
    #[arg(long, value_enum, default_value_t = EncoderArg::Auto)]
    pub encoder: EncoderArg,
    /// Constant-quality level of the colour stream, 0 (best) to 63; the preset's if not given
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=63))]
    pub crf: Option<u8>,
    /// Sound: auto copies Opus and Vorbis and makes the rest Opus; copy leaves the rest out; none
    #[arg(long, value_enum, default_value_t = AudioArg::Auto)]
    pub audio: AudioArg,
    /// CPU threads to use; all if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Give up on a decoder that shows no sign of life for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86400))]
    pub stall: u32,
    /// How progress is shown; auto is a bar on a terminal and plain lines elsewhere
    #[arg(long, value_enum, default_value_t = ProgressArg::Auto)]
    pub progress: ProgressArg,
    /// Write a report of the whole run
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
}

pub(super) fn parse_device(text: &str) -> Result<DeviceChoice, String> {
    let ordinals = |list: &str| list.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>();
    match (text, text.strip_prefix("cuda:").map(ordinals)) {
        ("auto", _) => Ok(DeviceChoice::Auto),
        ("cpu", _) => Ok(DeviceChoice::Cpu),
        (_, Some(Ok(ordinals))) if is_a_set(&ordinals) => Ok(DeviceChoice::Cuda(ordinals)),
        _ => Err("auto, cpu, cuda:N or cuda:N,N is needed".into()),
    }
}

fn is_a_set(ordinals: &[usize]) -> bool {
    (1..ordinals.len()).all(|at| !ordinals[..at].contains(&ordinals[at]))
}

/// Length of a segment; `None` is off.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Segment(pub Option<Duration>);

pub(super) fn parse_segment(text: &str) -> Result<Segment, String> {
    if text == "off" {
        return Ok(Segment(None));
    }
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=86400.0).contains(&seconds) => {
            Ok(Segment(Some(Duration::from_secs_f64(seconds))))
        }
        _ => Err("off, or 0.1 to 86400 seconds".into()),
    }
}

fn parse_ratio(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(ratio) if ratio > 0.0 && ratio <= 1.0 => Ok(ratio),
        _ => Err("a number above 0 and up to 1 is needed".into()),
    }
}

/// Ways to find the background.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum MatteArg {
    /// The Robust Video Matting network: people before any background
    Rvm,
    /// A chroma key: green or blue screen
    Chroma,
}

/// What may become of the sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum AudioArg {
    /// Opus and Vorbis are copied, the rest becomes Opus
    Auto,
    /// Opus and Vorbis are copied, the rest left out
    Copy,
    /// No sound
    None,
}

/// Encoders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum EncoderArg {
    /// native where speed is asked for and a GPU is there
    Auto,
    /// libvpx
    Libvpx,
    /// This program's own, on a GPU
    Native,
}

impl From<EncoderArg> for EncoderChoice {
    fn from(encoder: EncoderArg) -> Self {
        match encoder {
            EncoderArg::Auto => Self::Auto,
            EncoderArg::Libvpx => Self::Libvpx,
            EncoderArg::Native => Self::Native,
        }
    }
}

/// Encoder presets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum QualityArg {
    /// Highest throughput
    Fast,
    /// Good pictures at a good speed
    Balanced,
    /// Smallest files for their quality; slow
    Best,
}

/// Ways to show progress.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ProgressArg {
    /// A bar on a terminal, plain lines elsewhere
    Auto,
    /// A bar
    Bar,
    /// A line now and then
    Plain,
    /// One JSON object a line
    Json,
    /// Nothing
    None,
}
