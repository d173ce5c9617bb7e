//! A contact sheet: a few frames of an output as input, matte and composite beside each other.
#![forbid(unsafe_code)]

use super::error::Error;
use super::hdr::HdrChoice;
use super::input::{ShownPictures, open_input};
use super::output::PendingFile;
use super::playback::{Frame, Playback};
use crate::frame::{Picture, Samples, Size, Yuv420};
use crate::kernels::colour::ToRgb;
use crate::layout::LayoutChoice;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

/// Widest column, in pixels; a larger frame is reduced by a whole factor.
const COLUMN: usize = 640;
/// Space between pictures.
const GAP: usize = 8;
/// Side of the squares behind the composite, and their two greys.
const SQUARE: usize = 12;
const GREYS: [f32; 2] = [0.55, 0.75];

/// Writes a PNG of `rows` frames of `video`, spread evenly. The first column shows `input` where
/// given, else the output's own colour stream.
///
/// # Errors
/// When a video cannot be read or the picture cannot be written.
pub fn write_sheet(
    video: &Path,
    input: Option<&Path>,
    rows: usize,
    png: &Path,
    stall: Duration,
) -> Result<Size, Error> {
    let playback = Playback::open(video)?;
    let size = playback.size();
    let frames = Playback::count(video)?;
    let factor = size.width.div_ceil(COLUMN).max(1);
    let cell = Size::new(size.width / factor, size.height / factor);
    if frames == 0 || cell.area() == 0 {
        return Err(Error::NoFrames { path: video.to_path_buf() });
    }
    let picks: Vec<u64> = (0..rows as u64).map(|i| (2 * i + 1) * frames / (2 * rows as u64)).collect();
    let mut sheet = Sheet::new(cell, picks.len());
    let convert = ToRgb::new(playback.colour().matrix, playback.range(), 8);
    let (part, hdr) = (playback.part(), HdrChoice::of_output(playback.colour()));
    let open = |path| {
        Ok::<_, Error>(open_input(path, &LayoutChoice::default())?.within(part.as_ref()).with_hdr(hdr))
    };
    let mut source = input.map(|path| ShownPictures::start(path, open(path)?, stall)).transpose()?;
    for (number, frame) in playback.enumerate() {
        let frame = frame?;
        let picture = source.as_mut().map(ShownPictures::next).transpose()?.flatten();
        for (row, _) in picks.iter().enumerate().filter(|(_, pick)| **pick == number as u64) {
            sheet.draw(row, 0, |x, y| match &picture {
                Some(picture) => picture_rgb(picture, x * factor, y * factor, factor),
                None => mean(x * factor, y * factor, factor, |x, y| rgb8(&frame.colour, &convert, x, y)),
            });
            sheet.draw(row, 1, |x, y| mean(x * factor, y * factor, factor, |x, y| [alpha(&frame, x, y); 3]));
            sheet.draw(row, 2, |x, y| {
                let grey = GREYS[(x / SQUARE + y / SQUARE) % 2];
                mean(x * factor, y * factor, factor, |x, y| {
                    let a = alpha(&frame, x, y);
                    rgb8(&frame.colour, &convert, x, y).map(|c| c * a + grey * (1.0 - a))
                })
            });
        }
        if picks.last().is_some_and(|last| number as u64 >= *last) {
            break;
        }
    }
    sheet.save(png)
}

fn alpha(frame: &Frame, x: usize, y: usize) -> f32 {
    f32::from(frame.alpha.row(y)[x]) / 255.0
}

fn rgb8(planes: &Yuv420<u8>, convert: &ToRgb, x: usize, y: usize) -> [f32; 3] {
    let [y, u, v] = [planes.y.row(y)[x], planes.u.row(y / 2)[x / 2], planes.v.row(y / 2)[x / 2]];
    convert.rgb(y.into(), u.into(), v.into()).map(|c| c.clamp(0.0, 1.0))
}

fn picture_rgb(picture: &Picture, x: usize, y: usize, factor: usize) -> [f32; 3] {
    let convert = ToRgb::new(picture.colour.matrix, picture.colour.range, picture.depth);
    match &picture.samples {
        Samples::Eight(planes) => mean(x, y, factor, |x, y| rgb8(planes, &convert, x, y)),
        Samples::Sixteen(planes) => mean(x, y, factor, |x, y| {
            let [y, u, v] = [planes.y.row(y)[x], planes.u.row(y / 2)[x / 2], planes.v.row(y / 2)[x / 2]];
            convert.rgb(y.into(), u.into(), v.into()).map(|c| c.clamp(0.0, 1.0))
        }),
    }
}

/// Mean of a square of pixels.
fn mean(x: usize, y: usize, side: usize, pixel: impl Fn(usize, usize) -> [f32; 3]) -> [f32; 3] {
    let mut sum = [0.0; 3];
    for y in y..y + side {
        for x in x..x + side {
            let rgb = pixel(x, y);
            sum.iter_mut().zip(rgb).for_each(|(s, c)| *s += c);
        }
    }
    sum.map(|s| s / (side * side) as f32)
}

/// The picture being drawn.
struct Sheet {
    cell: Size,
    size: Size,
    rgb: Vec<u8>,
}

impl Sheet {
    fn new(cell: Size, rows: usize) -> Self {
        let size = Size::new(3 * cell.width + 4 * GAP, rows * (cell.height + GAP) + GAP);
        Self { cell, size, rgb: vec![32; 3 * size.area()] }
    }

    fn draw(&mut self, row: usize, column: usize, pixel: impl Fn(usize, usize) -> [f32; 3]) {
        let (left, top) = (GAP + column * (self.cell.width + GAP), GAP + row * (self.cell.height + GAP));
        for y in 0..self.cell.height {
            for x in 0..self.cell.width {
                let at = 3 * ((top + y) * self.size.width + left + x);
                self.rgb[at..at + 3].copy_from_slice(&pixel(x, y).map(|c| (c * 255.0 + 0.5) as u8));
            }
        }
    }

    fn save(&self, path: &Path) -> Result<Size, Error> {
        let failed = |source| Error::Output { path: path.to_path_buf(), source };
        let (pending, file) = PendingFile::create(path).map_err(failed)?;
        let mut out = BufWriter::new(file.try_clone().map_err(failed)?);
        let mut encoder = png::Encoder::new(&mut out, self.size.width as u32, self.size.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let written = encoder.write_header().and_then(|mut w| {
            w.write_image_data(&self.rgb)?;
            w.finish()
        });
        written.map_err(|e| failed(std::io::Error::other(e)))?;
        out.flush().map_err(failed)?;
        drop(out);
        pending.commit(&file).map_err(failed)?;
        Ok(self.size)
    }
}
