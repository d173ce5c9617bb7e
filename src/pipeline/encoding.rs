//! The encoders of a lane's outputs; those of a GPU lane with their buffers, which are kept from one segment to the
//! next.
#![forbid(unsafe_code)]

use super::error::Error;
use super::outputs::{Look, Looks};
use super::plan::{Coding, FilePlan};
use crate::gpu::Device;
use crate::lane::{GpuCoding, HostFrame, NativeGear, Output};
use crate::render::Straight;
use crate::vp9::native::PairWriter;
use crate::vp9::{Pair, PairConfig, Single};
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
    /// The encoder for another run over frames of the same size and settings; `outputs` gives those of libvpx.
    ///
    /// # Errors
    /// What libvpx refuses, or memory that the device has not.
    pub(super) fn coding(
        &mut self,
        device: &Arc<Device>,
        coding: Coding,
        config: &PairConfig,
        outputs: impl FnOnce() -> Result<Vec<Output>, Error>,
    ) -> Result<GpuCoding<'_>, Error> {
        if coding == Coding::Libvpx {
            return Ok(GpuCoding::Libvpx { outputs: outputs()?, frames: &mut self.frames });
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

/// The outputs `places` of a plan, ready for a run of frames; `config` is that of colour and alpha.
///
/// # Errors
/// What libvpx refuses, or a picture that cannot be read.
pub(super) fn outputs(
    plan: &FilePlan,
    places: &[usize],
    config: &PairConfig,
    looks: &Looks,
) -> Result<Vec<Output>, Error> {
    let path = &plan.job.input;
    let output = |&place: &usize| {
        let output = &plan.outputs[place];
        let rendering = |source| Error::Render { path: path.clone(), source };
        let renderer = match (looks.renderer(&output.look).map_err(rendering)?, &output.look) {
            (Some(renderer), _) => renderer,
            (None, Look::Png) => return Ok(Output::Stills(Straight::new(output.colour))),
            (None, _) => return Ok(Output::Alpha(Box::new(pair(config, path)?))),
        };
        let config = PairConfig { size: output.size, colour: output.colour, ..config.clone() };
        let encoder = Single::new(&config, output.look.shown());
        let encoder = encoder.map_err(|source| Error::Encode { path: path.clone(), source })?;
        Ok(Output::opaque(renderer, plan.video.size, encoder))
    };
    places.iter().map(output).collect()
}
