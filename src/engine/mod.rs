//! Things that run the network.
//!
//! [`Engine`] is what a lane sees: small RGB in, the two maps of the guided filter out, the
//! recurrent state kept inside. [`cpu`] walks the graph on the processor; [`native`] does so on
//! a CUDA device and is held to its results; [`tensorrt`] leaves it to NVIDIA's library where that runs.

pub mod cpu;
mod interface;
pub mod native;
pub mod tensorrt;

pub use interface::{DeviceEngine, Engine, Error};
