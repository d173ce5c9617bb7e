//! Brings the pixels that a convolution multiplies into the order in which it reads them.
//!
//! A strip is a run of output pixels; its matrix has one row for each tap of each channel and one
//! column for each pixel. The matrix of a whole image ("im2col") would not fit in a cache.
#![forbid(unsafe_code)]

use std::ops::Range;

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
    /// Whether each output sees one input pixel, the one at its own place.
    pub fn is_pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.pad == 0
    }

    /// The same convolution, with the image as one long row where it does not look around.
    pub fn flat(mut self) -> Self {
        if self.is_pointwise() {
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

/// Writes the rows of one channel, one for each tap, for output pixels `pixels`; `dst` is the
/// first row, the next begins `row_step` floats on.
pub fn pack_channel(
    plane: &[f32],
    geometry: &Geometry,
    pixels: Range<usize>,
    row_step: usize,
    dst: &mut [f32],
) {
    let out_w = geometry.output[1];
    let Geometry { kernel, stride, pad, dilation, input: [in_h, in_w], .. } = *geometry;
    let mut pixel = pixels.start;
    while pixel < pixels.end {
        // The part of one output row that lies in the strip.
        let (y, x) = (pixel / out_w, pixel % out_w);
        let len = (out_w - x).min(pixels.end - pixel);
        for ky in 0..kernel {
            let source_y = (y * stride + ky * dilation).checked_sub(pad).filter(|&v| v < in_h);
            for kx in 0..kernel {
                let at = (ky * kernel + kx) * row_step + pixel - pixels.start;
                let line = &mut dst[at..at + len];
                let Some(source_y) = source_y else {
                    line.fill(0.0);
                    continue;
                };
                let source = &plane[source_y * in_w..][..in_w];
                let first = x * stride + kx * dilation;
                // Outputs whose tap falls left of the image, then those inside, then the rest.
                let left = pad.saturating_sub(first).div_ceil(stride).min(len);
                let end = (in_w + pad).saturating_sub(first).div_ceil(stride).clamp(left, len);
                line[..left].fill(0.0);
                line[end..].fill(0.0);
                if end > left {
                    let source = &source[first + left * stride - pad..];
                    copy(source, stride, &mut line[left..end]);
                }
            }
        }
        pixel += len;
    }
}

/// Takes every `stride`-th value.
fn copy(source: &[f32], stride: usize, to: &mut [f32]) {
    match stride {
        1 => to.copy_from_slice(&source[..to.len()]),
        2 => {
            let (pairs, last) = source.as_chunks::<2>();
            to.iter_mut().zip(pairs).for_each(|(to, pair)| *to = pair[0]);
            if let (Some(to), Some(last)) = (to.get_mut(pairs.len()), last.first()) {
                *to = *last;
            }
        }
        _ => to.iter_mut().zip(source.iter().step_by(stride)).for_each(|(to, from)| *to = *from),
    }
}
