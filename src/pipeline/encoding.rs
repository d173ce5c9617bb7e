//! The encoders of a lane's outputs; those of a GPU lane with their buffers, which are kept from one segment to the
//! next.
#![forbid(unsafe_code)]

use super::device::Gpu;
use super::error::Error;
use super::outputs::{Look, Looks};
use super::plan::{Coding, FilePlan};
use crate::frame::Size;
use crate::gpu;
use crate::lane::{GpuCoding, HostFrame, NativeGear, Output, Rendering};
use crate::render::{Renderer, Straight};
use crate::vp9::native::PairWriter;
use crate::vp9::{Pair, PairConfig, Single};
use std::num::NonZeroU32;
use std::path::Path;

/// Buffers of either encoder, taken when they are first needed.
#[derive(Default)]
pub(super) struct GpuBuffers {
    planes: Option<PlaneBuffers>,
    native: Option<Box<NativeGear>>,
}

/// Those of libvpx.
struct PlaneBuffers {
    /// What they are for: of each output what renders it on the GPU.
    shows: Vec<Option<Renderer>>,
    rendering: Rendering,
    frames: Vec<HostFrame>,
}

impl PlaneBuffers {
    fn new(gpu: &Gpu, size: Size, shows: Vec<Option<Renderer>>) -> Result<Self, Error> {
        let of_composite = shows.iter().any(Option::is_none);
        let opaque = shows.iter().enumerate().filter_map(|(place, show)| Some((place, show.as_ref()?)));
        let upload = |(place, renderer)| Ok((place, gpu.tables(renderer)?));
        let tables = opaque.map(upload).collect::<Result<Vec<_>, gpu::Error>>();
        let tables = tables.map_err(|error| Error::GpuLane(error.into()))?;
        let rendering = Rendering::new(&gpu.device, size, of_composite, &tables).map_err(Error::GpuLane)?;
        Ok(Self { shows, rendering, frames: Vec::new() })
    }

    fn is_for(&self, outputs: &[Output]) -> bool {
        let same = |(show, output): (&Option<Renderer>, &Output)| match (show, output.renderer()) {
            (Some(one), Some(other)) => one.is_same(other),
            (one, other) => one.is_none() && other.is_none(),
        };
        self.shows.len() == outputs.len() && self.shows.iter().zip(outputs).all(same)
    }
}

impl GpuBuffers {
    /// The encoder for another run over frames of the same size and settings; `outputs` gives those of libvpx.
    ///
    /// # Errors
    /// What libvpx refuses, or memory that the device has not.
    pub(super) fn coding(
        &mut self,
        gpu: &Gpu,
        coding: Coding,
        config: &PairConfig,
        outputs: impl FnOnce() -> Result<Vec<Output>, Error>,
    ) -> Result<GpuCoding<'_>, Error> {
        if coding == Coding::Libvpx {
            let outputs = outputs()?;
            let planes = match self.planes.take().filter(|planes| planes.is_for(&outputs)) {
                Some(planes) => planes,
                None => {
                    let shows = outputs.iter().map(|output| output.renderer().cloned()).collect();
                    PlaneBuffers::new(gpu, config.size, shows)?
                }
            };
            let PlaneBuffers { rendering, frames, .. } = self.planes.insert(planes);
            return Ok(GpuCoding::Libvpx { outputs, rendering, frames });
        }
        let levels = config.quality.native_levels(config.crf);
        let gear = match &mut self.native {
            Some(gear) => gear,
            none => {
                let gear = NativeGear::new(&gpu.device, config.size, levels).map_err(Error::GpuLane)?;
                none.insert(Box::new(gear))
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
