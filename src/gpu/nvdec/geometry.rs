//! Sizes of a sequence: what the parser found, what the decoder is created with, and whether a
//! later sequence is still the same.
//!
//! The display area is cropped by the driver: target size = size of the area, rounded up to even,
//! and the area grows with it, so that nothing is ever scaled. Spec: cuviddec.h.
#![forbid(unsafe_code)]

use std::ffi::c_int;

use crate::frame::Size;

use super::abi::{self, Area, VideoFormat};
use super::{Error, StreamInfo, SurfaceFormat};

/// The sequence that a decoder was created for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Geometry {
    pub(super) coded: Size,
    pub(super) visible: Size,
    /// Visible size rounded up to even: the size of mapped surfaces.
    pub(super) target: Size,
    pub(super) area: Area,
    pub(super) depth: u8,
    pub(super) chroma: u32,
    pub(super) min_surfaces: usize,
}

impl Geometry {
    /// Reads what the parser found.
    pub(super) fn of(format: &VideoFormat) -> Result<Self, Error> {
        let coded = Size::new(format.coded_width as usize, format.coded_height as usize);
        let [left, top, right, bottom] = format.display_area;
        let changed = |expected: &str, got: String| Error::Changed {
            what: "display area",
            expected: expected.to_owned(),
            got,
        };
        let shown = || format!("{left},{top} to {right},{bottom} of {coded}");
        if left < 0 || top < 0 || right <= left || bottom <= top || left % 2 != 0 || top % 2 != 0 {
            return Err(changed("an area that starts at even pixels", shown()));
        }
        let (visible_width, visible_height) = (right - left, bottom - top);
        let (width, height) = (visible_width + visible_width % 2, visible_height + visible_height % 2);
        let short = |value: c_int| i16::try_from(value).map_err(|_| changed("at most 32767 pixels", shown()));
        let area = Area {
            left: short(left)?,
            top: short(top)?,
            right: short(left + width)?,
            bottom: short(top + height)?,
        };
        let (luma, chroma) = (format.luma_depth_minus_8, format.chroma_depth_minus_8);
        if luma != chroma || luma > 8 {
            let got = format!("{} bits luma, {} chroma", u32::from(luma) + 8, u32::from(chroma) + 8);
            return Err(Error::Changed { what: "bit depth", expected: "one depth up to 16".to_owned(), got });
        }
        Ok(Self {
            coded,
            visible: Size::new(visible_width as usize, visible_height as usize),
            target: Size::new(width as usize, height as usize),
            area,
            depth: luma + 8,
            chroma: format.chroma,
            min_surfaces: format.min_decode_surfaces.into(),
        })
    }

    /// Whether the sequence is what the container announced.
    pub(super) fn check_announced(&self, info: &StreamInfo) -> Result<(), Error> {
        same("size", info.size, self.visible)?;
        same("bits per sample", info.depth, self.depth)?;
        same("chroma format", info.chroma, abi::chroma_from(self.chroma))
    }

    /// Whether a decoder made for `self` with so many surfaces can go on with `next`.
    pub(super) fn check_same(&self, next: &Self, surfaces: usize) -> Result<(), Error> {
        same("size after a change", self.visible, next.visible)?;
        same("coded size after a change", self.coded, next.coded)?;
        same("bits per sample after a change", self.depth, next.depth)?;
        same("chroma format after a change", abi::chroma_from(self.chroma), abi::chroma_from(next.chroma))?;
        if self.area != next.area {
            let (expected, got) = (format!("{:?}", self.area), format!("{:?}", next.area));
            return Err(Error::Changed { what: "display area after a change", expected, got });
        }
        if next.min_surfaces > surfaces {
            let (expected, got) = (format!("at most {surfaces}"), next.min_surfaces.to_string());
            return Err(Error::Changed { what: "reference pictures after a change", expected, got });
        }
        Ok(())
    }

    /// The format that surfaces are mapped in.
    pub(super) fn format(&self) -> SurfaceFormat {
        if self.depth > 8 { SurfaceFormat::P016 } else { SurfaceFormat::Nv12 }
    }

    /// Bytes of one surface, of the decoder's own kind or mapped; about, as the driver pads.
    pub(super) fn surface_bytes(&self) -> u64 {
        (self.coded.area() * 3 / 2 * self.format().bytes_per_sample()) as u64
    }
}

fn same<T: PartialEq + std::fmt::Display>(what: &'static str, expected: T, got: T) -> Result<(), Error> {
    if expected == got {
        return Ok(());
    }
    Err(Error::Changed { what, expected: expected.to_string(), got: got.to_string() })
}
