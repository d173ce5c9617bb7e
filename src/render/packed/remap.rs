//! Samples of a source plane at places of the table: bilinear, or the mean of a run of them. Whole numbers only, and
//! every sum fits 32 bits but the weighted one.
//!
//! With `column = 256 c + f` the first sample's place (the middle less `128 (run - 1)`) and weights
//! `w = 256 - f, 256, ..., 256, f` over `run + 1` columns, twice, for rows weighted `256 - g` and `g`:
//!
//! ```text
//! plain     (sum w g p + 32768 run) / (65536 run)
//! weighted  (sum w g a p + half) / (sum w g a)          a: alpha there; plain where all a are 0
//! ```
//! Taps beyond the eye are those of its border. Compose goes on with the colour of an edge for four pixels, so that
//! a plain sample at what is visible finds no black; a long run may reach further, and is weighted.
#![forbid(unsafe_code)]

use super::table::ONE;
use crate::frame::Rect;
use crate::vp9::PlaneRef;

/// The part of a plane that belongs to an eye.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    plane: PlaneRef<'a>,
    /// First and last column, first and last row.
    columns: [i32; 2],
    rows: [i32; 2],
}

/// The taps of a run: first column, weight of what lies behind it, upper row, weight of the lower one.
struct Taps {
    first: i32,
    part: u32,
    row: i32,
    lower: u32,
}

/// Whole pixels of a place, rounded down, and the 256ths beyond.
#[inline]
fn split(place: i32) -> (i32, u32) {
    (place.div_euclid(ONE as i32), place.rem_euclid(ONE as i32) as u32)
}

impl<'a> Source<'a> {
    /// A luma or alpha plane.
    pub(super) fn full(plane: PlaneRef<'a>, eye: Rect) -> Self {
        Self::within(plane, [eye.x, eye.x + eye.size.width - 1], [eye.y, eye.y + eye.size.height - 1])
    }

    /// A chroma plane: the cells that have a pixel of the eye.
    pub(super) fn half(plane: PlaneRef<'a>, eye: Rect) -> Self {
        let [right, bottom] = [eye.x + eye.size.width - 1, eye.y + eye.size.height - 1];
        Self::within(plane, [eye.x / 2, right / 2], [eye.y / 2, bottom / 2])
    }

    fn within(plane: PlaneRef<'a>, columns: [usize; 2], rows: [usize; 2]) -> Self {
        let signed = |ends: [usize; 2]| ends.map(|end| end as i32);
        Self { plane, columns: signed(columns), rows: signed(rows) }
    }

    /// A bilinear sample at (`column`, `row`), in 256ths in the plane. Most of the work of a frame is here.
    #[inline(always)]
    pub(super) fn sample(&self, column: i32, row: i32) -> u8 {
        let ((x, f), (y, g)) = (split(column), split(row));
        let is_inside = self.columns[0] <= x && x < self.columns[1] && self.rows[0] <= y && y < self.rows[1];
        let [upper, lower] = if is_inside {
            let stride = self.plane.stride;
            let taps = &self.plane.data[y as usize * stride + x as usize..][..stride + 2];
            [[taps[0], taps[1]], [taps[stride], taps[stride + 1]]]
        } else {
            self.border(x, y)
        };
        let across = |[left, right]: [u8; 2]| (ONE - f) * u32::from(left) + f * u32::from(right);
        let sum = (ONE - g) * across(upper) + g * across(lower);
        ((sum + ONE * ONE / 2) / (ONE * ONE)) as u8
    }

    #[cold]
    fn border(&self, x: i32, y: i32) -> [[u8; 2]; 2] {
        [y, y + 1].map(|y| [x, x + 1].map(|x| self.line(y)[self.column(x)]))
    }

    #[inline]
    fn column(&self, x: i32) -> usize {
        x.clamp(self.columns[0], self.columns[1]) as usize
    }

    #[inline]
    fn line(&self, row: i32) -> &'a [u8] {
        self.plane.row(row.clamp(self.rows[0], self.rows[1]) as usize)
    }

    /// The taps of a run around (`column`, `row`).
    #[inline]
    fn taps(column: i32, row: i32, run: u32) -> Taps {
        let (first, part) = split(column - ONE as i32 / 2 * (run as i32 - 1));
        let (row, lower) = split(row);
        Taps { first, part, row, lower }
    }

    /// The mean of a run of samples.
    #[inline]
    pub(super) fn plain(&self, column: i32, row: i32, run: u32) -> u8 {
        if run == 1 { self.sample(column, row) } else { self.mean(column, row, run) }
    }

    fn mean(&self, column: i32, row: i32, run: u32) -> u8 {
        let Taps { first, part, row, lower } = Self::taps(column, row, run);
        let across = |y: i32| {
            let line = self.line(y);
            let mut sum = 0;
            weights(run, part, |step, weight| sum += weight * u32::from(line[self.column(first + step)]));
            sum
        };
        let sum = (ONE - lower) * across(row) + lower * across(row + 1);
        let whole = ONE * ONE * run;
        ((sum + whole / 2) / whole) as u8
    }

    /// The mean of a run of samples by the alpha that `alpha` tells of each, given column and row of the plane.
    #[inline]
    pub(super) fn weighted(&self, alpha: impl Fn(usize, i32) -> u32, column: i32, row: i32, run: u32) -> u8 {
        if run == 1 { self.sample(column, row) } else { self.weighted_mean(alpha, column, row, run) }
    }

    fn weighted_mean(&self, alpha: impl Fn(usize, i32) -> u32, column: i32, row: i32, run: u32) -> u8 {
        let Taps { first, part, row, lower } = Self::taps(column, row, run);
        // Sums along a row fit 32 bits: 256 * 1020 * 255 for each of 16.
        let across = |y: i32| {
            let line = self.line(y);
            let (mut sum, mut whole) = (0, 0);
            weights(run, part, |step, weight| {
                let x = self.column(first + step);
                let weight = weight * alpha(x, y);
                whole += weight;
                sum += weight * u32::from(line[x]);
            });
            [sum, whole].map(u64::from)
        };
        let (upper, under) = (across(row), across(row + 1));
        let [sum, whole] = [0, 1].map(|at| u64::from(ONE - lower) * upper[at] + u64::from(lower) * under[at]);
        let mean = (sum + whole / 2).checked_div(whole);
        mean.map_or_else(|| self.mean(column, (row * ONE as i32) + lower as i32, run), |mean| mean as u8)
    }

    /// The value at a column and row, that of the border beyond it.
    #[inline]
    pub(super) fn at(&self, x: usize, y: i32) -> u32 {
        self.line(y)[self.column(x as i32)].into()
    }

    /// The sum of the four values of a cell of chroma.
    pub(super) fn sum_of_cell(&self, x: usize, y: i32) -> u32 {
        let (x, y) = (2 * x, 2 * y);
        self.at(x, y) + self.at(x + 1, y) + self.at(x, y + 1) + self.at(x + 1, y + 1)
    }
}

/// Calls `tap` with number and weight of each of the `run + 1` taps of a row.
#[inline(always)]
fn weights(run: u32, part: u32, mut tap: impl FnMut(i32, u32)) {
    tap(0, ONE - part);
    (1..run).for_each(|step| tap(step as i32, ONE));
    tap(run as i32, part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Plane, Size};

    fn row(values: &[u8]) -> Plane<u8> {
        Plane { size: Size::new(values.len(), 1), stride: values.len(), data: values.to_vec() }
    }

    fn all(plane: &Plane<u8>) -> Source<'_> {
        Source::full(plane.into(), Rect { x: 0, y: 0, size: plane.size })
    }

    #[test]
    fn samples_by_hand() {
        let plane = row(&[0, 100, 200, 50]);
        let source = all(&plane);
        assert_eq!([0, 256, 384, 768].map(|x| source.sample(x, 0)), [0, 100, 150, 50]);
        assert_eq!((source.sample(64, 0), source.sample(-300, 0), source.sample(5000, 200)), (25, 0, 50));
        // Three samples around column 1: (0 + 100 + 200) / 3; two around 1.5: columns 1 and 2.
        assert_eq!((source.plain(256, 0, 3), source.plain(384, 0, 2)), (100, 150));
        // At 1.25, three: 0.75 * 0 + 100 + 200 + 0.25 * 50, over 3 = 104.17.
        assert_eq!(source.plain(320, 0, 3), 104);
    }

    #[test]
    fn a_weighted_run_sees_only_what_is_visible() {
        let (plane, matte) = (row(&[16, 16, 200, 200]), row(&[0, 0, 255, 255]));
        let (source, alpha) = (all(&plane), all(&matte));
        assert_eq!(source.plain(384, 0, 4), 108);
        assert_eq!(source.weighted(|x, y| alpha.at(x, y), 384, 0, 4), 200);
        assert_eq!(source.weighted(|_, _| 0, 384, 0, 4), 108, "nothing visible: as it is");
        assert_eq!(alpha.sum_of_cell(1, 0), 4 * 255);
    }
}
