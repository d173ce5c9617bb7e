//! A picture from a file as a backdrop: scaled to fill each eye, its middle kept, so that both eyes see it at
//! infinity.
//!
//! Decoded by the crate `image`, which has PNG (by the crate that writes ours), JPEG and WebP behind one door
//! with bounds on size and memory; scaled by its filter, which widens as it reduces.
#![forbid(unsafe_code)]

use super::{Backdrop, codes};
use crate::frame::{Colour, Plane, Rect, Size, Yuv420};
use crate::kernels::colour::FromRgb;
use crate::render::Error;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage};
use std::path::Path;

/// A decoded picture. What it leaves transparent is black.
#[derive(Clone, Debug)]
pub struct Picture(pub(super) RgbImage);

impl Picture {
    /// Reads PNG, JPEG or WebP, by what the file holds and not by its name, turned as it says.
    ///
    /// # Errors
    /// [`Error::Picture`] when it cannot be read or is none of these.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Picture { path: path.to_path_buf(), source };
        let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
        let mut decoder = reader.map_err(|e| failed(e.into()))?.into_decoder().map_err(failed)?;
        let orientation = decoder.orientation().map_err(failed)?;
        let mut image = DynamicImage::from_decoder(decoder).map_err(failed)?;
        image.apply_orientation(orientation);
        let rgba = image.into_rgba8();
        let rgb = RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
            let image::Rgba([r, g, b, a]) = *rgba.get_pixel(x, y);
            image::Rgb([r, g, b].map(|c| ((u16::from(c) * u16::from(a) + 127) / 255) as u8))
        });
        Ok(Self(rgb))
    }

    /// The same from pixels.
    pub fn from_rgb(image: RgbImage) -> Self {
        Self(image)
    }

    /// Filling an eye of this size: scaled by one factor, what stands over is cut off evenly.
    fn filling(&self, eye: Size) -> RgbImage {
        let whole = DynamicImage::ImageRgb8(self.0.clone());
        whole.resize_to_fill(eye.width as u32, eye.height as u32, FilterType::CatmullRom).into_rgb8()
    }

    /// The backdrop of frames of `size` with views `eyes`.
    pub fn backdrop(&self, size: Size, eyes: &[Rect], colour: Colour) -> Backdrop {
        let from = FromRgb::new(colour.matrix, colour.range, 8);
        let mut rgb = vec![[0u8; 3]; size.area()];
        let mut scaled: Option<(Size, RgbImage)> = None;
        for eye in eyes {
            let fits = scaled.take().filter(|(of, _)| *of == eye.size);
            let (of, image) = fits.unwrap_or_else(|| (eye.size, self.filling(eye.size)));
            for y in 0..eye.size.height {
                let row = &mut rgb[(eye.y + y) * size.width + eye.x..][..eye.size.width];
                for (x, to) in row.iter_mut().enumerate() {
                    *to = image.get_pixel(x as u32, y as u32).0;
                }
            }
            scaled = Some((of, image));
        }
        let pixel = |x: usize, y: usize| rgb[y * size.width + x].map(|c| f32::from(c) / 255.0);
        let mut y_plane = Plane::new(size);
        for y in 0..size.height {
            let row = y_plane.row_mut(y);
            row.iter_mut().enumerate().for_each(|(x, to)| *to = codes(&from, pixel(x, y))[0]);
        }
        let cells = size.chroma();
        let mut chroma = [Plane::new(cells), Plane::new(cells)];
        for cell_y in 0..cells.height {
            for cell_x in 0..cells.width {
                let (xs, ys) =
                    (2 * cell_x..size.width.min(2 * cell_x + 2), 2 * cell_y..size.height.min(2 * cell_y + 2));
                let count = (xs.len() * ys.len()) as f32;
                let sum = ys.flat_map(|y| xs.clone().map(move |x| (x, y))).map(|(x, y)| pixel(x, y));
                let sum = sum.fold([0.0; 3], |sum, rgb| std::array::from_fn(|c| sum[c] + rgb[c]));
                let [_, u, v] = codes(&from, sum.map(|c| c / count));
                chroma[0].row_mut(cell_y)[cell_x] = u;
                chroma[1].row_mut(cell_y)[cell_x] = v;
            }
        }
        let [u, v] = chroma;
        Backdrop { planes: Yuv420 { y: y_plane, u, v } }
    }
}
