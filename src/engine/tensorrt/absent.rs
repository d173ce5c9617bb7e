//! What stands in for the library in a program that was built without it: nothing can be loaded.
#![forbid(unsafe_code)]

use super::library::{Libraries, Version};
use super::{Capability, Error, Prepared};
use crate::engine::{self, DeviceEngine};
use crate::gpu::Device;
use std::path::Path;
use std::sync::Arc;

/// Never made here.
#[derive(Clone, Debug)]
pub struct Toolkit {
    libraries: Libraries,
    version: Version,
}

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
        &self.libraries
    }

    /// Version of the library.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Always refuses.
    ///
    /// # Errors
    /// [`Error::NotBuilt`].
    pub fn build(&self, _: &[u8], _: Capability) -> Result<Vec<u8>, Error> {
        Err(Error::NotBuilt)
    }
}

/// Always refuses.
///
/// # Errors
/// [`Error::NotBuilt`].
pub fn lane_engine(_: &Arc<Device>, _: &Prepared) -> Result<Box<dyn DeviceEngine>, engine::Error> {
    Err(Error::NotBuilt.into())
}
