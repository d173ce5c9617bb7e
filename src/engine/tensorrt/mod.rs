//! The network as an engine of NVIDIA's TensorRT, for the GPUs that TensorRT serves.
//!
//! ```text
//! Graph ─ONNX in halfs─> build ─plan─> plan_file in engines/ ─> TensorRtEngine, one per lane
//! ```
//! TensorRT-RTX builds plans ahead of time, without a GPU; the library is found and loaded at run time. Building
//! this part of the program needs libclang (cargo feature `tensorrt`); without it everything but building and
//! running plans is here, and [`Error::NotBuilt`] says so.

#[cfg(not(feature = "tensorrt"))]
mod absent;
pub mod capability;
mod error;
pub mod library;
#[cfg(feature = "tensorrt")]
mod model;
pub mod plan_file;
pub mod prepare;
#[cfg(feature = "tensorrt")]
mod run;
#[cfg(feature = "tensorrt")]
mod toolkit;
pub mod validation;

#[cfg(not(feature = "tensorrt"))]
pub use absent::{Toolkit, lane_engine};
pub use capability::Capability;
pub use error::Error;
pub use library::{Libraries, Version};
pub use plan_file::PlanKey;
pub use prepare::{Prepared, is_validated, prepare};
#[cfg(feature = "tensorrt")]
pub use run::lane_engine;
#[cfg(feature = "tensorrt")]
pub use toolkit::Toolkit;
pub use validation::Agreement;

/// Whether this program was built with TensorRT.
pub const BUILT: bool = cfg!(feature = "tensorrt");
