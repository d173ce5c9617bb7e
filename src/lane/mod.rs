//! A lane takes a run of frames through decode -> matte -> encode.
//!
//! ```text
//! Decoder ──Picture──> Matte (sample -> network -> compose) ──Composite──> Pair ──> Sink
//!  (own threads)         caller's thread                     bounded queue    encode thread
//! ```
//!
//! Composites go round: the encode thread hands each back when it is coded, so a lane holds a
//! fixed number of frames whatever the length of the video.
#![forbid(unsafe_code)]

mod cpu;
mod error;
mod matte;

#[cfg(test)]
mod tests;

pub use cpu::{CpuLane, Totals};
pub use error::Error;
pub use matte::Matte;
