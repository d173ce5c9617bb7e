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
use super::store::{Found, Store};
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
    /// Wall time, roughly.
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
            Ok((describe(&plan, settings, &setup)?, plan))
        });
        match checked {
            Ok((described, plan)) => {
                files.push(described);
                work.extend(Some(plan).filter(|plan| !plan.outputs.is_empty()));
            }
            Err(error) => files.push(failed(job, &error)),
        }
    }
    if work.is_empty() {
        let (temporary_bytes, output_bytes, seconds) = (0, 0, 0.0);
        return Ok(Forecast { files, lanes: None, need: None, temporary_bytes, output_bytes, seconds });
    }
    let segments = work.iter().map(|plan| plan.segments.len()).sum();
    let lanes = setup.lanes_for(work.iter(), segments, settings)?;
    let count = lanes.count() as u64;
    let need = work.iter().map(|plan| setup.need(plan)).reduce(Need::max);
    let need = need.map(|one| Need {
        host_bytes: one.host_bytes * count,
        device_bytes: one.device_bytes * count,
        ..one
    });
    let costs: Vec<Cost> =
        work.iter().map(|plan| Cost::of(plan, settings.quality, setup.on_gpu(plan))).collect();
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
        useless: None,
        notes: Vec::new(),
    }
}

/// How many segments an earlier run has left that are of use, and why others are not.
fn left(plan: &FilePlan, settings: &Settings) -> Result<(usize, Option<String>), Error> {
    let count = u32::try_from(plan.segments.len()).unwrap_or(u32::MAX);
    let mut of_use: Option<BTreeSet<u32>> = None;
    let mut useless = BTreeSet::new();
    for output in &plan.outputs {
        let folder = Store::folder_for(&output.target.path, settings.temp_dir.as_deref());
        let (found, there) = Store::look(&folder, &output.identity, count, output.form())
            .map_err(|source| Error::Store { path: folder, source })?;
        // A segment is done when it is there for every output.
        of_use = Some(match of_use {
            None => there,
            Some(others) => others.intersection(&there).copied().collect(),
        });
        useless.extend(if let Found::Other(why) = found { Some(why) } else { None });
    }
    let useless = useless.into_iter().collect::<Vec<_>>().join("; ");
    Ok((of_use.map_or(0, |there| there.len()), Some(useless).filter(|why| !why.is_empty())))
}

fn describe(plan: &FilePlan, settings: &Settings, setup: &SetUp) -> Result<FileForecast, Error> {
    let (segments_there, useless) = left(plan, settings)?;
    let FilePlan { job, video, layout, container, .. } = plan;
    let path = setup.devices[0].decode_path_for(video, &plan.matte);
    Ok(FileForecast {
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
        segments_there,
        useless,
        notes: plan.notes.clone(),
    })
}
