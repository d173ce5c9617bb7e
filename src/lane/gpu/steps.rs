//! The work of a GPU lane on a frame, step by step with an event after each: where its time goes.

use super::upload::Uploader;
use crate::engine::Engine;
use crate::engine::native::{Model, NativeEngine};
use crate::frame::{Composite, Picture, Rect, Size};
use crate::gpu::{Device, Event, PinnedBuffer, Stream};
use crate::kernels::compose::ComposeJob;
use crate::kernels::device::{DeviceComposite, DevicePicture};
use crate::kernels::sample::{SampleJob, Stage};
use crate::lane::Error;
use std::sync::Arc;

/// The steps with their buffers.
pub struct GpuSteps {
    uploader: Uploader,
    engine: NativeEngine,
    sample: SampleJob,
    compose: ComposeJob,
    out: DeviceComposite,
    home: PinnedBuffer<u8>,
    events: [Event; GpuSteps::NAMES.len() + 1],
    stream: Stream,
}

impl GpuSteps {
    /// Names of the steps, in their order.
    pub const NAMES: [&str; 4] = ["sample", "network", "compose", "download"];

    /// Takes all memory for frames of `size` and `depth`; `stage` is that of `model`.
    ///
    /// # Errors
    /// When the device has not enough memory, or sizes contradict each other.
    pub fn new(
        device: &Arc<Device>,
        model: &Arc<Model>,
        stage: &Stage,
        (size, depth): (Size, u8),
        eyes: &[Rect],
    ) -> Result<Self, Error> {
        let engine = NativeEngine::new(model)?;
        let seen = engine.stage_size();
        let expected = [engine.eyes(), 3, seen.height, seen.width];
        let got = [eyes.len(), 3, stage.size.height, stage.size.width];
        if got != expected {
            return Err(crate::engine::Error::Shape { what: "sampled tensor", expected, got }.into());
        }
        let out = DeviceComposite::new(device, size)?;
        let event = || Event::timing(device);
        Ok(Self {
            uploader: Uploader::new(device, size, depth)?,
            engine,
            sample: SampleJob::new(device, size, eyes, stage)?,
            compose: ComposeJob::new(device, size, eyes, stage.size)?,
            home: PinnedBuffer::zeroed(device, out.buffer().len_bytes())?,
            out,
            events: [event()?, event()?, event()?, event()?, event()?],
            stream: Stream::new(device)?,
        })
    }

    /// Uploads `picture` and does all steps on it `count` times; milliseconds of each step each time.
    ///
    /// # Errors
    /// When the picture has another size or depth, or the driver fails.
    pub fn time(&mut self, picture: &Picture, count: usize) -> Result<Vec<[f64; Self::NAMES.len()]>, Error> {
        let uploaded = self.uploader.upload(&self.stream, picture)?;
        (0..count).map(|_| self.once(&uploaded)).collect()
    }

    /// What came out last.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn composite(&self) -> Result<Composite, Error> {
        Ok(self.out.download(&self.stream)?)
    }

    fn once(&mut self, picture: &DevicePicture) -> Result<[f64; Self::NAMES.len()], Error> {
        let Self { engine, sample, compose, out, home, events, stream, .. } = self;
        events[0].record(stream)?;
        // SAFETY: the picture is the uploader's, which writes it on this stream only; the engine's input has
        // the size that the job was made for: `new` compares them.
        unsafe { sample.enqueue(stream, picture, engine.src_address()) }?;
        events[1].record(stream)?;
        engine.enqueue_on(stream)?;
        events[2].record(stream)?;
        // SAFETY: as above; the maps are the engine's, written before on this stream, which alone uses `out`.
        unsafe { compose.enqueue(stream, picture, engine.coefficient_addresses(), out) }?;
        events[3].record(stream)?;
        out.buffer().download(stream, home)?;
        events[4].record(stream)?;
        events[4].synchronize()?;
        let mut times = [0.0; Self::NAMES.len()];
        for (time, pair) in times.iter_mut().zip(events.windows(2)) {
            *time = pair[1].ms_since(&pair[0])?.into();
        }
        Ok(times)
    }
}

impl Drop for GpuSteps {
    fn drop(&mut self) {
        // Its memory must not go while work on it runs. A failure here leaves a device that is of no
        // more use; whoever uses it next is told.
        let _ = self.stream.synchronize();
    }
}
