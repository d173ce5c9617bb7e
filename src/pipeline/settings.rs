//! What a run is asked to do, resolved from the command line; pure data.
#![forbid(unsafe_code)]

use super::device::DeviceChoice;
use super::engines::EngineSettings;
use super::hdr::HdrChoice;
use super::outputs::OutputKind;
use super::part::Part;
use crate::kernels::key::KeyColour;
use crate::lane::Touch;
use crate::layout::LayoutChoice;
use crate::software;
use crate::sound::AudioChoice;
use crate::vp9::Quality;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How small the network sees an eye.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Detail {
    /// The longer side of an eye, in pixels; an eye that is smaller is seen as it is.
    Pixels(u32),
    /// Scale from an eye, above 0 and up to 1.
    Ratio(f64),
}

/// How the background is to be found.
#[derive(Clone, Debug, PartialEq)]
pub enum MatteChoice {
    /// The network; a name or a file of weights.
    Network {
        /// As given by the user.
        model: String,
        /// How small the network sees an eye.
        detail: Detail,
    },
    /// A chroma key; `None` picks the colour from the first picture.
    Chroma {
        /// Screen colour.
        colour: Option<KeyColour>,
    },
}

/// What encodes, as asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EncoderChoice {
    /// Our own on a GPU where speed is asked for, else libvpx.
    #[default]
    Auto,
    /// libvpx.
    Libvpx,
    /// Our own, which needs a GPU.
    Native,
}

/// Settings common to all files of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How the background is found.
    pub matte: MatteChoice,
    /// Changes to the matte.
    pub touch: Touch,
    /// Where the work is done.
    pub device: DeviceChoice,
    /// Packing and projection where the user says so.
    pub layout: LayoutChoice,
    /// The part of each video that is done.
    pub part: Part,
    /// What becomes of high dynamic range.
    pub hdr: HdrChoice,
    /// What runs the network.
    pub engine: EngineSettings,
    /// Encoder preset.
    pub quality: Quality,
    /// What encodes.
    pub encoder: EncoderChoice,
    /// Constant-quality level of the colour stream, 0..=63; the preset's when `None`.
    pub crf: Option<u8>,
    /// Field of view of packed alpha in degrees; `None`: the source's own fisheye, or 180.
    pub fisheye_fov: Option<u16>,
    /// What becomes of the sound.
    pub audio: AudioChoice,
    /// CPU threads.
    pub threads: usize,
    /// A decoder without a sign of life for so long is given up.
    pub stall: Duration,
    /// Whether outputs that exist are replaced.
    pub overwrite: bool,
    /// Wanted length of a segment; `None`: each video in one piece.
    pub segment: Option<Duration>,
    /// Frames matted ahead of a segment for the state of the network.
    pub warm_up: u32,
    /// Segments at work at once; as many as the machine can carry when `None`.
    pub lanes: Option<usize>,
    /// How often a segment that failed is tried again.
    pub retries: u32,
    /// Where finished segments are kept; beside each output when `None`.
    pub temp_dir: Option<PathBuf>,
}

impl Settings {
    /// How software decodes what needs no share of the lanes' threads.
    pub(super) fn decoding(&self) -> software::Options {
        software::Options { stall: self.stall, ..software::Options::default() }
    }
}

/// One input and the places of its results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The file to read.
    pub input: PathBuf,
    /// What is to be made of it; at least one, in the order asked for.
    pub outputs: Vec<Target>,
}

/// One result of an input.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Target {
    /// What it shows.
    pub kind: OutputKind,
    /// The file to write; for PNG the folder.
    pub path: PathBuf,
}

impl Job {
    /// The result that stands for all where one name is wanted.
    pub fn first(&self) -> &Path {
        self.outputs.first().map_or(Path::new(""), |target| &target.path)
    }
}
