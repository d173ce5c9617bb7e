//! The jobs around the network, most of them at full size: one folder each, with the formula in plain Rust and its tests.
//!
//! ```text
//! picture ── sample ──> small RGB tensor ──> network (maps around it) ──> A, b ──┐
//!    └───────────────── compose (A, b or chroma key) ────────────────────────────┴──> 8-bit Y, U, V, alpha, activity
//! ```
//!
//! The Rust code of a job is the reference that its CUDA kernel is tested against, and what a
//! machine with no GPU runs. A result depends on the position of a pixel and its neighbourhood
//! only: never on the order of the work or the number of threads.

pub mod bilinear;
mod check;
pub mod colour;
pub mod compose;
pub mod device;
mod error;
pub mod hdr;
pub mod key;
pub mod maps;
pub mod sample;

#[cfg(test)]
mod device_tests;
#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod treatment_tests;

pub use error::Error;
