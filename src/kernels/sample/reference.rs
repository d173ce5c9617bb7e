//! The sampling formula in plain Rust, row by row; see the module's head for the formula.
//!
//! Input: planes or packed RGB. Output: planes of 32-bit floats. Rows are independent, so they
//! are shared out over the threads of the pool; every value is the same for any number of them.
#![forbid(unsafe_code)]

use rayon::prelude::*;

use super::{EyeTaps, Stage};
use crate::frame::{Picture, Plane, Rect, Sample, Samples, Size, Yuv420};
use crate::kernels::bilinear::{Tap, mix};
use crate::kernels::colour::ToRgb;
use crate::kernels::{Error, check};
use crate::tensor::Tensor;

/// Fills `out`, `[eyes, 3, stage height, stage width]`, with RGB in `[0, 1]` of the eyes of `picture`.
///
/// # Errors
/// [`Error`] when the picture, an eye, the stage or the shape of `out` is not sound.
pub fn sample(picture: &Picture, eyes: &[Rect], stage: &Stage, out: &mut Tensor) -> Result<(), Error> {
    check::picture(picture)?;
    check::eyes(picture.size, eyes)?;
    stage.check()?;
    let Size { width, height } = stage.size;
    check::shape("sampled tensor", &[eyes.len(), 3, height, width], &out.shape)?;
    check::shape("sampled tensor's data", &[eyes.len() * 3 * height * width], &[out.data.len()])?;

    let convert = ToRgb::new(picture.colour.matrix, picture.colour.range, picture.depth);
    for (&eye, planes) in eyes.iter().zip(out.data.chunks_exact_mut(3 * width * height)) {
        let taps = EyeTaps::new(stage, picture.size, eye);
        match &picture.samples {
            Samples::Eight(yuv) => sample_eye(yuv, &convert, &taps, planes),
            Samples::Sixteen(yuv) => sample_eye(yuv, &convert, &taps, planes),
        }
    }
    Ok(())
}

/// The same formula for packed 8-bit RGB (`rgb` is `[height, width, 3]`, no padding): fills
/// `planes`, `[3, stage height, stage width]`, with values in `[0, 1]`.
///
/// # Errors
/// [`Error`] when a length does not fit its size or the stage is not sound.
pub fn sample_rgb8(rgb: &[u8], size: Size, stage: &Stage, planes: &mut [f32]) -> Result<(), Error> {
    stage.check()?;
    check::shape("image", &[size.width.max(1), size.height.max(1)], &[size.width, size.height])?;
    check::shape("packed RGB", &[3 * size.area()], &[rgb.len()])?;
    check::shape("sampled planes", &[3 * stage.size.area()], &[planes.len()])?;
    let taps = EyeTaps::new(stage, size, Rect { x: 0, y: 0, size });
    for_rows(planes, stage.size.width, |y, mut out| {
        let rows = taps.luma_rows[y];
        let (top, bottom) = rows.pair();
        let [top, bottom] = [top, bottom].map(|r| &rgb[r * size.width * 3..(r + 1) * size.width * 3]);
        for (x, columns) in taps.luma_columns.iter().enumerate() {
            let (left, right) = columns.pair();
            for (c, plane) in out.iter_mut().enumerate() {
                let at = |row: &[u8], column: usize| f32::from(row[column * 3 + c]);
                let upper = mix(at(top, left), at(top, right), columns.weight);
                let lower = mix(at(bottom, left), at(bottom, right), columns.weight);
                plane[x] = mix(upper, lower, rows.weight) * (1.0 / 255.0);
            }
        }
    });
    Ok(())
}

fn sample_eye<T: Sample>(yuv: &Yuv420<T>, convert: &ToRgb, taps: &EyeTaps, planes: &mut [f32]) {
    let columns = || taps.luma_columns.iter().zip(&taps.chroma_columns);
    for_rows(planes, taps.luma_columns.len(), |y, [red, green, blue]| {
        let luma = Rows::new(&yuv.y, taps.luma_rows[y]);
        let cb = Rows::new(&yuv.u, taps.chroma_rows[y]);
        let cr = Rows::new(&yuv.v, taps.chroma_rows[y]);
        for (x, (&at, &chroma_at)) in columns().enumerate() {
            let rgb = convert.rgb(luma.at(at), cb.at(chroma_at), cr.at(chroma_at));
            let [r, g, b] = rgb.map(|c| c.clamp(0.0, 1.0));
            (red[x], green[x], blue[x]) = (r, g, b);
        }
    });
}

/// Two rows of a plane and the share of the second.
struct Rows<'a, T> {
    top: &'a [T],
    bottom: &'a [T],
    weight: f32,
}

impl<'a, T: Sample> Rows<'a, T> {
    fn new(plane: &'a Plane<T>, tap: Tap) -> Self {
        let (top, bottom) = tap.pair();
        Self { top: plane.row(top), bottom: plane.row(bottom), weight: tap.weight }
    }

    #[inline]
    fn at(&self, columns: Tap) -> f32 {
        let (left, right) = columns.pair();
        let along =
            |row: &[T]| mix(f32::from(row[left].code()), f32::from(row[right].code()), columns.weight);
        mix(along(self.top), along(self.bottom), self.weight)
    }
}

/// Calls `row` with the index and the three channel rows of every row of `planes`, in parallel.
fn for_rows(planes: &mut [f32], width: usize, row: impl Fn(usize, [&mut [f32]; 3]) + Sync) {
    let area = planes.len() / 3;
    let (red, rest) = planes.split_at_mut(area);
    let (green, blue) = rest.split_at_mut(area);
    red.par_chunks_exact_mut(width)
        .zip(green.par_chunks_exact_mut(width))
        .zip(blue.par_chunks_exact_mut(width))
        .enumerate()
        .for_each(|(y, ((r, g), b))| row(y, [r, g, b]));
}
