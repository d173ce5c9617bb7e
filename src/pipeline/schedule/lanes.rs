//! The lane threads of a run.
#![forbid(unsafe_code)]

use super::board::{Board, Consequence, Outcome, Task};
use super::file::FileWork;
use crate::pipeline::device::Found;
use crate::pipeline::error::chain;
use crate::pipeline::fault::Fault;
use crate::pipeline::matting::Models;
use crate::pipeline::outputs::Looks;
use crate::pipeline::plan::lanes::Lanes;
use crate::pipeline::progress::{Event, Observer};
use crate::pipeline::report::FileReport;
use crate::pipeline::segment::{Order, Worker};
use crate::pipeline::settings::Settings;
use crate::pipeline::stop::Stop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Everything that lanes share.
pub(in super::super) struct Run<'a> {
    /// Devices, each with its lanes in `lanes`.
    pub(in super::super) devices: &'a [Found],
    pub(in super::super) lanes: &'a Lanes,
    pub(in super::super) settings: &'a Settings,
    pub(in super::super) models: &'a Models,
    pub(in super::super) looks: &'a Looks,
    pub(in super::super) observer: &'a dyn Observer,
    pub(in super::super) stop: &'a Stop,
    /// Files in the order that they are to be done in.
    pub(in super::super) files: &'a [FileWork],
    /// How many files the user named.
    pub(in super::super) count: usize,
}

/// What lanes write on.
struct Floor {
    board: Board,
    /// In the order of the files.
    reports: Mutex<Vec<Option<FileReport>>>,
    /// Lanes that have not given up.
    at_work: AtomicUsize,
    /// Held by a lane whose segment libvpx must encode although memory was planned for the native encoder.
    fallback: Mutex<()>,
}

/// Does all files; `waiting` are the segments of each that are to be done. One report for each, in the order
/// of `files`.
pub(in super::super) fn run(run: &Run<'_>, waiting: Vec<Vec<usize>>) -> Vec<FileReport> {
    let counts = run.files.iter().map(|file| file.plan.segments.len());
    let board = Board::new(waiting.into_iter().zip(counts).collect(), run.settings.retries);
    let reports = Mutex::new(run.files.iter().map(|_| None).collect());
    let (at_work, fallback) = (AtomicUsize::new(run.lanes.count()), Mutex::default());
    let floor = Floor { board, reports, at_work, fallback };
    std::thread::scope(|scope| {
        for (found, &lanes) in run.devices.iter().zip(&run.lanes.per_device) {
            for _ in 0..lanes {
                let named = std::thread::Builder::new().name("vrpipe-lane".to_owned());
                let started = named.spawn_scoped(scope, || lane(run, &floor, found));
                started.expect("the system has room for a thread");
            }
        }
    });
    let reports = floor.reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    let stopped = |file: &FileWork| file.stopped(&run.devices[0]);
    reports.into_iter().zip(run.files).map(|(report, file)| report.unwrap_or_else(|| stopped(file))).collect()
}

fn lane(run: &Run<'_>, floor: &Floor, found: &Found) {
    let Run { settings, models, looks, .. } = *run;
    let mut worker = Worker { found, settings, models, looks, fallback: &floor.fallback, kit: None };
    while let Some(task) = floor.board.take(|| run.stop.is_draining()) {
        match task {
            Task::Segment { file, segment } => {
                if do_segment(run, floor, &mut worker, (file, segment)) == Lane::Ended {
                    return;
                }
            }
            Task::End { file, failed } => {
                let report = run.files[file].end(failed, found, run);
                floor.reports.lock().unwrap_or_else(PoisonError::into_inner)[file] = Some(report);
            }
        }
    }
}

/// Whether a lane takes more work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lane {
    GoesOn,
    Ended,
}

fn do_segment(
    run: &Run<'_>,
    floor: &Floor,
    worker: &mut Worker<'_>,
    (file, segment): (usize, usize),
) -> Lane {
    let Floor { board, at_work, .. } = floor;
    let work = &run.files[file];
    work.start(run.count, worker.found, run.observer);
    let (written, begun) = (AtomicU64::new(0), Instant::now());
    let result = work.stores().and_then(|stores| {
        let order = Order {
            plan: &work.plan,
            segment: &work.plan.segments[segment],
            stores: &stores,
            threads: run.lanes.threads_for(board.left(), work.plan.encoders()),
            clocks: &work.clocks,
            cancel: run.stop.now(),
            written: &|| {
                written.fetch_add(1, Ordering::Relaxed);
                work.frame_written(run.observer);
            },
            lost: &|frames| {
                written.fetch_sub(frames, Ordering::Relaxed);
                work.frames_lost(frames);
            },
        };
        // Without this a panic would leave the others waiting for a segment that never comes back.
        catch_unwind(AssertUnwindSafe(|| worker.run(&order))).unwrap_or_else(|_| Err(work.thread_lost()))
    });
    work.lane_time(begun.elapsed());
    let Err(error) = result else {
        board.give(file, segment, Outcome::Done);
        return Lane::GoesOn;
    };
    worker.kit = None;
    work.frames_lost(written.into_inner());
    // A GPU that is lost, or full, fails faster than others work: its lanes would use up all attempts. The last lane
    // stays, so that the run ends with the error.
    if let Some(why) = worker.found.unfit(&error)
        && at_work.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n > 1).then(|| n - 1)).is_ok()
    {
        board.give(file, segment, Outcome::Stopped);
        let (place, error) = (worker.found.place(), chain(&error));
        run.observer.event(Event::Note { text: &format!("a lane {place} is given up, {why}: {error}") });
        return Lane::Ended;
    }
    let outcome = match error.fault() {
        Fault::Interrupted => Outcome::Stopped,
        // Trying again would not help: no room, not installed, asked for wrongly.
        Fault::Output | Fault::SetUp | Fault::Usage => Outcome::Hopeless,
        Fault::Input | Fault::Device | Fault::Bug => Outcome::Failed,
    };
    // Kept before the board lets another lane end the file.
    let reason = chain(&error);
    work.keep(error);
    if let Consequence::Again(attempt) = board.give(file, segment, outcome) {
        work.again(segment, attempt, &reason, run.observer);
    }
    Lane::GoesOn
}
