//! The loop of a GPU lane.
#![forbid(unsafe_code)]

use super::coded::{BitsCoder, NativeGear};
use super::host::HostFrame;
use super::matte::GpuMatte;
use super::out::{Native, Out, Target};
use super::rendering::Rendering;
use super::upload::Uploader;
use crate::frame::Size;
use crate::gpu::{Device, nvdec};
use crate::lane::Error;
use crate::lane::encode::{FRAMES, Part, Ring, Sink, Span, Step, Totals, run_beside, waiting_for};
use crate::lane::outputs::{Output, OutputsCoder};
use crate::software;
use crate::telemetry::LaneClocks;
use crate::vp9::native::PairWriter;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Where a GPU lane's pictures come from.
pub enum GpuSource {
    /// Decoded on the GPU.
    Nvdec(nvdec::Decoder),
    /// Decoded on the CPU and uploaded; the depth is that of the stream.
    Upload {
        /// The decoder.
        decoder: Box<dyn software::Decoder>,
        /// Bits per sample.
        depth: u8,
    },
}

/// What encodes the frames, with buffers of an earlier run on this matte, if any; they are there again after a run
/// that went well.
pub enum GpuCoding<'a> {
    /// libvpx, on the CPU.
    Libvpx {
        /// What is made of the frames.
        outputs: Vec<Output>,
        /// What of them is rendered on the GPU, by the places of those outputs, and comes home.
        rendering: &'a mut Rendering,
        /// The buffers, of that rendering.
        frames: &'a mut Vec<HostFrame>,
    },
    /// Our own encoder: pixels on the GPU, bits on the CPU.
    Native {
        /// State and buffers on the GPU.
        gear: &'a mut NativeGear,
        /// Writes the bits.
        writer: Box<PairWriter>,
        /// Frames from one key point to the next.
        key_interval: NonZeroU32,
    },
}

/// One run of frames on a GPU, ready to go.
pub struct GpuLane<'a> {
    /// Gives the pictures.
    pub source: GpuSource,
    /// The GPU.
    pub device: Arc<Device>,
    /// Size of every picture.
    pub size: Size,
    /// What is matted and encoded.
    pub span: Span,
    /// Does the work on the device; goes on with the state that it has.
    pub matte: &'a mut GpuMatte,
    /// Gets the decoder when all went well, for the next run.
    pub spare: &'a mut Option<nvdec::Spare>,
    /// Encodes colour and alpha.
    pub coding: GpuCoding<'a>,
    /// Where the time goes.
    pub clocks: &'a LaneClocks,
    /// Set by a signal: stop at the next frame.
    pub cancel: &'a AtomicBool,
}

impl GpuLane<'_> {
    /// Runs to the end of the span or of the stream. `sink` gets every encoded frame in order, on the
    /// encode thread; its error ends the lane.
    ///
    /// # Errors
    /// The first failure of any stage.
    pub fn run(self, sink: &mut Sink<'_>) -> Result<Totals, Error> {
        let Self { source, device, size, span, matte, spare, coding, clocks, cancel } = self;
        let mut feed = match source {
            GpuSource::Nvdec(decoder) => Feed::Nvdec(decoder),
            GpuSource::Upload { decoder, depth } => {
                Feed::Upload(decoder, Uploader::new(&device, size, depth)?)
            }
        };
        let mut stage = Stage { size, span, matte, clocks };
        let totals = match coding {
            GpuCoding::Libvpx { outputs, rendering, frames } => {
                while frames.len() < FRAMES {
                    frames.push(stage.matte.host_frame_of(rendering)?);
                }
                let step = |ring: &Ring<_>, done| feed.step(&mut stage, ring, rendering, done);
                run_beside(OutputsCoder::new(outputs), frames, clocks, cancel, sink, step)?
            }
            GpuCoding::Native { gear, writer, key_interval } => {
                gear.fill()?;
                let NativeGear { encoder, frames, .. } = gear;
                let mut target = Native::new(encoder, key_interval);
                let coder = BitsCoder::new(*writer, &device)?;
                let step = |ring: &Ring<_>, done| feed.step(&mut stage, ring, &mut target, done);
                run_beside(coder, frames, clocks, cancel, sink, step)?
            }
        };
        let (unseen, complaints) = feed.tally();
        clocks.close.time(|| *spare = feed.rest());
        Ok(Totals { unseen, complaints, ..totals })
    }
}

/// The decoder with what it takes to bring its pictures to the device.
enum Feed {
    Nvdec(nvdec::Decoder),
    Upload(Box<dyn software::Decoder>, Uploader),
}

/// The caller's thread: enqueues work and hands frames on.
struct Stage<'a> {
    size: Size,
    span: Span,
    matte: &'a mut GpuMatte,
    clocks: &'a LaneClocks,
}

impl Feed {
    /// Ends it; a decoder on the GPU can go on with another stream.
    fn rest(self) -> Option<nvdec::Spare> {
        match self {
            Self::Nvdec(decoder) => decoder.rest(),
            Self::Upload(..) => None,
        }
    }

    /// Packets without a picture, and complaints.
    fn tally(&self) -> (u64, u64) {
        match self {
            // NVDEC does not tell hidden packets from lost ones.
            Self::Nvdec(decoder) => (0, decoder.tally().damaged + decoder.tally().concealed),
            Self::Upload(decoder, _) => (decoder.tally().unseen, decoder.tally().complaints),
        }
    }

    /// Takes one picture through; the clock `network` counts the enqueueing of all device work.
    fn step<F>(
        &mut self,
        stage: &mut Stage<'_>,
        ring: &Ring<F>,
        target: &mut impl Target<F>,
        done: u64,
    ) -> Result<Step, Error> {
        let asked = Instant::now();
        match self {
            Self::Nvdec(decoder) => {
                stage.clocks.decoded.see(decoder.waiting());
                let next = decoder.next_surface().map_err(|source| Error::Nvdec { frames: done, source })?;
                let waited = asked.elapsed();
                let Some(mut surface) = next else { return Ok(stage.over(done, waited)) };
                let (pts, size) = (surface.pts(), surface.size());
                let enqueue = |matte: &mut GpuMatte, out: Out<'_>| matte.surface(&mut surface, out);
                stage.through(ring, target, done, (pts, size, waited), enqueue)
            }
            Self::Upload(decoder, uploader) => {
                let next = decoder.next_picture().map_err(|source| Error::Decode { frames: done, source })?;
                let waited = asked.elapsed();
                let Some(picture) = next else { return Ok(stage.over(done, waited)) };
                let enqueue = |matte: &mut GpuMatte, out: Out<'_>| {
                    let uploaded = uploader.upload(matte.work(), &picture)?;
                    matte.picture(&uploaded, out)
                };
                stage.through(ring, target, done, (picture.pts, picture.size, waited), enqueue)
            }
        }
    }
}

impl Stage<'_> {
    /// The stream has ended; that was waited for.
    fn over(&self, done: u64, waited: Duration) -> Step {
        waiting_for(self.clocks, done, Part::Behind).add(waited, 1);
        Step::Over
    }

    /// Takes a picture with its time, its size and the wait for it.
    fn through<F>(
        &mut self,
        ring: &Ring<F>,
        target: &mut impl Target<F>,
        done: u64,
        (pts, got, waited): (i64, Size, Duration),
        enqueue: impl FnOnce(&mut GpuMatte, Out<'_>) -> Result<(), Error>,
    ) -> Result<Step, Error> {
        if got != self.size {
            return Err(Error::SizeChange { frames: done, expected: self.size, got });
        }
        let part = self.span.part(pts);
        waiting_for(self.clocks, done, part).add(waited, 1);
        match part {
            Part::Ahead => Ok(Step::Done),
            Part::Behind => Ok(Step::Over),
            Part::WarmUp => {
                // Only the state of the network is of interest.
                self.clocks.network.time(|| enqueue(self.matte, Out::State))?;
                Ok(Step::Done)
            }
            Part::Shown => {
                let Some(mut frame) = ring.take(self.clocks) else { return Ok(Step::Over) };
                self.clocks.network.time(|| enqueue(self.matte, target.out(&mut frame)))?;
                Ok(ring.give(pts, frame))
            }
        }
    }
}
