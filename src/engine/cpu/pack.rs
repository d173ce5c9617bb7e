//! Brings the pixels that a convolution multiplies into the order in which it reads them.
//!
//! A strip is a run of output pixels; its matrix has one row for each tap of each channel and one
//! column for each pixel. It is never built whole: a block of channels at a time, in tiles of
//! [`LANES`] columns, small enough for the cache ("implicit im2col").
#![forbid(unsafe_code)]

use std::ops::Range;

/// Columns of a tile: two AVX2 vectors.
pub const LANES: usize = 16;

/// How outputs of a convolution lie over its input.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Taps in each direction.
    pub kernel: usize,
    /// Step in both directions.
    pub stride: usize,
    /// Zeros on each side.
    pub pad: usize,
    /// Distance between taps.
    pub dilation: usize,
    /// Input height and width.
    pub input: [usize; 2],
    /// Output height and width.
    pub output: [usize; 2],
}

impl Geometry {
    /// The same convolution, with the image as one long row where it does not look around.
    pub fn flat(mut self) -> Self {
        if self.kernel == 1 && self.stride == 1 && self.pad == 0 {
            self.input = [1, self.input[0] * self.input[1]];
            self.output = [1, self.output[0] * self.output[1]];
        }
        self
    }

    /// Number of output pixels.
    pub fn pixels(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// Taps for each channel.
    pub fn taps(&self) -> usize {
        self.kernel * self.kernel
    }
}

/// Where element (row, column) of a strip's matrix lies.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Floats from a row to the next.
    pub row_step: usize,
    /// Floats from a tile of [`LANES`] columns to the next.
    pub tile_step: usize,
}

/// Writes the rows of one channel, `taps` of them from `row` on, for output pixels `pixels`.
pub fn pack_channel(
    plane: &[f32],
    geometry: &Geometry,
    pixels: Range<usize>,
    row: usize,
    layout: Layout,
    dst: &mut [f32],
) {
    let out_w = geometry.output[1];
    let Geometry { kernel, stride, pad, dilation, input: [in_h, in_w], .. } = *geometry;
    let mut pixel = pixels.start;
    while pixel < pixels.end {
        // The part of one output row that lies in the strip.
        let (y, x) = (pixel / out_w, pixel % out_w);
        let len = (out_w - x).min(pixels.end - pixel);
        let column = pixel - pixels.start;
        for ky in 0..kernel {
            let source_y = (y * stride + ky * dilation).checked_sub(pad).filter(|&v| v < in_h);
            for kx in 0..kernel {
                let at = (row + ky * kernel + kx) * layout.row_step;
                let mut line = Line { dst: &mut dst[at..], tile_step: layout.tile_step, column };
                let Some(source_y) = source_y else {
                    line.zeros(len);
                    continue;
                };
                let source = &plane[source_y * in_w..][..in_w];
                let first = x * stride + kx * dilation;
                // Outputs whose tap falls left of the image, then those inside, then the rest.
                let left = pad.saturating_sub(first).div_ceil(stride).min(len);
                let inside = (in_w + pad).saturating_sub(first).div_ceil(stride).min(len).max(left) - left;
                line.zeros(left);
                if inside > 0 {
                    line.copy(&source[first + left * stride - pad..], inside, stride);
                }
                line.zeros(len - left - inside);
            }
        }
        pixel += len;
    }
}

/// One row of the matrix, written from `column` on.
struct Line<'a> {
    dst: &'a mut [f32],
    tile_step: usize,
    column: usize,
}

impl Line<'_> {
    #[inline(always)]
    fn chunk(&mut self, left: usize) -> &mut [f32] {
        let lane = self.column % LANES;
        let n = (LANES - lane).min(left);
        let at = self.column / LANES * self.tile_step + lane;
        self.column += n;
        &mut self.dst[at..at + n]
    }

    fn zeros(&mut self, mut len: usize) {
        while len > 0 {
            let chunk = self.chunk(len);
            chunk.fill(0.0);
            len -= chunk.len();
        }
    }

    #[inline(always)]
    fn copy(&mut self, source: &[f32], len: usize, stride: usize) {
        let mut done = 0;
        while done < len {
            let chunk = self.chunk(len - done);
            let n = chunk.len();
            let from = &source[done * stride..];
            if stride == 1 {
                // A whole tile is a copy of constant length, which is two vector moves.
                match (<&mut [f32; LANES]>::try_from(&mut *chunk), from.first_chunk::<LANES>()) {
                    (Ok(whole), Some(from)) => *whole = *from,
                    _ => chunk.copy_from_slice(&from[..n]),
                }
            } else {
                for (to, from) in chunk.iter_mut().zip(from.iter().step_by(stride)) {
                    *to = *from;
                }
            }
            done += n;
        }
    }
}
