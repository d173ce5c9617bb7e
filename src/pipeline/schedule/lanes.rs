//! The lane threads of a run.
#![forbid(unsafe_code)]

use super::board::{Board, Consequence, Outcome, Task};
use super::file::FileWork;
use crate::lane;
use crate::pipeline::device::Found;
use crate::pipeline::error::{Error, Fault, chain};
use crate::pipeline::matting::Models;
use crate::pipeline::outputs::Looks;
use crate::pipeline::plan::lanes::Lanes;
use crate::pipeline::progress::Observer;
use crate::pipeline::report::FileReport;
use crate::pipeline::segment::{Order, Worker};
use crate::pipeline::settings::Settings;
use crate::pipeline::stop::Stop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
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

/// Does all files; `waiting` are the segments of each that are to be done. One report for each, in the order
/// of `files`.
pub(in super::super) fn run(run: &Run<'_>, waiting: Vec<Vec<usize>>) -> Vec<FileReport> {
    let counts = run.files.iter().map(|file| file.plan.segments.len());
    let board = Board::new(waiting.into_iter().zip(counts).collect(), run.settings.retries);
    let reports: Mutex<Vec<Option<FileReport>>> = Mutex::new(run.files.iter().map(|_| None).collect());
    std::thread::scope(|scope| {
        for (found, &lanes) in run.devices.iter().zip(&run.lanes.per_device) {
            for _ in 0..lanes {
                let named = std::thread::Builder::new().name("vrpipe-lane".to_owned());
                let started = named.spawn_scoped(scope, || lane(run, &board, found, &reports));
                started.expect("the system has room for a thread");
            }
        }
    });
    let reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    let stopped = |file: &FileWork| file.stopped(&run.devices[0]);
    reports.into_iter().zip(run.files).map(|(report, file)| report.unwrap_or_else(|| stopped(file))).collect()
}

fn lane(run: &Run<'_>, board: &Board, found: &Found, reports: &Mutex<Vec<Option<FileReport>>>) {
    let mut worker =
        Worker { found, settings: run.settings, models: run.models, looks: run.looks, kit: None };
    while let Some(task) = board.take(|| run.stop.is_draining()) {
        match task {
            Task::Segment { file, segment } => do_segment(run, board, &mut worker, file, segment),
            Task::End { file, failed } => {
                let report = run.files[file].end(failed, found, run.settings, run.observer);
                reports.lock().unwrap_or_else(PoisonError::into_inner)[file] = Some(report);
            }
        }
    }
}

fn do_segment(run: &Run<'_>, board: &Board, worker: &mut Worker<'_>, file: usize, segment: usize) {
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
        catch_unwind(AssertUnwindSafe(|| worker.run(&order))).unwrap_or_else(|_| {
            let path = work.plan.job.input.clone();
            Err(Error::Lane { path, source: lane::Error::ThreadLost })
        })
    });
    work.lane_time(begun.elapsed());
    let Err(error) = result else {
        board.give(file, segment, Outcome::Done);
        return;
    };
    worker.kit = None;
    work.frames_lost(written.into_inner());
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
}
