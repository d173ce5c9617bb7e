//! A composed frame as RGBA with straight alpha, and as a PNG file.
//!
//! `R, G, B` are the colour planes through the inverse of what compose did, chroma repeated as there, rounded to
//! nearest; alpha is the matte untouched. Colour goes on a few pixels beyond what is visible, which keeps edges
//! clean in programs that scale; elsewhere it is black.
#![forbid(unsafe_code)]

use super::Error;
use crate::frame::Colour;
use crate::kernels::colour::ToRgb;
use crate::vp9::{PairSource, Planes};
use rayon::prelude::*;

/// Makes RGBA of frames of one colour description.
#[derive(Clone, Debug)]
pub struct Straight {
    to_rgb: ToRgb,
    rgba: Vec<u8>,
}

impl Straight {
    /// For frames of this colour description.
    pub fn new(colour: Colour) -> Self {
        Self { to_rgb: ToRgb::new(colour.matrix, colour.range, 8), rgba: Vec::new() }
    }

    /// RGBA, row by row, four bytes a pixel.
    pub fn rgba(&mut self, frame: &dyn PairSource) -> &[u8] {
        let (Planes { y, u, v }, alpha, to_rgb) = (frame.colour(), frame.alpha(), &self.to_rgb);
        let width = y.size.width;
        self.rgba.resize(4 * y.size.area(), 0);
        self.rgba.par_chunks_mut(4 * width).enumerate().for_each(|(row, out)| {
            let (luma, alpha) = (y.row(row), alpha.row(row));
            let (cb, cr) = (u.row(row / 2), v.row(row / 2));
            for (x, out) in out.chunks_exact_mut(4).enumerate() {
                let codes = [luma[x], cb[x / 2], cr[x / 2]].map(f32::from);
                let rgb = to_rgb.rgb(codes[0], codes[1], codes[2]);
                // The conversion clamps.
                let [r, g, b] = rgb.map(|c| (c * 255.0 + 0.5) as u8);
                out.copy_from_slice(&[r, g, b, alpha[x]]);
            }
        });
        &self.rgba
    }

    /// The bytes of a PNG file. Packed lightly: an 8K frame takes long enough as it is, and such files are made
    /// to be worked on.
    ///
    /// # Errors
    /// [`Error::Png`] for sizes that PNG does not have.
    pub fn png(&mut self, frame: &dyn PairSource) -> Result<Vec<u8>, Error> {
        let size = frame.colour().y.size;
        let rgba = self.rgba(frame);
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, size.width as u32, size.height as u32);
        encoder.set_color(png::ColorType::Rgba);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(rgba)?;
        writer.finish()?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Composite, Matrix, Range, Size};

    #[test]
    fn a_png_holds_the_frame_with_straight_alpha() {
        let size = Size::new(5, 3);
        let mut frame = Composite::new(size);
        frame.colour.y.data.fill(63);
        frame.colour.u.data.fill(102);
        frame.colour.v.data.fill(240);
        (0..15).for_each(|i| frame.alpha.data[i] = 17 * i as u8);
        let colour = Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 };
        let bytes = Straight::new(colour).png(&frame).unwrap();
        let image = image::load_from_memory(&bytes).unwrap().into_rgba8();
        assert_eq!((image.width(), image.height()), (5, 3));
        for (i, pixel) in image.pixels().enumerate() {
            // Codes of pure red, which rounding leaves a code off.
            let [r, g, b, a] = pixel.0;
            assert!(r >= 254 && g <= 1 && b <= 1, "{pixel:?}");
            assert_eq!(usize::from(a), 17 * i);
        }
    }
}
