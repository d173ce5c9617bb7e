//! The loop of a GPU lane.
#![forbid(unsafe_code)]

use super::host::HostFrame;
use super::matte::GpuMatte;
use super::upload::Uploader;
use crate::frame::Size;
use crate::gpu::{Device, nvdec};
use crate::lane::Error;
use crate::lane::encode::{FRAMES, Sink, Totals, Work, encode};
use crate::software;
use crate::telemetry::LaneClocks;
use crate::vp9::Pair;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// One run of frames on a GPU, ready to go.
pub struct GpuLane<'a> {
    /// Gives the pictures.
    pub source: GpuSource,
    /// The GPU.
    pub device: Arc<Device>,
    /// Size of every picture.
    pub size: Size,
    /// Timestamps outside are decoded and matted but not encoded, in ticks of the source.
    pub shown: Range<i64>,
    /// Does the work on the device.
    pub matte: GpuMatte,
    /// Encodes colour and alpha.
    pub pair: Pair,
    /// Where the time goes.
    pub clocks: &'a LaneClocks,
    /// Set by a signal: stop at the next frame.
    pub cancel: &'a AtomicBool,
}

impl GpuLane<'_> {
    /// Runs to the end of the stream. `sink` gets every encoded frame in order, on the encode
    /// thread; its error ends the lane.
    ///
    /// # Errors
    /// The first failure of any stage.
    pub fn run(self, sink: &mut Sink<'_>) -> Result<Totals, Error> {
        let Self { source, device, size, shown, matte, pair, clocks, cancel } = self;
        let (full, work) = bounded::<Work<HostFrame>>(1);
        let (spent, free) = bounded::<HostFrame>(FRAMES);
        for _ in 0..FRAMES {
            spent.send(matte.host_frame()?).map_err(|_| Error::ThreadLost)?;
        }
        let mut feed = match source {
            GpuSource::Nvdec(decoder) => Feed::Nvdec(decoder),
            GpuSource::Upload { decoder, depth } => {
                Feed::Upload(decoder, Uploader::new(&device, size, depth)?)
            }
        };
        std::thread::scope(|scope| {
            let encoder = scope.spawn(move || encode(pair, &work, &spent, sink, clocks));
            let mut stage = Stage { size, shown, matte, free, full, clocks };
            let mut frames = 0;
            let matted = loop {
                match feed.step(&mut stage, frames) {
                    Ok(Step::Done) => frames += 1,
                    // After the last frame, or when the encode thread is gone and knows why.
                    Ok(Step::Over) => break Ok(()),
                    Err(error) => break Err(error),
                }
                if cancel.load(Ordering::Relaxed) {
                    break Err(Error::Interrupted);
                }
            };
            // Closing the queue tells the encode thread that this was all.
            drop(stage);
            let encoded = encoder.join().map_err(|_| Error::ThreadLost)?;
            matted.and(encoded)
        })
    }
}

enum Step {
    Done,
    Over,
}

/// The decoder with what it takes to bring its pictures to the device.
enum Feed {
    Nvdec(nvdec::Decoder),
    Upload(Box<dyn software::Decoder>, Uploader),
}

/// The caller's thread: enqueues work and hands frames on.
struct Stage<'a> {
    size: Size,
    shown: Range<i64>,
    matte: GpuMatte,
    free: Receiver<HostFrame>,
    full: Sender<Work<HostFrame>>,
    clocks: &'a LaneClocks,
}

impl Feed {
    /// Takes one picture through; the clock `network` counts the enqueueing of all device work.
    fn step(&mut self, stage: &mut Stage<'_>, frames: u64) -> Result<Step, Error> {
        let clocks = stage.clocks;
        match self {
            Self::Nvdec(decoder) => {
                let next = clocks.decode_wait.time(|| decoder.next_surface());
                let Some(mut surface) = next.map_err(|source| Error::Nvdec { frames, source })? else {
                    return Ok(Step::Over);
                };
                let pts = surface.pts();
                stage.through(frames, pts, surface.size(), |matte, out| matte.surface(&mut surface, out))
            }
            Self::Upload(decoder, uploader) => {
                let next = clocks.decode_wait.time(|| decoder.next_picture());
                let Some(picture) = next.map_err(|source| Error::Decode { frames, source })? else {
                    return Ok(Step::Over);
                };
                stage.through(frames, picture.pts, picture.size, |matte, out| {
                    let uploaded = uploader.upload(matte.work(), &picture)?;
                    matte.picture(&uploaded, out)
                })
            }
        }
    }
}

impl Stage<'_> {
    fn through(
        &mut self,
        frames: u64,
        pts: i64,
        got: Size,
        enqueue: impl FnOnce(&mut GpuMatte, Option<&mut HostFrame>) -> Result<(), Error>,
    ) -> Result<Step, Error> {
        if got != self.size {
            return Err(Error::SizeChange { frames, expected: self.size, got });
        }
        if !self.shown.contains(&pts) {
            // Only the state of the network is of interest.
            self.clocks.network.time(|| enqueue(&mut self.matte, None))?;
            return Ok(Step::Done);
        }
        let Ok(mut frame) = self.clocks.encode_wait.time(|| self.free.recv()) else { return Ok(Step::Over) };
        self.clocks.network.time(|| enqueue(&mut self.matte, Some(&mut frame)))?;
        Ok(if self.full.send(Work { pts, frame }).is_ok() { Step::Done } else { Step::Over })
    }
}
