//! The options of `bench`.
#![forbid(unsafe_code)]

use super::engine_args::EngineArgs;
use super::run_args::{EncoderArg, MatteArg, QualityArg, Segment, parse_device, parse_segment};
use super::shape_args::LayoutArg;
use crate::frame::Size;
use crate::pipeline::DeviceChoice;
use crate::pipeline::bench::DrawnCodec;
use clap::Args;
use std::path::PathBuf;

/// Frames of the whole run over drawn pictures when none are told.
const DRAWN_FRAMES: u64 = 120;

/// Options of `bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// The video to measure with; the whole of it is run, so a clip of some seconds is best
    #[arg(value_name = "INPUT", required_unless_present = "synthetic", conflicts_with = "synthetic")]
    pub input: Option<PathBuf>,
    /// Drawn pictures instead of a video: nothing is demuxed or decoded, unless --codec makes them a video
    #[arg(long, value_name = "WxH[:FRAMES]", value_parser = parse_drawn)]
    pub synthetic: Option<Drawn>,
    /// What the drawn pictures are encoded with first: VP9 by this program, the others by ffmpeg
    #[arg(long, value_enum, requires = "synthetic")]
    pub codec: Option<CodecArg>,
    /// Weights made up for the network called --model: no download is needed
    #[arg(long)]
    pub synthetic_weights: bool,
    /// Longest time for one measurement of one stage
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = parse_seconds)]
    pub seconds: f64,
    /// The report as JSON on standard output instead of the table
    #[arg(long)]
    pub json: bool,
    /// Ratios to an earlier report, which --json wrote
    #[arg(long, value_name = "OLD.json")]
    pub compare: Option<PathBuf>,
    /// Write the report as a page with drawings, too
    #[arg(long, value_name = "FILE.html")]
    pub html: Option<PathBuf>,
    /// Where the work is done
    #[arg(long, value_name = "auto|cpu|cuda:N[,N]", default_value = "auto", value_parser = parse_device)]
    pub device: DeviceChoice,
    /// Engine.
    #[command(flatten)]
    pub engine: EngineArgs,
    /// How the background is found
    #[arg(long, value_enum, default_value_t = MatteArg::Rvm)]
    pub matte: MatteArg,
    /// Network weights
    #[arg(long, value_name = "NAME|FILE", default_value = "mobilenetv3")]
    pub model: String,
    /// Longer side of an eye as the network sees it, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 512, value_parser = clap::value_parser!(u32).range(16..=8192))]
    pub detail: u32,
    /// Where the eyes lie in a frame
    #[arg(long, value_enum, default_value_t = LayoutArg::Auto)]
    pub layout: LayoutArg,
    /// Speed against size and fidelity
    #[arg(long, value_enum, default_value_t = QualityArg::Balanced)]
    pub quality: QualityArg,
    /// What encodes
    #[arg(long, value_enum, default_value_t = EncoderArg::Auto)]
    pub encoder: EncoderArg,
    /// Constant-quality level of the colour stream
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=63))]
    pub crf: Option<u8>,
    /// Length of the segments of the whole run
    #[arg(long, value_name = "SECONDS|off", default_value = "8", value_parser = parse_segment)]
    pub segment: Segment,
    /// Lanes; as many as cores and memory can carry if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub lanes: Option<u16>,
    /// CPU threads to use; all if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Where files are written while measuring; the system's folder for such if not given
    #[arg(long, value_name = "DIR")]
    pub temp_dir: Option<PathBuf>,
}

/// Codecs of a drawn video.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum CodecArg {
    /// H.264, 8 bit
    H264,
    /// HEVC, 8 bit
    Hevc,
    /// HEVC, 10 bit
    Hevc10,
    /// VP9, 8 bit
    Vp9,
    /// AV1, 8 bit
    Av1,
}

impl From<CodecArg> for DrawnCodec {
    fn from(codec: CodecArg) -> Self {
        match codec {
            CodecArg::H264 => Self::H264,
            CodecArg::Hevc => Self::Hevc,
            CodecArg::Hevc10 => Self::Hevc10,
            CodecArg::Vp9 => Self::Vp9,
            CodecArg::Av1 => Self::Av1,
        }
    }
}

/// What is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drawn {
    /// Size of a frame.
    pub size: Size,
    /// Frames of the whole run.
    pub frames: u64,
}

fn parse_drawn(text: &str) -> Result<Drawn, String> {
    let (size, frames) = text.split_once(':').map_or((text, None), |(size, frames)| (size, Some(frames)));
    let side = |text: &str| text.parse::<usize>().ok().filter(|side| (16..=16384).contains(side));
    let size = size.split_once('x').and_then(|(width, height)| Some(Size::new(side(width)?, side(height)?)));
    let frames = frames.map_or(Some(DRAWN_FRAMES), |frames| frames.parse().ok());
    match (size, frames) {
        (Some(size), Some(frames @ 1..=1_000_000)) => Ok(Drawn { size, frames }),
        _ => {
            Err("WIDTHxHEIGHT is needed, each 16 to 16384, and a number of frames from 1 after a colon"
                .into())
        }
    }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.01..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("0.01 to 3600 seconds".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use clap::Parser;

    #[test]
    fn drawings_have_a_size_and_perhaps_a_number() {
        let drawn =
            |text| parse_drawn(text).ok().map(|drawn| (drawn.size.width, drawn.size.height, drawn.frames));
        assert_eq!(drawn("640x320"), Some((640, 320, DRAWN_FRAMES)));
        assert_eq!(drawn("7680x3840:24"), Some((7680, 3840, 24)));
        for wrong in ["", "640", "640x", "8x8", "640x320:", "640x320:0", "x", "99999x16", "64x64:-1"] {
            assert_eq!(drawn(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_input_or_a_drawing_and_not_both() {
        let parse = |args: &[&str]| Cli::try_parse_from(["vrpipe", "bench"].iter().chain(args)).is_ok();
        assert!(parse(&["a.mp4", "--engine", "tensorrt", "--tensorrt-lib", "lib"]));
        assert!(parse(&["a.mp4"]) && parse(&["--synthetic", "64x64", "--synthetic-weights"]));
        assert!(
            !parse(&[]) && !parse(&["a.mp4", "--synthetic", "64x64"]) && !parse(&["a", "--seconds", "0"])
        );
    }
}
