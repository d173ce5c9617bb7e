//! A lane takes a run of frames through decode -> matte -> encode.
//!
//! ```text
//! Decoder ──Picture──> Matte (sample -> network -> compose) ──Composite──> outputs ──> Sink
//!  (own threads)         caller's thread                     bounded queue    encode thread
//! ```
//!
//! The GPU lane is the same with NVDEC, the native engine and CUDA kernels in the first two places
//! and pinned host memory between them and the encoders: a frame comes to the host once, composed, or as its opaque
//! outputs show it.
//!
//! Composites go round: the encode thread hands each back when it is coded, so a lane holds a
//! fixed number of frames whatever the length of the video.

mod cpu;
mod encode;
mod error;
mod gpu;
mod matte;
mod outputs;
mod touch;

#[cfg(test)]
mod tests;

pub use cpu::CpuLane;
pub use encode::{Span, Totals};
pub use error::Error;
pub use gpu::{
    CodedFrame, GpuCoding, GpuLane, GpuMatte, GpuSource, GpuSteps, HostFrame, NativeGear, Out, Rendering,
    StepTimes, Treatment,
};
pub use matte::Matte;
pub use outputs::{Encoded, OpaqueOutput, Output};
pub use touch::Touch;
