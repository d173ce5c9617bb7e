//! The report of a file at work: what it is, how long it took, what there is to say of it.
#![forbid(unsafe_code)]

use super::file::{FileWork, locked};
use crate::pipeline::device::Found;
use crate::pipeline::join::Joined;
use crate::pipeline::plan::FilePlan;
use crate::pipeline::report::{FileReport, OutputReport, QueueReport, SourceReport, StageReport};
use crate::pipeline::timeline::shift_note;
use std::sync::atomic::Ordering;

impl FileWork {
    /// What is known whatever comes of the file.
    pub(super) fn report(&self, found: &Found) -> FileReport {
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

    fn wall_seconds(&self) -> f64 {
        self.started.get().map_or(0.0, |start| start.elapsed().as_secs_f64())
    }

    /// The source, as `found` decodes it.
    pub(super) fn source_report(&self, found: &Found) -> SourceReport {
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
}

/// What is to be said of a file whose outputs were joined.
pub(super) fn add_notes(report: &mut FileReport, plan: &FilePlan, joined: &[Joined]) {
    report.notes.extend(shift_note(plan));
    // The same of every output but PNG files, which have no times and no sound.
    let Some(joined) = joined.iter().max_by_key(|joined| (joined.notes.len(), joined.nudged)) else {
        return;
    };
    report.notes.extend(joined.notes.iter().cloned());
    let frames = |n: u64| format!("{n} frame{}", if n == 1 { "" } else { "s" });
    if joined.nudged > 0 {
        let moved = frames(joined.nudged);
        report.notes.push(format!("{moved} fell on the millisecond of the one before and moved on by 1 ms"));
    }
    if joined.by_libvpx > 0 {
        let n = joined.by_libvpx;
        report.notes.push(format!(
            "{n} segments had more detail than the native encoder has room for; libvpx encoded them"
        ));
    }
    if joined.complaints > 0 {
        let n = joined.complaints;
        report.notes.push(format!("the decoder complained {n} times: pictures may show damage of the input"));
    }
    if joined.unseen > 0 {
        let n = joined.unseen;
        report
            .notes
            .push(format!("{n} packets of the input gave no picture (damaged, or not meant to be seen)"));
    }
}
