//! The loop that every stage is measured in: n workers, started at once, frame after frame, each timed.
#![forbid(unsafe_code)]

use super::report::{Resource, StageRow};
use crate::pipeline::error::Error;
use crossbeam_channel::{Receiver, bounded};
use std::time::{Duration, Instant};

/// Does one frame; `false` when there is none left.
pub(super) type Work<'a> = Box<dyn FnMut() -> Result<bool, Error> + 'a>;

/// When a measurement begins and ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until {
    pub(super) seconds: f64,
    /// Frames of each worker, at most.
    pub(super) frames: u64,
    /// Frames of each worker that are timed in any case.
    pub(super) least: u64,
    /// Frames of each worker ahead of the first that is timed: they find cold caches and untouched memory.
    pub(super) ahead: u64,
}

/// What was measured.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Measured {
    pub(super) frames: u64,
    pub(super) fps: f64,
    /// Of each frame, in milliseconds.
    pub(super) times_ms: Vec<f64>,
}

impl Measured {
    /// Its row.
    pub(super) fn row(mut self, stage: &str, on: Resource, workers: usize, threads: usize) -> StageRow {
        self.times_ms.sort_by(f64::total_cmp);
        StageRow {
            stage: stage.to_owned(),
            on,
            workers,
            threads,
            frames: self.frames,
            fps: self.fps,
            p50_ms: percentile(&self.times_ms, 50.0),
            p99_ms: percentile(&self.times_ms, 99.0),
            busy_share: None,
        }
    }

    /// As if one worker had needed these times, one after the other.
    pub(super) fn in_turn(times_ms: Vec<f64>) -> Self {
        let seconds = times_ms.iter().sum::<f64>() / 1e3;
        let frames = times_ms.len() as u64;
        let fps = if seconds > 0.0 { frames as f64 / seconds } else { 0.0 };
        Self { frames, fps, times_ms }
    }
}

/// The value below or at which `percent` of the sorted values lie (nearest rank); 0 for none.
pub(super) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// Runs `workers` copies of what `prepare` makes. Its making and the first frames of each are not timed.
///
/// # Errors
/// The first error of any worker.
pub(super) fn together<'a>(
    workers: usize,
    until: Until,
    prepare: &(dyn Fn() -> Result<Work<'a>, Error> + Sync),
) -> Result<Measured, Error> {
    // Nothing is ever sent: the ends that are dropped are the signs, so a worker that fails or panics
    // holds nobody up.
    let (ready, all_ready) = bounded::<()>(0);
    let (start, started) = bounded::<()>(0);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|_| {
                let (ready, started) = (ready.clone(), started.clone());
                scope.spawn(move || {
                    let prepared =
                        prepare().and_then(|mut work| Ok((warm_up(&mut work, until.ahead)?, work)));
                    drop(ready);
                    let (more, work) = prepared?;
                    wait(&started);
                    if more { repeat(work, until) } else { Ok(Measured::default()) }
                })
            })
            .collect();
        drop(ready);
        wait(&all_ready);
        drop(start);
        let mut all = Measured::default();
        for thread in threads {
            let one = thread.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))?;
            all.frames += one.frames;
            // Each by its own time: one that ends later than the others must not count as idle.
            all.fps += one.fps;
            all.times_ms.extend(one.times_ms);
        }
        Ok(all)
    })
}

/// Whether there are frames left after `count`.
fn warm_up(work: &mut Work<'_>, count: u64) -> Result<bool, Error> {
    for _ in 0..count {
        if !work()? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Waits until all other ends are gone.
fn wait(channel: &Receiver<()>) {
    while channel.recv().is_ok() {}
}

fn repeat(mut work: Work<'_>, until: Until) -> Result<Measured, Error> {
    let limit = Duration::from_secs_f64(until.seconds);
    let mut times_ms = Vec::new();
    let start = Instant::now();
    let mut before = start;
    let more = |done: u64, spent| done < until.frames && (done < until.least || spent < limit);
    while more(times_ms.len() as u64, before - start) {
        if !work()? {
            break;
        }
        let now = Instant::now();
        times_ms.push((now - before).as_secs_f64() * 1e3);
        before = now;
    }
    Ok(Measured::in_turn(times_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!((percentile(&values, 50.0), percentile(&values, 99.0)), (100.0, 198.0));
        assert_eq!(
            (percentile(&[3.0], 50.0), percentile(&[3.0], 99.0), percentile(&[], 50.0)),
            (3.0, 3.0, 0.0)
        );
    }

    #[test]
    fn workers_run_at_once_and_their_rates_add_up() {
        let calls = AtomicU64::new(0);
        let until = Until { seconds: 60.0, frames: 10, least: 1, ahead: 1 };
        let measured = together(3, until, &|| {
            Ok(Box::new(|| {
                calls.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(10));
                Ok(true)
            }))
        })
        .unwrap();
        // One more of each that is not timed.
        assert_eq!((measured.frames, calls.into_inner()), (30, 33));
        assert!(measured.fps < 300.0 && measured.times_ms.iter().all(|&ms| ms >= 10.0), "{measured:?}");
    }

    #[test]
    fn slow_frames_are_still_so_many() {
        let until = Until { seconds: 0.0, frames: 10, least: 3, ahead: 2 };
        let measured = together(1, until, &|| Ok(Box::new(|| Ok(true)))).unwrap();
        assert_eq!(measured.frames, 3);
    }

    #[test]
    fn an_end_and_an_error_are_heard() {
        let until = Until { seconds: 60.0, frames: 100, least: 1, ahead: 1 };
        let short = together(2, until, &|| {
            let mut left = 4;
            Ok(Box::new(move || {
                left -= 1;
                Ok(left >= 0)
            }))
        });
        assert_eq!(short.unwrap().frames, 2 * 3);
        let failing = together(2, until, &|| Err(Error::Usage("no".into())));
        assert_eq!(failing.unwrap_err().to_string(), "no");
        let later = together(2, until, &|| Ok(Box::new(|| Err(Error::Interrupted))));
        assert!(matches!(later, Err(Error::Interrupted)));
    }
}
