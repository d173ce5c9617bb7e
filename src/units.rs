//! Time bases and rationals: exact arithmetic for timestamps and rates.
//!
//! A timestamp is a count of ticks of a time base; converting between bases rounds once, to
//! nearest, and never passes through a float. No I/O, no allocation.
#![forbid(unsafe_code)]

use std::fmt;

/// A rational number with a positive denominator, kept in lowest terms.
#[derive(Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Rational {
    num: i64,
    den: i64,
}

impl Rational {
    /// `num / den` in lowest terms; `None` when `den` is not positive.
    pub fn new(num: i64, den: i64) -> Option<Self> {
        if den <= 0 {
            return None;
        }
        let g = gcd(num.unsigned_abs(), den.unsigned_abs()).max(1) as i64;
        Some(Self { num: num / g, den: den / g })
    }

    /// Numerator, in lowest terms.
    pub fn num(self) -> i64 {
        self.num
    }

    /// Denominator, positive, in lowest terms.
    pub fn den(self) -> i64 {
        self.den
    }

    /// Nearest `f64`; for printing and for progress estimates only.
    pub fn as_f64(self) -> f64 {
        self.num as f64 / self.den as f64
    }
}

impl fmt::Debug for Rational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

impl fmt::Display for Rational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Length of one tick in seconds, as a positive rational (1/90000, 1001/30000, ...).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct TimeBase(Rational);

impl TimeBase {
    /// One millisecond: the tick of the WebM files this program writes.
    pub const MILLISECOND: Self = Self(Rational { num: 1, den: 1000 });
    /// One nanosecond: the unit Matroska durations are written in.
    pub const NANOSECOND: Self = Self(Rational { num: 1, den: 1_000_000_000 });

    /// A tick of `num / den` seconds; `None` unless both are positive.
    pub fn new(num: i64, den: i64) -> Option<Self> {
        if num <= 0 {
            return None;
        }
        Rational::new(num, den).map(Self)
    }

    /// Seconds per tick.
    pub fn seconds(self) -> Rational {
        self.0
    }

    /// `ticks` of this base in ticks of `to`, rounded to nearest, halves away from zero.
    /// Saturates at the ends of `i64`.
    pub fn convert(self, ticks: i64, to: TimeBase) -> i64 {
        let num = i128::from(self.0.num) * i128::from(to.0.den);
        let den = i128::from(self.0.den) * i128::from(to.0.num);
        let Some(scaled) = i128::from(ticks).checked_mul(num) else {
            return if ticks < 0 { i64::MIN } else { i64::MAX };
        };
        let half = den / 2;
        let rounded = if scaled >= 0 { (scaled + half) / den } else { (scaled - half) / den };
        rounded.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }

    /// `ticks` in seconds; for printing and for progress estimates only.
    pub fn to_seconds_f64(self, ticks: i64) -> f64 {
        ticks as f64 * self.0.as_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rationals_reduce_and_refuse_zero() {
        assert_eq!(Rational::new(6, 4), Rational::new(3, 2));
        assert_eq!(Rational::new(1, 0), None);
        assert_eq!(TimeBase::new(0, 5), None);
        assert_eq!(Rational::new(0, 7).map(|r| r.den()), Some(1));
    }

    #[test]
    fn ntsc_ticks_round_to_the_nearest_millisecond() {
        let tb = TimeBase::new(1001, 30000).unwrap();
        let ms: Vec<i64> = (0..5).map(|t| tb.convert(t, TimeBase::MILLISECOND)).collect();
        assert_eq!(ms, [0, 33, 67, 100, 133]);
        assert_eq!(tb.convert(-1, TimeBase::MILLISECOND), -33);
        assert_eq!(TimeBase::new(1, 1).unwrap().convert(i64::MAX, TimeBase::NANOSECOND), i64::MAX);
    }

    proptest::proptest! {
        #[test]
        fn conversion_is_within_half_a_tick(t in -1i64<<40..1i64<<40, num in 1i64..2000, den in 1i64..200_000) {
            let from = TimeBase::new(num, den).unwrap();
            let ms = from.convert(t, TimeBase::MILLISECOND);
            let exact = i128::from(t) * i128::from(num) * 1000;
            let err = (i128::from(ms) * i128::from(den) - exact).abs() * 2;
            proptest::prop_assert!(err <= i128::from(den));
        }
    }
}
