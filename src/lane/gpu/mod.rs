//! The lane of a machine with an NVIDIA GPU.
//!
//! ```text
//! NVDEC ──Surface──┐                         ┌─ copies stream ─> HostFrame ─> encode thread
//! or software ─ upload ─> work stream: sample, network step, compose
//! ```
//!
//! The caller's thread only enqueues; two composites on the device let the copy of one frame run
//! beside the work on the next, and the ring of host frames bounds how far the GPU runs ahead.

mod host;
mod matte;
mod run;
mod steps;
#[cfg(test)]
mod tests;
mod upload;

pub use host::HostFrame;
pub use matte::GpuMatte;
pub use run::{GpuLane, GpuSource};
pub use steps::GpuSteps;
