//! The three ways to show a run: a bar, plain lines, JSON lines.
#![forbid(unsafe_code)]

use super::run_args::ProgressArg;
use crate::pipeline::plan::lanes::Lanes;
use crate::pipeline::{Event, FileReport, Observer, Silent};
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};
use serde_json::json;
use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The observer for a choice; `auto` asks whether standard error is a terminal.
pub fn observer(choice: ProgressArg) -> Box<dyn Observer> {
    match choice {
        // A bar can only be drawn on a terminal, even when it was asked for by name.
        ProgressArg::Auto | ProgressArg::Bar if std::io::stderr().is_terminal() => Box::new(Bar::new()),
        ProgressArg::Auto | ProgressArg::Bar | ProgressArg::Plain => {
            Box::new(Plain { pace: Mutex::new(Pace::new(0)) })
        }
        ProgressArg::Json => Box::new(Json { pace: Mutex::new(Pace::new(0)) }),
        ProgressArg::None => Box::new(Silent),
    }
}

/// Frames per second and time left, over all files of the run, from when work began.
#[derive(Debug)]
struct Pace {
    started: Instant,
    told: Instant,
    /// Of each file: frames when it was first heard of, and now.
    files: HashMap<PathBuf, (u64, u64)>,
    /// Frames to be written in this run, 0 when not known.
    to_do: u64,
}

impl Pace {
    fn new(to_do: u64) -> Self {
        let now = Instant::now();
        Self { started: now, told: now, files: HashMap::new(), to_do }
    }

    /// Takes note of a file's frames; gives the frames of this run.
    fn frames(&mut self, input: &Path, done: u64) -> u64 {
        match self.files.get_mut(input) {
            Some((_, now)) => *now = done,
            None => {
                self.files.insert(input.to_path_buf(), (done.saturating_sub(1), done));
            }
        }
        self.files.values().map(|(first, now)| now.saturating_sub(*first)).sum()
    }

    /// `(fps, seconds left)`.
    fn estimate(&self, done: u64) -> (f64, Option<f64>) {
        let fps = done as f64 / self.started.elapsed().as_secs_f64().max(1e-3);
        let left = (self.to_do > 0 && done > 0).then(|| self.to_do.saturating_sub(done) as f64 / fps);
        (fps, left)
    }

    /// Whether it is time to tell something again; then from now on.
    fn is_due(&mut self, after: Duration) -> bool {
        let due = self.told.elapsed() >= after;
        if due {
            self.told = Instant::now();
        }
        due
    }
}

/// The outputs of a file in short.
fn outputs(report: &FileReport) -> String {
    let others = match report.outputs.len() {
        0 | 1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    format!("{}{others}", report.output.display())
}

fn summary(report: &FileReport) -> String {
    let resumed = match report.resumed_frames {
        0 => String::new(),
        frames => format!(" ({frames} of them by an earlier run)"),
    };
    let limit = report.limit.as_ref().map_or(String::new(), |limit| format!(", limited by {limit}"));
    format!(
        "{} frames{resumed}, {:.1} s of video, {} in {:.1} s: {:.1} frames/s{limit}",
        report.frames,
        report.duration_seconds,
        HumanBytes(report.output_bytes),
        report.wall_seconds,
        report.fps,
    )
}

/// The lines that stay: all events but the frames.
fn lines(event: Event<'_>) -> Vec<String> {
    match event {
        Event::Planned { frames, lanes } => {
            let count = lanes.count();
            let s = if count == 1 { "" } else { "s" };
            let Lanes { threads, limit, .. } = lanes;
            vec![format!("{frames} frames to do in {count} lane{s} ({limit}), {threads} CPU threads")]
        }
        Event::Started { input, output, place: (index, count), plan } => {
            let head = format!("[{}/{count}] {} -> {}", index + 1, input.display(), output.display());
            std::iter::once(head).chain(plan.iter().map(|line| format!("  {line}"))).collect()
        }
        Event::Frames { .. } => Vec::new(),
        Event::Again { input, segment, attempt, reason } => vec![format!(
            "  {}: segment {segment} failed and is tried again (attempt {attempt}): {reason}",
            input.display()
        )],
        Event::Skipped { report } => {
            let are = if report.outputs.len() > 1 { "are" } else { "is" };
            vec![format!("{} {are} there, complete and current: nothing to do", outputs(report))]
        }
        Event::Finished { report } => {
            let done = format!("  done: {}: {}", outputs(report), summary(report));
            std::iter::once(done).chain(report.notes.iter().map(|note| format!("  note: {note}"))).collect()
        }
        Event::Failed { report } => {
            let error = report.error.as_deref().unwrap_or("unknown error");
            let input = report.input.display().to_string();
            // Most errors begin with the file that they are about.
            let about = if error.contains(&input) { String::new() } else { format!("{input}: ") };
            vec![format!("  failed: {about}{error}")]
        }
        Event::Memory { report } => vec![report.sentence()],
        Event::Note { text } => vec![text.to_owned()],
    }
}

/// A bar on standard error, over all files of the run.
struct Bar {
    bar: ProgressBar,
    pace: Mutex<Pace>,
}

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::no_length();
        let style = ProgressStyle::with_template(
            "{wide_bar:.green} {pos}/{len} frames  {per_sec}  {eta_precise} left",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, pace: Mutex::new(Pace::new(0)) }
    }
}

impl Observer for Bar {
    fn event(&self, event: Event<'_>) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines(event) {
            self.bar.println(line);
        }
        match event {
            Event::Planned { frames, .. } => {
                *pace = Pace::new(frames);
                self.bar.set_length(frames);
                self.bar.reset();
            }
            Event::Frames { input, done, .. } => {
                let done = pace.frames(input, done);
                if self.bar.length().is_some_and(|length| length < done) {
                    self.bar.set_length(done);
                }
                self.bar.set_position(done);
            }
            _ => {}
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A line on standard error for each event, and for progress every five seconds.
struct Plain {
    pace: Mutex<Pace>,
}

impl Observer for Plain {
    fn event(&self, event: Event<'_>) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = lines(event);
        match event {
            Event::Planned { frames, .. } => *pace = Pace::new(frames),
            Event::Frames { input, done, .. } => {
                let done = pace.frames(input, done);
                if !pace.is_due(Duration::from_secs(5)) {
                    return;
                }
                let (fps, left) = pace.estimate(done);
                let of = if pace.to_do > 0 { format!("/{}", pace.to_do) } else { String::new() };
                let left = left.map_or(String::new(), |s| {
                    format!(", {} left", HumanDuration(Duration::from_secs_f64(s.min(1e9))))
                });
                text.push(format!("  {done}{of} frames, {fps:.1} frames/s{left}"));
            }
            _ => {}
        }
        let mut err = std::io::stderr().lock();
        for line in text {
            // A closed standard error must not end a run that takes hours.
            let _ = writeln!(err, "{line}");
        }
    }
}

/// One JSON object a line on standard output: `plan`, `skipped`, `start`, `progress` (at most ten a second),
/// `again`, `done` with the file's report, `failed` with it, at the end `memory` of each GPU.
struct Json {
    pace: Mutex<Pace>,
}

impl Observer for Json {
    fn event(&self, event: Event<'_>) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let line = match event {
            Event::Planned { frames, lanes } => {
                *pace = Pace::new(frames);
                json!({ "event": "plan", "frames": frames, "lanes": lanes })
            }
            Event::Started { input, output, place: (index, count), plan } => {
                json!({ "event": "start", "input": input, "output": output, "index": index, "count": count,
                    "plan": plan })
            }
            Event::Frames { input, done, total } => {
                let in_run = pace.frames(input, done);
                if !pace.is_due(Duration::from_millis(100)) && total != Some(done) {
                    return;
                }
                let (fps, left) = pace.estimate(in_run);
                json!({ "event": "progress", "input": input, "frames": done, "total": total, "fps": fps,
                    "eta_seconds": left })
            }
            Event::Again { input, segment, attempt, reason } => {
                json!({ "event": "again", "input": input, "segment": segment, "attempt": attempt,
                    "reason": reason })
            }
            Event::Skipped { report } => json!({ "event": "skipped", "report": report }),
            Event::Finished { report } => json!({ "event": "done", "report": report }),
            Event::Failed { report } => json!({ "event": "failed", "report": report }),
            Event::Memory { report } => json!({ "event": "memory", "report": report }),
            Event::Note { text } => json!({ "event": "note", "text": text }),
        };
        let mut out = std::io::stdout().lock();
        // See `Plain`: a reader that went away must not end the run.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}
