//! The mapping in plain Rust, cell by cell; see the module's head for the formula.
//!
//! Tables are made once per file. Rows of cells are independent and shared out over the threads of the pool.
#![forbid(unsafe_code)]

use rayon::prelude::*;

use super::curve::{HLG_GAMMA, HLG_PEAK_NITS, PQ_PEAK_NITS, SDR_WHITE_NITS, hlg_to_scene, pq_to_nits, tone};
use crate::frame::{Colour, Light, Matrix, Picture, Range, Sample, Samples, Yuv420};
use crate::kernels::colour::{FromRgb, ToRgb};

/// Peak of a PQ video that does not tell its own: what most are mastered for.
const USUAL_PEAK_NITS: f64 = 1000.0;
/// Intervals of a table: enough for 12 bits.
pub(super) const STEPS: usize = 4096;
/// Luma weights of BT.2020, for the OOTF.
const LUMA: [f32; 3] = [0.2627, 0.678, 0.0593];
/// Linear BT.2020 to linear BT.709 (BT.2087 §2.2, inverted).
const TO_709: [[f32; 3]; 3] = [
    [1.660_491, -0.587_641_1, -0.072_849_9],
    [-0.124_550_5, 1.132_899_9, -0.008_349_4],
    [-0.018_150_8, -0.100_578_9, 1.118_729_7],
];

/// A function on `[0, 1]` as a table.
#[derive(Clone, Debug)]
pub(super) struct Table(pub(super) Vec<f32>);

impl Table {
    fn new(function: impl Fn(f64) -> f64) -> Self {
        // One more for the interpolation at 1.
        Self((0..=STEPS + 1).map(|i| function((i as f64 / STEPS as f64).min(1.0)) as f32).collect())
    }

    #[inline]
    fn at(&self, x: f32) -> f32 {
        // A float that is not a number becomes 0.
        let place = x.clamp(0.0, 1.0) * STEPS as f32;
        let index = place as usize;
        let (low, high) = (self.0[index], self.0[index + 1]);
        low + (high - low) * (place - index as f32)
    }
}

/// The mapping of one video.
#[derive(Clone, Debug)]
pub struct ToSdr {
    pub(super) from: Colour,
    /// Non-linear value to light: of the display over `peak` for PQ, of the scene for HLG.
    pub(super) light: Table,
    /// `curve(m) / white` over `m`, by the square root of `m / peak`.
    pub(super) gain: Table,
    /// Gamma, by the square root of light: it is steep near black.
    pub(super) gamma: Table,
    pub(super) peak: f32,
}

impl ToSdr {
    /// The mapping of pictures with such colour; `None` when that is no HDR.
    pub fn new(from: Colour, light: Option<&Light>) -> Option<Self> {
        let told = light.and_then(|light| {
            let mastered = light.mastering.map(|display| display.max_nits);
            light.max_cll.map(f64::from).or(mastered)
        });
        // Between a dim SDR screen and all that PQ can say.
        let told = told.filter(|nits| (100.0..=PQ_PEAK_NITS).contains(nits));
        let (peak, light) = match from.transfer {
            Colour::PQ => {
                let peak = told.unwrap_or(USUAL_PEAK_NITS);
                (peak, Table::new(|value| (pq_to_nits(value) / peak).min(1.0)))
            }
            Colour::HLG => (HLG_PEAK_NITS, Table::new(hlg_to_scene)),
            _ => return None,
        };
        let gain = Table::new(|root| {
            // At 0 the limit; the curve starts as a straight line.
            let nits = (root * root).max(1e-9) * peak;
            tone(nits, peak) / nits / SDR_WHITE_NITS
        });
        let gamma = Table::new(|root| (root * root).powf(1.0 / 2.4));
        Some(Self { from, light, gain, gamma, peak: peak as f32 })
    }

    /// What comes out of pictures whose colour is `from`.
    pub fn colour() -> Colour {
        Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 }
    }

    /// Whether primaries are those of BT.2020.
    pub(super) fn is_wide(&self) -> bool {
        self.from.primaries == 9 || self.from.matrix == Matrix::Bt2020
    }

    /// RGB of BT.709 of non-linear RGB.
    #[inline]
    pub fn map(&self, rgb: [f32; 3]) -> [f32; 3] {
        let mut nits = rgb.map(|value| self.light.at(value));
        let scale = match self.from.transfer {
            Colour::HLG => {
                let luma = LUMA[0] * nits[0] + LUMA[1] * nits[1] + LUMA[2] * nits[2];
                self.peak * luma.max(1e-9).powf(HLG_GAMMA as f32 - 1.0)
            }
            _ => self.peak,
        };
        nits = nits.map(|value| value * scale);
        let most = nits[0].max(nits[1]).max(nits[2]);
        let gain = self.gain.at((most / self.peak).sqrt());
        let linear = nits.map(|value| value * gain);
        let linear = match self.is_wide() {
            true => TO_709.map(|row| row[0] * linear[0] + row[1] * linear[1] + row[2] * linear[2]),
            false => linear,
        };
        linear.map(|value| self.gamma.at(value.clamp(0.0, 1.0).sqrt()))
    }

    /// The picture in standard range, of the same depth.
    pub fn picture(&self, picture: &Picture) -> Picture {
        let samples = match &picture.samples {
            Samples::Eight(planes) => Samples::Eight(self.planes(planes, picture)),
            Samples::Sixteen(planes) => Samples::Sixteen(self.planes(planes, picture)),
        };
        let Picture { pts, size, depth, .. } = *picture;
        Picture { pts, size, depth, colour: Self::colour(), samples }
    }

    fn planes<T: Sample>(&self, planes: &Yuv420<T>, picture: &Picture) -> Yuv420<T> {
        let Picture { size, depth, colour, .. } = *picture;
        let to_rgb = ToRgb::new(colour.matrix, colour.range, depth);
        let from_rgb = FromRgb::new(Matrix::Bt709, Range::Limited, depth);
        let top = ((1u32 << depth) - 1) as f32;
        let round = |code: f32| T::from_code((code + 0.5).clamp(0.0, top) as u16);
        let mut out = Yuv420::<T>::new(size);
        let cells = size.chroma();
        let rows = out.y.data.par_chunks_mut(2 * size.width);
        let rows = rows.zip(out.u.data.par_chunks_mut(cells.width));
        rows.zip(out.v.data.par_chunks_mut(cells.width)).enumerate().for_each(|(row, ((luma, cb), cr))| {
            let (u, v) = (planes.u.row(row), planes.v.row(row));
            for x in 0..cells.width {
                let (u, v) = (f32::from(u[x].code()), f32::from(v[x].code()));
                let (mut sums, mut count) = ([0.0; 2], 0.0);
                for y in 2 * row..(2 * row + 2).min(size.height) {
                    for x in 2 * x..(2 * x + 2).min(size.width) {
                        let rgb = to_rgb.rgb(f32::from(planes.y.row(y)[x].code()), u, v);
                        let codes = from_rgb.codes(self.map(rgb));
                        luma[(y - 2 * row) * size.width + x] = round(codes[0]);
                        sums = [sums[0] + codes[1], sums[1] + codes[2]];
                        count += 1.0;
                    }
                }
                (cb[x], cr[x]) = (round(sums[0] / count), round(sums[1] / count));
            }
        });
        out
    }
}
