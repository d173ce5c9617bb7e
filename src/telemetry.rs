//! Stage clocks: how long each stage of a run was at work, and how many frames it did. Gauges: how full the
//! queues between stages were.
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

/// How many frames wait in a queue, seen each time that one is asked for.
#[derive(Debug, Default)]
pub struct Gauge {
    looks: AtomicU64,
    sum: AtomicU64,
    most: AtomicU64,
}

impl Gauge {
    /// Notes that `depth` frames wait.
    pub fn see(&self, depth: usize) {
        let depth = depth as u64;
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(depth, Ordering::Relaxed);
        self.most.fetch_max(depth, Ordering::Relaxed);
    }

    /// What was seen so far; `None` before the first look.
    pub fn read(&self) -> Option<Depth> {
        let looks = self.looks.load(Ordering::Relaxed);
        let mean = self.sum.load(Ordering::Relaxed) as f64 / looks.max(1) as f64;
        (looks > 0).then(|| Depth { mean, most: self.most.load(Ordering::Relaxed) })
    }
}

/// What a [`Gauge`] has seen, in frames.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Depth {
    /// Mean over the looks.
    pub mean: f64,
    /// Most at once.
    pub most: u64,
}

/// The clocks of one file's way through a lane.
#[derive(Debug, Default)]
pub struct LaneClocks {
    /// From a segment's beginning to its first decoded picture: source, buffers and decoder are made ready.
    pub open: Clock,
    /// Waiting for pictures ahead of a segment, which only carry the state of the network on.
    pub warm_up: Clock,
    /// Waiting for the next decoded picture of a segment: what the decoder could not hide.
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
    /// Encode thread: making what an opaque output shows.
    pub render: Clock,
    /// Encode thread: the colour encoder at work, and waiting for alpha's queue.
    pub encode: Clock,
    /// Writing to the file.
    pub mux: Clock,
    /// Taking the decoder down after a segment's last picture.
    pub close: Clock,
    /// Syncing a finished segment's file and noting it in the journal.
    pub store: Clock,
    /// Decoded pictures that wait to be matted, in one lane; seen where the decoder tells.
    pub decoded: Gauge,
    /// Composed frames that are not encoded yet, in one lane.
    pub composed: Gauge,
}

impl LaneClocks {
    /// All clocks by name, in the order of the data flow.
    pub fn read(&self) -> Vec<(&'static str, StageTime)> {
        vec![
            ("open", self.open.read()),
            ("warm-up (wait)", self.warm_up.read()),
            ("decode (wait)", self.decode_wait.read()),
            ("sample", self.sample.read()),
            ("network", self.network.read()),
            ("compose", self.compose.read()),
            ("encode (wait)", self.encode_wait.read()),
            ("device (wait)", self.device_wait.read()),
            ("render", self.render.read()),
            ("encode", self.encode.read()),
            ("mux", self.mux.read()),
            ("close", self.close.read()),
            ("store", self.store.read()),
        ]
    }

    /// The queues that were looked at, by name, in the order of the data flow.
    pub fn queues(&self) -> Vec<(&'static str, Depth)> {
        let all = [("decoded", &self.decoded), ("composed", &self.composed)];
        all.into_iter().filter_map(|(name, gauge)| Some((name, gauge.read()?))).collect()
    }

    /// What kept the lanes busy most, and its share of `lane_seconds`, the time of all lanes together; `None`
    /// when nothing was measured. Waits count for what is waited for.
    pub fn limit(&self, lane_seconds: f64) -> Option<(&'static str, f64)> {
        let seconds = |clocks: &[&Clock]| clocks.iter().map(|clock| clock.read().busy_seconds).sum::<f64>();
        let candidates = [
            ("setting up segments", seconds(&[&self.open, &self.close])),
            ("warming up segments", seconds(&[&self.warm_up])),
            ("decoding", seconds(&[&self.decode_wait])),
            ("matting", seconds(&[&self.sample, &self.network, &self.compose])),
            ("the GPU", seconds(&[&self.device_wait])),
            ("rendering on the CPU", seconds(&[&self.render])),
            ("encoding on the CPU", seconds(&[&self.encode])),
            ("writing", seconds(&[&self.mux, &self.store])),
        ];
        let (name, most) = candidates.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        (most > 0.0 && lane_seconds > 0.0).then(|| (name, (most / lane_seconds).min(1.0)))
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

    #[test]
    fn a_gauge_tells_the_mean_and_the_most() {
        let clocks = LaneClocks::default();
        assert_eq!(clocks.queues(), []);
        [0, 3, 3].into_iter().for_each(|depth| clocks.composed.see(depth));
        assert_eq!(clocks.queues(), [("composed", Depth { mean: 2.0, most: 3 })]);
    }

    #[test]
    fn the_limit_is_what_took_most_of_the_time() {
        let clocks = LaneClocks::default();
        assert_eq!(clocks.limit(10.0), None);
        clocks.decode_wait.add(Duration::from_secs(2), 1);
        clocks.encode.add(Duration::from_secs(6), 1);
        // Waiting for the encoders is their doing, and not counted twice.
        clocks.encode_wait.add(Duration::from_secs(7), 1);
        let (name, share) = clocks.limit(10.0).unwrap();
        assert!(name.contains("encoding") && (share - 0.6).abs() < 1e-3, "{name} {share}");
    }
}
