//! The network on a CUDA device, by this program's own kernels.
//!
//! ```text
//! Graph --lower--> Plan (launches, buffers, packed weights) --Model--> tile shapes, weights on the GPU
//!                                                                 \--> NativeEngine, one per lane
//! ```
//!
//! Convolutions are implicit matrix products on tensor cores, channels last, in halfs with 32-bit sums;
//! states and the guided filter are 32-bit floats throughout. Concatenations are buffers whose slices
//! their producers write; a step is one CUDA graph. [`lower`](lower::lower), [`arena`] and [`pack`] need no device.

pub mod arena;
mod args;
pub mod launch;
pub mod lower;
mod model;
mod nodes;
pub mod pack;
mod patterns;
pub mod plan;
mod run;
#[cfg(test)]
mod tests;
pub mod tile;

pub use model::{Model, Tiles};
pub use run::NativeEngine;
