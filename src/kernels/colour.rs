//! Conversion between YCbCr codes and RGB in `[0, 1]`, by the formulas of ITU-T H.273.
//!
//! Equations 20..31 of H.273 (limited and full range quantisation) and 38..43 (luma and colour
//! differences from `Kr`, `Kb`) are folded into a few factors, worked out in f64 and kept as f32.
//! Both structs are plain values of floats so that a CUDA launch can take them as they are.
//! Nothing is clamped or rounded here: RGB outside `[0, 1]` and fractional codes pass through.
#![forbid(unsafe_code)]

use crate::frame::{Matrix, Range};

/// Offset and span of luma and chroma codes at a depth.
struct Quantisation {
    luma_offset: f64,
    luma_span: f64,
    chroma_offset: f64,
    chroma_span: f64,
}

impl Quantisation {
    fn new(range: Range, depth: u8) -> Self {
        let unit = 2f64.powi(i32::from(depth) - 8);
        let top = 2f64.powi(i32::from(depth)) - 1.0;
        match range {
            Range::Limited => Self {
                luma_offset: 16.0 * unit,
                luma_span: 219.0 * unit,
                chroma_offset: 128.0 * unit,
                chroma_span: 224.0 * unit,
            },
            Range::Full => {
                Self { luma_offset: 0.0, luma_span: top, chroma_offset: 128.0 * unit, chroma_span: top }
            }
        }
    }
}

/// Codes to RGB: `luma_scale * (y - luma_offset)` plus the factors times `(u, v) - chroma_offset`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToRgb {
    /// Code of black.
    pub luma_offset: f32,
    /// Luma per code.
    pub luma_scale: f32,
    /// Code of no colour.
    pub chroma_offset: f32,
    /// Red per code of V.
    pub red_v: f32,
    /// Green per code of U, negative.
    pub green_u: f32,
    /// Green per code of V, negative.
    pub green_v: f32,
    /// Blue per code of U.
    pub blue_u: f32,
}

impl ToRgb {
    /// The conversion of pictures with this matrix, range and depth in bits.
    pub fn new(matrix: Matrix, range: Range, depth: u8) -> Self {
        let (kr, kb) = matrix.luma_weights();
        let kg = 1.0 - kr - kb;
        let q = Quantisation::new(range, depth);
        Self {
            luma_offset: q.luma_offset as f32,
            luma_scale: (1.0 / q.luma_span) as f32,
            chroma_offset: q.chroma_offset as f32,
            red_v: (2.0 * (1.0 - kr) / q.chroma_span) as f32,
            green_u: (-2.0 * kb * (1.0 - kb) / kg / q.chroma_span) as f32,
            green_v: (-2.0 * kr * (1.0 - kr) / kg / q.chroma_span) as f32,
            blue_u: (2.0 * (1.0 - kb) / q.chroma_span) as f32,
        }
    }

    /// RGB of the codes `y`, `u`, `v`; black is 0, white is 1.
    #[inline]
    pub fn rgb(&self, y: f32, u: f32, v: f32) -> [f32; 3] {
        let luma = (y - self.luma_offset) * self.luma_scale;
        let (u, v) = (u - self.chroma_offset, v - self.chroma_offset);
        [luma + self.red_v * v, luma + (self.green_u * u + self.green_v * v), luma + self.blue_u * u]
    }
}

/// RGB to codes: luma is a weighted sum, chroma is blue and red less luma, scaled.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FromRgb {
    /// Weights of red, green and blue in luma; their sum is 1.
    pub luma_weights: [f32; 3],
    /// Code of black.
    pub luma_offset: f32,
    /// Codes per luma.
    pub luma_scale: f32,
    /// Code of no colour.
    pub chroma_offset: f32,
    /// Codes of U per (blue - luma).
    pub u_scale: f32,
    /// Codes of V per (red - luma).
    pub v_scale: f32,
}

impl FromRgb {
    /// The conversion to pictures with this matrix, range and depth in bits.
    pub fn new(matrix: Matrix, range: Range, depth: u8) -> Self {
        let (kr, kb) = matrix.luma_weights();
        let q = Quantisation::new(range, depth);
        Self {
            luma_weights: [kr as f32, (1.0 - kr - kb) as f32, kb as f32],
            luma_offset: q.luma_offset as f32,
            luma_scale: q.luma_span as f32,
            chroma_offset: q.chroma_offset as f32,
            u_scale: (q.chroma_span / (2.0 * (1.0 - kb))) as f32,
            v_scale: (q.chroma_span / (2.0 * (1.0 - kr))) as f32,
        }
    }

    /// Luma of `rgb`, 0 to 1.
    #[inline]
    pub fn luma(&self, [r, g, b]: [f32; 3]) -> f32 {
        let [kr, kg, kb] = self.luma_weights;
        kr * r + kg * g + kb * b
    }

    /// The codes Y, U, V of `rgb`, not rounded.
    #[inline]
    pub fn codes(&self, rgb: [f32; 3]) -> [f32; 3] {
        let luma = self.luma(rgb);
        [
            self.luma_offset + self.luma_scale * luma,
            self.chroma_offset + self.u_scale * (rgb[2] - luma),
            self.chroma_offset + self.v_scale * (rgb[0] - luma),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand from H.273: colour, matrix, range, depth, codes rounded to nearest.
    #[test]
    fn known_colours_have_their_published_codes() {
        use Matrix::{Bt601, Bt709, Bt2020};
        use Range::{Full, Limited};
        let (black, white) = ([0.0; 3], [1.0; 3]);
        let (red, green, blue) = ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]);
        let table = [
            (black, Bt709, Limited, 8, [16, 128, 128]),
            (white, Bt709, Limited, 8, [235, 128, 128]),
            (black, Bt709, Full, 8, [0, 128, 128]),
            (white, Bt709, Full, 8, [255, 128, 128]),
            (black, Bt2020, Limited, 10, [64, 512, 512]),
            (white, Bt2020, Limited, 10, [940, 512, 512]),
            (white, Bt2020, Full, 10, [1023, 512, 512]),
            (red, Bt601, Limited, 8, [81, 90, 240]),
            (green, Bt601, Limited, 8, [145, 54, 34]),
            (blue, Bt601, Limited, 8, [41, 240, 110]),
            (red, Bt709, Limited, 8, [63, 102, 240]),
            (green, Bt709, Limited, 8, [173, 42, 26]),
            (blue, Bt709, Limited, 8, [32, 240, 118]),
            (red, Bt601, Full, 8, [76, 85, 256]), // the top of Cr is 255.5: callers saturate
            (green, Bt601, Full, 8, [150, 44, 21]),
            (red, Bt709, Limited, 10, [250, 409, 960]),
            (green, Bt2020, Limited, 10, [658, 189, 100]),
        ];
        for (rgb, matrix, range, depth, want) in table {
            let got = FromRgb::new(matrix, range, depth).codes(rgb).map(|c| (c + 0.5).floor() as i32);
            assert_eq!(got, want, "{rgb:?} {matrix:?} {range:?} {depth}");
        }
    }

    #[test]
    fn black_is_exactly_zero_and_grey_has_equal_components() {
        for depth in [8, 10, 12, 16] {
            for range in [Range::Limited, Range::Full] {
                let c = ToRgb::new(Matrix::Bt709, range, depth);
                assert_eq!(c.rgb(c.luma_offset, c.chroma_offset, c.chroma_offset), [0.0; 3]);
                let [r, g, b] = c.rgb(c.luma_offset * 3.0 + 9.0, c.chroma_offset, c.chroma_offset);
                assert!(r == g && g == b);
            }
        }
    }

    /// Every 8-bit code triple on a grid, in gamut or not, comes back within a ten-thousandth of a code.
    #[test]
    fn codes_survive_the_way_to_rgb_and_back() {
        for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
            for range in [Range::Limited, Range::Full] {
                let (to, from) = (ToRgb::new(matrix, range, 8), FromRgb::new(matrix, range, 8));
                for i in 0..18 * 18 * 18 {
                    let code = [i % 18, i / 18 % 18, i / 324].map(|c| (c * 15) as f32);
                    let back = from.codes(to.rgb(code[0], code[1], code[2]));
                    for (a, b) in code.iter().zip(back) {
                        assert!((a - b).abs() < 1e-4, "{code:?} {back:?}");
                    }
                }
            }
        }
    }
}
