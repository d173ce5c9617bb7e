//! One band of the frame: shade its rows into cells, then settle colour where nothing is visible.
//!
//! Mirrors a tile of the CUDA kernel: `cells` is what a block keeps in shared memory, halo included.
#![forbid(unsafe_code)]

use super::cell::{Cell, Sums};
use super::dither::{HALF, threshold};
use super::reference::BAND_ROWS;
use super::{Pixel, Shade};
use crate::frame::{Composite, Rect, Sample, Size, Yuv420};
use crate::kernels::colour::{FromRgb, ToRgb};

/// Cells that colour is bled over in each direction: 4 pixels.
const REACH: usize = 2;
/// Side of an activity block in cells.
const BLOCK_CELLS: usize = Composite::BLOCK / 2;

/// What all bands of a frame share.
pub(super) struct Job<'a, T, S> {
    pub size: Size,
    pub depth: u8,
    pub planes: &'a Yuv420<T>,
    pub eyes: &'a [Rect],
    pub shade: &'a S,
    pub to_rgb: ToRgb,
    pub from_rgb: FromRgb,
}

/// The rows of the output that a band owns.
pub(super) struct Band<'a> {
    pub index: usize,
    pub planes: [&'a mut [u8]; 3],
    pub strides: [usize; 3],
    pub alpha: &'a mut [u8],
    pub alpha_stride: usize,
    pub activity: &'a mut [u8],
    pub activity_stride: usize,
}

/// Memory that a thread uses again for each of its bands.
#[derive(Default)]
pub(super) struct Scratch<R> {
    row: R,
    /// Sums of the row of cells that is being shaded.
    sums: Vec<Sums>,
    /// Cells of the band with `REACH` rows before and after it.
    cells: Vec<Cell>,
    /// For each column, the cells up to `REACH` rows away, with `REACH` empty columns at both ends.
    columns: Vec<Cell>,
    /// Where the rows of the halo go.
    luma: Vec<u8>,
    alpha: Vec<u8>,
}

impl<T: Sample, S: Shade> Job<'_, T, S> {
    /// Fills the rows of `band`.
    pub fn fill(&self, scratch: &mut Scratch<S::Row>, mut band: Band) {
        let cells = self.size.chroma();
        let first = band.index * BAND_ROWS / 2;
        let past = (first + BAND_ROWS / 2).min(cells.height);
        let halo = first.saturating_sub(REACH)..(past + REACH).min(cells.height);
        let rows = halo.len();
        scratch.luma.resize(self.size.width, 0);
        scratch.alpha.resize(self.size.width, 0);
        scratch.cells.resize(rows * cells.width, Cell::default());

        for (i, cell_row) in halo.clone().enumerate() {
            scratch.sums.clear();
            scratch.sums.resize(cells.width, Sums::default());
            for y in 2 * cell_row..(2 * cell_row + 2).min(self.size.height) {
                if (first..past).contains(&cell_row) {
                    let (luma, alpha) = band.line(y - 2 * first, self.size.width);
                    self.shade_line(&mut scratch.row, &mut scratch.sums, y, luma, alpha);
                } else {
                    let (luma, alpha) = (&mut scratch.luma, &mut scratch.alpha);
                    self.shade_line(&mut scratch.row, &mut scratch.sums, y, luma, alpha);
                }
            }
            let row = &mut scratch.cells[i * cells.width..(i + 1) * cells.width];
            row.iter_mut().zip(&scratch.sums).for_each(|(cell, sums)| *cell = sums.finish());
        }

        let blocks = self.size.width.div_ceil(Composite::BLOCK);
        for row in band.activity.chunks_mut(band.activity_stride).take((past - first).div_ceil(BLOCK_CELLS)) {
            row[..blocks].fill(0);
        }
        for cell_row in first..past {
            let own = cell_row - halo.start;
            let near = own.saturating_sub(REACH)..(own + REACH + 1).min(rows);
            scratch.columns.clear();
            scratch.columns.resize(cells.width + 2 * REACH, Cell::default());
            for row in scratch.cells.chunks_exact(cells.width).take(near.end).skip(near.start) {
                for (sum, &cell) in scratch.columns[REACH..].iter_mut().zip(row) {
                    *sum = *sum + cell;
                }
            }
            let own = &scratch.cells[own * cells.width..(own + 1) * cells.width];
            self.settle_row(&mut band, cell_row, first, own, &scratch.columns);
        }
    }

    /// Alpha and, where visible, luma of row `y`; adds its pixels to the sums of their cells.
    fn shade_line(&self, row: &mut S::Row, sums: &mut [Sums], y: usize, luma: &mut [u8], alpha: &mut [u8]) {
        alpha.fill(0);
        let code = |sample: &T| f32::from(sample.code());
        let input = self.planes.y.row(y);
        let (cb, cr) = (self.planes.u.row(y / 2), self.planes.v.row(y / 2));
        for (index, eye) in self.eyes.iter().enumerate() {
            if !(eye.y..eye.y + eye.size.height).contains(&y) {
                continue;
            }
            self.shade.begin_row(row, index, y - eye.y);
            for x in eye.x..eye.x + eye.size.width {
                let rgb = self.to_rgb.rgb(code(&input[x]), code(&cb[x / 2]), code(&cr[x / 2]));
                let Pixel { rgb, alpha: opacity } = self.shade.shade(row, x - eye.x, rgb);
                // A float that is not a number becomes 0: invisible.
                let alpha8 = (opacity.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
                if alpha8 == 0 {
                    continue;
                }
                let codes = self.from_rgb.codes(rgb);
                alpha[x] = alpha8;
                // The conversion clamps.
                luma[x] = (codes[0] + threshold(self.depth, x, y) as f32 / 128.0) as u8;
                sums[x / 2].add(alpha8, codes);
            }
        }
    }

    /// Chroma and activity of a row of cells, and luma of its pixels that are not visible.
    fn settle_row(&self, band: &mut Band, cell_row: usize, first: usize, own: &[Cell], columns: &[Cell]) {
        let black = self.from_rgb.luma_offset as u8;
        for (x, &cell) in own.iter().enumerate() {
            let dithered = threshold(self.depth, x, cell_row);
            let (source, threshold) = if cell.alpha > 0 {
                (cell, dithered)
            } else {
                let near = &columns[x..x + 2 * REACH + 1];
                (near.iter().fold(Cell::default(), |sum, &c| sum + c), HALF)
            };
            let (fill, chroma) = if source.alpha > 0 {
                let row = (cell_row - first) / BLOCK_CELLS * band.activity_stride;
                band.activity[row + x / BLOCK_CELLS] = 1;
                let chroma = [source.u, source.v].map(|sum| source.code(sum, threshold));
                (source.code(source.y, HALF), chroma)
            } else {
                (black, [128; 2])
            };
            for (plane, code) in [1, 2].into_iter().zip(chroma) {
                band.planes[plane][(cell_row - first) * band.strides[plane] + x] = code;
            }
            for y in 2 * cell_row..(2 * cell_row + 2).min(self.size.height) {
                let (luma, alpha) = band.line(y - 2 * first, self.size.width);
                for x in 2 * x..(2 * x + 2).min(self.size.width) {
                    if alpha[x] == 0 {
                        luma[x] = fill;
                    }
                }
            }
        }
    }
}

impl Band<'_> {
    /// Luma and alpha of row `y` of the band, `width` samples each.
    fn line(&mut self, y: usize, width: usize) -> (&mut [u8], &mut [u8]) {
        let (luma, alpha) = (y * self.strides[0], y * self.alpha_stride);
        (&mut self.planes[0][luma..luma + width], &mut self.alpha[alpha..alpha + width])
    }
}
