//! What every job demands of its arguments, checked once per call, before the first pixel.
//!
//! `Picture` and `Plane` have public fields, so their promises are tested here and the inner
//! loops can index rows without further thought. Nothing is allocated unless a check fails.
#![forbid(unsafe_code)]

use super::Error;
use crate::frame::{Picture, Plane, Rect, Samples, Size, Yuv420};

/// `expected == got`, or [`Error::Shape`].
pub(super) fn shape(what: &'static str, expected: &[usize], got: &[usize]) -> Result<(), Error> {
    if expected == got {
        return Ok(());
    }
    Err(Error::Shape { what, expected: expected.to_vec(), got: got.to_vec() })
}

/// A plane has extent `size` and holds all its rows.
pub(super) fn plane<T>(name: &'static str, size: Size, plane: &Plane<T>) -> Result<(), Error> {
    shape(name, &[size.width, size.height], &[plane.size.width, plane.size.height])?;
    let (stride, len) = (plane.stride, plane.data.len());
    // The last row may stop at its width; a product that overflows is surely too large for `len`.
    let needed = stride
        .checked_mul(size.height.saturating_sub(1))
        .and_then(|rows| rows.checked_add(size.width))
        .unwrap_or(usize::MAX);
    if stride < size.width || len < needed {
        return Err(Error::Plane { plane: name, size, stride, len });
    }
    Ok(())
}

/// The three planes of a 4:2:0 picture of `size`.
pub(super) fn planes<T>(size: Size, planes: &Yuv420<T>) -> Result<(), Error> {
    plane("Y", size, &planes.y)?;
    plane("U", size.chroma(), &planes.u)?;
    plane("V", size.chroma(), &planes.v)
}

/// A picture with at least one pixel, sound planes and a depth that goes with its storage.
pub(super) fn picture(picture: &Picture) -> Result<(), Error> {
    let Size { width, height } = picture.size;
    shape("picture", &[width.max(1), height.max(1)], &[width, height])?;
    let depth = picture.depth;
    match &picture.samples {
        Samples::Eight(yuv) if depth == 8 => planes(picture.size, yuv),
        Samples::Sixteen(yuv) if (9..=16).contains(&depth) => planes(picture.size, yuv),
        Samples::Eight(_) => Err(Error::Depth { depth, stored: 8 }),
        Samples::Sixteen(_) => Err(Error::Depth { depth, stored: 16 }),
    }
}

/// Views that are not empty, lie inside the frame and do not overlap.
pub(super) fn eyes(frame: Size, eyes: &[Rect]) -> Result<(), Error> {
    for (eye, &rect) in eyes.iter().enumerate() {
        let Rect { x, y, size } = rect;
        let inside =
            x.saturating_add(size.width) <= frame.width && y.saturating_add(size.height) <= frame.height;
        let overlaps = eyes[..eye].iter().any(|o| {
            x < o.x + o.size.width
                && o.x < x.saturating_add(size.width)
                && y < o.y + o.size.height
                && o.y < y.saturating_add(size.height)
        });
        if size.area() == 0 || !inside || overlaps {
            return Err(Error::Eye { eye, rect, frame });
        }
    }
    Ok(())
}
