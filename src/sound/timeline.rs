//! Puts decoded sound where it belongs: one unbroken stream of samples from the start of the span.
//!
//! Times of packets are rounded and jitter, so sound that nearly follows what came before is taken
//! to follow it; a real gap becomes silence, an overlap is cut. A single damaged time must neither become hours of
//! silence nor have all later sound taken for overlap: a jump forward waits until the next packet agrees with it.
//! All positions are samples of the input's rate on the timeline of the file. Pure; holds two chunks.
#![forbid(unsafe_code)]

/// Times closer than this to where the last sound ended are rounding, not gaps: milliseconds.
const TOLERANCE_MS: i64 = 8;
/// A longer gap than this is believed only when the next packet follows behind it.
const PLAIN_GAP_S: i64 = 5;
/// A longer gap than this is not believed at all, nor a time so long after the start.
const MAX_GAP_S: i64 = 12 * 3600;
const MAX_LENGTH_S: i64 = 48 * 3600;

/// Which samples are wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    /// First sample of the output.
    pub(super) start: i64,
    /// Sound ahead of this is not heard; silence is.
    pub(super) heard_from: i64,
    /// Position behind the last sample.
    pub(super) end: i64,
}

/// What was done to the sound, in samples per channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Repairs {
    /// Silence put into gaps behind the first sound.
    pub(super) filled: u64,
    /// Sound that lay over sound before it.
    pub(super) cut: u64,
}

/// The stream being put together.
#[derive(Debug)]
pub(super) struct Timeline {
    wanted: Wanted,
    channels: usize,
    tolerance: i64,
    plain_gap: i64,
    max_gap: i64,
    max_length: i64,
    /// Sound behind a long gap, and where it says that it lies.
    doubtful: Option<(i64, Vec<f32>)>,
    /// Where the next sample to be given lies.
    next: i64,
    /// Where the decoded sound so far ends.
    decoded_to: Option<i64>,
    silence: u64,
    chunk: Vec<f32>,
    given: usize,
    repairs: Repairs,
}

impl Timeline {
    /// `tick_samples`: samples to a tick of the packets' times.
    pub(super) fn new(wanted: Wanted, rate_hz: u32, channels: usize, tick_samples: i64) -> Self {
        let rate = i64::from(rate_hz);
        Self {
            wanted,
            channels,
            tolerance: (rate * TOLERANCE_MS / 1000).max(2 * tick_samples),
            plain_gap: rate * PLAIN_GAP_S,
            max_gap: rate * MAX_GAP_S,
            max_length: rate * MAX_LENGTH_S,
            doubtful: None,
            next: wanted.start,
            decoded_to: None,
            silence: 0,
            chunk: Vec::new(),
            given: 0,
            repairs: Repairs::default(),
        }
    }

    /// Takes decoded sound whose first sample lies at `at`, if that is known. All that was there
    /// must have been taken.
    pub(super) fn push(&mut self, at: Option<i64>, samples: Vec<f32>) {
        debug_assert!(self.is_empty());
        if let Some((position, mut held)) = self.doubtful.take() {
            let held_frames = (held.len() / self.channels) as i64;
            let is_after = |end: i64| at.is_none_or(|at| at.saturating_sub(end).abs() <= self.tolerance);
            let believed = is_after(position.saturating_add(held_frames));
            let end = self.decoded_to.unwrap_or(self.wanted.start);
            if believed || is_after(end.saturating_add(held_frames)) {
                held.extend(samples);
                return self.place(Some(if believed { position } else { end }), held);
            }
            // Neither: what was held follows what came before it, and this is looked at in its turn.
            self.place(Some(end), held);
            self.doubtful = at.map(|at| (at, samples));
            return;
        }
        let jump = at.zip(self.decoded_to).map_or(0, |(at, end)| at.saturating_sub(end));
        if jump > self.plain_gap && jump <= self.max_gap {
            self.doubtful = at.map(|at| (at, samples));
            return;
        }
        self.place(at, samples);
    }

    /// No more sound comes: what is held is placed.
    pub(super) fn finish(&mut self) {
        if let Some((_, held)) = self.doubtful.take() {
            self.place(self.decoded_to, held);
        }
    }

    fn place(&mut self, at: Option<i64>, samples: Vec<f32>) {
        let frames = (samples.len() / self.channels) as i64;
        let is_late = |at: i64| at.saturating_sub(self.wanted.start) > self.max_length;
        let position = match (at, self.decoded_to) {
            (Some(at), Some(end)) if (at.saturating_sub(end)).abs() <= self.tolerance => end,
            (Some(at), Some(end)) if (at.saturating_sub(end)).abs() > self.max_gap || is_late(at) => end,
            (Some(at), None) if at.saturating_sub(self.wanted.start) > self.max_gap => self.wanted.start,
            (Some(at), _) => at,
            (None, Some(end)) => end,
            (None, None) => self.wanted.start.max(self.wanted.heard_from),
        };
        let follows = self.decoded_to.is_some();
        self.decoded_to = Some(position.saturating_add(frames));
        let heard = position.max(self.wanted.heard_from).max(self.next);
        let end = position.saturating_add(frames).min(self.wanted.end);
        if follows && position < self.next && position >= self.wanted.heard_from {
            self.repairs.cut += (self.next - position).min(frames) as u64;
        }
        if heard >= end {
            return;
        }
        self.silence = (heard - self.next) as u64;
        if follows && self.next > self.wanted.start {
            self.repairs.filled += self.silence;
        }
        let (from, to) = ((heard - position) as usize, (end - position) as usize);
        self.chunk = samples;
        self.chunk.truncate(to * self.channels);
        self.given = from * self.channels;
    }

    /// Whether there is nothing to take.
    pub(super) fn is_empty(&self) -> bool {
        self.silence == 0 && self.given >= self.chunk.len()
    }

    /// Whether all that is wanted was given.
    pub(super) fn is_over(&self) -> bool {
        self.next >= self.wanted.end
    }

    /// Takes up to `frames` samples of every channel.
    pub(super) fn take(&mut self, frames: usize) -> Vec<f32> {
        let silent = self.silence.min(frames as u64) as usize;
        self.silence -= silent as u64;
        let mut out = vec![0.0; silent * self.channels];
        let rest = self.chunk.len() - self.given.min(self.chunk.len());
        let count = rest.min((frames - silent) * self.channels);
        out.extend_from_slice(&self.chunk[self.given..self.given + count]);
        self.given += count;
        self.next += (out.len() / self.channels) as i64;
        out
    }

    /// What was done so far.
    pub(super) fn repairs(&self) -> Repairs {
        self.repairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chunks of 100 samples that count up, at 1 kHz, pushed at these times: what comes out, and the repairs.
    fn run(wanted: Wanted, times: &[Option<i64>]) -> (Vec<f32>, Repairs) {
        let mut timeline = Timeline::new(wanted, 1000, 1, 1);
        let mut out = Vec::new();
        for (index, at) in times.iter().enumerate() {
            let chunk = (0..100).map(|i| (index * 100 + i + 1) as f32).collect();
            timeline.push(*at, chunk);
            while !timeline.is_empty() {
                out.extend(timeline.take(33));
            }
        }
        timeline.finish();
        while !timeline.is_empty() {
            out.extend(timeline.take(33));
        }
        (out, timeline.repairs())
    }

    fn count(from: usize, to: usize) -> Vec<f32> {
        (from..=to).map(|i| i as f32).collect()
    }

    const ALL: Wanted = Wanted { start: 0, heard_from: i64::MIN, end: i64::MAX };

    #[test]
    fn jitter_is_ignored_and_gaps_are_filled() {
        let plain = run(ALL, &[Some(0), Some(103), Some(196), None]);
        assert_eq!(plain, (count(1, 400), Repairs::default()));
        let (out, repairs) = run(ALL, &[Some(0), Some(150)]);
        assert_eq!(out, [count(1, 100), vec![0.0; 50], count(101, 200)].concat());
        assert_eq!(repairs, Repairs { filled: 50, cut: 0 });
        let (out, repairs) = run(ALL, &[Some(0), Some(60), Some(160)]);
        assert_eq!(out, [count(1, 100), count(141, 300)].concat());
        assert_eq!(repairs, Repairs { filled: 0, cut: 40 });
    }

    #[test]
    fn starts_late_or_early_and_ends_where_it_is_told() {
        assert_eq!(run(ALL, &[Some(20)]).0, [vec![0.0; 20], count(1, 100)].concat());
        assert_eq!(run(ALL, &[Some(-20), Some(80)]), (count(21, 200), Repairs::default()));
        assert!(run(ALL, &[Some(-300), Some(-200)]).0.is_empty());
        let middle = Wanted { start: 150, heard_from: 170, end: 230 };
        assert_eq!(
            run(middle, &[Some(0), Some(100), Some(200)]).0,
            [vec![0.0; 20], count(171, 230)].concat()
        );
        assert_eq!(run(ALL, &[None]).0, count(1, 100));
    }

    #[test]
    fn a_long_gap_is_believed_when_the_next_packet_is() {
        let (out, repairs) = run(ALL, &[Some(0), Some(9_000), Some(9_100)]);
        assert_eq!(out, [count(1, 100), vec![0.0; 8_900], count(101, 300)].concat());
        assert_eq!(repairs, Repairs { filled: 8_900, cut: 0 });
        // One damaged time among good ones, two, one at the end: nothing is lost, nothing is added.
        assert_eq!(run(ALL, &[Some(0), Some(9_000), Some(200), None]), (count(1, 400), Repairs::default()));
        assert_eq!(
            run(ALL, &[Some(0), Some(9_000), Some(70_000), Some(300)]),
            (count(1, 400), Repairs::default())
        );
        assert_eq!(run(ALL, &[Some(0), Some(9_000)]), (count(1, 200), Repairs::default()));
    }

    #[test]
    fn times_out_of_all_bounds_are_not_believed() {
        assert_eq!(run(ALL, &[Some(0), Some(i64::MAX / 2), None]).0, count(1, 300));
        assert_eq!(run(ALL, &[Some(i64::MAX / 2)]).0, count(1, 100));
        assert_eq!(run(ALL, &[Some(0), Some(i64::MIN / 2)]).0, count(1, 200));
    }
}
