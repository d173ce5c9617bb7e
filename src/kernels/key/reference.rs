//! The keyer itself: distance from the key colour to alpha, and spill out of what remains.
#![forbid(unsafe_code)]

use super::{KeyColour, KeyParameters};
use crate::frame::{Matrix, Range};
use crate::kernels::Error;
use crate::kernels::colour::FromRgb;
use crate::kernels::compose::{Pixel, Shade, settle};

/// Brightness, relative to the key, below which a pixel's chroma is no longer scaled up: darker
/// ones count as ever less screen, so that black hair does not vanish.
const DARKEST: f32 = 0.5;
/// Least chroma of a key: about a third of a common green fabric's in full light (0.24).
const LEAST_CHROMA: f32 = 0.08;

/// Chroma of a colour, both axes -0.5 to 0.5 (E'Cb and E'Cr of H.273).
pub(super) fn chroma(weights: &FromRgb, rgb: [f32; 3]) -> [f32; 2] {
    let luma = weights.luma(rgb);
    // With full range at 8 bits the scales are 255 codes per unit.
    [(rgb[2] - luma) * weights.u_scale / 255.0, (rgb[0] - luma) * weights.v_scale / 255.0]
}

/// The luma weights and chroma scales that [`chroma`] wants.
pub(super) fn chroma_scales(matrix: Matrix) -> FromRgb {
    FromRgb::new(matrix, Range::Full, 8)
}

/// A key made ready for the pictures of one matrix. A plain value, also for a CUDA launch.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChromaKey {
    weights: FromRgb,
    /// Chroma of the key divided by the square of its length.
    axis: [f32; 2],
    /// Inverse of the key's largest component.
    inverse_value: f32,
    inner: f32,
    /// Alpha per distance.
    slope: f32,
    spill: f32,
    /// Index of the key's largest component.
    component: u32,
}

impl ChromaKey {
    /// The key of `parameters` for pictures with `matrix`.
    ///
    /// # Errors
    /// [`Error::Tolerance`] or [`Error::GreyKey`] when the parameters make no key.
    pub fn new(parameters: &KeyParameters, matrix: Matrix) -> Result<Self, Error> {
        let KeyParameters { colour, inner, outer, spill } = *parameters;
        if !(inner >= 0.0 && inner < outer && outer.is_finite() && (0.0..=1.0).contains(&spill)) {
            return Err(Error::Tolerance { inner, outer, spill });
        }
        let KeyColour(bytes) = colour;
        let rgb = bytes.map(|c| f32::from(c) / 255.0);
        let weights = chroma_scales(matrix);
        let [cb, cr] = chroma(&weights, rgb);
        let length = cb.hypot(cr);
        if length < LEAST_CHROMA {
            return Err(Error::GreyKey { colour: colour.to_string(), chroma: length, needed: LEAST_CHROMA });
        }
        let component = (0..3).fold(0, |best, c| if rgb[c] > rgb[best] { c } else { best });
        Ok(Self {
            weights,
            axis: [cb / (length * length), cr / (length * length)],
            inverse_value: 1.0 / rgb[component],
            inner,
            slope: 1.0 / (outer - inner),
            spill,
            component: component as u32,
        })
    }

    /// Distance of `rgb` from the screen: 0 on it, about 1 on grey.
    #[inline]
    pub fn distance(&self, rgb: [f32; 3]) -> f32 {
        let [cb, cr] = chroma(&self.weights, rgb);
        let value = rgb[0].max(rgb[1]).max(rgb[2]);
        let scale = 1.0 / (value * self.inverse_value).clamp(DARKEST, 1.0);
        let along = (cb * self.axis[0] + cr * self.axis[1]) * scale;
        let across = (cb * self.axis[1] - cr * self.axis[0]) * scale;
        let short = 1.0 - along.min(1.0);
        (short * short + across * across).sqrt()
    }

    /// `rgb` without the key's spill, its luma kept.
    #[inline]
    fn without_spill(&self, rgb: [f32; 3], alpha: f32) -> [f32; 3] {
        let key = self.component as usize;
        let (p, q) = (rgb[(key + 1) % 3], rgb[(key + 2) % 3]);
        let mean = (p + q) * 0.5;
        let limit = mean + (p.max(q) - mean) * alpha;
        let excess = (rgb[key] - limit).max(0.0) * self.spill;
        if excess == 0.0 {
            return rgb;
        }
        let luma = excess * self.weights.luma_weights[key];
        std::array::from_fn(|c| {
            let taken = if c == key { excess } else { 0.0 };
            settle(rgb[c] - taken + luma, rgb[c])
        })
    }
}

impl Shade for ChromaKey {
    type Row = ();

    fn begin_row(&self, (): &mut (), _eye: usize, _y: usize) {}

    #[inline]
    fn shade(&self, (): &(), _x: usize, rgb: [f32; 3]) -> Pixel {
        let alpha = ((self.distance(rgb) - self.inner) * self.slope).clamp(0.0, 1.0);
        Pixel { rgb: self.without_spill(rgb, alpha), alpha }
    }
}
