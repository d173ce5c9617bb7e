//! The lane of a machine with no GPU; also the reference that the GPU lane is tested against.
#![forbid(unsafe_code)]

use super::encode::{FRAMES, Sink, Totals, Work, encode};
use super::{Error, Matte};
use crate::frame::{Composite, Picture, Rect, Size};
use crate::software::Decoder;
use crate::telemetry::LaneClocks;
use crate::vp9::Pair;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// One run of frames, ready to go.
pub struct CpuLane<'a> {
    /// Gives the pictures.
    pub decoder: Box<dyn Decoder>,
    /// Size of every picture.
    pub size: Size,
    /// Where the views lie in a frame.
    pub eyes: Vec<Rect>,
    /// Timestamps outside are decoded and matted but not encoded, in ticks of the source.
    pub shown: Range<i64>,
    /// Finds the background.
    pub matte: Matte,
    /// Encodes colour and alpha.
    pub pair: Pair,
    /// Where the time goes.
    pub clocks: &'a LaneClocks,
    /// Set by a signal: stop at the next frame.
    pub cancel: &'a AtomicBool,
}

impl CpuLane<'_> {
    /// Runs to the end of the stream. `sink` gets every encoded frame in order, on the encode
    /// thread; its error ends the lane.
    ///
    /// # Errors
    /// The first failure of any stage. When encoding fails the decoder is stopped, and the
    /// encoder's error is the one reported.
    pub fn run(self, sink: &mut Sink<'_>) -> Result<Totals, Error> {
        let Self { mut decoder, size, eyes, shown, matte, pair, clocks, cancel } = self;
        let (full, work) = bounded::<Work<Composite>>(1);
        let (spent, free) = bounded::<Composite>(FRAMES);
        for _ in 0..FRAMES {
            spent.send(Composite::new(size)).map_err(|_| Error::ThreadLost)?;
        }
        std::thread::scope(|scope| {
            let encoder = scope.spawn(move || encode(pair, &work, &spent, sink, clocks));
            let mut stage = MatteStage { size, eyes, shown, matte, free, full, spare: None, clocks };
            let mut frames = 0;
            let matted = loop {
                let picture = match clocks.decode_wait.time(|| decoder.next_picture()) {
                    Ok(Some(picture)) => picture,
                    Ok(None) => break Ok(()),
                    Err(source) => break Err(Error::Decode { frames, source }),
                };
                match stage.take(&picture, frames) {
                    Ok(Taken::Yes) => frames += 1,
                    // The encode thread knows why.
                    Ok(Taken::NobodyThere) => break Ok(()),
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

/// Whether the encode thread still takes frames.
enum Taken {
    Yes,
    NobodyThere,
}

/// Mattes pictures on the caller's thread.
struct MatteStage<'a> {
    size: Size,
    eyes: Vec<Rect>,
    shown: Range<i64>,
    matte: Matte,
    free: Receiver<Composite>,
    full: Sender<Work<Composite>>,
    /// A buffer that was filled for the sake of the state only.
    spare: Option<Composite>,
    clocks: &'a LaneClocks,
}

impl MatteStage<'_> {
    fn take(&mut self, picture: &Picture, frames: u64) -> Result<Taken, Error> {
        if picture.size != self.size {
            return Err(Error::SizeChange { frames, expected: self.size, got: picture.size });
        }
        let mut planes = match self.spare.take() {
            Some(planes) => planes,
            None => match self.clocks.encode_wait.time(|| self.free.recv()) {
                Ok(planes) => planes,
                Err(_) => return Ok(Taken::NobodyThere),
            },
        };
        self.matte.compose(picture, &self.eyes, &mut planes, self.clocks)?;
        if !self.shown.contains(&picture.pts) {
            self.spare = Some(planes);
            return Ok(Taken::Yes);
        }
        let sent = self.full.send(Work { pts: picture.pts, frame: planes });
        Ok(if sent.is_ok() { Taken::Yes } else { Taken::NobodyThere })
    }
}
