//! Looks at the machine five times a second from a thread of its own, from start to finish.
#![forbid(unsafe_code)]

use super::nvml::Monitor;
use super::process::CpuTimes;
use super::report::{Sample, Sampling};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time from one sample to the next.
const PERIOD: Duration = Duration::from_millis(200);
/// Name of the thread: its own CPU time is found by it. Linux keeps 15 bytes.
const THREAD: &str = "vrpipe-sampler";

/// A sampling thread at work. Dropping it ends it.
pub(super) struct Sampler {
    stop: Sender<()>,
    thread: JoinHandle<Sampling>,
}

impl Sampler {
    /// Starts; `frames` is what has been written so far.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(frames: Arc<AtomicU64>) -> io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let thread =
            std::thread::Builder::new().name(THREAD.to_owned()).spawn(move || sample(&stopped, &frames))?;
        Ok(Self { stop, thread })
    }

    /// Takes a last sample and gives all of them.
    pub(super) fn finish(self) -> Sampling {
        drop(self.stop);
        self.thread.join().unwrap_or_default()
    }
}

fn sample(stopped: &Receiver<()>, frames: &AtomicU64) -> Sampling {
    let (monitor, no_gpus) = match Monitor::open() {
        Ok(monitor) => (Some(monitor), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let mut all = Sampling { no_gpus, ..Sampling::default() };
    let mut times = CpuTimes::new();
    let start = Instant::now();
    let mut before = start;
    let mut next = start + PERIOD;
    loop {
        let over = stopped.recv_timeout(next.saturating_duration_since(Instant::now()))
            != Err(RecvTimeoutError::Timeout);
        let now = Instant::now();
        let used = times.update();
        let elapsed = (now - before).as_secs_f64();
        all.samples.push(Sample {
            at_s: (now - start).as_secs_f64(),
            frames: frames.load(Ordering::Relaxed),
            cpu_cores: if elapsed > 0.0 { used / elapsed } else { 0.0 },
            gpus: monitor.as_ref().map(Monitor::sample).unwrap_or_default(),
        });
        before = now;
        all.seconds += now.elapsed().as_secs_f64();
        if over {
            break;
        }
        // A sample that took longer than the period is not made up for.
        next = (next + PERIOD).max(Instant::now());
    }
    all.threads = times.rows();
    all.cpu_seconds = all.threads.iter().filter(|row| row.name == THREAD).map(|row| row.cpu_seconds).sum();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_five_times_a_second_and_one_at_the_end() {
        let frames = Arc::new(AtomicU64::new(0));
        let sampler = Sampler::start(Arc::clone(&frames)).unwrap();
        std::thread::sleep(Duration::from_millis(700));
        frames.store(9, Ordering::Relaxed);
        let sampling = sampler.finish();
        assert!((2..=5).contains(&sampling.samples.len()), "{sampling:?}");
        assert_eq!(sampling.samples.last().map(|sample| sample.frames), Some(9));
        assert!(sampling.samples.is_sorted_by(|a, b| a.at_s < b.at_s));
        assert!(sampling.seconds < 0.35, "{} s of 0.7", sampling.seconds);
    }
}
