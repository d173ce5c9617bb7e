//! Functions applied to each element of a convolution's result, written so that they vectorise.
//!
//! `exp` is the range reduction and polynomial of Cephes (public description: Moshier, "Methods
//! and Programs for Mathematical Functions", 1989), good to about two units in the last place;
//! the C library's is a call per element, which cannot be vectorised.
#![forbid(unsafe_code)]

use crate::rvm::graph::Activation;

/// `e^x` for `x` clamped to what a float can hold.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    // ln 2 in two parts, the first exact in few bits, so that `n * part` is exact.
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let value = p * r * r + r + 1.0;
    let power = shifted.to_bits().wrapping_sub(MAGIC.to_bits()).wrapping_add(127) << 23;
    value * f32::from_bits(power)
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    // Near zero the difference below would lose its digits; a short odd series does not.
    let z = x * x;
    let p = -5.704_988_7e-3;
    let p = p * z + 2.063_909e-2;
    let p = p * z - 5.373_971_6e-2;
    let p = p * z + 1.333_144_2e-1;
    let p = p * z - 3.333_328e-1;
    let near = p * z * x + x;
    let far = 1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0);
    if x.abs() < 0.625 { near } else { far.copysign(x) }
}

#[inline(always)]
fn hard_sigmoid(x: f32) -> f32 {
    (x * (1.0 / 6.0) + 0.5).clamp(0.0, 1.0)
}

/// Applies `act` to every element.
#[inline(always)]
pub fn activate(act: Activation, row: &mut [f32]) {
    match act {
        Activation::None => {}
        Activation::Relu => row.iter_mut().for_each(|x| *x = x.max(0.0)),
        Activation::HardSwish => row.iter_mut().for_each(|x| *x *= hard_sigmoid(*x)),
        Activation::HardSigmoid => row.iter_mut().for_each(|x| *x = hard_sigmoid(*x)),
        Activation::Sigmoid => row.iter_mut().for_each(|x| *x = sigmoid(*x)),
        Activation::Tanh => row.iter_mut().for_each(|x| *x = tanh(*x)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcendental_functions_agree_with_the_c_library() {
        let mut worst = [0f64; 3];
        for i in -120_000..=120_000 {
            let x = i as f32 * 1e-3;
            let exact = f64::from(x);
            let exp_at = x.clamp(-87.0, 88.0);
            let relative = f64::from(exp(x)) / f64::from(exp_at).exp() - 1.0;
            worst[0] = worst[0].max(relative.abs());
            worst[1] = worst[1].max((f64::from(sigmoid(x)) - 1.0 / (1.0 + (-exact).exp())).abs());
            let t = f64::from(tanh(x));
            let relative = if x == 0.0 { t } else { t / exact.tanh() - 1.0 };
            worst[2] = worst[2].max(relative.abs());
        }
        assert!(worst.iter().all(|&w| w < 4e-7), "{worst:?}");
    }

    #[test]
    fn hard_functions_by_hand() {
        let mut row = [-4.0, -3.0, 0.0, 1.5, 3.0, 6.0];
        activate(Activation::HardSigmoid, &mut row);
        assert_eq!(row, [0.0, 0.0, 0.5, 0.75, 1.0, 1.0]);
        let mut row = [-4.0, -3.0, 0.0, 1.5, 3.0, 6.0];
        activate(Activation::HardSwish, &mut row);
        assert_eq!(row, [0.0, 0.0, 0.0, 1.125, 3.0, 6.0]);
        let mut row = [f32::INFINITY, f32::NEG_INFINITY, -1000.0];
        activate(Activation::Sigmoid, &mut row);
        assert!(row[0] == 1.0 && row[1] >= 0.0 && row[2] < 1e-37);
    }
}
