//! What can be wrong with the arguments of a full-size job, and why a chroma key cannot be made.
#![forbid(unsafe_code)]

use crate::frame::{Rect, Size};

/// Failure of a full-size job; all but `NoScreen`, `KeyColour`, `GreyKey` and `Tolerance` (which
/// depend on footage and options) mean a bug in the caller.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A buffer has another shape than the job needs.
    #[error("{what}: expected {expected:?}, got {got:?}")]
    Shape {
        /// The argument.
        what: &'static str,
        /// Extents that fit.
        expected: Vec<usize>,
        /// Extents found.
        got: Vec<usize>,
    },
    /// A plane cannot hold the rows that its size and stride promise.
    #[error("{plane} plane of {size}: stride {stride} with {len} samples is too small")]
    Plane {
        /// Which plane.
        plane: &'static str,
        /// Its extent.
        size: Size,
        /// Its stride in samples.
        stride: usize,
        /// Samples held.
        len: usize,
    },
    /// The bit depth contradicts the storage type.
    #[error("depth {depth} does not go with samples stored in {stored} bits")]
    Depth {
        /// Bits per sample as declared.
        depth: u8,
        /// Bits per stored sample.
        stored: u8,
    },
    /// A view is empty, leaves the frame or overlaps another.
    #[error("eye {eye} {rect:?} is empty, overlaps another or leaves the frame of {frame}")]
    Eye {
        /// Index of the view.
        eye: usize,
        /// Where it should lie.
        rect: Rect,
        /// Extent of the frame.
        frame: Size,
    },
    /// The picture that the network sees would be empty or larger than the eye.
    #[error("stage of {size} at ratio {ratio}: the ratio must lie in (0, 1] and leave at least a pixel")]
    Stage {
        /// Small side over large side.
        ratio: f64,
        /// Extent of the small picture.
        size: Size,
    },
    /// A curve of opacity that is none.
    #[error("finish: need 0 <= cutoff < 1 and gamma above 0, got {cutoff} and {gamma}")]
    Finish {
        /// Opacity up to which nothing is seen.
        cutoff: f32,
        /// Power of the rest.
        gamma: f32,
    },
    /// No saturated green or blue covers enough of the picture to be a screen.
    #[error(
        "no green or blue screen found: the commonest saturated colour covers {:.0} % of the picture, \
         {:.0} % are needed; name the key colour as #rrggbb", share * 100.0, needed * 100.0
    )]
    NoScreen {
        /// Share of the picture covered by the best candidate.
        share: f64,
        /// Share that would have been enough.
        needed: f64,
    },
    /// A text is not a colour.
    #[error("key colour {text:?}: expected #rrggbb")]
    KeyColour {
        /// What was given.
        text: String,
    },
    /// The key colour has too little colour to tell a screen from anything grey.
    #[error("key colour {colour} is too grey: its chroma is {chroma:.3}, at least {needed:.3} is needed")]
    GreyKey {
        /// The colour, `#rrggbb`.
        colour: String,
        /// Its distance from grey in the chroma plane.
        chroma: f32,
        /// The least that works.
        needed: f32,
    },
    /// Tolerances out of order, or spill out of range.
    #[error("key tolerances: need 0 <= inner < outer and spill in 0..=1, got {inner}, {outer}, {spill}")]
    Tolerance {
        /// Distance up to which all is screen.
        inner: f32,
        /// Distance from which all is foreground.
        outer: f32,
        /// Share of spill to remove.
        spill: f32,
    },
}
