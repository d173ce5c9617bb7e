//! Any rate to 48 kHz, linear phase, with the filter's delay taken off again.
//!
//! Input and output are interleaved and whole frames. The output has as many samples as the input
//! lasts, rounded. Owned by one thread.
#![forbid(unsafe_code)]

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

use super::Error;
use super::encoder::RATE_HZ;

/// Samples of the input that are filtered at once, at least.
const CHUNK: usize = 1024;
/// Rates that are taken: beyond them a filter would need memory without bound.
const RATES_HZ: std::ops::RangeInclusive<u32> = 4000..=768_000;

/// A resampler of one stream.
pub(super) struct Resampler {
    /// `None` where the input has 48 kHz already.
    filter: Option<Fft<f32>>,
    rate_hz: u32,
    channels: usize,
    waiting: Vec<f32>,
    /// Samples of the output still to be dropped for the filter's delay.
    delay: usize,
    taken: u64,
    given: u64,
}

impl Resampler {
    pub(super) fn new(rate_hz: u32, channels: usize) -> Result<Self, Error> {
        let failed = |reason: String| Error::Resample { rate_hz, reason };
        if !RATES_HZ.contains(&rate_hz) {
            return Err(failed(format!("{} to {} Hz are taken", RATES_HZ.start(), RATES_HZ.end())));
        }
        let filter = (rate_hz != RATE_HZ).then(|| {
            let window = WindowFunction::BlackmanHarris2;
            let (from, to) = (rate_hz as usize, RATE_HZ as usize);
            Fft::new_custom(from, to, chunk(rate_hz), 1, channels, window, FixedSync::Input)
        });
        let filter = filter.transpose().map_err(|error| failed(error.to_string()))?;
        let delay = filter.as_ref().map_or(0, |filter| filter.output_delay());
        Ok(Self { filter, rate_hz, channels, waiting: Vec::new(), delay, taken: 0, given: 0 })
    }

    /// Resamples, giving what is ready.
    pub(super) fn push(&mut self, samples: &[f32]) -> Result<Vec<f32>, Error> {
        self.taken += (samples.len() / self.channels) as u64;
        if self.filter.is_none() {
            return Ok(samples.to_vec());
        }
        self.waiting.extend_from_slice(samples);
        self.run()
    }

    /// Gives the rest.
    pub(super) fn finish(mut self) -> Result<Vec<f32>, Error> {
        if self.filter.is_none() {
            return Ok(Vec::new());
        }
        let product = u128::from(self.taken) * u128::from(RATE_HZ);
        let total = (product + u128::from(self.rate_hz / 2)) / u128::from(self.rate_hz);
        let left = (total as u64).saturating_sub(self.given) as usize * self.channels;
        let mut out = Vec::new();
        while out.len() < left {
            self.waiting.resize((self.waiting.len() / self.channels + CHUNK) * self.channels, 0.0);
            out.extend(self.run()?);
        }
        out.truncate(left);
        Ok(out)
    }

    fn run(&mut self) -> Result<Vec<f32>, Error> {
        let rate_hz = self.rate_hz;
        let failed = |reason: String| Error::Resample { rate_hz, reason };
        let mut out = Vec::new();
        let Some(filter) = &mut self.filter else { return Ok(out) };
        let mut at = 0;
        loop {
            let need = filter.input_frames_next() * self.channels;
            let Some(chunk) = self.waiting.get(at..at + need) else { break };
            let frames = need / self.channels;
            let input =
                InterleavedSlice::new(chunk, self.channels, frames).map_err(|e| failed(e.to_string()))?;
            let made = filter.process(&input, None).map_err(|e| failed(e.to_string()))?.take_data();
            at += need;
            let skipped = self.delay.min(made.len() / self.channels);
            self.delay -= skipped;
            out.extend_from_slice(&made[skipped * self.channels..]);
        }
        self.waiting.drain(..at);
        self.given += (out.len() / self.channels) as u64;
        Ok(out)
    }
}

/// Samples of a filter block: an even number of the smallest blocks that are whole at both rates.
/// The middle of a block of odd length lies between two samples, half a sample off the delay that
/// the filter states.
fn chunk(rate_hz: u32) -> usize {
    let (mut a, mut b) = (rate_hz, RATE_HZ);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let block = (rate_hz / a.max(1)) as usize;
    CHUNK.div_ceil(2 * block).max(1) * 2 * block
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(rate_hz: u32, samples: &[f32], part: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(rate_hz, 1).unwrap();
        let mut out = Vec::new();
        for part in samples.chunks(part) {
            out.extend(resampler.push(part).unwrap());
        }
        out.extend(resampler.finish().unwrap());
        out
    }

    #[test]
    fn a_sine_keeps_its_phase_and_its_length() {
        for rate_hz in [44_100, 32_000, 96_000, 8000, 22_050, 48_000] {
            let frequency = 997.0 * std::f64::consts::TAU;
            let at = |i: usize, rate: u32| (frequency * i as f64 / f64::from(rate)).sin() as f32;
            let signal: Vec<f32> = (0..rate_hz as usize).map(|i| at(i, rate_hz)).collect();
            let out = whole(rate_hz, &signal, 777);
            assert_eq!(out.len(), 48_000, "{rate_hz}");
            // Away from the ends, where the signal begins and stops at once.
            let worst = (4000..44_000).map(|i| (out[i] - at(i, 48_000)).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-4, "{rate_hz}: {worst}");
        }
    }

    #[test]
    fn a_click_stays_where_it_was() {
        let mut signal = vec![0.0; 44_100];
        signal[22_050] = 1.0;
        let out = whole(44_100, &signal, 1000);
        let loudest = (0..out.len()).max_by(|a, b| out[*a].total_cmp(&out[*b])).unwrap();
        assert_eq!(loudest, 24_000);
    }

    #[test]
    fn rates_beyond_reason_are_refused() {
        for rate_hz in [0, 1, 3999, 768_001, u32::MAX] {
            assert!(matches!(Resampler::new(rate_hz, 2), Err(Error::Resample { .. })));
        }
    }
}
