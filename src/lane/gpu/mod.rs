//! The lane of a machine with an NVIDIA GPU.
//!
//! ```text
//! NVDEC ──Surface──┐                                  ┌─ planes, or opaque ones of them ─> HostFrame
//!                                                         │                  ─> encode thread: libvpx
//! or software ─ upload ─> sample, network step, compose ─┤    (`Jobs` of `matte` has the jobs between them, too)
//!                                                     └─ our encoder's kernels ─> CodedFrame ─> its bits
//! ```
//!
//! The caller's thread only enqueues; two composites on the device let the copy of one frame run
//! beside the work on the next, and the ring of frames bounds how far the GPU runs ahead.

mod coded;
mod host;
mod matte;
mod out;
mod rendering;
#[cfg(test)]
mod rendering_tests;
mod run;
mod steps;
#[cfg(test)]
mod tests;
mod treatment;
#[cfg(test)]
mod treatment_tests;
mod upload;

pub use coded::{CodedFrame, NativeGear};
pub use host::HostFrame;
pub use matte::GpuMatte;
pub use out::Out;
pub use rendering::Rendering;
pub use run::{GpuCoding, GpuLane, GpuSource};
pub use steps::{GpuSteps, StepTimes};
pub use treatment::Treatment;
