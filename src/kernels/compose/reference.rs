//! The whole pass in plain Rust: checks, and bands of rows shared out over the threads.
//!
//! A band reads 2 rows of cells beyond its own at either side (the halo that bleeding needs) and
//! shades them again rather than wait for its neighbour, so bands are independent and the result
//! is the same for any number of threads. Scratch memory is a few bands, whatever the frame.
#![forbid(unsafe_code)]

use rayon::prelude::*;

use super::Shade;
use super::band::{Band, Job, Scratch};
use crate::frame::{Composite, Picture, Rect, Sample, Samples, Size, Yuv420};
use crate::kernels::colour::{FromRgb, ToRgb};
use crate::kernels::{Error, check};

/// Rows of pixels in a band: whole blocks of the activity map, and tall enough that the halo (8 rows)
/// costs an eighth at most.
pub(super) const BAND_ROWS: usize = 64;

/// Fills `out` from `picture`, whose views are `eyes`; pixels in no view are transparent.
///
/// # Errors
/// [`Error`] when the picture, an eye or a plane of `out` is not sound.
pub fn compose<S: Shade>(
    picture: &Picture,
    eyes: &[Rect],
    shade: &S,
    out: &mut Composite,
) -> Result<(), Error> {
    check::picture(picture)?;
    check::eyes(picture.size, eyes)?;
    check::planes(picture.size, &out.colour)?;
    check::plane("alpha", picture.size, &out.alpha)?;
    let Size { width, height } = picture.size;
    let blocks = Size::new(width.div_ceil(Composite::BLOCK), height.div_ceil(Composite::BLOCK));
    check::plane("activity", blocks, &out.activity)?;
    match &picture.samples {
        Samples::Eight(yuv) => run(picture, yuv, eyes, shade, out),
        Samples::Sixteen(yuv) => run(picture, yuv, eyes, shade, out),
    }
    Ok(())
}

fn run<T: Sample, S: Shade>(
    picture: &Picture,
    planes: &Yuv420<T>,
    eyes: &[Rect],
    shade: &S,
    out: &mut Composite,
) {
    let (matrix, range) = (picture.colour.matrix, picture.colour.range);
    let to_rgb = ToRgb::new(matrix, range, picture.depth);
    let from_rgb = FromRgb::new(matrix, range, 8);
    let job = Job { size: picture.size, depth: picture.depth, planes, eyes, shade, to_rgb, from_rgb };

    let bands = picture.size.height.div_ceil(BAND_ROWS);
    let strides = [out.colour.y.stride, out.colour.u.stride, out.colour.v.stride];
    let (alpha_stride, activity_stride) = (out.alpha.stride, out.activity.stride);
    let luma = out.colour.y.data.par_chunks_mut(strides[0] * BAND_ROWS);
    let cb = out.colour.u.data.par_chunks_mut(strides[1] * BAND_ROWS / 2);
    let cr = out.colour.v.data.par_chunks_mut(strides[2] * BAND_ROWS / 2);
    let alpha = out.alpha.data.par_chunks_mut(alpha_stride * BAND_ROWS);
    let activity = out.activity.data.par_chunks_mut(activity_stride * BAND_ROWS / Composite::BLOCK);
    // Planes may hold more than their rows need: what follows the last band is left alone.
    luma.zip(cb).zip(cr).zip(alpha).zip(activity).take(bands).enumerate().for_each_init(
        Scratch::default,
        |scratch, (index, ((((luma, cb), cr), alpha), activity))| {
            let planes = [luma, cb, cr];
            let band = Band { index, planes, strides, alpha, alpha_stride, activity, activity_stride };
            job.fill(scratch, band);
        },
    );
}
