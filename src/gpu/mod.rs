//! The CUDA runtime of this program: devices, streams, memory and the embedded kernels.
//!
//! The driver is loaded when a device is first asked for, so the program starts without one and
//! [`Error::NoDriver`] says what is missing; a build without nvcc has no kernels and says so with
//! [`Error::NotBuilt`]. Everything here is ordered by hand: a [`Stream`] runs its work in order, an
//! [`Event`] orders streams among each other, and nothing synchronises unless its name says so.
//! A child holds an `Arc` of its [`Device`], so no handle outlives the context.

mod device;
mod error;
mod ledger;
mod memory;
pub mod nvdec;
mod stream;
#[cfg(test)]
mod tests;

pub use device::{Device, Kernel, kernels_built};
pub use error::{Error, is_out_of_memory};
pub use ledger::{Charge, Ledger, MemoryUse, Part};
pub use memory::{DeviceBuffer, PinnedBuffer, Plain};
pub use stream::{Event, Graph, Stream};
