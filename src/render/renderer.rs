//! One of the ways to show a frame as an opaque picture, ready to be used by any number of lanes.
#![forbid(unsafe_code)]

use super::packed::Packer;
use super::{Backdrop, Error, Grey, Opaque, matte};
use crate::frame::Size;
use crate::vp9::PairSource;
use std::sync::Arc;

/// What an opaque output shows. Clones share their tables.
#[derive(Clone, Debug)]
pub enum Renderer {
    /// The matte as grey.
    Matte(Box<Grey>),
    /// The foreground before something else.
    Backdrop(Arc<Backdrop>),
    /// Two fisheyes with the matte in the corners.
    Packed(Arc<Packer>),
}

impl Renderer {
    /// The size of what comes of frames of size `frame`.
    pub fn size(&self, frame: Size) -> Size {
        match self {
            Self::Matte(_) | Self::Backdrop(_) => frame,
            Self::Packed(packer) => packer.geometry().frame_out(),
        }
    }

    /// Renders a frame; `out` holds the one before, or is new.
    ///
    /// # Errors
    /// [`Error::FrameSize`] when the frame or `out` has another size than this was set up for.
    pub fn render(&self, frame: &dyn PairSource, out: &mut Opaque) -> Result<(), Error> {
        let size = frame.colour().y.size;
        let (expected, got) = (self.size(size), out.size());
        if expected != got {
            return Err(Error::FrameSize { expected, got });
        }
        match self {
            Self::Matte(grey) => matte::render(grey, frame, out),
            Self::Backdrop(backdrop) => backdrop.render(frame, out)?,
            Self::Packed(packer) => packer.render(frame, out)?,
        }
        Ok(())
    }

    /// The luma codes whose flat blocks stay as they are, for an encoder that looks at them: of a matte those of
    /// nothing and of all, because its inside is as still as its outside.
    pub fn still(&self) -> Option<[u8; 2]> {
        match self {
            Self::Matte(grey) => Some(grey.ends()),
            Self::Backdrop(_) | Self::Packed(_) => None,
        }
    }

    /// Whether the other shows the same from the same tables.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Matte(one), Self::Matte(other)) => one == other,
            (Self::Backdrop(one), Self::Backdrop(other)) => Arc::ptr_eq(one, other),
            (Self::Packed(one), Self::Packed(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}
