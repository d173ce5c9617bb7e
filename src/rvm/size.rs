//! Stage size: how small a copy of an eye the network sees, and the ratio that goes with it.
//!
//! `floor(height * ratio) x floor(width * ratio)`, at least one pixel. The ratio is kept beside the
//! size because sampling steps by exactly `1 / ratio` and not by the quotient of the sizes. At
//! ratio 1 the network sees the eye itself and there is no refiner.
#![forbid(unsafe_code)]

/// Size in pixels of an eye, or of the small copy that the network sees.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct StageSize {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// Pixels on the long side of the stage when nothing else is asked for, as published.
pub const DEFAULT_DETAIL: usize = 512;

/// What the network sees of an eye: made from a ratio or a wanted detail, valid from then on.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct Stage {
    ratio: f64,
    size: StageSize,
}

/// A stage that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SizeError {
    /// The ratio is not in (0, 1].
    #[error("ratio must be above 0 and at most 1, got {got}")]
    Ratio {
        /// What was asked for.
        got: f64,
    },
    /// No pixels on the long side.
    #[error("detail must be at least 1 pixel")]
    Detail,
    /// The eye has no pixels.
    #[error("an eye of {width}x{height} has no pixels")]
    Empty {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
}

impl Stage {
    /// The stage whose long side is `detail` pixels, or the whole eye if that is smaller:
    /// the ratio is `min(detail / max(height, width), 1)`.
    ///
    /// The size is worked out in integers. In doubles, `height * (detail / height)` can fall just
    /// short of `detail` and lose a row.
    ///
    /// # Errors
    /// [`SizeError::Detail`] and [`SizeError::Empty`] when a number is 0.
    pub fn from_detail(detail: usize, eye: StageSize) -> Result<Self, SizeError> {
        let long = not_empty(eye)?;
        if detail == 0 {
            return Err(SizeError::Detail);
        }
        if detail >= long {
            return Ok(Self { ratio: 1.0, size: eye });
        }
        let scale = |side: usize| ((side as u128 * detail as u128) / long as u128).max(1) as usize;
        let size = StageSize { height: scale(eye.height), width: scale(eye.width) };
        Ok(Self { ratio: detail as f64 / long as f64, size })
    }

    /// The stage of a ratio, as the original computes it: the floor of a product of doubles.
    ///
    /// # Errors
    /// [`SizeError::Ratio`] outside (0, 1], [`SizeError::Empty`] when a side is 0.
    pub fn from_ratio(ratio: f64, eye: StageSize) -> Result<Self, SizeError> {
        not_empty(eye)?;
        if !(ratio > 0.0 && ratio <= 1.0) {
            return Err(SizeError::Ratio { got: ratio });
        }
        let scale = |side: usize| ((side as f64 * ratio).floor() as usize).clamp(1, side);
        let size = StageSize { height: scale(eye.height), width: scale(eye.width) };
        Ok(Self { ratio, size })
    }

    /// The same with `margin` more columns on either side: what the network is shown of an eye that goes round.
    #[must_use]
    pub fn widened(self, margin: usize) -> Self {
        let StageSize { height, width } = self.size;
        Self { size: StageSize { height, width: width + 2 * margin }, ..self }
    }

    /// Pixels of the stage per pixel of the eye, in (0, 1].
    pub fn ratio(&self) -> f64 {
        self.ratio
    }

    /// Size of the stage.
    pub fn size(&self) -> StageSize {
        self.size
    }

    /// Whether the network sees the eye itself, so that there is nothing to refine.
    pub fn ratio_is_one(&self) -> bool {
        self.ratio == 1.0
    }
}

/// The long side.
fn not_empty(eye: StageSize) -> Result<usize, SizeError> {
    if eye.height == 0 || eye.width == 0 {
        return Err(SizeError::Empty { height: eye.height, width: eye.width });
    }
    Ok(eye.height.max(eye.width))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eye(height: usize, width: usize) -> StageSize {
        StageSize { height, width }
    }

    #[test]
    fn published_recommendations() {
        for (height, width, ratio, expected) in [
            (1080, 1920, 0.25, (270, 480)),
            (2160, 3840, 0.125, (270, 480)),
            (180, 196, 0.5, (90, 98)),
            (181, 197, 0.5, (90, 98)),
            (3, 4000, 0.1, (1, 400)),
        ] {
            let stage = Stage::from_ratio(ratio, eye(height, width)).unwrap();
            assert_eq!((stage.size().height, stage.size().width), expected);
            assert!(!stage.ratio_is_one());
        }
        let vr = Stage::from_detail(DEFAULT_DETAIL, eye(3840, 3840)).unwrap();
        assert_eq!((vr.size(), vr.ratio()), (eye(512, 512), 512.0 / 3840.0));
    }

    #[test]
    fn detail_never_loses_a_pixel_and_never_enlarges() {
        let mut short_in_doubles = 0;
        for long in 1..=8192 {
            for detail in [1, 47, 384, 512, 1000] {
                let stage = Stage::from_detail(detail, eye(long, 1)).unwrap();
                assert_eq!(stage.size(), eye(long.min(detail), 1));
                assert_eq!(stage.ratio_is_one(), detail >= long);
                let doubles = Stage::from_ratio(stage.ratio(), eye(long, 1)).unwrap();
                short_in_doubles += usize::from(doubles.size() != stage.size());
            }
        }
        // The reason for the integers.
        assert!(short_in_doubles > 0);
    }

    #[test]
    fn nonsense_is_refused() {
        for ratio in [0.0, -0.5, 1.000001, f64::NAN, f64::INFINITY] {
            assert!(matches!(Stage::from_ratio(ratio, eye(9, 9)), Err(SizeError::Ratio { .. })));
        }
        assert_eq!(Stage::from_detail(0, eye(9, 9)), Err(SizeError::Detail));
        assert_eq!(Stage::from_detail(5, eye(0, 9)), Err(SizeError::Empty { height: 0, width: 9 }));
        assert!(Stage::from_ratio(1.0, eye(9, 7)).unwrap().ratio_is_one());
        let huge = Stage::from_detail(usize::MAX - 1, eye(usize::MAX, usize::MAX)).unwrap();
        assert_eq!(huge.size().width, usize::MAX - 1);
    }
}
