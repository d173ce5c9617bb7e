//! One file while it is at work: the folders of its outputs, how far it is, what went wrong, and at last its report.
#![forbid(unsafe_code)]

use super::account::add_notes;
use super::folders::Folders;
use super::lanes::Run;
use crate::lane;
use crate::pipeline::device::Found;
use crate::pipeline::error::{Error, chain};
use crate::pipeline::join::{Joined, join};
use crate::pipeline::plan::{FilePlan, MattePlan, OutputPlan};
use crate::pipeline::progress::{Event, Observer};
use crate::pipeline::report::FileReport;
use crate::pipeline::settings::Settings;
use crate::pipeline::store::{self, Store};
use crate::sound::TrackPlan;
use crate::telemetry::LaneClocks;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// A file that is to be done.
pub(in super::super) struct FileWork {
    pub(super) plan: FilePlan,
    /// Place in the run as the user gave it, from 0.
    pub(in super::super) place: usize,
    pub(super) clocks: LaneClocks,
    folders: Folders,
    /// Frames that were there when the run began.
    pub(super) resumed: u64,
    done: AtomicU64,
    pub(super) retried: AtomicU32,
    /// Time that lanes have spent on it, in microseconds, all together.
    pub(super) lane_micros: AtomicU64,
    pub(super) notes: Mutex<Vec<String>>,
    error: Mutex<Option<Error>>,
    pub(super) started: OnceLock<Instant>,
}

/// The error of a thread of this program that has panicked over `input`; the panic itself was told on standard error.
pub(in super::super) fn thread_lost(input: &Path) -> Error {
    Error::Lane { path: input.to_path_buf(), source: lane::Error::ThreadLost }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each guards one value that is replaced as a whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FileWork {
    /// Prepares a file: finds what an earlier run has left. Gives the segments that are to be done, too.
    ///
    /// # Errors
    /// When the folder of an earlier run cannot be used.
    pub(in super::super) fn new(
        plan: FilePlan,
        place: usize,
        temp_dir: Option<&Path>,
    ) -> Result<(Self, Vec<usize>), Error> {
        let work = Self {
            place,
            clocks: LaneClocks::default(),
            folders: Folders::new(&plan, temp_dir),
            resumed: 0,
            done: AtomicU64::new(0),
            retried: AtomicU32::new(0),
            lane_micros: AtomicU64::new(0),
            notes: Mutex::new(plan.notes.clone()),
            error: Mutex::default(),
            started: OnceLock::new(),
            plan,
        };
        let mut waiting: Vec<usize> = (0..work.plan.segments.len()).collect();
        if !work.folders.any_exists() {
            // Made with the first segment: a run over a hundred files does not begin with a hundred folders.
            return Ok((work, waiting));
        }
        let stores = work.stores()?;
        let done = store::done_for_all(stores.iter().map(|store| store.finished()));
        waiting.retain(|&segment| !u32::try_from(segment).is_ok_and(|number| done.contains_key(&number)));
        let resumed = done.values().map(|done| done.frames).sum();
        if resumed > 0 {
            let of = work.plan.segments.len();
            let there = of - waiting.len();
            let note = format!("went on where it was left: {there} of {of} segments were there");
            locked(&work.notes).push(note);
        }
        Ok((Self { resumed, done: AtomicU64::new(resumed), ..work }, waiting))
    }

    /// The folders of finished segments, one for each output, made when they are first asked for.
    pub(super) fn stores(&self) -> Result<Vec<Arc<Store>>, Error> {
        self.folders.stores(&self.plan, &|note| locked(&self.notes).push(note))
    }

    /// The plan.
    pub(in super::super) fn plan(&self) -> &FilePlan {
        &self.plan
    }

    /// Pixels that are left, a measure of the work.
    pub(in super::super) fn pixels(&self) -> u64 {
        let frames = self.to_do().unwrap_or(1);
        frames.saturating_mul(self.plan.video.size.area() as u64)
    }

    /// Frames that are written, those of earlier runs with them.
    pub(in super::super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Frames that this run will write, as far as is known.
    pub(in super::super) fn to_do(&self) -> Option<u64> {
        self.plan.frames.map(|frames| frames.saturating_sub(self.resumed))
    }

    /// Tells that the first segment is begun, once.
    pub(super) fn start(&self, files: usize, found: &Found, observer: &dyn Observer) {
        if self.started.set(Instant::now()).is_err() {
            return;
        }
        let source = self.source_report(found);
        let on_gpu = matches!((found, &self.plan.matte), (Found::Gpu(_), MattePlan::Network { .. }));
        let plan = [
            format!("{}, {} {} {} bit", source.container, source.codec, source.size, source.depth),
            format!("decoded by {} {}", source.decoder, source.decoder_reason),
            source.layout.sentences().join(", "),
            self.plan.matte_report.sentence(),
            self.plan.coding.sentence(self.plan.only_alpha(), on_gpu).to_owned(),
            self.segments_sentence(),
        ];
        let outputs = (!self.plan.only_alpha()).then(|| self.plan.outputs.iter().map(OutputPlan::describe));
        let plan: Vec<String> = plan
            .into_iter()
            .chain(outputs.into_iter().flatten())
            .chain(self.plan.sound.iter().map(TrackPlan::describe))
            .collect();
        let (input, output) = (&self.plan.job.input, self.plan.job.first());
        observer.event(Event::Started { input, output, place: (self.place, files), plan: &plan });
    }

    fn segments_sentence(&self) -> String {
        let count = self.plan.segments.len();
        match (count, self.resumed) {
            (1, _) => "in one segment".to_owned(),
            (_, 0) => format!("in {count} segments"),
            (_, frames) => format!("in {count} segments, of which {frames} frames are there already"),
        }
    }

    /// Counts a frame.
    pub(super) fn frame_written(&self, observer: &dyn Observer) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        observer.event(Event::Frames { input: &self.plan.job.input, done, total: self.plan.frames });
    }

    /// Counts the time that a lane has spent on a segment.
    pub(super) fn lane_time(&self, time: Duration) {
        self.lane_micros.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Takes frames back that were written for nothing.
    pub(super) fn frames_lost(&self, frames: u64) {
        self.done.fetch_sub(frames, Ordering::Relaxed);
    }

    /// Counts an attempt that failed and is made again, and says so.
    pub(super) fn again(&self, segment: usize, attempt: u32, reason: &str, observer: &dyn Observer) {
        self.retried.fetch_add(1, Ordering::Relaxed);
        observer.event(Event::Again { input: &self.plan.job.input, segment, attempt, reason });
        locked(&self.notes).push(format!("segment {segment} failed and was done again: {reason}"));
    }

    /// Keeps an error, should the file fail with it.
    pub(super) fn keep(&self, error: Error) {
        let mut kept = locked(&self.error);
        // What is stopped because the file has failed is not why it has.
        if kept.is_none() || !matches!(error, Error::Interrupted) {
            *kept = Some(error);
        }
    }

    /// Joins the segments, or says what has `failed`, and reports.
    pub(super) fn end(&self, failed: bool, found: &Found, run: &Run<'_>) -> FileReport {
        let Run { settings, observer, stop, .. } = *run;
        let error = locked(&self.error).take().filter(|_| failed);
        // Without this a panic would end the whole run, and say nothing of the other files.
        let joined = || catch_unwind(AssertUnwindSafe(|| self.join(settings, stop.now())));
        let ended = error.map_or_else(|| joined().unwrap_or_else(|_| Err(self.thread_lost())), Err);
        let mut report = self.report(found);
        match ended {
            Ok(joined) => {
                add_notes(&mut report, &self.plan, &joined);
                for (joined, output) in joined.iter().zip(&self.plan.outputs) {
                    report.frames = joined.frames;
                    report.duration_seconds = report.duration_seconds.max(joined.end_ms as f64 / 1000.0);
                    report.output_bytes += joined.bytes;
                    report.set_bytes(&output.target, joined.bytes);
                }
                report.fps =
                    report.frames.saturating_sub(self.resumed) as f64 / report.wall_seconds.max(1e-9);
                observer.event(Event::Finished { report: &report });
            }
            Err(error) => {
                self.unfinished(&mut report, &error);
                observer.event(Event::Failed { report: &report });
            }
        }
        report
    }

    /// The error of a thread of this program that has panicked.
    pub(super) fn thread_lost(&self) -> Error {
        thread_lost(&self.plan.job.input)
    }

    /// Completes the report of a file that ended early. Nothing finished: nothing is left behind.
    fn unfinished(&self, report: &mut FileReport, error: &Error) {
        report.error = Some(chain(error));
        report.exit_code = error.fault().exit_code();
        report.frames = self.done();
        self.folders.remove_empty();
    }

    /// Joins the outputs, one after the other; the folders go when all are in place.
    fn join(&self, settings: &Settings, cancel: &AtomicBool) -> Result<Vec<Joined>, Error> {
        let stores = self.stores()?;
        let outputs = self.plan.outputs.iter().zip(&stores);
        let join =
            |(output, store): (&OutputPlan, &Arc<Store>)| join(&self.plan, (output, store), settings, cancel);
        let joined = outputs.map(join).collect::<Result<Vec<_>, _>>()?;
        drop(stores);
        self.folders.remove(&|note| locked(&self.notes).push(note));
        Ok(joined)
    }

    /// A report of a file that a stop has left unfinished.
    pub(in super::super) fn stopped(&self, found: &Found) -> FileReport {
        let mut report = self.report(found);
        self.unfinished(&mut report, &Error::Interrupted);
        report
    }
}
