//! Things that run the network.
//!
//! [`Engine`] is what a lane sees: small RGB in, the two maps of the guided filter out, the
//! recurrent state kept inside. [`cpu`] walks the graph on the processor; engines for a GPU
//! stand beside it and are held to its results.

pub mod cpu;
mod interface;

pub use interface::{Engine, Error};
