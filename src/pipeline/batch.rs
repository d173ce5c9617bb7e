//! A run over many files: what is to be done, lanes, a report of all.
#![forbid(unsafe_code)]

use super::current::{Missing, missing};
use super::device::Found;
use super::engines;
use super::error::{Error, chain};
use super::machine::machine;
use super::matting::{Models, shown, stage};
use super::outputs::{Look, Looks};
use super::plan::lanes::{Lanes, Need, Streams};
use super::plan::{FilePlan, MattePlan, OutputPlan};
use super::progress::{Event, Observer};
use super::report::{FileReport, MemoryReport, OutputReport, RunReport};
use super::schedule::{FileWork, Run, clear, run, thread_lost};
use super::settings::{Job, MatteChoice, Settings};
use super::stop::Stop;
use super::survey::survey;
use rayon::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Does all jobs, several at once where the machine can; a failed one does not stop the others, `stop` does.
///
/// # Errors
/// Only what makes every file pointless: weights that cannot be had, a device that was asked for and is not there.
pub fn run_batch(
    jobs: &[Job],
    settings: &Settings,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<RunReport, Error> {
    run_with(&SetUp::new(settings, Models::default())?, jobs, settings, observer, stop)
}

/// As [`run_batch`], on what is set up already.
///
/// # Errors
/// As [`run_batch`].
pub(super) fn run_with(
    setup: &SetUp,
    jobs: &[Job],
    settings: &Settings,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<RunReport, Error> {
    let start = Instant::now();
    let mut reports: Vec<Option<FileReport>> = Vec::new();
    let mut files = Vec::new();
    for (place, (job, surveyed)) in jobs.iter().zip(setup.survey_all(jobs, settings)).enumerate() {
        let begun = surveyed.and_then(|surveyed| begin(surveyed, place, settings));
        reports.push(match begun {
            Ok(Begun::Work(work)) => {
                files.push(*work);
                None
            }
            Ok(Begun::Skipped(report)) => {
                observer.event(Event::Skipped { report: &report });
                Some(*report)
            }
            Err(error) => {
                let report = failed(job, &error);
                observer.event(Event::Failed { report: &report });
                Some(report)
            }
        });
    }
    // The longest first: what is begun last is then short, and lanes do not wait for one long file.
    files.sort_by_key(|(work, _)| std::cmp::Reverse(work.pixels()));
    let lanes = match files.is_empty() {
        true => None,
        false => Some(setup.lanes(&files, settings)?),
    };
    setup.ready(&files, observer)?;
    if let Some(lanes) = &lanes {
        let (files, waiting): (Vec<_>, Vec<_>) = files.into_iter().unzip();
        let frames = files.iter().filter_map(FileWork::to_do).sum();
        observer.event(Event::Planned { frames, lanes });
        let run_of = Run {
            devices: &setup.devices,
            lanes,
            settings,
            models: &setup.models,
            looks: &setup.looks,
            observer,
            stop,
            files: &files,
            count: jobs.len(),
        };
        for (work, report) in files.iter().zip(run(&run_of, waiting)) {
            reports[work.place] = Some(report);
        }
    }
    let memory = setup.memory(lanes.as_ref());
    memory.iter().for_each(|report| observer.event(Event::Memory { report }));
    let files: Vec<FileReport> = reports.into_iter().flatten().collect();
    // The first failure decides; the report has them all.
    let first = files.iter().map(|file| file.exit_code).find(|&code| code != 0).unwrap_or(0);
    let exit_code =
        if stop.is_draining() && first != 0 { Error::Interrupted.fault().exit_code() } else { first };
    let wall_seconds = start.elapsed().as_secs_f64();
    Ok(RunReport { version: env!("CARGO_PKG_VERSION"), wall_seconds, exit_code, lanes, memory, files })
}

/// What all files of a run share.
pub(super) struct SetUp {
    pub(super) devices: Vec<Found>,
    pub(super) models: Models,
    pub(super) looks: Looks,
}

impl SetUp {
    /// Opens the devices; reads the weights before the first file is opened: without them no file can be done.
    pub(super) fn new(settings: &Settings, models: Models) -> Result<Self, Error> {
        let devices = Found::all(&settings.device, &settings.engine)?;
        engines::fits(settings, &devices)?;
        if let MatteChoice::Network { model, .. } = &settings.matte {
            models.get(model)?;
        }
        Ok(Self { devices, models, looks: Looks::default() })
    }

    /// Looks at all files, several at once; results in their order.
    pub(super) fn survey_all(&self, jobs: &[Job], settings: &Settings) -> Vec<Result<FilePlan, Error>> {
        let shared = (&self.models, &self.looks);
        let guarded = |job: &Job| {
            let surveyed = || survey(job, settings, &self.devices[0], shared);
            // A panic over one file is no reason to leave the others.
            catch_unwind(AssertUnwindSafe(surveyed)).unwrap_or_else(|_| Err(thread_lost(&job.input)))
        };
        jobs.par_iter().map(guarded).collect()
    }

    /// The lanes for what is to be done.
    fn lanes(&self, files: &[(FileWork, Vec<usize>)], settings: &Settings) -> Result<Lanes, Error> {
        let segments = files.iter().map(|(_, waiting)| waiting.len()).sum();
        self.lanes_for(files.iter().map(|(work, _)| work.plan()), segments, settings)
    }

    /// The lanes for so many segments of these files.
    pub(super) fn lanes_for<'a>(
        &self,
        plans: impl Iterator<Item = &'a FilePlan>,
        segments: usize,
        settings: &Settings,
    ) -> Result<Lanes, Error> {
        let need = plans.map(|plan| self.need(plan)).reduce(Need::max);
        let need = need.unwrap_or_default();
        let machine = machine(&self.devices, settings.threads)?;
        Ok(Lanes::new(&machine, need, segments, settings.lanes))
    }

    /// Readies the networks before the first lane, and says what is to be said of the engines.
    fn ready(&self, files: &[(FileWork, Vec<usize>)], observer: &dyn Observer) -> Result<(), Error> {
        // GPUs and files of a kind have the same to say.
        let said = RefCell::new(BTreeSet::new());
        let say = |text: &str| {
            if said.borrow_mut().insert(text.to_owned()) {
                observer.event(Event::Note { text });
            }
        };
        let notes = self.devices.iter().flat_map(|found| match found {
            Found::Gpu(gpu) if self.needs_network(files) => &gpu.notes[..],
            _ => &[],
        });
        notes.for_each(|note| say(note));
        for plan in files.iter().map(|(work, _)| work.plan()) {
            let MattePlan::Network { model, detail } = &plan.matte else { continue };
            let eyes = plan.layout.packing.eyes(plan.video.size);
            let (weights, stage) = (self.models.get(model)?.1, stage(model, *detail, &eyes)?);
            let (stage, _) = shown(&stage, plan.layout.projection.edge());
            for found in &self.devices {
                found.ready(&weights, &stage, eyes.len(), &say)?;
            }
        }
        Ok(())
    }

    fn needs_network(&self, files: &[(FileWork, Vec<usize>)]) -> bool {
        files.iter().any(|(work, _)| self.on_gpu(work.plan()))
    }

    /// What the lanes held of each GPU that was used.
    fn memory(&self, lanes: Option<&Lanes>) -> Vec<MemoryReport> {
        let used = |(found, &lanes): (&Found, &usize)| match found {
            Found::Gpu(gpu) => {
                let parts = gpu.device.ledger().peak();
                let device_bytes = parts.device_bytes();
                let report = MemoryReport { device: gpu.name.clone(), lanes, device_bytes, parts };
                (device_bytes > 0).then_some(report)
            }
            Found::Cpu(_) => None,
        };
        let lanes = lanes.map_or(&[][..], |lanes| &lanes.per_device);
        self.devices.iter().zip(lanes).filter_map(used).collect()
    }

    /// Whether a file is matted on a GPU.
    pub(super) fn on_gpu(&self, plan: &FilePlan) -> bool {
        matches!((&self.devices[0], &plan.matte), (Found::Gpu(_), MattePlan::Network { .. }))
    }

    /// What a lane needs for a file.
    pub(super) fn need(&self, plan: &FilePlan) -> Need {
        let (found, on_gpu) = (&self.devices[0], self.on_gpu(plan));
        let software = !on_gpu || found.decode_path(&plan.video).0.is_none();
        let is_still = |output: &OutputPlan| matches!(output.look, Look::Png);
        let is_opaque = |output: &&OutputPlan| !output.target.kind.is_alpha() && !is_still(output);
        let streams = Streams {
            pair: plan.has_alpha(),
            stills: plan.outputs.iter().any(is_still),
            opaque: plan.outputs.iter().filter(is_opaque).map(|output| output.size.area()).sum(),
        };
        let need = Need::new(plan.video.size, on_gpu, software, plan.coding, streams);
        if on_gpu && plan.video.is_mapped_to_sdr() { need.with_mapping(plan.video.size) } else { need }
    }
}

/// What is to be done about a file.
enum Begun {
    Work(Box<(FileWork, Vec<usize>)>),
    Skipped(Box<FileReport>),
}

/// Decides whether a file is to be done, and finds what an earlier run has left of it.
fn begin(plan: FilePlan, place: usize, settings: &Settings) -> Result<Begun, Error> {
    let Missing { plan, current, frames, bytes } = missing(plan, settings.overwrite)?;
    for output in &current {
        // A run that died after its last step but one has left its folder.
        clear(output, settings.temp_dir.as_deref())?;
    }
    if plan.outputs.is_empty() {
        let report = FileReport {
            input: plan.job.input.clone(),
            output: plan.job.first().to_path_buf(),
            outputs: plan.job.outputs.iter().map(OutputReport::new).collect(),
            skipped: true,
            frames,
            output_bytes: bytes,
            ..FileReport::default()
        };
        return Ok(Begun::Skipped(Box::new(report)));
    }
    let work = FileWork::new(plan, place, settings.temp_dir.as_deref())?;
    Ok(Begun::Work(Box::new(work)))
}

fn failed(job: &Job, error: &Error) -> FileReport {
    FileReport {
        input: job.input.clone(),
        output: job.first().to_path_buf(),
        outputs: job.outputs.iter().map(OutputReport::new).collect(),
        error: Some(chain(error)),
        exit_code: error.fault().exit_code(),
        ..FileReport::default()
    }
}
