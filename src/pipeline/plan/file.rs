//! One file of a run as it will be done: what was found in it, how it is cut, what its work is called.
#![forbid(unsafe_code)]

use super::Coding;
use super::segments::Segment;
use crate::frame::{Colour, Size};
use crate::kernels::key::KeyParameters;
use crate::layout::{Layout, Packing};
use crate::media::{Chapter, VideoTrack};
use crate::pipeline::outputs::{Look, OutputKind};
use crate::pipeline::report::MatteReport;
use crate::pipeline::settings::{Detail, Job, Target};
use crate::pipeline::store::{Form, Identity};
use crate::sound::TrackPlan;
use std::ops::Range;

/// A file and all decisions about it; nothing here depends on how many lanes there are.
#[derive(Clone, Debug)]
pub struct FilePlan {
    /// Where it is read and written.
    pub job: Job,
    /// Container in a word.
    pub container: String,
    /// The video track.
    pub video: VideoTrack,
    /// Where the eyes lie, and why.
    pub layout: Layout,
    /// How the background is found.
    pub matte: MattePlan,
    /// The same for people.
    pub matte_report: MatteReport,
    /// What encodes it.
    pub coding: Coding,
    /// Chapters of the source.
    pub chapters: Vec<Chapter>,
    /// Tags of the source that are carried.
    pub tags: Vec<(String, String)>,
    /// What becomes of each audio track.
    pub sound: Vec<TrackPlan>,
    /// The earliest shown timestamp in ticks, where the file could be indexed.
    pub origin: Option<i64>,
    /// The timestamps that are done when it is not all of them; its first frame is then at 0.
    pub part: Option<Range<i64>>,
    /// Frames that are shown, as far as the file tells before it is decoded.
    pub frames: Option<u64>,
    /// The segments, in order; at least one.
    pub segments: Vec<Segment>,
    /// What is made of it, in the order asked for.
    pub outputs: Vec<OutputPlan>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// One output of a file.
#[derive(Clone, Debug)]
pub struct OutputPlan {
    /// Its kind and place.
    pub target: Target,
    /// What it shows.
    pub look: Look,
    /// Size of its frames.
    pub size: Size,
    /// What its codes mean.
    pub colour: Colour,
    /// How its eyes lie.
    pub packing: Packing,
    /// What the bytes of its segments depend on.
    pub identity: Identity,
    /// Name of all that its bytes depend on: the identity and the sound.
    pub work_name: String,
}

impl FilePlan {
    /// Whether colour and alpha are among the outputs as two streams.
    pub fn has_alpha(&self) -> bool {
        self.outputs.iter().any(|output| output.target.kind.is_alpha())
    }

    /// Whether that is all.
    pub fn only_alpha(&self) -> bool {
        self.outputs.iter().all(|output| output.target.kind.is_alpha())
    }

    /// Encoders that work at once in a lane.
    pub fn encoders(&self) -> usize {
        if self.has_alpha() { 2 } else { 1 }
    }
}

impl OutputPlan {
    /// What its segments lie in.
    pub fn form(&self) -> Form {
        if self.target.kind == OutputKind::Png { Form::Frames } else { Form::WebM }
    }

    /// For people.
    pub fn describe(&self) -> String {
        format!("output {}: {}, {}", self.target.kind, self.look.sentence(), self.target.path.display())
    }
}

/// How the background is found, with everything that had to be looked up.
#[derive(Clone, PartialEq, Debug)]
pub enum MattePlan {
    /// The network.
    Network {
        /// Name or file of the weights.
        model: String,
        /// How small it sees an eye.
        detail: Detail,
    },
    /// A chroma key.
    Key(KeyParameters),
}
