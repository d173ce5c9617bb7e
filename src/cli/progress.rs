//! The three ways to show a run: a bar, plain lines, JSON lines.
#![forbid(unsafe_code)]

use super::args::ProgressArg;
use crate::pipeline::{Event, FileReport, Observer, Silent};
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The observer for a choice; `auto` asks whether standard error is a terminal.
pub fn observer(choice: ProgressArg) -> Box<dyn Observer> {
    match choice {
        // A bar can only be drawn on a terminal, even when it was asked for by name.
        ProgressArg::Auto | ProgressArg::Bar if std::io::stderr().is_terminal() => Box::new(Bar::new()),
        ProgressArg::Auto | ProgressArg::Bar | ProgressArg::Plain => Box::new(Plain::default()),
        ProgressArg::Json => Box::new(Json::default()),
        ProgressArg::None => Box::new(Silent),
    }
}

/// Frames per second and time left, from the frames since the file was started.
#[derive(Debug, Clone, Copy)]
struct Pace {
    started: Instant,
    told: Instant,
}

impl Pace {
    fn new() -> Self {
        let now = Instant::now();
        Self { started: now, told: now }
    }

    /// `(fps, seconds left)`.
    fn estimate(&self, done: u64, total: Option<u64>) -> (f64, Option<f64>) {
        let fps = done as f64 / self.started.elapsed().as_secs_f64().max(1e-3);
        let left = total.filter(|_| done > 0).map(|total| total.saturating_sub(done) as f64 / fps);
        (fps, left)
    }
}

fn summary(report: &FileReport) -> String {
    format!(
        "{} frames, {:.1} s of video, {} in {:.1} s: {:.1} frames/s",
        report.frames,
        report.duration_seconds,
        HumanBytes(report.output_bytes),
        report.wall_seconds,
        report.fps,
    )
}

/// A bar on standard error.
struct Bar {
    bar: ProgressBar,
}

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::no_length();
        let style = ProgressStyle::with_template(
            "{wide_bar:.green} {pos}/{len} frames  {per_sec}  {eta_precise} left",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar }
    }
}

impl Observer for Bar {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Started { input, output, place: (index, count), plan } => {
                let head = format!("[{}/{count}] {} -> {}", index + 1, input.display(), output.display());
                self.bar.println(head);
                for line in plan {
                    self.bar.println(format!("  {line}"));
                }
                self.bar.reset();
            }
            Event::Frames { done, total, .. } => {
                if let Some(total) = total {
                    self.bar.set_length(total.max(done));
                }
                self.bar.set_position(done);
            }
            Event::Finished { report } => {
                self.bar.println(format!("  done: {}", summary(report)));
                for note in &report.notes {
                    self.bar.println(format!("  note: {note}"));
                }
                self.bar.finish_and_clear();
            }
            Event::Failed { report } => {
                let error = report.error.as_deref().unwrap_or("unknown error");
                self.bar.println(format!("  failed: {error}"));
                self.bar.finish_and_clear();
            }
        }
    }
}

/// A line on standard error for each event, and for progress every five seconds.
#[derive(Default)]
struct Plain {
    pace: Mutex<Option<Pace>>,
}

impl Observer for Plain {
    fn event(&self, event: Event<'_>) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let mut err = std::io::stderr().lock();
        // A closed standard error must not end a run that takes hours: hence no `?` below.
        let _ = match event {
            Event::Started { input, output, place: (index, count), plan } => {
                *pace = Some(Pace::new());
                let head = format!("[{}/{count}] {} -> {}", index + 1, input.display(), output.display());
                writeln!(err, "{head}{}", plan.iter().map(|l| format!("\n  {l}")).collect::<String>())
            }
            Event::Frames { done, total, .. } => {
                let Some(pace) = pace.as_mut().filter(|p| p.told.elapsed() >= Duration::from_secs(5)) else {
                    return;
                };
                pace.told = Instant::now();
                let (fps, left) = pace.estimate(done, total);
                let of = total.map_or(String::new(), |t| format!("/{t}"));
                let left = left.map_or(String::new(), |s| {
                    format!(", {} left", HumanDuration(Duration::from_secs_f64(s.min(1e9))))
                });
                writeln!(err, "  {done}{of} frames, {fps:.1} frames/s{left}")
            }
            Event::Finished { report } => {
                let notes: String = report.notes.iter().map(|n| format!("\n  note: {n}")).collect();
                writeln!(err, "  done: {}{notes}", summary(report))
            }
            Event::Failed { report } => {
                let error = report.error.as_deref().unwrap_or("unknown error");
                writeln!(err, "  failed: {error}")
            }
        };
    }
}

/// One JSON object a line on standard output: `start`, `progress` (at most ten a second), `done`
/// with the file's report, `failed` with it.
#[derive(Default)]
struct Json {
    pace: Mutex<Option<Pace>>,
}

impl Observer for Json {
    fn event(&self, event: Event<'_>) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let line = match event {
            Event::Started { input, output, place: (index, count), plan } => {
                *pace = Some(Pace::new());
                json!({ "event": "start", "input": input, "output": output, "index": index, "count": count,
                    "plan": plan })
            }
            Event::Frames { input, done, total } => {
                let Some(pace) = pace
                    .as_mut()
                    .filter(|p| p.told.elapsed() >= Duration::from_millis(100) || total == Some(done))
                else {
                    return;
                };
                pace.told = Instant::now();
                let (fps, left) = pace.estimate(done, total);
                json!({ "event": "progress", "input": input, "frames": done, "total": total, "fps": fps,
                    "eta_seconds": left })
            }
            Event::Finished { report } => json!({ "event": "done", "report": report }),
            Event::Failed { report } => json!({ "event": "failed", "report": report }),
        };
        let mut out = std::io::stdout().lock();
        // See `Plain`: a reader that went away must not end the run.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}
