//! Stage clocks: how long each stage of a run was at work, and how many frames it did.
//!
//! A clock is shared by reference between threads; adding to it is one relaxed atomic. The sums
//! say which stage limits a run: the one whose busy share is nearest to 1.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Busy time and items of one stage.
#[derive(Debug, Default)]
pub struct Clock {
    busy_ns: AtomicU64,
    items: AtomicU64,
}

impl Clock {
    /// Runs `work`, adding its duration and one item.
    pub fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.add(start.elapsed(), 1);
        result
    }

    /// Adds a duration measured elsewhere.
    pub fn add(&self, busy: Duration, items: u64) {
        let ns = u64::try_from(busy.as_nanos()).unwrap_or(u64::MAX);
        // Relaxed: these are sums that are read when the threads have been joined, or for display.
        self.busy_ns.fetch_add(ns, Ordering::Relaxed);
        self.items.fetch_add(items, Ordering::Relaxed);
    }

    /// The sums so far.
    pub fn read(&self) -> StageTime {
        let busy_seconds = Duration::from_nanos(self.busy_ns.load(Ordering::Relaxed)).as_secs_f64();
        StageTime { busy_seconds, items: self.items.load(Ordering::Relaxed) }
    }
}

/// What a [`Clock`] has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct StageTime {
    /// Time at work, in seconds; stages run at once, so these do not add up to the run's time.
    pub busy_seconds: f64,
    /// Frames done.
    pub items: u64,
}

/// The clocks of one file's way through a lane.
#[derive(Debug, Default)]
pub struct LaneClocks {
    /// Waiting for the next decoded picture: what the decoder could not hide.
    pub decode_wait: Clock,
    /// Small RGB tensor from the planes.
    pub sample: Clock,
    /// One step of the network.
    pub network: Clock,
    /// Full-size colour and alpha.
    pub compose: Clock,
    /// Waiting for a frame to be handed back by the encoders.
    pub encode_wait: Clock,
    /// Encode thread: waiting for the GPU to finish and hand over a frame.
    pub device_wait: Clock,
    /// Encode thread: the colour encoder at work, and waiting for alpha's queue.
    pub encode: Clock,
    /// Writing to the file.
    pub mux: Clock,
}

impl LaneClocks {
    /// All clocks by name, in the order of the data flow.
    pub fn read(&self) -> Vec<(&'static str, StageTime)> {
        vec![
            ("decode (wait)", self.decode_wait.read()),
            ("sample", self.sample.read()),
            ("network", self.network.read()),
            ("compose", self.compose.read()),
            ("encode (wait)", self.encode_wait.read()),
            ("device (wait)", self.device_wait.read()),
            ("encode", self.encode.read()),
            ("mux", self.mux.read()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_add_up() {
        let clock = Clock::default();
        assert_eq!(clock.time(|| 7), 7);
        clock.add(Duration::from_millis(1500), 2);
        let read = clock.read();
        assert_eq!(read.items, 3);
        assert!(read.busy_seconds >= 1.5);
    }
}
