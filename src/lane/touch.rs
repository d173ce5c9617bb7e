//! What a user changes about a matte, between the network and composing.
//!
//! Growing, shrinking and smoothing are done on the small maps (`kernels::maps`). Cutoff and gamma are a curve on the
//! opacity of each pixel, the last thing before composing: `((alpha - cutoff) / (1 - cutoff)) ^ gamma`.
#![forbid(unsafe_code)]

use crate::kernels::compose::{Pixel, Shade};
use crate::kernels::maps::MapTouch;

/// Changes to a matte; the default changes nothing.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Touch {
    /// Opacity up to which nothing is seen, 0 to below 1.
    pub cutoff: f32,
    /// Above 1 thins soft edges, below 1 thickens them.
    pub gamma: f32,
    /// Pixels of the frame that the matte grows by; below 0 it shrinks.
    pub grow_pixels: f32,
    /// Share of the frame before in each, 0 to below 1.
    pub smooth: f32,
}

impl Default for Touch {
    fn default() -> Self {
        Self { cutoff: 0.0, gamma: 1.0, grow_pixels: 0.0, smooth: 0.0 }
    }
}

impl Touch {
    /// What is changed on the small maps.
    pub fn maps(&self) -> MapTouch {
        MapTouch { grow_pixels: self.grow_pixels, smooth: self.smooth }
    }

    /// Frames after which less than a code of 255 is left of one: so long smoothing reaches back.
    pub fn memory_frames(&self) -> u32 {
        if self.smooth > 0.0 { ((1.0f32 / 255.0).ln() / self.smooth.ln()).ceil() as u32 } else { 0 }
    }

    /// Whether the opacity of pixels is changed.
    pub fn changes_pixels(&self) -> bool {
        self.cutoff != 0.0 || self.gamma != 1.0
    }

    /// The curve.
    #[inline]
    pub fn curve(&self, alpha: f32) -> f32 {
        let stretched = ((alpha.clamp(0.0, 1.0) - self.cutoff) / (1.0 - self.cutoff)).max(0.0);
        if self.gamma == 1.0 { stretched } else { stretched.powf(self.gamma) }
    }
}

impl std::fmt::Display for Touch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cutoff, gamma, grow_pixels, smooth } = self;
        write!(f, "cutoff {cutoff}, gamma {gamma}, grown by {grow_pixels} pixels, smoothed by {smooth}")
    }
}

/// A shade whose opacity goes through the curve.
pub(super) struct Toned<'a, S> {
    pub(super) shade: &'a S,
    pub(super) touch: Touch,
}

impl<S: Shade> Shade for Toned<'_, S> {
    type Row = S::Row;

    fn begin_row(&self, row: &mut S::Row, eye: usize, y: usize) {
        self.shade.begin_row(row, eye, y);
    }

    #[inline]
    fn shade(&self, row: &S::Row, x: usize, rgb: [f32; 3]) -> Pixel {
        let Pixel { rgb, alpha } = self.shade.shade(row, x, rgb);
        Pixel { rgb, alpha: self.touch.curve(alpha) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_by_hand() {
        let touch = |cutoff, gamma| Touch { cutoff, gamma, ..Touch::default() };
        for (touch, alpha, expected) in [
            (Touch::default(), 0.3, 0.3),
            (touch(0.2, 1.0), 0.2, 0.0),
            (touch(0.2, 1.0), 0.6, 0.5),
            (touch(0.2, 1.0), 1.0, 1.0),
            (touch(0.0, 2.0), 0.5, 0.25),
            (touch(0.5, 0.5), 0.625, 0.5),
            (touch(0.2, 2.0), -3.0, 0.0),
            (touch(0.2, 2.0), 9.0, 1.0),
        ] {
            assert!((touch.curve(alpha) - expected).abs() < 1e-6, "{touch} {alpha}");
        }
        assert!(!Touch::default().maps().changes_maps() && !Touch::default().changes_pixels());
    }

    #[test]
    fn smoothing_reaches_back_until_less_than_a_code_is_left() {
        let frames = |smooth| Touch { smooth, ..Touch::default() }.memory_frames();
        assert_eq!([0.0, 0.5, 0.84, 0.95].map(frames), [0, 8, 32, 109]);
        assert!(0.95f32.powi(109) < 1.0 / 255.0 && 0.95f32.powi(108) > 1.0 / 255.0);
    }
}
