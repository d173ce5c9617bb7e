//! The pixel half on the CPU: from planes to a coded frame and the picture that decoders will show.
//!
//! Plain integers, one file per step; `device` does the same on a GPU and must agree bit for bit.
//!
//! ```text
//! tuning     steps and weights      geometry   cells, blocks, how far a motion may reach
//! transform  DCT both ways          predict    the 8-tap filters
//! quantise   levels of a block      search     the motion of a cell
//! cell       one cell coded         encoder    a stream
//! ```

mod cell;
mod encoder;
mod geometry;
mod predict;
mod quantise;
mod search;
mod transform;
mod tuning;

#[cfg(test)]
mod tests;

pub use encoder::{Encoder, Frame};
pub use geometry::Grid;
pub use predict::TAPS;
pub use quantise::scan;
pub use tuning::{Kind, Tuning, Tunings, index_of_level};
