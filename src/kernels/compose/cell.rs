//! The sums of a 2x2 cell: what chroma and bled colour are made of.
//!
//! Pixels are added in f32 in row order, then the sums are rounded once to integers, in which all
//! adding over neighbours is exact. Bounds: `alpha` at most 4 * 255 a cell, a weighted code at most
//! 16 * 255 times that, 25 cells and the factor 8 of [`Cell::code`] still fit in 32 bits.
#![forbid(unsafe_code)]

use std::ops::Add;

/// `alpha8` and codes of a cell's pixels, summed while its rows go by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    alpha: f32,
    codes: [f32; 3],
}

impl Sums {
    /// Adds a visible pixel with its codes Y, U, V, neither rounded nor clamped.
    #[inline]
    pub fn add(&mut self, alpha8: u8, codes: [f32; 3]) {
        let weight = f32::from(alpha8);
        self.alpha += weight;
        for (sum, code) in self.codes.iter_mut().zip(codes) {
            *sum += weight * code;
        }
    }

    /// The sums as integers, codes in 16ths; means are clamped to 0..=255.
    #[inline]
    pub fn finish(self) -> Cell {
        let most = 255.0 * self.alpha;
        let [y, u, v] = self.codes.map(|sum| (sum.max(0.0).min(most) * 16.0 + 0.5) as u32);
        Cell { alpha: self.alpha as u32, y, u, v }
    }
}

/// Sums over one or more cells; colours are in 16ths of a code, times `alpha8`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Sum of `alpha8`; 0 where nothing is visible.
    pub alpha: u32,
    /// Weighted sum of luma codes.
    pub y: u32,
    /// Weighted sum of Cb codes.
    pub u: u32,
    /// Weighted sum of Cr codes.
    pub v: u32,
}

impl Cell {
    /// The 8-bit code of `weighted`, one of this cell's sums: `floor(mean + threshold / 128)`.
    /// `alpha` must not be 0.
    #[inline]
    pub fn code(self, weighted: u32, threshold: u32) -> u8 {
        ((8 * weighted + threshold * self.alpha) / (128 * self.alpha)).min(255) as u8
    }
}

impl Add for Cell {
    type Output = Self;
    #[inline]
    fn add(self, o: Self) -> Self {
        Self { alpha: self.alpha + o.alpha, y: self.y + o.y, u: self.u + o.u, v: self.v + o.v }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_round_as_told() {
        let mut sums = Sums::default();
        sums.add(255, [10.0, 100.0, 200.0]);
        sums.add(85, [14.0, 104.0, 200.0]);
        let cell = sums.finish();
        assert_eq!(cell, Cell { alpha: 340, y: 16 * 3740, u: 16 * 34340, v: 16 * 68000 });
        assert_eq!([64, 127, 1].map(|t| cell.code(cell.u, t)), [101, 101, 101]);
        let half = Cell { alpha: 2, y: 16 * 2 * 7 + 16, u: 0, v: 0 };
        assert_eq!([63, 64, 1, 127].map(|t| half.code(half.y, t)), [7, 8, 7, 8]);
    }

    /// The largest sums that 5x5 cells can reach stay exact and do not overflow.
    #[test]
    fn a_full_neighbourhood_fits() {
        let mut sums = Sums::default();
        (0..4).for_each(|_| sums.add(255, [255.0; 3]));
        let all = (0..25).fold(Cell::default(), |sum, _| sum + sums.finish());
        assert_eq!(all.alpha, 25 * 1020);
        assert_eq!([1, 64, 127].map(|t| all.code(all.y, t)), [255; 3]);
    }
}
