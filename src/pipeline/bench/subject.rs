//! What is to be measured, as asked for; pure data.
#![forbid(unsafe_code)]

use super::clip::DrawnCodec;
use crate::frame::Size;
use crate::pipeline::settings::Settings;
use std::path::PathBuf;

/// Where pictures come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// A video.
    File(PathBuf),
    /// Drawn pictures: nothing is demuxed or decoded unless they are made a video.
    Drawn {
        /// Size of a frame.
        size: Size,
        /// Frames of the whole run.
        frames: u64,
        /// What they are encoded with first.
        codec: Option<DrawnCodec>,
    },
}

/// All about a measurement.
#[derive(Clone, PartialEq, Debug)]
pub struct BenchOptions {
    /// What is measured.
    pub subject: Subject,
    /// How it would be done.
    pub settings: Settings,
    /// Weights out of nothing instead of the model named in the settings.
    pub synthetic_weights: bool,
    /// Longest time for one measurement of one stage, in seconds; at least one frame is done.
    pub seconds: f64,
}
