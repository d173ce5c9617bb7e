//! The part of a video that is done, when it is not all of it: times as a player of the whole shows them.
//!
//! A frame belongs to a part when its own time does: from the start on, up to the end but not at it. The
//! first of them is at 0 in the output, and sound is cut at the same places.
#![forbid(unsafe_code)]

use crate::units::Rational;
use std::ops::Range;
use std::time::Duration;

/// What was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Part {
    /// From here on.
    pub start: Option<Duration>,
    /// Up to here.
    pub end: Option<Duration>,
    /// So much of it: from the start that is told, else from the middle of the video.
    pub sample: Option<Duration>,
}

impl Part {
    /// Whether nothing is left out.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// The part in ticks of a track, of `tick` seconds each, whose shown frames lie in `video`; the time 0 of a
    /// player is at `zero`.
    pub(super) fn ticks(&self, tick: Rational, zero: i64, video: &Range<i64>) -> Range<i64> {
        let at = |time: Duration| zero.saturating_add(ticks(time, tick));
        let start = match (self.start, self.sample) {
            (Some(start), _) => at(start),
            (None, Some(sample)) => {
                let spare = video.end.saturating_sub(video.start).saturating_sub(ticks(sample, tick));
                video.start.saturating_add(spare.max(0) / 2)
            }
            (None, None) => i64::MIN,
        };
        let by_length = self.sample.map(|sample| start.saturating_add(ticks(sample, tick)));
        let end = by_length.into_iter().chain(self.end.map(at)).min().unwrap_or(i64::MAX);
        start..end
    }
}

/// A time in ticks of `tick` seconds, rounded down: a frame whose time was rounded down for a person is not cut off by it.
fn ticks(time: Duration, tick: Rational) -> i64 {
    let ns = i128::try_from(time.as_nanos()).unwrap_or(i128::MAX / i128::from(i64::MAX));
    let (num, den) = (i128::from(tick.num()).max(1), i128::from(tick.den()).max(1));
    let whole = ns.saturating_mul(den).div_euclid(num.saturating_mul(1_000_000_000));
    i64::try_from(whole).unwrap_or(i64::MAX)
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let s = |time: Duration| format!("{:.3} s", time.as_secs_f64());
        match (self.start, self.end, self.sample) {
            (None, _, Some(sample)) => write!(f, "{} from the middle", s(sample)),
            (Some(start), _, Some(sample)) => write!(f, "{} from {} on", s(sample), s(start)),
            (start, Some(end), None) => write!(f, "{} to {}", s(start.unwrap_or_default()), s(end)),
            (Some(start), None, None) => write!(f, "{} to the end", s(start)),
            (None, None, None) => f.write_str("all of it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(start: Option<f64>, end: Option<f64>, sample: Option<f64>) -> Part {
        let time = |seconds: Option<f64>| seconds.map(Duration::from_secs_f64);
        Part { start: time(start), end: time(end), sample: time(sample) }
    }

    #[test]
    fn times_become_ticks() {
        let tick = Rational::new(1, 30_000).unwrap();
        let video = 0..300_000;
        for (asked, expected, words) in [
            (part(None, None, None), i64::MIN..i64::MAX, "all of it"),
            (part(Some(1.0), None, None), 30_000..i64::MAX, "1.000 s to the end"),
            (part(None, Some(2.5), None), i64::MIN..75_000, "0.000 s to 2.500 s"),
            (part(Some(1.0), Some(2.5), None), 30_000..75_000, "1.000 s to 2.500 s"),
            (part(Some(1.0), None, Some(0.5)), 30_000..45_000, "0.500 s from 1.000 s on"),
            (part(None, None, Some(2.0)), 120_000..180_000, "2.000 s from the middle"),
            (part(None, None, Some(20.0)), 0..600_000, "20.000 s from the middle"),
        ] {
            assert_eq!(asked.ticks(tick, 0, &video), expected, "{asked}");
            assert_eq!(asked.to_string(), words);
        }
        assert_eq!(part(Some(1.0), None, None).ticks(tick, -500, &video).start, 29_500);
        // A frame at 1001/30000 s, asked for by its time in milliseconds.
        assert_eq!(part(Some(0.033), None, None).ticks(tick, 0, &video).start, 990);
        let far =
            part(Some(1e15), Some(1e16), None).ticks(Rational::new(1, 1_000_000_000).unwrap(), 0, &video);
        assert_eq!(far, i64::MAX..i64::MAX);
    }
}
