//! Options of the commands that look at a machine and prepare it.
#![forbid(unsafe_code)]

use super::run_args::parse_device;
use super::shape_args::LayoutArg;
use crate::engine::tensorrt::Capability;
use crate::pipeline::{DeviceChoice, EngineChoice};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What runs the network of a run.
#[derive(Args, Debug)]
pub struct EngineArgs {
    /// What runs the network; auto is TensorRT where it was validated on this machine, else native, else cpu
    #[arg(long, value_enum, default_value_t = EngineArg::Auto)]
    pub engine: EngineArg,
    /// TensorRT's library or its folder; searched if not given
    #[arg(long, value_name = "PATH")]
    pub tensorrt_lib: Option<PathBuf>,
}

/// Engines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum EngineArg {
    /// The best that works here
    Auto,
    /// NVIDIA's TensorRT
    Tensorrt,
    /// This program's own, on a GPU
    Native,
    /// This program's own, on the CPU
    Cpu,
}

impl From<EngineArg> for EngineChoice {
    fn from(engine: EngineArg) -> Self {
        match engine {
            EngineArg::Auto => Self::Auto,
            EngineArg::Tensorrt => Self::TensorRt,
            EngineArg::Native => Self::Native,
            EngineArg::Cpu => Self::Cpu,
        }
    }
}

/// Commands about TensorRT engines.
#[derive(Subcommand, Debug)]
pub enum EngineCommand {
    /// Build plans; with TensorRT-RTX no GPU is needed
    Build(EngineBuildArgs),
    /// Say which plans there are
    List {
        /// Folder of plans
        #[arg(long, value_name = "DIR", default_value = "engines")]
        folder: PathBuf,
    },
    /// Check that plans are whole and fit the library that is found
    Check {
        /// Plans; all of the folder if none is given
        #[arg(value_name = "PLAN")]
        plans: Vec<PathBuf>,
        /// Folder of plans
        #[arg(long, value_name = "DIR", default_value = "engines")]
        folder: PathBuf,
        /// TensorRT's library or its folder; searched if not given
        #[arg(long, value_name = "PATH")]
        tensorrt_lib: Option<PathBuf>,
    },
}

/// Options of `engine build`.
#[derive(Args, Debug)]
pub struct EngineBuildArgs {
    /// Network weights: a file, or a name searched in $VRPIPE_MODELS and engines/
    #[arg(long, value_name = "NAME|FILE", default_value = "mobilenetv3")]
    pub model: String,
    /// Size at which the network sees an eye
    #[arg(long, value_name = "WxH", required_unless_present = "input", value_parser = parse_size)]
    pub size: Option<(usize, usize)>,
    /// Take size and number of eyes from a video instead
    #[arg(long = "for", value_name = "INPUT", conflicts_with = "size")]
    pub input: Option<PathBuf>,
    /// With --for: longer side of an eye as the network sees it
    #[arg(long, value_name = "PIXELS", default_value_t = 512, value_parser = clap::value_parser!(u32).range(16..=8192))]
    pub detail: u32,
    /// With --for: where the eyes lie in a frame
    #[arg(long, value_enum, default_value_t = LayoutArg::Auto)]
    pub layout: LayoutArg,
    /// With --size: eyes of a frame
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub eyes: u8,
    /// With --size: the network sees eyes at their own size, and there is no guided filter
    #[arg(long, conflicts_with = "input")]
    pub full_size: bool,
    /// Compute capabilities of the GPUs to build for; those of this machine if not given
    #[arg(long, value_name = "8.9,...", value_delimiter = ',')]
    pub arch: Vec<Capability>,
    /// Folder of plans
    #[arg(long, value_name = "DIR", default_value = "engines")]
    pub folder: PathBuf,
    /// TensorRT's library or its folder; searched if not given
    #[arg(long, value_name = "PATH")]
    pub tensorrt_lib: Option<PathBuf>,
}

fn parse_size(text: &str) -> Result<(usize, usize), String> {
    let sides = text.split_once('x').and_then(|(width, height)| {
        let side = |text: &str| text.parse().ok().filter(|side| (1..=8192).contains(side));
        Some((side(width)?, side(height)?))
    });
    sides.ok_or_else(|| "WxH is needed, such as 512x288, each 1 to 8192".into())
}

/// Options of `doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// The device that a run would be on
    #[arg(long, value_name = "auto|cpu|cuda:N[,N]", default_value = "auto", value_parser = parse_device)]
    pub device: DeviceChoice,
    /// Network weights of the run: a file, or a name searched in $VRPIPE_MODELS and engines/
    #[arg(long, value_name = "NAME|FILE", default_value = "mobilenetv3")]
    pub model: String,
    /// Where results would go
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out_dir: PathBuf,
    /// TensorRT's library or its folder; searched if not given
    #[arg(long, value_name = "PATH")]
    pub tensorrt_lib: Option<PathBuf>,
    /// One JSON object instead of text
    #[arg(long)]
    pub json: bool,
}
