//! How the views of a stereo video lie in a frame.
//!
//! Pure values; sizes are pixels. Spec of the codes: RFC 9559 §5.1.4.1.28.3.
#![forbid(unsafe_code)]

use crate::frame::{Rect, Size};

/// Arrangement of the eyes in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Packing {
    /// One view.
    Mono,
    /// Two views beside each other, the left eye on the left.
    SideBySide,
    /// Two views beside each other, the right eye on the left.
    SideBySideSwapped,
    /// Two views above each other, the left eye on top.
    TopBottom,
    /// Two views above each other, the right eye on top.
    TopBottomSwapped,
}

impl Packing {
    /// The views in the order in which they lie in the frame (left to right, or top to bottom).
    /// A frame whose side does not divide by two gives the spare column or row to the second view.
    pub fn eyes(self, frame: Size) -> Vec<Rect> {
        let Size { width, height } = frame;
        let rect = |x, y, w, h| Rect { x, y, size: Size::new(w, h) };
        match self {
            Self::Mono => vec![rect(0, 0, width, height)],
            Self::SideBySide | Self::SideBySideSwapped => {
                let half = width / 2;
                vec![rect(0, 0, half, height), rect(half, 0, width - half, height)]
            }
            Self::TopBottom | Self::TopBottomSwapped => {
                let half = height / 2;
                vec![rect(0, 0, width, half), rect(0, half, width, height - half)]
            }
        }
    }

    /// Size of one eye; of two that differ (odd frames) the smaller.
    pub fn eye(self, frame: Size) -> Size {
        match self {
            Self::Mono => frame,
            Self::SideBySide | Self::SideBySideSwapped => Size::new(frame.width / 2, frame.height),
            Self::TopBottom | Self::TopBottomSwapped => Size::new(frame.width, frame.height / 2),
        }
    }

    /// Matroska StereoMode (RFC 9559 §5.1.4.1.28.3).
    pub fn to_stereo_mode(self) -> u8 {
        match self {
            Self::Mono => 0,
            Self::SideBySide => 1,
            Self::TopBottomSwapped => 2,
            Self::TopBottom => 3,
            Self::SideBySideSwapped => 11,
        }
    }

    /// The packing of a Matroska StereoMode; `None` for interlaced, anaglyph and other modes.
    pub fn from_stereo_mode(mode: u64) -> Option<Self> {
        match mode {
            0 => Some(Self::Mono),
            1 => Some(Self::SideBySide),
            2 => Some(Self::TopBottomSwapped),
            3 => Some(Self::TopBottom),
            11 => Some(Self::SideBySideSwapped),
            _ => None,
        }
    }
}

impl std::fmt::Display for Packing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Mono => "mono",
            Self::SideBySide => "side-by-side",
            Self::SideBySideSwapped => "side-by-side, right eye first",
            Self::TopBottom => "top-bottom",
            Self::TopBottomSwapped => "top-bottom, right eye first",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eyes_tile_the_frame_even_when_it_is_odd() {
        for packing in [Packing::Mono, Packing::SideBySide, Packing::TopBottom, Packing::SideBySideSwapped] {
            for size in [Size::new(8, 6), Size::new(7, 5), Size::new(2, 2)] {
                let area: usize = packing.eyes(size).iter().map(|r| r.size.area()).sum();
                assert_eq!(area, size.area(), "{packing} {size}");
            }
        }
    }

    #[test]
    fn stereo_modes_go_there_and_back() {
        for mode in [0u8, 1, 2, 3, 11] {
            assert_eq!(Packing::from_stereo_mode(mode.into()).unwrap().to_stereo_mode(), mode);
        }
        assert_eq!(Packing::from_stereo_mode(15), None);
    }
}
