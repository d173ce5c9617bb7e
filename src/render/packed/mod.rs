//! Packed alpha, as DeoVR and HereSphere play it: two equidistant fisheyes beside each other, and in the corners
//! that their circles leave the matte of both, shrunk to two fifths.
//!
//! ```text
//! W x H = 2 : 1                       a matte of H x H becomes one of 0.4 H, cut up:
//! +---+-------+---+-------+---+
//! |R4 |  ___  | L2|  ___  |R3 |       L1 upper, L2 lower half of the left eye's
//! |  /       \   /       \    |       R1 R2 upper quarters, R3 R4 lower quarters of the right eye's
//! | |  left   | |  right  |   |
//! |  \       /   \       /    |       in one rule: the left matte is centred on (W/2, 0), the right one
//! |R2 |  ---  | L1|  ---  |R1 |       on (0, 0), both going round the frame
//! +---+-------+---+-------+---+
//! ```
//! The left half and right half here belong to the eyes whatever the source's packing. A half-equirectangular
//! picture becomes a fisheye whose radius is proportional to the angle from the axis and reaches half the eye at
//! half the field of view. A matte is 0 outside its circle, so that its own circle of radius 0.2 H does not reach the
//! picture's: their centres are 0.707 H apart. Players read red, for which grey luma stands in full.
//!
//! `geometry` says what goes where, in degrees; `table` where each pixel comes from, in 256ths of a pixel, worked out
//! once; `remap` and `corners` are the work on a frame, in whole numbers only.
#![forbid(unsafe_code)]

mod corners;
mod geometry;
mod packer;
mod remap;
mod sources;
mod table;
#[cfg(test)]
mod tests;

pub use geometry::{Geometry, View};
pub use packer::Packer;
pub use table::Place;
