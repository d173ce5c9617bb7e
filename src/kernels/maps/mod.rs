//! Jobs `maps`: the small ones around a step of the network, on what it sees and on what it gives.
//!
//! ```text
//! small ── cuts: state cleared after a cut ── step ── seam: both sides made one ── touch: grown, smoothed ──> A, b
//! ```
//! - [`Cuts`]: is this frame of another scene than the one before? Then the state of the network is of no use.
//! - [`pad`], [`close_seam`]: a picture that goes round is shown with `margin` more columns of the other side beyond each
//!   side, and the two answers there become one. On a GPU the sampling job pads.
//! - [`TouchedMaps`]: the small matte grows, shrinks, and follows the one before.
//!
//! The kernels give the references' bits: operations are not contracted, and sums over a frame are of integers.

mod cuts;
mod launch;
mod seam;
#[cfg(test)]
mod tests;
mod touch;

pub use cuts::Cuts;
pub use launch::{MapShape, MapsJob};
pub use seam::{close_seam, margin, pad};
pub use touch::{MapTouch, TouchedMaps};
