//! A matte as grey: the luma code of each alpha, in the range of a stream, beside flat chroma.
//!
//! What players and editors show of such a video is `R = G = B = alpha / 255` whatever the matrix, because
//! colourless codes mean the same in all of them. `code = floor + (span * alpha + 127) / 255` with 16 and 219 in
//! limited range, 0 and 255 in full range (H.273, equations 20 and 26).
#![forbid(unsafe_code)]

use crate::frame::Range;

/// Chroma that is no colour.
pub(crate) const NO_COLOUR: u8 = 128;

/// Luma codes of alpha 0 to 255.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grey([u8; 256]);

impl Grey {
    /// The codes of a stream in this range.
    pub fn new(range: Range) -> Self {
        let (floor, span) = match range {
            Range::Limited => (16, 219),
            Range::Full => (0, 255),
        };
        Self(std::array::from_fn(|alpha| (floor + (span * alpha + 127) / 255) as u8))
    }

    /// The code of an alpha.
    #[inline]
    pub fn code(&self, alpha: u8) -> u8 {
        self.0[usize::from(alpha)]
    }

    /// The codes of alpha 0 and 255, which no other alpha has.
    pub fn ends(&self) -> [u8; 2] {
        [self.0[0], self.0[255]]
    }

    /// The code of nothing.
    pub fn black(&self) -> u8 {
        self.0[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_middle_are_those_of_the_range() {
        let limited = Grey::new(Range::Limited);
        assert_eq!([0, 128, 255].map(|a| limited.code(a)), [16, 126, 235]);
        let full = Grey::new(Range::Full);
        assert!((0..=255).all(|a| full.code(a) == a));
        assert_eq!((limited.black(), full.black()), (16, 0));
        for grey in [limited, full] {
            let [clear, opaque] = grey.ends();
            assert!((1..255).all(|a| (clear + 1..opaque).contains(&grey.code(a))));
        }
    }
}
