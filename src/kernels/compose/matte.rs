//! Shading by the network's coefficients: `[res, alpha] = up(A) * [r, g, b, gray] + up(b)`.
//!
//! `up` is bilinear with half-pixel centres from the size of the maps to the size of the eye. It
//! runs down the columns once per row of the eye, for all eight maps together, then along the row
//! for each pixel. The network saw RGB clamped to `[0, 1]`, so its result is worked out from that and
//! clamped in turn; what the input was out of gamut by (codes of real video often are, because chroma
//! is shared by four pixels) is added back, so that a pixel left alone keeps its codes.
#![forbid(unsafe_code)]

use super::{Pixel, Shade};
use crate::frame::Rect;
use crate::kernels::bilinear::{Tap, enlarge, enlarge_between, mix};
use crate::kernels::{Error, check};
use crate::tensor::{Coefficients, Tensor};

/// Coefficients of a frame with the tables that enlarge them to its eyes.
#[derive(Debug)]
pub struct Matte<'a> {
    coefficients: &'a Coefficients,
    /// Columns and rows of each eye.
    taps: Vec<(Vec<Tap>, Vec<Tap>)>,
}

impl<'a> Matte<'a> {
    /// The shade of a frame whose eyes are `eyes`; both maps are `[eyes, 4, h, w]`.
    ///
    /// # Errors
    /// [`Error::Shape`] when a map has another shape or is empty.
    pub fn new(coefficients: &'a Coefficients, eyes: &[Rect]) -> Result<Self, Error> {
        let [_, _, height, width] = coefficients.a.shape;
        let expected = [eyes.len(), 4, height.max(1), width.max(1)];
        for (what, map) in [("slope A", &coefficients.a), ("intercept b", &coefficients.b)] {
            check::shape(what, &expected, &map.shape)?;
            check::shape(what, &[expected.iter().product()], &[map.data.len()])?;
        }
        let taps = |eye: &Rect| (enlarge(width, eye.size.width), enlarge(height, eye.size.height));
        Ok(Self { coefficients, taps: eyes.iter().map(taps).collect() })
    }

    /// As [`Matte::new`], of maps that go on for `margin` columns beyond each side of the eye: interpolation
    /// at the sides has a neighbour there.
    ///
    /// # Errors
    /// [`Error::Shape`] as there, and when nothing lies between the margins.
    pub fn with_margin(coefficients: &'a Coefficients, eyes: &[Rect], margin: usize) -> Result<Self, Error> {
        let mut matte = Self::new(coefficients, eyes)?;
        let padded = coefficients.a.shape[3];
        let width = padded.saturating_sub(2 * margin);
        check::shape("maps between their margins", &[width.max(1)], &[width])?;
        for (eye, (columns, _)) in eyes.iter().zip(&mut matte.taps) {
            *columns = enlarge_between(width, margin, eye.size.width);
        }
        Ok(matte)
    }
}

/// A row of the eight maps (A then b), enlarged downwards but not yet along the row.
#[derive(Debug, Default)]
pub struct MatteRow {
    eye: usize,
    maps: Vec<[f32; 8]>,
}

impl<'a> Shade for Matte<'a> {
    type Row = MatteRow;

    fn begin_row(&self, row: &mut MatteRow, eye: usize, y: usize) {
        let Coefficients { a, b } = self.coefficients;
        let width = a.shape[3];
        let tap = self.taps[eye].1[y];
        let (top, bottom) = tap.pair();
        row.eye = eye;
        row.maps.resize(width, [0.0; 8]);
        let line = |map: &'a Tensor, channel: usize, y: usize| -> &'a [f32] {
            &map.channel(eye, channel)[y * width..(y + 1) * width]
        };
        for lane in 0..8 {
            let (map, channel) = if lane < 4 { (a, lane) } else { (b, lane - 4) };
            let (upper, lower) = (line(map, channel, top), line(map, channel, bottom));
            for ((out, &upper), &lower) in row.maps.iter_mut().zip(upper).zip(lower) {
                out[lane] = mix(upper, lower, tap.weight);
            }
        }
    }

    #[inline]
    fn shade(&self, row: &MatteRow, x: usize, rgb: [f32; 3]) -> Pixel {
        let tap = self.taps[row.eye].0[x];
        let (left, right) = tap.pair();
        let (left, right) = (&row.maps[left], &row.maps[right]);
        let k: [f32; 8] = std::array::from_fn(|i| mix(left[i], right[i], tap.weight));
        let seen = rgb.map(|c| c.clamp(0.0, 1.0));
        let gray = (seen[0] + seen[1] + seen[2]) / 3.0;
        let changed = |c: usize| (seen[c] + (k[c] * seen[c] + k[4 + c])).clamp(0.0, 1.0);
        Pixel { rgb: std::array::from_fn(|c| rgb[c] + (changed(c) - seen[c])), alpha: k[3] * gray + k[7] }
    }
}
