//! The size at which the network works, and where its pixels lie in an eye.
//!
//! Pure arithmetic in f64; the tables made here are shared by the reference and the CUDA launch.
#![forbid(unsafe_code)]

use crate::frame::{Rect, Size};
use crate::kernels::Error;
use crate::kernels::bilinear::Tap;

/// Size and scale of the picture that the network sees of each eye.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Small side over large side, in (0, 1]. The coordinate step is exactly its inverse.
    pub ratio: f64,
    /// Extent of the small picture.
    pub size: Size,
}

impl Stage {
    /// The stage of an eye: `floor(height * ratio) x floor(width * ratio)`.
    ///
    /// # Errors
    /// [`Error::Stage`] when the ratio is not in (0, 1] or the stage would be empty.
    pub fn of(eye: Size, ratio: f64) -> Result<Self, Error> {
        let small = |len: usize| (len as f64 * ratio).floor() as usize;
        let stage = Self { ratio, size: Size::new(small(eye.width), small(eye.height)) };
        stage.check()?;
        Ok(stage)
    }

    /// The ratio lies in (0, 1] and there is at least one pixel.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.ratio > 0.0 && self.ratio <= 1.0 && self.size.width > 0 && self.size.height > 0 {
            return Ok(());
        }
        Err(Error::Stage { ratio: self.ratio, size: self.size })
    }

    /// Position of pixel `i` of the stage in pixels of an eye `len` long, clamped to it.
    pub(super) fn position(&self, i: usize, len: usize) -> f64 {
        ((i as f64 + 0.5) / self.ratio - 0.5).clamp(0.0, (len - 1) as f64)
    }
}

/// Where the columns and rows of a stage lie in the planes of a frame, for one eye.
#[derive(Clone, Debug, PartialEq)]
pub struct EyeTaps {
    /// Columns in the luma plane, one per column of the stage.
    pub luma_columns: Vec<Tap>,
    /// Columns in the chroma planes.
    pub chroma_columns: Vec<Tap>,
    /// Rows in the luma plane, one per row of the stage.
    pub luma_rows: Vec<Tap>,
    /// Rows in the chroma planes.
    pub chroma_rows: Vec<Tap>,
}

impl EyeTaps {
    /// Tables for `eye`, which lies inside a frame of size `frame`.
    pub fn new(stage: &Stage, frame: Size, eye: Rect) -> Self {
        let Size { width, height } = eye.size;
        let (luma_columns, chroma_columns) = axis(stage, stage.size.width, eye.x, width, frame.width, 0.0);
        let (luma_rows, chroma_rows) = axis(stage, stage.size.height, eye.y, height, frame.height, 0.5);
        Self { luma_columns, chroma_columns, luma_rows, chroma_rows }
    }
}

/// Luma and chroma taps along an axis; the first chroma sample sits at luma position `siting`.
fn axis(
    stage: &Stage,
    count: usize,
    start: usize,
    len: usize,
    frame: usize,
    siting: f64,
) -> (Vec<Tap>, Vec<Tap>) {
    let (first, last) = own_chroma(start, len, frame);
    let position = |i| start as f64 + stage.position(i, len);
    let luma = (0..count).map(|i| Tap::at(position(i), start, start + len - 1)).collect();
    let chroma = (0..count).map(|i| Tap::at((position(i) - siting) / 2.0, first, last)).collect();
    (luma, chroma)
}

/// First and last chroma sample whose 2x2 cell lies wholly in `start..start + len`; half cells at
/// the end of the frame count as whole. An eye that has none (1 pixel wide) takes those it touches.
fn own_chroma(start: usize, len: usize, frame: usize) -> (usize, usize) {
    let end = start + len;
    let first = start.div_ceil(2);
    let past = if end == frame { end.div_ceil(2) } else { end / 2 };
    if first < past { (first, past - 1) } else { (start / 2, (end - 1) / 2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_round_down_and_refuse_nonsense() {
        let of = |w, h, ratio| Stage::of(Size::new(w, h), ratio).map(|s| s.size);
        assert_eq!(of(3840, 3840, 512.0 / 3840.0), Ok(Size::new(512, 512)));
        assert_eq!(of(197, 181, 0.5), Ok(Size::new(98, 90)));
        for ratio in [0.0, -1.0, 1.5, f64::NAN, f64::INFINITY, 1e-9] {
            assert!(of(100, 100, ratio).is_err(), "{ratio}");
        }
    }

    #[test]
    fn chroma_shared_by_two_eyes_belongs_to_neither() {
        assert_eq!(own_chroma(0, 8, 16), (0, 3));
        assert_eq!(own_chroma(8, 8, 16), (4, 7));
        assert_eq!(own_chroma(0, 5, 11), (0, 1));
        assert_eq!(own_chroma(5, 6, 11), (3, 5));
        assert_eq!(own_chroma(0, 1, 2), (0, 0));
        assert_eq!(own_chroma(1, 1, 2), (1 / 2, 0));
    }
}
