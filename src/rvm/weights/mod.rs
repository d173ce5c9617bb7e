//! Weights of a network in one canonical form, whatever file they came from.
//!
//! `checkpoint` holds named tensors as published, `fold` turns them into convolutions with the
//! batch norms folded in; `pth`, `tensors` and `onnx` read the three kinds of file, and
//! `synthetic` makes weights out of nothing for tests and timing.

mod canonical;
mod checkpoint;
mod error;
mod fold;
mod load;
mod numbers;
mod onnx;
mod pickle;
mod pth;
mod synthetic;
mod tensors;
#[cfg(test)]
mod tests;

pub use canonical::Weights;
pub use error::Error;
