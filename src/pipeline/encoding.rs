//! The encoders of a GPU lane with their buffers, which are kept from one segment to the next.
#![forbid(unsafe_code)]

use super::error::Error;
use super::plan::Coding;
use crate::gpu::Device;
use crate::lane::{GpuCoding, HostFrame, NativeGear};
use crate::vp9::native::PairWriter;
use crate::vp9::{Pair, PairConfig};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

/// Buffers of either encoder, taken when they are first needed.
#[derive(Default)]
pub(super) struct GpuBuffers {
    frames: Vec<HostFrame>,
    native: Option<Box<NativeGear>>,
}

impl GpuBuffers {
    /// The encoder for another run over frames of the same size and settings; `path` is what is encoded.
    ///
    /// # Errors
    /// What libvpx refuses, or memory that the device has not.
    pub(super) fn coding(
        &mut self,
        device: &Arc<Device>,
        coding: Coding,
        config: &PairConfig,
        path: &Path,
    ) -> Result<GpuCoding<'_>, Error> {
        if coding == Coding::Libvpx {
            return Ok(GpuCoding::Libvpx { pair: Box::new(pair(config, path)?), frames: &mut self.frames });
        }
        let levels = config.quality.native_levels(config.crf);
        let gear = match &mut self.native {
            Some(gear) => gear,
            none => {
                none.insert(Box::new(NativeGear::new(device, config.size, levels).map_err(Error::GpuLane)?))
            }
        };
        // The threads of two encoders that work at once: these take turns.
        let writer = PairWriter::new(config.size, config.colour, levels, 2 * config.threads);
        let writer = Box::new(writer.map_err(|error| Error::GpuLane(error.into()))?);
        let key_interval = config.key_interval.unwrap_or(NonZeroU32::MAX);
        Ok(GpuCoding::Native { gear, writer, key_interval })
    }
}

/// libvpx's encoders.
pub(super) fn pair(config: &PairConfig, path: &Path) -> Result<Pair, Error> {
    Pair::new(config).map_err(|source| Error::Encode { path: path.to_path_buf(), source })
}
