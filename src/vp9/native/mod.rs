//! VP9 encoding of our own: the pixels are coded elsewhere (on a GPU), the bits here.
//!
//! libvpx needs more processor time for an 8K frame than everything else together. So a subset of VP9
//! was chosen whose pixel work (motion search, transform, quantisation, reconstruction) fits a GPU: all
//! integers, inter frames only, one reference, blocks of 16x16 and 8x8 pixels. What those decide comes
//! as a [`Coded`] frame, and the entropy coder turns it into packets that every decoder takes.
//!
//! ```text
//! coded   the type both halves share        tables  numbers of the VP9 specification
//! pixels  from planes to a coded frame      device  the same on a GPU
//! bits    packets from coded frames         pair    colour and matte together
//! ```

pub mod bits;
mod coded;
pub mod device;
mod pair;
pub mod pixels;
#[cfg(test)]
mod scenes;
pub mod tables;
#[cfg(test)]
mod tests;

pub use coded::{Block, Coded, Motion, Parameters};
pub use pair::{PairLevels, PairWriter};
