//! What a run would do, before it does it: for `vrpipe plan`, and nothing is written.
#![forbid(unsafe_code)]

use super::batch::SetUp;
use super::current::{Missing, missing};
use super::error::{Error, chain};
use super::matting::Models;
use super::plan::cost::{Cost, expected_seconds};
use super::plan::lanes::{Lanes, Need};
use super::plan::{FilePlan, OutputPlan};
use super::settings::{Job, Settings, Target};
use super::store::{Done, Found, Store, done_for_all};
use crate::sound::TrackPlan;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A run in advance.
#[derive(Debug, serde::Serialize)]
pub struct Forecast {
    /// One entry per input, in the order given.
    pub files: Vec<FileForecast>,
    /// The lanes; absent when nothing is to be done.
    pub lanes: Option<Lanes>,
    /// Memory of all lanes together.
    pub need: Option<Need>,
    /// Most bytes of finished segments and unfinished outputs at one time, roughly.
    pub temporary_bytes: u64,
    /// Bytes of all outputs, roughly.
    pub output_bytes: u64,
    /// Wall time, roughly; what an earlier run has finished takes none.
    pub seconds: f64,
}

/// One input in advance.
#[derive(Debug, serde::Serialize)]
pub struct FileForecast {
    /// The input.
    pub input: PathBuf,
    /// Its first output.
    pub output: PathBuf,
    /// All that were asked for.
    pub outputs: Vec<Target>,
    /// Why it cannot be done; the other fields are then as good as empty.
    pub error: Option<String>,
    /// Exit code of that error, 0 without one.
    pub exit_code: u8,
    /// What is found in it, sentence by sentence.
    pub found: Vec<String>,
    /// Segments in all.
    pub segments: usize,
    /// Frames in all, as far as the file tells.
    pub frames: Option<u64>,
    /// Whether all outputs are there already, complete and current.
    pub is_current: bool,
    /// Segments that an earlier run has finished and this one would not do again.
    pub segments_there: usize,
    /// Frames of these.
    pub frames_there: u64,
    /// Segments that it has finished for some of the outputs, and that this one does for the others.
    pub segments_partly: usize,
    /// Segments that it has left and that are of no use.
    pub segments_useless: usize,
    /// Why what an earlier run has left would be of no use; absent when nothing is left, or it would be used.
    pub useless: Option<String>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Looks at all inputs and says what a run would do.
///
/// # Errors
/// As a run: weights that cannot be had, a device that was asked for and is not there.
pub fn forecast(jobs: &[Job], settings: &Settings) -> Result<Forecast, Error> {
    let setup = SetUp::new(settings, Models::default())?;
    let mut files = Vec::new();
    let mut work = Vec::new();
    for (job, surveyed) in jobs.iter().zip(setup.survey_all(jobs, settings)) {
        let checked = surveyed.and_then(|plan| {
            let Missing { mut plan, current, .. } = missing(plan, settings.overwrite)?;
            let folder =
                |output: &OutputPlan| Store::folder_for(&output.target.path, settings.temp_dir.as_deref());
            for folder in current.iter().map(folder).filter(|folder| folder.exists()) {
                plan.notes.push(format!("{}, which an earlier run has left, is removed", folder.display()));
            }
            let left = Left::of(&plan, settings)?;
            Ok((describe(&plan, &left, &setup), plan, left))
        });
        match checked {
            Ok((described, plan, left)) => {
                files.push(described);
                work.extend(Some((plan, left)).filter(|(plan, _)| !plan.outputs.is_empty()));
            }
            Err(error) => files.push(failed(job, &error)),
        }
    }
    if work.is_empty() {
        let (temporary_bytes, output_bytes, seconds) = (0, 0, 0.0);
        return Ok(Forecast { files, lanes: None, need: None, temporary_bytes, output_bytes, seconds });
    }
    let segments = work.iter().map(|(plan, left)| plan.segments.len() - left.kept.len()).sum();
    let lanes = setup.lanes_for(work.iter().map(|(plan, _)| plan), segments, settings)?;
    let count = lanes.count() as u64;
    let need = work.iter().map(|(plan, _)| setup.need(plan)).reduce(Need::max);
    let need = need.map(|one| Need {
        host_bytes: one.host_bytes * count,
        device_bytes: one.device_bytes * count,
        ..one
    });
    let cost = |(plan, left): &(FilePlan, Left)| {
        Cost::of(plan, settings.quality, setup.on_gpu(plan)).without(left.share(plan))
    };
    let costs: Vec<Cost> = work.iter().map(cost).collect();
    let largest = costs.iter().map(|cost| cost.output_bytes).max().unwrap_or(0);
    Ok(Forecast {
        files,
        need,
        // The segments of a file and the output that they are being joined to.
        temporary_bytes: 2 * largest,
        output_bytes: costs.iter().map(|cost| cost.output_bytes).sum(),
        seconds: expected_seconds(&costs, &lanes),
        lanes: Some(lanes),
    })
}

fn failed(job: &Job, error: &Error) -> FileForecast {
    FileForecast {
        input: job.input.clone(),
        output: job.first().to_path_buf(),
        outputs: job.outputs.clone(),
        error: Some(chain(error)),
        exit_code: error.fault().exit_code(),
        found: Vec::new(),
        segments: 0,
        frames: None,
        is_current: false,
        segments_there: 0,
        frames_there: 0,
        segments_partly: 0,
        segments_useless: 0,
        useless: None,
        notes: Vec::new(),
    }
}

/// What an earlier run has left of the segments of a file.
#[derive(Default)]
struct Left {
    /// Those that a run takes over.
    kept: Done,
    /// How many others it takes over for some of the outputs, and makes for the rest.
    partly: usize,
    /// How many are of no use.
    useless: usize,
    /// Why, where something is.
    why: Option<String>,
}

impl Left {
    /// Looks at the folders of all outputs; which segments are kept goes by the rule of `FileWork::new`.
    fn of(plan: &FilePlan, settings: &Settings) -> Result<Self, Error> {
        let count = u32::try_from(plan.segments.len()).unwrap_or(u32::MAX);
        let (mut all, mut useless, mut reasons) = (Vec::new(), 0, BTreeSet::new());
        for output in &plan.outputs {
            let folder = Store::folder_for(&output.target.path, settings.temp_dir.as_deref());
            let (found, done) = Store::look(&folder, &output.identity, count, output.form())
                .map_err(|source| Error::Store { path: folder, source })?;
            all.push(done);
            if let Found::Other { why, segments } = found {
                useless = useless.max(segments);
                reasons.insert(why);
            }
        }
        let any: BTreeSet<u32> = all.iter().flat_map(|done| done.keys().copied()).collect();
        let kept = done_for_all(all);
        let why = reasons.into_iter().collect::<Vec<_>>().join("; ");
        Ok(Self {
            partly: any.len() - kept.len(),
            kept,
            useless,
            why: Some(why).filter(|why| !why.is_empty()),
        })
    }

    /// Frames that are kept.
    fn frames(&self) -> u64 {
        self.kept.values().map(|done| done.frames).sum()
    }

    /// The same as a share of all, as far as is known how many these are.
    fn share(&self, plan: &FilePlan) -> f64 {
        self.frames() as f64 / plan.frames.unwrap_or(0).max(1) as f64
    }
}

fn describe(plan: &FilePlan, left: &Left, setup: &SetUp) -> FileForecast {
    let FilePlan { job, video, layout, container, .. } = plan;
    let path = setup.devices[0].decode_path_for(video, &plan.matte);
    FileForecast {
        input: job.input.clone(),
        output: job.first().to_path_buf(),
        outputs: job.outputs.clone(),
        error: None,
        exit_code: 0,
        found: [
            format!("{container}, {} {} {} bit", video.codec, video.size, video.depth),
            format!("decoded by {} {}", path.decoder, path.reason),
            layout.sentences().join(", "),
            plan.matte_report.sentence(),
        ]
        .into_iter()
        .chain(plan.outputs.iter().filter(|_| !plan.only_alpha()).map(OutputPlan::describe))
        .chain(plan.sound.iter().map(TrackPlan::describe))
        .collect(),
        segments: plan.segments.len(),
        frames: plan.frames,
        is_current: plan.outputs.is_empty(),
        segments_there: left.kept.len(),
        frames_there: left.frames(),
        segments_partly: left.partly,
        segments_useless: left.useless,
        useless: left.why.clone(),
        notes: plan.notes.clone(),
    }
}
