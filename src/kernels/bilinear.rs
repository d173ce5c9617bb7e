//! Bilinear interpolation along an axis: which two samples, and how much of the second.
//!
//! Positions are worked out in f64 and only the weight is kept as f32, so that the small step of
//! an 8K frame does not wear out the mantissa; a CUDA kernel takes these tables, one entry per
//! column and row, instead of working positions out for every pixel. Half-pixel centres are the
//! callers' business: a position here is in samples, 0 being the centre of the first.
#![forbid(unsafe_code)]

/// Two neighbours and the weight of the second.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tap {
    /// Index of the sample at or before the position.
    pub first: u32,
    /// Index of the one after it; equal to `first` at the end of the axis.
    pub second: u32,
    /// Share of `second`, 0 up to but not including 1 (1 only by rounding).
    pub weight: f32,
}

impl Tap {
    /// The tap at `position`, clamped to the samples `first..=last`.
    pub fn at(position: f64, first: usize, last: usize) -> Self {
        let clamped = position.clamp(first as f64, last as f64);
        let below = clamped.floor();
        let index = below as usize;
        Self { first: index as u32, second: (index + 1).min(last) as u32, weight: (clamped - below) as f32 }
    }

    /// Both indices, as `usize`.
    #[inline]
    pub fn pair(self) -> (usize, usize) {
        (self.first as usize, self.second as usize)
    }
}

/// `a` at weight 0, `b` at weight 1; exactly `a` whenever `a == b`.
#[inline]
pub fn mix(a: f32, b: f32, weight: f32) -> f32 {
    a + (b - a) * weight
}

/// Taps that enlarge `len_in` samples to `len_out`, half-pixel centres, scale = ratio of the sizes,
/// clamped at the ends (as PyTorch's `interpolate(size=..., align_corners=False)` does).
pub fn enlarge(len_in: usize, len_out: usize) -> Vec<Tap> {
    enlarge_between(len_in, 0, len_out)
}

/// As [`enlarge`], of samples that have `margin` more on either side: the first has index `margin`, and at the ends
/// there is a neighbour.
pub fn enlarge_between(len_in: usize, margin: usize, len_out: usize) -> Vec<Tap> {
    let step = len_in as f64 / len_out as f64;
    let last = len_in + 2 * margin - 1;
    (0..len_out).map(|i| Tap::at(margin as f64 + (i as f64 + 0.5) * step - 0.5, 0, last)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taps_stay_on_the_axis() {
        assert_eq!(Tap::at(-3.0, 2, 5), Tap { first: 2, second: 3, weight: 0.0 });
        assert_eq!(Tap::at(9.0, 2, 5), Tap { first: 5, second: 5, weight: 0.0 });
        assert_eq!(Tap::at(2.25, 2, 5), Tap { first: 2, second: 3, weight: 0.25 });
    }

    #[test]
    fn enlarging_two_to_four_mixes_quarters() {
        let weights: Vec<f32> = enlarge(2, 4).iter().map(|t| mix(10.0, 20.0, t.weight)).collect();
        assert_eq!(weights[..3], [10.0, 12.5, 17.5]);
        assert_eq!(enlarge(2, 4)[3], Tap { first: 1, second: 1, weight: 0.0 });
        assert_eq!(enlarge(3, 3)[1], Tap { first: 1, second: 2, weight: 0.0 });
        // With one more on either side the ends are between samples, too.
        assert_eq!(enlarge_between(2, 1, 4)[0], Tap { first: 0, second: 1, weight: 0.75 });
        assert_eq!(enlarge_between(2, 1, 4)[3], Tap { first: 2, second: 3, weight: 0.25 });
    }
}
