//! Hard cuts, from what the network sees: after one its state is of another scene and must be forgotten.
//!
//! A cut is where most pixels change at once, in every eye: the mean difference of luma is large, and the
//! histogram changed too or the difference is very large. It looks at two neighbouring frames only, so a
//! segment that is warmed up across a cut finds it as a run without segments does.
//!
//! Differences are added up in 65536ths, as integers, so that a GPU adds them in any order and comes to the same
//! verdict.
#![forbid(unsafe_code)]

use crate::tensor::Tensor;

/// Mean difference of luma, of 1, from which on a change may be a cut, and that is one by itself. Set by hand:
/// a cut that is missed leaves the matte as it would be without this, a false one costs a warm-up.
const MOVED: f64 = 0.10;
const REPLACED: f64 = 0.28;
/// Share of the pixels that change their bin, from which on a picture has other contents.
const OTHER: f64 = 0.25;
const BINS: usize = 32;
/// Of a difference of 1.
const UNITS: f32 = 65536.0;

/// Least sums over an eye.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Of differences in 65536ths: a change that may be a cut.
    pub(super) moved: u64,
    /// The same: one that is.
    pub(super) replaced: u64,
    /// Of the changes of all bins: other contents. Every pixel that changes its bin counts twice.
    pub(super) other: u64,
}

impl Limits {
    /// Those of an eye of so many pixels.
    pub(super) fn of(area: usize) -> Self {
        let least = |share: f64| (share * area as f64).ceil() as u64;
        let units = f64::from(UNITS);
        Self { moved: least(MOVED * units), replaced: least(REPLACED * units), other: least(2.0 * OTHER) }
    }
}

/// Compares each frame with the one before.
#[derive(Debug, Default)]
pub struct Cuts {
    /// Luma of all eyes of the frame before; empty ahead of the first.
    before: Vec<f32>,
    luma: Vec<f32>,
}

impl Cuts {
    /// Forgets the frame before.
    pub fn reset(&mut self) {
        self.before.clear();
    }

    /// Whether `small`, `[eyes, 3, height, width]` in `[0, 1]`, is of another scene than the frame before.
    pub fn is_cut(&mut self, small: &Tensor) -> bool {
        let [eyes, _, height, width] = small.shape;
        self.luma.clear();
        for eye in 0..eyes {
            let [red, green, blue] = [0, 1, 2].map(|channel| small.channel(eye, channel));
            // BT.709; any weights would do.
            let rgb = red.iter().zip(green).zip(blue);
            self.luma.extend(rgb.map(|((r, g), b)| 0.2126 * r + 0.7152 * g + 0.0722 * b));
        }
        let cut = self.before.len() == self.luma.len() && {
            let area = (height * width).max(1);
            self.before.chunks_exact(area).zip(self.luma.chunks_exact(area)).all(|(a, b)| replaced(a, b))
        };
        std::mem::swap(&mut self.before, &mut self.luma);
        cut
    }
}

fn replaced(before: &[f32], now: &[f32]) -> bool {
    let limits = Limits::of(now.len());
    let moved = before.iter().zip(now).map(|(a, b)| ((a - b).abs() * UNITS + 0.5) as u64).sum::<u64>();
    if !(limits.moved..limits.replaced).contains(&moved) {
        return moved >= limits.replaced;
    }
    let mut bins = [0i64; BINS];
    let bin = |luma: f32| ((luma * BINS as f32) as usize).min(BINS - 1);
    before.iter().for_each(|&luma| bins[bin(luma)] -= 1);
    now.iter().for_each(|&luma| bins[bin(luma)] += 1);
    bins.iter().map(|bin| bin.unsigned_abs()).sum::<u64>() >= limits.other
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two eyes of 32x16 by their luma.
    fn seen(luma: impl Fn(usize, usize, usize) -> f32) -> Tensor {
        let mut tensor = Tensor::zeros([2, 3, 16, 32]);
        for eye in 0..2 {
            for channel in 0..3 {
                let plane = tensor.channel_mut(eye, channel);
                (0..512).for_each(|i| plane[i] = luma(eye, i % 32, i / 32));
            }
        }
        tensor
    }

    #[test]
    fn scenes_that_are_replaced_are_cuts_and_motion_is_none() {
        let stripes = |shift: usize| seen(move |_, x, _| 0.3 + 0.2 * ((x + shift) as f32 * 0.3).sin());
        let bright = seen(|_, x, y| 0.7 + 0.01 * (x + y) as f32 % 0.3);
        let mut cuts = Cuts::default();
        assert!(!cuts.is_cut(&stripes(0)), "the first frame has none before it");
        for shift in 1..20 {
            assert!(!cuts.is_cut(&stripes(shift)), "{shift}");
        }
        assert!(cuts.is_cut(&bright));
        assert!(!cuts.is_cut(&bright));
        assert!(cuts.is_cut(&stripes(0)));
        cuts.reset();
        assert!(!cuts.is_cut(&bright), "nothing is known after a reset");
    }

    #[test]
    fn something_before_one_eye_is_no_cut() {
        let dark = seen(|_, _, _| 0.1);
        let hand = seen(|eye, _, _| if eye == 0 { 0.9 } else { 0.1 });
        let mut cuts = Cuts::default();
        cuts.is_cut(&dark);
        assert!(!cuts.is_cut(&hand));
        // A fade of a second is none either.
        cuts.reset();
        for step in 0..=30 {
            let level = 0.1 + 0.02 * step as f32;
            assert!(!cuts.is_cut(&seen(move |_, _, _| level)), "{step}");
        }
    }
}
