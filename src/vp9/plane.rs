//! Borrowed 8-bit planes: what the encoder reads from and what the decoder lends.
//!
//! A plane says its size and stride, so that one check covers the caller's mistake before libvpx
//! reads memory by pointer. Stride 0 repeats one row, which is how a constant plane costs one row.
#![forbid(unsafe_code)]

use super::Error;
use crate::frame::{Plane, Size, Yuv420};

/// A borrowed plane of 8-bit samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaneRef<'a> {
    /// Visible extent.
    pub size: Size,
    /// Bytes from one row to the next: at least `size.width`, or 0 to read the same row each time.
    pub stride: usize,
    /// The samples; the last row may stop at its width.
    pub data: &'a [u8],
}

impl<'a> PlaneRef<'a> {
    /// Row `y`.
    ///
    /// # Panics
    /// When the plane has no such row.
    pub fn row(&self, y: usize) -> &'a [u8] {
        assert!(y < self.size.height, "row {y} of {}", self.size);
        &self.data[y * self.stride..y * self.stride + self.size.width]
    }

    /// Checks that the plane has the size `expected` and that its rows lie within its memory.
    pub(super) fn check(&self, plane: &'static str, expected: Size) -> Result<(), Error> {
        if self.size != expected {
            return Err(Error::PlaneSize { plane, got: self.size, expected });
        }
        let rows_before = self.size.height.saturating_sub(1);
        let need_bytes = rows_before.saturating_mul(self.stride).saturating_add(self.size.width);
        let overlapping = self.stride != 0 && self.stride < self.size.width;
        // libvpx keeps strides in an int.
        if overlapping || need_bytes > self.data.len() || i32::try_from(self.stride).is_err() {
            let have_bytes = self.data.len();
            return Err(Error::PlaneMemory { plane, stride: self.stride, need_bytes, have_bytes });
        }
        Ok(())
    }
}

impl<'a> From<&'a Plane<u8>> for PlaneRef<'a> {
    fn from(plane: &'a Plane<u8>) -> Self {
        Self { size: plane.size, stride: plane.stride, data: &plane.data }
    }
}

/// The borrowed planes of a 4:2:0 picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planes<'a> {
    /// Luma, full size.
    pub y: PlaneRef<'a>,
    /// Cb, [`Size::chroma`] of luma's size.
    pub u: PlaneRef<'a>,
    /// Cr, [`Size::chroma`] of luma's size.
    pub v: PlaneRef<'a>,
}

impl Planes<'_> {
    /// Checks all three planes against a frame of `size`.
    pub(super) fn check(&self, size: Size) -> Result<(), Error> {
        self.y.check("luma", size)?;
        self.u.check("Cb", size.chroma())?;
        self.v.check("Cr", size.chroma())
    }
}

impl<'a> From<&'a Yuv420<u8>> for Planes<'a> {
    fn from(picture: &'a Yuv420<u8>) -> Self {
        Self { y: (&picture.y).into(), u: (&picture.u).into(), v: (&picture.v).into() }
    }
}
