//! What stands in for the library in a program that was built without it: nothing can be loaded.
#![forbid(unsafe_code)]

use super::library::{Libraries, Version};
use super::{Capability, Error, Prepared};
use crate::engine::{self, DeviceEngine};
use crate::gpu::Device;
use std::path::Path;
use std::sync::Arc;

/// There is none.
#[derive(Clone, Debug)]
pub enum Toolkit {}

impl Toolkit {
    /// Always refuses.
    ///
    /// # Errors
    /// [`Error::NotBuilt`].
    pub fn load(_: Option<&Path>) -> Result<Self, Error> {
        Err(Error::NotBuilt)
    }

    /// Where the libraries lie.
    pub fn libraries(&self) -> &Libraries {
        match *self {}
    }

    /// Version of the library.
    pub fn version(&self) -> Version {
        match *self {}
    }

    /// Builds a plan.
    ///
    /// # Errors
    /// Never: there is no such value.
    pub fn build(&self, _: &[u8], _: Capability) -> Result<Vec<u8>, Error> {
        match *self {}
    }
}

/// Always refuses.
///
/// # Errors
/// [`Error::NotBuilt`].
pub fn lane_engine(_: &Arc<Device>, _: &Prepared) -> Result<Box<dyn DeviceEngine>, engine::Error> {
    Err(Error::NotBuilt.into())
}
