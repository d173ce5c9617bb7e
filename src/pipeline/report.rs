//! The report of a run: what was found, what was done, where the time went.
#![forbid(unsafe_code)]

use super::plan::Coding;
use super::plan::lanes::Lanes;
use super::settings::Target;
use crate::frame::{Colour, Size};
use crate::gpu::MemoryUse;
use crate::layout::Layout;
use crate::packet::Codec;
use crate::telemetry::{Depth, LaneClocks};
use std::path::PathBuf;

/// A whole run, as written by `--report`.
#[derive(Debug, serde::Serialize)]
pub struct RunReport {
    /// Version of this program.
    pub version: &'static str,
    /// Wall time of the run in seconds.
    pub wall_seconds: f64,
    /// Exit code of the run.
    pub exit_code: u8,
    /// Lanes on each device, and why not more; absent when there was nothing to do.
    pub lanes: Option<Lanes>,
    /// Memory of each GPU that was used.
    pub memory: Vec<MemoryReport>,
    /// One entry per input, in the order given.
    pub files: Vec<FileReport>,
}

/// Memory of a GPU when most of it was held, by part: that of all lanes there, without what the driver takes.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct MemoryReport {
    /// Name of the GPU.
    pub device: String,
    /// Lanes that it had.
    pub lanes: usize,
    /// All parts on the device together.
    pub device_bytes: u64,
    /// The parts.
    pub parts: MemoryUse,
}

impl MemoryReport {
    /// All of it in a line.
    pub fn sentence(&self) -> String {
        let Self { device, lanes, parts, .. } = self;
        let s = if *lanes == 1 { "" } else { "s" };
        format!("memory of {lanes} lane{s} on {device}: {}", parts.sentence())
    }
}

/// One input's fate.
#[derive(Debug, Default, serde::Serialize)]
pub struct FileReport {
    /// The input.
    pub input: PathBuf,
    /// Its first output.
    pub output: PathBuf,
    /// All that was asked for.
    pub outputs: Vec<OutputReport>,
    /// What went wrong, the whole chain of causes; absent when all is well.
    pub error: Option<String>,
    /// Exit code that this error alone would give; 0 when all is well.
    pub exit_code: u8,
    /// What was found in the input; absent when it could not be opened.
    pub source: Option<SourceReport>,
    /// How it was matted.
    pub matte: Option<MatteReport>,
    /// What encoded it.
    pub encoder: Option<Coding>,
    /// Whether the output was there, complete and made like this.
    pub skipped: bool,
    /// Segments that the video was cut into.
    pub segments: usize,
    /// Frames that an earlier run had finished.
    pub resumed_frames: u64,
    /// Segments that failed and were done again.
    pub retries: u32,
    /// Frames written, those of an earlier run with them.
    pub frames: u64,
    /// Presentation time of the last frame's end, in seconds.
    pub duration_seconds: f64,
    /// Bytes of the outputs.
    pub output_bytes: u64,
    /// Wall time from the first segment on, in seconds.
    pub wall_seconds: f64,
    /// Frames of this run per second of wall time.
    pub fps: f64,
    /// What the lanes waited for most, in words; absent when next to nothing was done.
    pub limit: Option<String>,
    /// Each stage's busy time, over all lanes.
    pub stages: Vec<StageReport>,
    /// How full the queues between stages were, in a lane.
    pub queues: Vec<QueueReport>,
    /// What a user should know of this output (timestamps shifted, sound left out, ...).
    pub notes: Vec<String>,
}

/// One output's fate.
#[derive(Clone, Debug, serde::Serialize)]
pub struct OutputReport {
    /// What and where it is.
    #[serde(flatten)]
    pub target: Target,
    /// Its bytes, once this run has completed it.
    pub bytes: Option<u64>,
}

impl OutputReport {
    /// An output that is not there yet.
    pub fn new(target: &Target) -> Self {
        Self { target: target.clone(), bytes: None }
    }
}

impl FileReport {
    /// Enters that an output is there.
    pub(super) fn set_bytes(&mut self, target: &Target, bytes: u64) {
        let found = self.outputs.iter_mut().filter(|output| output.target == *target);
        found.for_each(|output| output.bytes = Some(bytes));
    }
}

/// An input as found.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SourceReport {
    /// Container in a word.
    pub container: String,
    /// Codec of the video.
    pub codec: Codec,
    /// Size of a frame.
    pub size: Size,
    /// Bits per sample.
    pub depth: u8,
    /// Colour description used, guesses filled in.
    pub colour: Colour,
    /// Frames that the container announces.
    pub frames: Option<u64>,
    /// Layout and what it rests on.
    pub layout: Layout,
    /// What decodes it.
    pub decoder: String,
    /// Why this decoder.
    pub decoder_reason: String,
}

/// The matte as set up.
#[derive(Clone, Debug, serde::Serialize)]
pub struct MatteReport {
    /// `rvm` or `chroma`.
    pub method: &'static str,
    /// File of the weights, or the key colour.
    pub source: String,
    /// Network and refiner, or the key's tolerances.
    pub detail: String,
    /// Size at which the network sees an eye.
    pub stage: Option<Size>,
}

impl MatteReport {
    /// The set-up in a sentence.
    pub fn sentence(&self) -> String {
        let stage = self.stage.map_or(String::new(), |size| format!(", each eye seen at {size}"));
        format!("matte by {}: {}, {}{stage}", self.method, self.source, self.detail)
    }
}

/// Frames that wait between two stages of a lane.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct QueueReport {
    /// Name: what the frames in it are.
    pub queue: String,
    /// How many.
    #[serde(flatten)]
    pub depth: Depth,
}

impl QueueReport {
    /// The queues of a run.
    pub fn of(clocks: &LaneClocks) -> Vec<Self> {
        let report = |(queue, depth): (&str, _)| Self { queue: queue.to_owned(), depth };
        clocks.queues().into_iter().map(report).collect()
    }
}

/// Time of one stage.
#[derive(Clone, Debug, serde::Serialize)]
pub struct StageReport {
    /// Name.
    pub stage: &'static str,
    /// Seconds at work, the sum of all lanes.
    pub busy_seconds: f64,
    /// Share of the time that lanes spent on the file.
    pub busy_share: f64,
}
