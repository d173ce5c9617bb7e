//! What can keep an output from being shown.
#![forbid(unsafe_code)]

use crate::frame::Size;
use crate::layout::{Packing, Projection};
use std::path::PathBuf;

/// Failure to set up or to render an output.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Packed alpha holds two eyes.
    #[error("packed alpha needs two eyes, the layout is {packing}; --layout says it where that is wrong")]
    NotStereo {
        /// The layout.
        packing: Packing,
    },
    /// Packed alpha is made of views that tell their directions.
    #[error(
        "packed alpha needs an equirectangular or fisheye picture, the projection is {projection}; --projection says \
         it where that is wrong"
    )]
    NotProjected {
        /// The projection.
        projection: Projection,
    },
    /// A packed frame would be too large or too small.
    #[error("a packed frame would be {got}; {least} to {most} rows can be")]
    PackedSize {
        /// Its size.
        got: Size,
        /// Fewest rows.
        least: usize,
        /// Most rows.
        most: usize,
    },
    /// A frame is not of the size that an output was set up for.
    #[error("an output was set up for frames of {expected} and is given one of {got}")]
    FrameSize {
        /// As set up.
        expected: Size,
        /// As given.
        got: Size,
    },
    /// A picture for the background cannot be read.
    #[error("{}: as a background", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: image::ImageError,
    },
    /// A PNG cannot be written.
    #[error("PNG")]
    Png(#[from] png::EncodingError),
}
