//! Both colour conversions of the CUDA job folded into one: what its shading multiplies with.
//!
//! Input is counted in samples as they are stored (codes shifted up by some bits), output in 255ths of 255
//! codes, so that the device's saturation to `[0, 1]` clamps codes. Then a pixel's luma is its input plus
//! the change of colour, and a cell's chroma its input plus the mean change: one the network left alone
//! comes back exactly.
#![forbid(unsafe_code)]

use crate::kernels::colour::{FromRgb, ToRgb};

/// `vrp::Factors` of `kernels/compose.cuh`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Factors {
    luma_scale: f32,
    red: [f32; 2],
    green: [f32; 3],
    blue: [f32; 2],
    luma: [f32; 3],
    y: [f32; 2],
    chroma: [f32; 2],
    u_gain: f32,
    v_gain: f32,
}

impl Factors {
    /// The factors for samples that hold codes shifted up by `shift` bits.
    pub fn new(to: &ToRgb, from: &FromRgb, shift: i32) -> Self {
        let unit = 2f64.powi(shift);
        let [offset, scale, centre, red_v, green_u, green_v, blue_u] =
            [to.luma_offset, to.luma_scale, to.chroma_offset, to.red_v, to.green_u, to.green_v, to.blue_u]
                .map(f64::from);
        let dark = offset * scale;
        // Codes of the result per code of the input: 1 at 8 bits.
        let luma_ratio = f64::from(from.luma_scale) * scale;
        let chroma_ratio = f64::from(from.u_scale) * blue_u;
        let single = |values: [f64; 2]| values.map(|value| value as f32);
        Self {
            luma_scale: (scale / unit) as f32,
            red: single([red_v / unit, -dark - red_v * centre]),
            green: [green_u / unit, green_v / unit, -dark - (green_u + green_v) * centre]
                .map(|value| value as f32),
            blue: single([blue_u / unit, -dark - blue_u * centre]),
            luma: from.luma_weights.map(|weight| (f64::from(weight) * unit / scale) as f32),
            y: single(
                [luma_ratio / unit, f64::from(from.luma_offset) - offset * luma_ratio].map(|v| v / 255.0),
            ),
            chroma: single(
                [chroma_ratio / unit, f64::from(from.chroma_offset) - centre * chroma_ratio]
                    .map(|v| v / 255.0),
            ),
            u_gain: from.u_scale / 255.0,
            v_gain: from.v_scale / 255.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Matrix, Range};

    /// Every sample of luma and chroma becomes its code at 8 bits, and as RGB what the conversion says.
    #[test]
    fn folding_changes_nothing() {
        for (range, depth, shift) in
            [(Range::Limited, 8, 0), (Range::Limited, 10, 6), (Range::Full, 10, 6), (Range::Full, 12, 0)]
        {
            let to = ToRgb::new(Matrix::Bt709, range, depth);
            let from = FromRgb::new(Matrix::Bt709, range, 8);
            let f = Factors::new(&to, &from, shift);
            let top = (1u32 << depth) - 1;
            for i in 0..=64 {
                let codes = [i * top / 64, (i * 37 % 65) * top / 64, (i * 11 % 65) * top / 64];
                let [y, u, v] = codes.map(|code| (code << shift) as f32);
                let [red, green, blue] = to.rgb(codes[0] as f32, codes[1] as f32, codes[2] as f32);
                let luma = f.luma_scale * y;
                for (got, expected) in [
                    (luma + f.red[0] * v + f.red[1], red),
                    (luma + f.green[0] * u + f.green[1] * v + f.green[2], green),
                    (luma + f.blue[0] * u + f.blue[1], blue),
                ] {
                    assert!((got - expected).abs() < 2e-6, "{got} for {expected}");
                }
                let expected = from.codes([red, green, blue]);
                let got = [f.y[0] * y + f.y[1], f.chroma[0] * u + f.chroma[1], f.chroma[0] * v + f.chroma[1]];
                for (got, expected) in got.into_iter().zip(expected) {
                    assert!((got * 255.0 - expected).abs() < 1e-3, "{got} for {expected}");
                }
            }
        }
    }
}
