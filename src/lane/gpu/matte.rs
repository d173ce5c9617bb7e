//! From a picture in device memory to a composed frame on its way to the host.

use super::host::HostFrame;
use super::out::Out;
use super::rendering::Rendering;
use super::treatment::Treatment;
use crate::engine::native::{Model, NativeEngine};
use crate::engine::{self, DeviceEngine};
use crate::frame::{Colour, Rect, Size};
use crate::gpu::nvdec::{Surface, SurfaceFormat};
use crate::gpu::{Device, Event, Stream};
use crate::kernels::compose::ComposeJob;
use crate::kernels::device::{DeviceComposite, DevicePicture};
use crate::kernels::hdr::HdrJob;
use crate::kernels::maps::{MapShape, MapsJob};
use crate::kernels::sample::{SampleJob, Stage};
use crate::lane::Error;
use std::sync::Arc;

/// One lane's share of a GPU: its engine with the state of one video, and the full-size jobs.
pub struct GpuMatte {
    device: Arc<Device>,
    jobs: Jobs,
    colour: Colour,
    results: [Composed; 2],
    turn: usize,
    work: Stream,
    copies: Stream,
}

/// The work on a frame, in its order.
struct Jobs {
    to_sdr: Option<HdrJob>,
    sample: SampleJob,
    maps: MapsJob,
    engine: Box<dyn DeviceEngine>,
    compose: ComposeJob,
}

/// A result on the device.
struct Composed {
    planes: DeviceComposite,
    done: Event,
    /// Happens when the planes have been copied and may be written again.
    copied: Event,
}

impl GpuMatte {
    /// Takes all memory that the lane needs on the device. `ratio` is the scale from an eye to the
    /// model's stage, `stage` the stage itself.
    ///
    /// # Errors
    /// When the device has not enough memory, or sizes contradict each other.
    pub fn new(
        device: &Arc<Device>,
        model: &Arc<Model>,
        stage: &Stage,
        size: Size,
        eyes: &[Rect],
        colour: Colour,
    ) -> Result<Self, Error> {
        Self::with_engine(device, Box::new(NativeEngine::new(model)?), stage, size, eyes, colour)
    }

    /// As [`GpuMatte::new`], with any engine on this device.
    ///
    /// # Errors
    /// When the device has not enough memory, or sizes contradict each other.
    pub fn with_engine(
        device: &Arc<Device>,
        engine: Box<dyn DeviceEngine>,
        stage: &Stage,
        size: Size,
        eyes: &[Rect],
        colour: Colour,
    ) -> Result<Self, Error> {
        Self::treated(device, engine, stage, (size, colour), eyes, &Treatment::default())
    }

    /// As [`GpuMatte::with_engine`], with pictures treated as told. `colour` is that of the pictures as they come;
    /// where the sides of an eye are one, the engine's stage is wider than `stage` by twice the margin.
    ///
    /// # Errors
    /// When the device has not enough memory, or sizes contradict each other.
    pub fn treated(
        device: &Arc<Device>,
        engine: Box<dyn DeviceEngine>,
        stage: &Stage,
        (size, colour): (Size, Colour),
        eyes: &[Rect],
        treatment: &Treatment,
    ) -> Result<Self, Error> {
        let composed = || {
            Ok::<_, Error>(Composed {
                planes: DeviceComposite::new(device, size)?,
                done: Event::new(device)?,
                copied: Event::new(device)?,
            })
        };
        let margin = treatment.margin(stage.size.width);
        let shown = Size::new(stage.size.width + 2 * margin, stage.size.height);
        let seen = engine.stage_size();
        let (expected, got) =
            ([engine.eyes(), 3, seen.height, seen.width], [eyes.len(), 3, shown.height, shown.width]);
        if got != expected {
            return Err(engine::Error::Shape { what: "sampled tensor", expected, got }.into());
        }
        let to_sdr = treatment.to_sdr.as_ref();
        let shape = MapShape { eyes: eyes.len(), size: shown, margin, ratio: stage.ratio };
        let jobs = Jobs {
            to_sdr: to_sdr.map(|(map, depth)| HdrJob::new(device, size, *depth, map)).transpose()?,
            sample: SampleJob::with_margin(device, size, eyes, stage, margin)?,
            maps: MapsJob::new(device, shape, treatment.touch.maps())?,
            engine,
            compose: ComposeJob::finished(device, size, eyes, (shown, margin), &treatment.finish())?,
        };
        Ok(Self {
            jobs,
            colour,
            results: [composed()?, composed()?],
            turn: 0,
            work: Stream::new(device)?,
            copies: Stream::new(device)?,
            device: Arc::clone(device),
        })
    }

    /// A host frame that takes this lane's results.
    ///
    /// # Errors
    /// When the host cannot pin so much memory.
    pub fn host_frame(&self) -> Result<HostFrame, Error> {
        Ok(HostFrame::new(&self.device, &self.results[0].planes)?)
    }

    /// The same for what a rendering sends home of them.
    ///
    /// # Errors
    /// When the host cannot pin so much memory.
    pub fn host_frame_of(&self, rendering: &Rendering) -> Result<HostFrame, Error> {
        rendering.host_frame(&self.results[0].planes)
    }

    /// Forgets the state: what comes next is the first picture of a video.
    pub fn reset(&mut self) {
        self.jobs.engine.reset();
        self.jobs.maps.reset();
    }

    /// The stream that pictures must be ready on.
    pub(super) fn work(&self) -> &Stream {
        &self.work
    }

    /// Enqueues all work on a decoded surface, and on what becomes of it. The surface may be dropped at once;
    /// what is in `out` is ready when it says so.
    ///
    /// # Errors
    /// When the surface does not fit the lane, or the driver fails.
    pub fn surface(&mut self, surface: &mut Surface, out: Out<'_>) -> Result<(), Error> {
        let (work, colour, jobs) = (&self.work, self.colour, &mut self.jobs);
        let result = &mut self.results[self.turn];
        work.wait(&result.copied)?;
        surface.read(work, |view| {
            let chroma = view.address + view.chroma_offset_bytes as u64;
            let picture = DevicePicture {
                planes: [view.address, chroma, chroma + view.format.bytes_per_sample() as u64],
                pitches: [view.pitch_bytes; 2],
                chroma_step: 2,
                size: view.size,
                depth: view.depth,
                high_bits: view.format == SurfaceFormat::P016,
                colour,
            };
            let picture = jobs.matte(work, &picture)?;
            match out {
                Out::State => Ok(()),
                _ => jobs.compose_into(work, &picture, &mut result.planes),
            }
        })?;
        self.hand_over(out)
    }

    /// As [`GpuMatte::surface`], on a picture that work on [`GpuMatte::work`] has put on the device.
    pub(super) fn picture(&mut self, picture: &DevicePicture, out: Out<'_>) -> Result<(), Error> {
        let result = &mut self.results[self.turn];
        self.work.wait(&result.copied)?;
        let picture = self.jobs.matte(&self.work, picture)?;
        if !matches!(out, Out::State) {
            self.jobs.compose_into(&self.work, &picture, &mut result.planes)?;
        }
        self.hand_over(out)
    }

    fn hand_over(&mut self, out: Out<'_>) -> Result<(), Error> {
        let result = &self.results[self.turn];
        let out = match out {
            Out::State => return Ok(()),
            Out::Coded(encoder, frame) => {
                // SAFETY: the composite is written by work on this stream alone, and the frame is not touched
                // until its run on this stream is waited for (`BitsCoder::encode`).
                unsafe { encoder.enqueue(&self.work, &result.planes, frame.key, &mut frame.out) }?;
                return Ok(());
            }
            Out::Planes(out) => {
                result.done.record(&self.work)?;
                self.copies.wait(&result.done)?;
                result.planes.buffer().download(&self.copies, &mut out.planes)?;
                out
            }
            Out::Rendered(rendering, out) => {
                // SAFETY: the composite is written by work on this stream alone, which has waited for the copies of
                // this turn.
                unsafe { rendering.enqueue(&self.work, &result.planes, self.turn) }?;
                result.done.record(&self.work)?;
                self.copies.wait(&result.done)?;
                rendering.download(&self.copies, &result.planes, self.turn, out)?;
                out
            }
        };
        out.ready.record(&self.copies)?;
        result.copied.record(&self.copies)?;
        self.turn ^= 1;
        Ok(())
    }
}

impl Drop for GpuMatte {
    fn drop(&mut self) {
        // Memory of the lane must not go while work on it runs. A failure here leaves a device that
        // is of no more use; whoever uses it next is told.
        let _ = self.work.synchronize();
        let _ = self.copies.synchronize();
    }
}

impl Jobs {
    /// One step of the network on a picture, with what belongs to it; the picture that is to be composed.
    fn matte(&mut self, work: &Stream, picture: &DevicePicture) -> Result<DevicePicture, Error> {
        let Self { to_sdr, sample, maps, engine, .. } = self;
        let picture = match to_sdr {
            // SAFETY: the surface or upload holds planes of the told sizes until `work` has run this (`Surface::read`,
            // `Uploader::upload`); what the job gives is used on `work` only.
            Some(job) => unsafe { job.enqueue(work, picture) }?,
            None => *picture,
        };
        let small = engine.src_address();
        // SAFETY: the picture as above, or the job's own, and the engine's input has the size that the job was made
        // for: `GpuMatte::treated` compares them.
        unsafe { sample.enqueue(work, &picture, small) }?;
        // SAFETY: input and states are the engine's, used on `work` only.
        unsafe { maps.ahead(work, small, engine.state_ranges()) }?;
        engine.enqueue_on(work)?;
        // SAFETY: as above; the engine's maps have the size of its input.
        unsafe { maps.behind(work, small, engine.coefficient_addresses()) }?;
        Ok(picture)
    }

    /// Full-size colour and alpha from the last step's maps.
    fn compose_into(
        &self,
        work: &Stream,
        picture: &DevicePicture,
        out: &mut DeviceComposite,
    ) -> Result<(), Error> {
        let maps = self.engine.coefficient_addresses();
        // SAFETY: the picture as in `matte`; the maps are the engine's, written before on this stream, and `out` is
        // used by this stream alone until `copied` has happened.
        unsafe { self.compose.enqueue(work, picture, maps, out) }?;
        Ok(())
    }
}
