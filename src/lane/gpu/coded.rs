//! Frames that our own encoder has coded on the device, and the encode thread's part: writing their bits.
#![forbid(unsafe_code)]

use crate::frame::Size;
use crate::gpu::{Device, Stream};
use crate::lane::encode::Coder;
use crate::lane::{Encoded, Error};
use crate::telemetry::LaneClocks;
use crate::vp9::native::device::{Encoder, Fetched, Output};
use crate::vp9::native::{PairLevels, PairWriter};
use std::sync::Arc;

/// Frames that go round: one in the hand of each thread, one between them, one to spare. Each takes two
/// bytes a pixel of the device's memory.
const FRAMES: usize = 4;

/// Room for a coded frame, on the device and at home.
pub struct CodedFrame {
    pub(super) out: Output,
    /// Whether it is a key point.
    pub(super) key: bool,
}

impl CodedFrame {
    /// Waits for what was last coded into it; `late` serves what comes home late.
    ///
    /// # Errors
    /// When the device failed.
    pub fn wait(&mut self, late: &Stream) -> Result<Fetched<'_>, Error> {
        Ok(self.out.wait(late)?)
    }
}

/// What a lane keeps for our own encoder from one run to the next.
pub struct NativeGear {
    pub(super) encoder: Encoder,
    pub(super) frames: Vec<CodedFrame>,
    device: Arc<Device>,
    size: Size,
}

impl NativeGear {
    /// Takes the device's memory for streams of frames of `size`.
    ///
    /// # Errors
    /// When the device has not enough of it.
    pub fn new(device: &Arc<Device>, size: Size, levels: PairLevels) -> Result<Self, Error> {
        let encoder = Encoder::new(device, size, levels.tunings())?;
        Ok(Self { encoder, frames: Vec::new(), device: Arc::clone(device), size })
    }

    /// The same with its ring.
    ///
    /// # Errors
    /// As [`NativeGear::new`].
    pub fn filled(device: &Arc<Device>, size: Size, levels: PairLevels) -> Result<Self, Error> {
        let mut gear = Self::new(device, size, levels)?;
        gear.fill()?;
        Ok(gear)
    }

    /// The state and the ring.
    pub fn parts(&mut self) -> (&mut Encoder, &mut [CodedFrame]) {
        (&mut self.encoder, &mut self.frames)
    }

    /// The ring whole: after a run that failed its frames are lost.
    pub(super) fn fill(&mut self) -> Result<(), Error> {
        while self.frames.len() < FRAMES {
            let out = Output::new(&self.device, self.size)?;
            self.frames.push(CodedFrame { out, key: false });
        }
        Ok(())
    }
}

/// Writes the bits of coded frames.
pub(super) struct BitsCoder {
    writer: PairWriter,
    /// For what comes home late.
    stream: Stream,
}

impl BitsCoder {
    pub(super) fn new(writer: PairWriter, device: &Arc<Device>) -> Result<Self, Error> {
        Ok(Self { writer, stream: Stream::new(device)? })
    }
}

impl Coder<CodedFrame> for BitsCoder {
    fn encode(
        &mut self,
        mut frame: CodedFrame,
        pts: i64,
        clocks: &LaneClocks,
        spent: &mut dyn FnMut(CodedFrame),
    ) -> Result<Vec<Encoded>, Error> {
        let key = frame.key;
        let fetched = clocks.device_wait.time(|| frame.wait(&self.stream))?;
        if fetched.overflow {
            return Err(Error::TooMuchDetail);
        }
        let pair = clocks.encode.time(|| self.writer.write(&fetched.streams, key, pts))?;
        spent(frame);
        Ok(vec![Encoded::of_pair(0, pair)])
    }

    fn finish(self, _: &mut dyn FnMut(CodedFrame)) -> Result<Vec<Encoded>, Error> {
        Ok(Vec::new())
    }
}
