//! Opaque outputs of a GPU lane: rendered on its stream into planes of their own, which alone go home.
//!
//! ```text
//! composite ─┬─ RenderJob ─> planes ─ copy ─┐
//!            ├─ RenderJob ─> planes ─ copy ─┴─> HostFrame      (one job for each opaque output)
//!            └───────────────────── copy ─────> HostFrame      where an output is made of the composite itself
//! ```
//! There are two planes for each output, as there are two composites: the copy of one frame runs beside the work on
//! the next.

use super::host::{HostFrame, HostOpaque};
use crate::frame::Size;
use crate::gpu::{Device, Stream};
use crate::kernels::device::DeviceComposite;
use crate::lane::Error;
use crate::render::device::{DeviceOpaque, RenderJob, Tables};
use std::sync::Arc;

/// What a lane makes of its composites for the encoders on the CPU.
pub struct Rendering {
    /// Whether the composite goes home, too.
    composite: bool,
    shows: Vec<Show>,
    device: Arc<Device>,
}

/// One opaque output.
struct Show {
    /// Which of the lane's outputs.
    place: usize,
    job: RenderJob,
    planes: [DeviceOpaque; 2],
}

impl Rendering {
    /// Takes the device's memory for the outputs `opaque`, each with its place among the lane's outputs, of frames of
    /// `size`; `composite` tells whether others are made of the composite itself.
    ///
    /// # Errors
    /// When the device has not enough memory, or tables are for frames of another size.
    pub fn new(
        device: &Arc<Device>,
        size: Size,
        composite: bool,
        opaque: &[(usize, Tables)],
    ) -> Result<Self, Error> {
        let show = |(place, tables): &(usize, Tables)| {
            let job = RenderJob::new(device, tables, size).map_err(Error::DeviceRender)?;
            let planes = || DeviceOpaque::new(device, job.layout());
            Ok::<_, Error>(Show { place: *place, planes: [planes()?, planes()?], job })
        };
        let shows = opaque.iter().map(show).collect::<Result<_, _>>()?;
        Ok(Self { composite, shows, device: Arc::clone(device) })
    }

    /// Pinned memory for what goes home of composites like `like`.
    ///
    /// # Errors
    /// When the host cannot pin so much.
    pub(super) fn host_frame(&self, like: &DeviceComposite) -> Result<HostFrame, Error> {
        let shown = |show: &Show| HostOpaque::new(&self.device, show.place, show.job.layout());
        let shown = self.shows.iter().map(shown).collect::<Result<_, _>>()?;
        Ok(HostFrame::with(&self.device, self.composite.then_some(like), shown)?)
    }

    /// Enqueues the rendering of a composite; `turn` is that of the composite.
    ///
    /// # Safety
    /// The composite must be written by work on `work` alone, which all calls are given; the planes of the same turn
    /// must have been copied home.
    pub(super) unsafe fn enqueue(
        &mut self,
        work: &Stream,
        composite: &DeviceComposite,
        turn: usize,
    ) -> Result<(), Error> {
        for Show { job, planes, .. } in &mut self.shows {
            // SAFETY: the composite as the caller promises; planes and job are ours, and used on `work` only but for
            // copies that have been made.
            unsafe { job.enqueue(work, composite, &mut planes[turn]) }.map_err(Error::DeviceRender)?;
        }
        Ok(())
    }

    /// Enqueues the copies home of what was rendered in this turn, and of the composite where it is wanted.
    pub(super) fn download(
        &self,
        copies: &Stream,
        composite: &DeviceComposite,
        turn: usize,
        frame: &mut HostFrame,
    ) -> Result<(), Error> {
        for (Show { planes, .. }, home) in self.shows.iter().zip(&mut frame.shown) {
            let bytes = planes[turn].layout().moving_bytes();
            planes[turn].buffer().download_part(copies, &mut home.planes, 0..bytes)?;
        }
        if self.composite {
            composite.buffer().download(copies, &mut frame.planes)?;
        }
        Ok(())
    }
}
