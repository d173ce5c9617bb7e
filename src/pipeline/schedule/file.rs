//! One file while it is at work: the folders of its outputs, how far it is, what went wrong, and at last its report.
#![forbid(unsafe_code)]

use super::lanes::Run;
use crate::lane;
use crate::pipeline::device::Found;
use crate::pipeline::error::{Error, chain};
use crate::pipeline::join::{Joined, join};
use crate::pipeline::plan::{FilePlan, MattePlan, OutputPlan};
use crate::pipeline::progress::{Event, Observer};
use crate::pipeline::report::{FileReport, OutputReport, QueueReport, SourceReport, StageReport};
use crate::pipeline::settings::Settings;
use crate::pipeline::store::{self, Store};
use crate::pipeline::timeline::shift_note;
use crate::sound::TrackPlan;
use crate::telemetry::LaneClocks;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// A file that is to be done.
pub(in super::super) struct FileWork {
    pub(super) plan: FilePlan,
    /// Place in the run as the user gave it, from 0.
    pub(in super::super) place: usize,
    pub(super) clocks: LaneClocks,
    /// One for each output.
    stores: Vec<StoreSlot>,
    /// Frames that were there when the run began.
    resumed: u64,
    done: AtomicU64,
    retried: AtomicU32,
    /// Time that lanes have spent on it, in microseconds, all together.
    lane_micros: AtomicU64,
    notes: Mutex<Vec<String>>,
    error: Mutex<Option<Error>>,
    started: OnceLock<Instant>,
}

/// The folder of an output's finished segments, opened when it is first needed.
struct StoreSlot {
    folder: PathBuf,
    store: Mutex<Option<Arc<Store>>>,
}

/// The error of a thread of this program that has panicked over `input`; the panic itself was told on standard error.
pub(in super::super) fn thread_lost(input: &Path) -> Error {
    Error::Lane { path: input.to_path_buf(), source: lane::Error::ThreadLost }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
        let slot = |output: &OutputPlan| StoreSlot {
            folder: Store::folder_for(&output.target.path, temp_dir),
            store: Mutex::default(),
        };
        let work = Self {
            place,
            clocks: LaneClocks::default(),
            stores: plan.outputs.iter().map(slot).collect(),
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
        if !work.stores.iter().any(|slot| slot.folder.exists()) {
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
        self.stores.iter().zip(&self.plan.outputs).map(|(slot, output)| self.store(slot, output)).collect()
    }

    fn store(&self, slot: &StoreSlot, output: &OutputPlan) -> Result<Arc<Store>, Error> {
        let folder = &slot.folder;
        let mut slot = locked(&slot.store);
        if let Some(store) = &*slot {
            return Ok(Arc::clone(store));
        }
        let count = u32::try_from(self.plan.segments.len()).unwrap_or(u32::MAX);
        let (store, found) = Store::open(folder.clone(), &output.identity, count, output.form())
            .map_err(|source| Error::Store { path: folder.clone(), source })?;
        if let store::Found::Other { why, .. } = found {
            locked(&self.notes).push(format!("begun anew, what an earlier run had left is of no use: {why}"));
        }
        Ok(Arc::clone(slot.insert(Arc::new(store))))
    }

    /// Removes what an earlier run of this output has left, if it did.
    ///
    /// # Errors
    /// When it cannot be removed, or another process works there.
    pub(in super::super) fn clear(output: &OutputPlan, temp_dir: Option<&Path>) -> Result<(), Error> {
        let folder = Store::folder_for(&output.target.path, temp_dir);
        if !folder.exists() {
            return Ok(());
        }
        let opened = Store::open(folder.clone(), &output.identity, 0, output.form());
        opened.and_then(|(store, _)| store.remove()).map_err(|source| Error::Store { path: folder, source })
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
                self.add_notes(&mut report, &joined);
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
        for slot in &self.stores {
            let store = locked(&slot.store).take_if(|store| store.finished().is_empty());
            if let Some(store) = store.and_then(Arc::into_inner) {
                // Failing again, now in tidying up, would hide why.
                let _ = store.remove();
            }
        }
    }

    /// Joins the outputs, one after the other; the folders go when all are in place.
    fn join(&self, settings: &Settings, cancel: &AtomicBool) -> Result<Vec<Joined>, Error> {
        let stores = self.stores()?;
        let outputs = self.plan.outputs.iter().zip(&stores);
        let join =
            |(output, store): (&OutputPlan, &Arc<Store>)| join(&self.plan, (output, store), settings, cancel);
        let joined = outputs.map(join).collect::<Result<Vec<_>, _>>()?;
        drop(stores);
        for slot in &self.stores {
            if let Some(store) = locked(&slot.store).take().and_then(Arc::into_inner)
                && let Err(error) = store.remove()
            {
                locked(&self.notes).push(format!("{} is left behind: {error}", slot.folder.display()));
            }
        }
        Ok(joined)
    }

    /// What is known whatever comes of the file.
    fn report(&self, found: &Found) -> FileReport {
        let wall_seconds = self.wall_seconds();
        let lane_seconds = self.lane_micros.load(Ordering::Relaxed) as f64 * 1e-6;
        let share = |busy: f64| busy / lane_seconds.max(1e-9);
        let stages = self.clocks.read().into_iter().map(|(stage, time)| StageReport {
            stage,
            busy_seconds: time.busy_seconds,
            busy_share: share(time.busy_seconds),
        });
        let limit = self.clocks.limit(lane_seconds);
        FileReport {
            limit: limit.map(|(what, share)| format!("{what} ({:.0} % of the lanes' time)", 100.0 * share)),
            input: self.plan.job.input.clone(),
            output: self.plan.job.first().to_path_buf(),
            outputs: self.plan.job.outputs.iter().map(OutputReport::new).collect(),
            source: Some(self.source_report(found)),
            matte: Some(self.plan.matte_report.clone()),
            encoder: Some(self.plan.coding),
            segments: self.plan.segments.len(),
            resumed_frames: self.resumed,
            retries: self.retried.load(Ordering::Relaxed),
            wall_seconds,
            stages: stages.collect(),
            queues: QueueReport::of(&self.clocks),
            notes: locked(&self.notes).clone(),
            ..FileReport::default()
        }
    }

    /// A report of a file that a stop has left unfinished.
    pub(in super::super) fn stopped(&self, found: &Found) -> FileReport {
        let mut report = self.report(found);
        self.unfinished(&mut report, &Error::Interrupted);
        report
    }

    fn wall_seconds(&self) -> f64 {
        self.started.get().map_or(0.0, |start| start.elapsed().as_secs_f64())
    }

    fn source_report(&self, found: &Found) -> SourceReport {
        let FilePlan { video, container, layout, .. } = &self.plan;
        let path = found.decode_path_for(video, &self.plan.matte);
        SourceReport {
            container: container.clone(),
            codec: video.codec,
            size: video.size,
            depth: video.depth,
            colour: video.colour,
            frames: self.plan.frames,
            layout: layout.clone(),
            decoder: path.decoder,
            decoder_reason: path.reason,
        }
    }

    fn add_notes(&self, report: &mut FileReport, joined: &[Joined]) {
        report.notes.extend(shift_note(&self.plan));
        // The same of every output but PNG files, which have no times and no sound.
        let Some(joined) = joined.iter().max_by_key(|joined| (joined.notes.len(), joined.nudged)) else {
            return;
        };
        report.notes.extend(joined.notes.iter().cloned());
        let frames = |n: u64| format!("{n} frame{}", if n == 1 { "" } else { "s" });
        if joined.nudged > 0 {
            let moved = frames(joined.nudged);
            report
                .notes
                .push(format!("{moved} fell on the millisecond of the one before and moved on by 1 ms"));
        }
        if joined.by_libvpx > 0 {
            let n = joined.by_libvpx;
            report.notes.push(format!(
                "{n} segments had more detail than the native encoder has room for; libvpx encoded them"
            ));
        }
        if joined.complaints > 0 {
            let n = joined.complaints;
            report
                .notes
                .push(format!("the decoder complained {n} times: pictures may show damage of the input"));
        }
        if joined.unseen > 0 {
            let n = joined.unseen;
            report
                .notes
                .push(format!("{n} packets of the input gave no picture (damaged, or not meant to be seen)"));
        }
    }
}
