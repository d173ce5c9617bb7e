//! Finds the colour of the screen in a picture.
//!
//! A coarse histogram of the chroma plane counts the cells that are saturated and more green or
//! more blue than anything else (the colours that screens have: skin, wood and dresses are left
//! out). Cells near the border of an eye count twice, for people stand in the middle; the black
//! corners of a fisheye picture are grey and do not matter. The peak, taken over 3x3 bins so that
//! it does not fall on a bin's edge, gives the colour as the mean of its cells. All cells of about
//! its hue, shaded ones included, must cover a fifth of the picture. One thread, f64, fixed order.
#![forbid(unsafe_code)]

use super::reference::{chroma, chroma_scales};
use super::{KeyColour, KeyParameters};
use crate::frame::{Picture, Plane, Rect, Sample, Samples, Yuv420};
use crate::kernels::colour::{FromRgb, ToRgb};
use crate::kernels::{Error, check};

/// Bins along each axis of the chroma plane: 1/32 wide, so that a peak of 3x3 bins spans the noise
/// of a screen but not two screens.
const BINS: usize = 32;
/// Chroma from which a cell counts as coloured: a green fabric at 40 % of full light.
const SATURATED: f32 = 0.1;
/// How much the key component must exceed both others.
const MARGIN: f32 = 0.06;
/// Weighted share of the cells that must have about the screen's hue.
const NEEDED: f64 = 0.2;
/// Cosine of the angle within which chroma counts as the same hue: 20 degrees.
const SAME_HUE: f64 = 0.94;
/// Cells looked at per eye, at most about this many along each axis.
const GRID: usize = 512;
/// Width of the border, as a fraction (1/8) of the eye's side.
const BORDER: usize = 8;

/// Weight and weighted sums of R, G, B of the cells in a bin.
type Bin = [f64; 4];

impl KeyParameters {
    /// Default tolerances with the colour of the screen seen in `picture`.
    ///
    /// # Errors
    /// [`Error::NoScreen`] when no green or blue covers enough of it; others when the picture or
    /// an eye is not sound.
    pub fn pick(picture: &Picture, eyes: &[Rect]) -> Result<Self, Error> {
        check::picture(picture)?;
        check::eyes(picture.size, eyes)?;
        let scales = chroma_scales(picture.colour.matrix);
        let to_rgb = ToRgb::new(picture.colour.matrix, picture.colour.range, picture.depth);
        let mut histogram = Histogram { bins: vec![[0.0; 4]; BINS * BINS], total: 0.0 };
        for &eye in eyes {
            match &picture.samples {
                Samples::Eight(yuv) => histogram.count(yuv, eye, &to_rgb, &scales),
                Samples::Sixteen(yuv) => histogram.count(yuv, eye, &to_rgb, &scales),
            }
        }
        let (colour, share) =
            histogram.peak(&scales).ok_or(Error::NoScreen { share: 0.0, needed: NEEDED })?;
        if share < NEEDED {
            return Err(Error::NoScreen { share, needed: NEEDED });
        }
        Ok(Self::new(KeyColour(colour.map(|c| (c * 255.0 + 0.5) as u8))))
    }
}

struct Histogram {
    /// `BINS` rows of Cr by `BINS` columns of Cb.
    bins: Vec<Bin>,
    /// Weight of all cells, coloured or not.
    total: f64,
}

impl Histogram {
    fn count<T: Sample>(&mut self, yuv: &Yuv420<T>, eye: Rect, to_rgb: &ToRgb, scales: &FromRgb) {
        let (width, height) = (eye.size.width, eye.size.height);
        // Steps in luma pixels, even, so that each pixel stands for its own cell.
        let step = |len: usize| 2 * len.div_ceil(2 * GRID);
        let bin = |c: f32| (((c + 0.5) * BINS as f32) as usize).min(BINS - 1);
        let outer = |at: usize, len: usize| at < len / BORDER || at >= len - len / BORDER;
        for y in (0..height).step_by(step(height)) {
            for x in (0..width).step_by(step(width)) {
                let weight = if outer(x, width) || outer(y, height) { 2.0 } else { 1.0 };
                self.total += weight;
                let (px, py) = (eye.x + x, eye.y + y);
                let chroma_at = |plane: &Plane<T>| f32::from(plane.row(py / 2)[px / 2].code());
                let luma = f32::from(yuv.y.row(py)[px].code());
                let rgb = to_rgb.rgb(luma, chroma_at(&yuv.u), chroma_at(&yuv.v)).map(|c| c.clamp(0.0, 1.0));
                let [cb, cr] = chroma(scales, rgb);
                let [r, g, b] = rgb;
                let keyed = g > r.max(b) + MARGIN || b > r.max(g) + MARGIN;
                if cb.hypot(cr) < SATURATED || !keyed {
                    continue;
                }
                let bin = &mut self.bins[bin(cr) * BINS + bin(cb)];
                for (sum, value) in bin.iter_mut().zip([1.0, r, g, b]) {
                    *sum += weight * f64::from(value);
                }
            }
        }
    }

    /// Mean colour of the 3x3 bins that hold most, and the share of all cells of about its hue.
    fn peak(&self, scales: &FromRgb) -> Option<([f64; 3], f64)> {
        let around = |index: usize| -> Bin {
            let (x, y) = (index % BINS, index / BINS);
            let mut sum = [0.0; 4];
            for y in y.saturating_sub(1)..(y + 2).min(BINS) {
                for bin in &self.bins[y * BINS + x.saturating_sub(1)..y * BINS + (x + 2).min(BINS)] {
                    sum.iter_mut().zip(bin).for_each(|(sum, value)| *sum += value);
                }
            }
            sum
        };
        let best = (0..BINS * BINS)
            .map(around)
            .fold([0.0; 4], |best, bin| if bin[0] > best[0] { bin } else { best });
        let (colour, key) = mean(&best, scales)?;
        let same_hue = |bin: &&Bin| {
            mean(bin, scales).is_some_and(|(_, c)| {
                let dot = c[0] * key[0] + c[1] * key[1];
                dot >= SAME_HUE * c[0].hypot(c[1]) * key[0].hypot(key[1])
            })
        };
        let covered: f64 = self.bins.iter().filter(same_hue).map(|bin| bin[0]).sum();
        Some((colour, covered / self.total))
    }
}

/// Mean colour of a bin and its chroma; `None` when the bin is empty.
fn mean(&[weight, r, g, b]: &Bin, scales: &FromRgb) -> Option<([f64; 3], [f64; 2])> {
    if weight == 0.0 {
        return None;
    }
    let colour = [r / weight, g / weight, b / weight];
    Some((colour, chroma(scales, colour.map(|c| c as f32)).map(f64::from)))
}
