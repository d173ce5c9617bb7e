//! What can end the work on a file, with the place added once: which file, which frame.
#![forbid(unsafe_code)]

use super::fault::Fault;
use crate::gpu::{self, nvdec};
use crate::{engine, kernels, lane, media, render, software, sound, vp9, webm};
use std::io;
use std::path::{Path, PathBuf};

/// Failure of a run or of one of its files. The message names the file; causes are chained.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The options contradict each other or the inputs.
    #[error("{0}")]
    Usage(String),
    /// An input cannot be opened or demuxed.
    #[error("{}", path.display())]
    Open {
        /// The input.
        path: PathBuf,
        /// Why not.
        #[source]
        source: media::Error,
    },
    /// An input cannot be read to tell whether it changed.
    #[error("{}", path.display())]
    Unreadable {
        /// The input.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// An input has no frame at all.
    #[error("{}: the video track holds no frame that can be shown", path.display())]
    NoFrames {
        /// The input.
        path: PathBuf,
    },
    /// The weights cannot be found or read.
    #[error("model {name}")]
    Model {
        /// As asked for.
        name: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No screen colour can be told from the picture, or the colour given is none.
    #[error("{}: chroma key", path.display())]
    Key {
        /// The input.
        path: PathBuf,
        /// Why not.
        #[source]
        source: kernels::Error,
    },
    /// An engine cannot be made for this graph.
    #[error("the network cannot be set up")]
    Engine(#[from] engine::Error),
    /// A GPU that was asked for cannot be had.
    #[error("{name}")]
    Device {
        /// As asked for.
        name: String,
        /// Why not.
        #[source]
        source: gpu::Error,
    },
    /// Something that needs a GPU was asked for, and there is none.
    #[error("{what} needs a GPU: {why}")]
    NoGpu {
        /// As asked for.
        what: String,
        /// Why there is none.
        why: String,
    },
    /// The GPU's decoder cannot be set up.
    #[error("{}", path.display())]
    Nvdec {
        /// The input.
        path: PathBuf,
        /// Why not.
        #[source]
        source: nvdec::Error,
    },
    /// A lane cannot be set up on the GPU.
    #[error("the GPU lane cannot be set up")]
    GpuLane(#[source] lane::Error),
    /// The encoders cannot be set up.
    #[error("{}: the encoders cannot be set up", path.display())]
    Encode {
        /// The input.
        path: PathBuf,
        /// Why not.
        #[source]
        source: vp9::Error,
    },
    /// An output cannot be shown as it was asked for.
    #[error("{}", path.display())]
    Render {
        /// The input.
        path: PathBuf,
        /// Why not.
        #[source]
        source: render::Error,
    },
    /// The decoder cannot be set up.
    #[error("{}", path.display())]
    Decoder {
        /// The input.
        path: PathBuf,
        /// Why not.
        #[source]
        source: software::Error,
    },
    /// Work on the input ended early.
    #[error("{}", path.display())]
    Lane {
        /// The input.
        path: PathBuf,
        /// Why.
        #[source]
        source: lane::Error,
    },
    /// The output is there already.
    #[error("{} exists and {why}; --overwrite replaces it", path.display())]
    Exists {
        /// The output.
        path: PathBuf,
        /// Why it is not what would be made.
        why: String,
    },
    /// The output cannot be created, synced or renamed.
    #[error("{}", path.display())]
    Output {
        /// The output.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The output cannot be muxed.
    #[error("{}", path.display())]
    Mux {
        /// The output.
        path: PathBuf,
        /// Why not.
        #[source]
        source: webm::muxer::Error,
    },
    /// An output that is read back is not what it should be.
    #[error("{}", path.display())]
    Playback {
        /// The output.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The folder of finished segments cannot be used.
    #[error("{}: finished segments are kept here", path.display())]
    Store {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The sound cannot be set up as it was planned.
    #[error("{}", path.display())]
    Sound {
        /// The input.
        path: PathBuf,
        /// Why not.
        #[source]
        source: sound::Error,
    },
    /// A finished segment cannot be read back.
    #[error("{}: this finished segment cannot be read; start again, and it is made anew", path.display())]
    Segment {
        /// The segment's file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The run of a measurement failed.
    #[error("the whole run failed: {what}")]
    Whole {
        /// With what, all causes in a line.
        what: String,
        /// Whose fault that is.
        fault: Fault,
    },
    /// A signal asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// An error about the weights called `name`.
    pub fn model(name: &str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Model { name: name.to_owned(), source: Box::new(source) }
    }

    /// A lane's error with the files that it is about.
    pub(super) fn from_lane(source: lane::Error, input: &Path, output: &Path) -> Self {
        match source {
            lane::Error::Mux(source) => Self::Mux { path: output.to_path_buf(), source },
            lane::Error::Interrupted => Self::Interrupted,
            source => Self::Lane { path: input.to_path_buf(), source },
        }
    }
}

/// An error and its causes in one line, `what: why: why`.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
