//! The work of a GPU lane on a frame, step by step with an event after each: where its time goes.

use super::upload::Uploader;
use crate::engine::DeviceEngine;
use crate::frame::{Composite, Picture, Rect, Size};
use crate::gpu::{Device, Event, PinnedBuffer, Stream};
use crate::kernels::compose::ComposeJob;
use crate::kernels::device::{DeviceComposite, DevicePicture};
use crate::kernels::sample::{SampleJob, Stage};
use crate::lane::Error;
use crate::vp9::native::PairLevels;
use crate::vp9::native::device::{Encoder, Fetched, Output};
use std::sync::Arc;

/// The steps with their buffers.
pub struct GpuSteps {
    uploader: Uploader,
    engine: Box<dyn DeviceEngine>,
    sample: SampleJob,
    compose: ComposeJob,
    out: DeviceComposite,
    last: Last,
    events: [Event; STEPS + 1],
    stream: Stream,
}

/// What is done with a composed frame.
enum Last {
    Home(PinnedBuffer<u8>),
    Encode(Box<(Encoder, Output)>),
}

/// Milliseconds of each step.
pub type StepTimes = [f64; STEPS];

const STEPS: usize = 4;

impl GpuSteps {
    /// Names of the steps, in their order. With our own encoder the copy home is of what it leaves to be written.
    pub fn names(&self) -> [&'static str; STEPS] {
        let last = match self.last {
            Last::Home(_) => "download",
            Last::Encode(_) => "encode (pixels)",
        };
        ["sample", "network", "compose", last]
    }

    /// Takes all memory for frames of `size` and `depth`; `stage` is that of `engine`, which is on this device. With `levels` frames are
    /// encoded, else copied home.
    ///
    /// # Errors
    /// When the device has not enough memory, or sizes contradict each other.
    pub fn new(
        device: &Arc<Device>,
        engine: Box<dyn DeviceEngine>,
        stage: &Stage,
        (size, depth): (Size, u8),
        eyes: &[Rect],
        levels: Option<PairLevels>,
    ) -> Result<Self, Error> {
        let seen = engine.stage_size();
        let expected = [engine.eyes(), 3, seen.height, seen.width];
        let got = [eyes.len(), 3, stage.size.height, stage.size.width];
        if got != expected {
            return Err(crate::engine::Error::Shape { what: "sampled tensor", expected, got }.into());
        }
        let out = DeviceComposite::new(device, size)?;
        let last = match levels {
            None => Last::Home(PinnedBuffer::zeroed(device, out.buffer().len_bytes())?),
            Some(levels) => {
                let encoder = Encoder::new(device, size, levels.tunings())?;
                Last::Encode(Box::new((encoder, Output::new(device, size)?)))
            }
        };
        let event = || Event::timing(device);
        Ok(Self {
            uploader: Uploader::new(device, size, depth)?,
            engine,
            sample: SampleJob::new(device, size, eyes, stage)?,
            compose: ComposeJob::new(device, size, eyes, stage.size)?,
            last,
            out,
            events: [event()?, event()?, event()?, event()?, event()?],
            stream: Stream::new(device)?,
        })
    }

    /// Uploads `picture` and does all steps on it.
    ///
    /// # Errors
    /// When the picture has another size or depth, or the driver fails.
    pub fn time(&mut self, picture: &Picture) -> Result<StepTimes, Error> {
        let uploaded = self.uploader.upload(&self.stream, picture)?;
        self.once(&uploaded)
    }

    /// What our own encoder made of the last picture; `None` without it. The first frame is a key point.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn coded(&mut self) -> Result<Option<Fetched<'_>>, Error> {
        match &mut self.last {
            Last::Home(_) => Ok(None),
            Last::Encode(both) => Ok(Some(both.1.wait(&self.stream)?)),
        }
    }

    /// What came out last.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn composite(&self) -> Result<Composite, Error> {
        Ok(self.out.download(&self.stream)?)
    }

    fn once(&mut self, picture: &DevicePicture) -> Result<StepTimes, Error> {
        let Self { engine, sample, compose, out, last, events, stream, .. } = self;
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
        match last {
            Last::Home(home) => out.buffer().download(stream, home)?,
            Last::Encode(both) => {
                let (encoder, output) = &mut **both;
                // SAFETY: the composite is written on this stream only, and what comes home is looked at in
                // `coded`, which waits, and not before the events below.
                unsafe { encoder.enqueue(stream, out, false, output) }?;
            }
        }
        events[4].record(stream)?;
        events[4].synchronize()?;
        let mut times = [0.0; STEPS];
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
