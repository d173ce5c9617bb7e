//! What an output of one file shows, with everything looked up that it depends on but the frames.
#![forbid(unsafe_code)]

use super::kind::OutputKind;
use crate::frame::{Colour, Matrix, Range, Rect, Size};
use crate::layout::Layout;
use crate::media::VideoTrack;
use crate::render;
use crate::render::packed::Geometry;
use crate::vp9::Shown;
use std::path::PathBuf;

/// What stands behind the foreground.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Scenery {
    /// 8-bit R, G, B.
    Colour([u8; 3]),
    /// A file.
    Picture(PathBuf),
}

/// What is shown. Two that are equal share their tables.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Look {
    /// Colour and alpha as they are, in two streams.
    Alpha,
    /// Colour and alpha as they are, in PNG files.
    Png,
    /// The matte as grey, in limited range.
    Matte,
    /// The foreground before something, in views of a frame.
    Backdrop {
        /// What it is.
        scenery: Scenery,
        /// A frame.
        size: Size,
        /// Its views.
        eyes: Vec<Rect>,
        /// What its codes mean.
        colour: Colour,
    },
    /// Two fisheyes with the matte in the corners.
    Packed {
        /// What goes where.
        geometry: Geometry,
        /// Range of the codes.
        range: Range,
    },
}

impl Look {
    /// What an output of this kind shows of a video.
    ///
    /// # Errors
    /// When the layout cannot be packed.
    pub fn new(
        kind: &OutputKind,
        video: &VideoTrack,
        layout: &Layout,
        fisheye_fov: Option<u16>,
    ) -> Result<Self, render::Error> {
        let before = |scenery| Self::Backdrop {
            scenery,
            size: video.size,
            eyes: layout.packing.eyes(video.size),
            colour: video.colour,
        };
        Ok(match kind {
            OutputKind::Alpha => Self::Alpha,
            OutputKind::Png => Self::Png,
            OutputKind::Matte => Self::Matte,
            OutputKind::Colour(rgb) => before(Scenery::Colour(*rgb)),
            OutputKind::Picture(path) => before(Scenery::Picture(path.clone())),
            OutputKind::Packed => Self::Packed {
                geometry: Geometry::new(layout.packing, &layout.projection, video.size, fisheye_fov)?,
                range: video.colour.range,
            },
        })
    }

    /// Size of a frame of the output.
    pub fn size(&self, video: &VideoTrack) -> Size {
        match self {
            Self::Packed { geometry, .. } => geometry.frame_out(),
            _ => video.size,
        }
    }

    /// What the codes of the output mean. A matte is grey of limited range with the most common description, which
    /// every player shows right: full range is often taken for limited, and then blacks and whites are clipped.
    pub fn colour(&self, video: &VideoTrack) -> Colour {
        match self {
            Self::Matte => Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 },
            _ => video.colour,
        }
    }

    /// How finely the encoder of an opaque output is to look.
    pub fn shown(&self) -> Shown {
        if matches!(self, Self::Matte) { Shown::Grey } else { Shown::Picture }
    }

    /// What a file says of itself: `matte`, `backdrop`, `packed fisheye 180`.
    pub fn tag(&self) -> String {
        match self {
            Self::Alpha => "alpha".to_owned(),
            Self::Png => "png".to_owned(),
            Self::Matte => "matte".to_owned(),
            Self::Backdrop { .. } => "backdrop".to_owned(),
            Self::Packed { geometry, .. } => format!("packed fisheye {}", geometry.fov_degrees),
        }
    }

    /// For people.
    pub fn sentence(&self) -> String {
        match self {
            Self::Alpha => "VP9 with alpha".to_owned(),
            Self::Png => "PNG files with alpha, without sound".to_owned(),
            Self::Matte => "the matte as grey".to_owned(),
            Self::Backdrop { scenery: Scenery::Colour([r, g, b]), .. } => {
                format!("before #{r:02x}{g:02x}{b:02x}")
            }
            Self::Backdrop { scenery: Scenery::Picture(path), .. } => format!("before {}", path.display()),
            Self::Packed { geometry, .. } => {
                format!("packed alpha, {}, fisheye {}", geometry.frame_out(), geometry.fov_degrees)
            }
        }
    }
}
