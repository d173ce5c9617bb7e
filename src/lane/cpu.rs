//! The lane of a machine with no GPU; also the reference that the GPU lane is tested against.
#![forbid(unsafe_code)]

use super::{Error, Matte};
use crate::frame::{Composite, Picture, Rect, Size};
use crate::software::Decoder;
use crate::telemetry::LaneClocks;
use crate::vp9::{EncodedPair, Pair, QUEUE_FRAMES};
use crate::webm::muxer;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Composites that go round: one in the hand of each of the two threads, one waiting between
/// them, one to spare, and those that the pair may hold when it returns. With fewer, both threads
/// could wait for each other.
const COMPOSITES: usize = 5 + QUEUE_FRAMES;

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

/// What a lane has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames encoded.
    pub frames: u64,
    /// Timestamp of the last one, in ticks of the source.
    pub last_pts: Option<i64>,
}

/// A composed frame on its way to the encoders.
struct Composed {
    pts: i64,
    planes: Composite,
}

impl CpuLane<'_> {
    /// Runs to the end of the stream. `sink` gets every encoded frame in order, on the encode
    /// thread; its error ends the lane.
    ///
    /// # Errors
    /// The first failure of any stage. When encoding fails the decoder is stopped, and the
    /// encoder's error is the one reported.
    pub fn run(
        self,
        sink: &mut (dyn FnMut(EncodedPair) -> Result<(), muxer::Error> + Send),
    ) -> Result<Totals, Error> {
        let Self { mut decoder, size, eyes, shown, matte, pair, clocks, cancel } = self;
        let (full, work) = bounded::<Composed>(1);
        let (spent, free) = bounded::<Composite>(COMPOSITES);
        for _ in 0..COMPOSITES {
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
    full: Sender<Composed>,
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
        let sent = self.full.send(Composed { pts: picture.pts, planes });
        Ok(if sent.is_ok() { Taken::Yes } else { Taken::NobodyThere })
    }
}

/// The encode thread: composites in, encoded frames to the sink, buffers back.
fn encode(
    mut pair: Pair,
    work: &Receiver<Composed>,
    spent: &Sender<Composite>,
    sink: &mut (dyn FnMut(EncodedPair) -> Result<(), muxer::Error> + Send),
    clocks: &LaneClocks,
) -> Result<Totals, Error> {
    let mut totals = Totals::default();
    // What the pair may still be reading.
    let mut held: Vec<Arc<Composite>> = Vec::with_capacity(COMPOSITES);
    for Composed { pts, planes } in work {
        let planes: Arc<Composite> = Arc::new(planes);
        held.push(Arc::clone(&planes));
        let done = pair.encode(planes, pts, false)?;
        totals.frames += 1;
        totals.last_pts = Some(pts);
        for planes in std::mem::take(&mut held) {
            match Arc::try_unwrap(planes) {
                // The other end is gone when matting has failed; what was composed before is
                // still encoded.
                Ok(planes) => drop(spent.send(planes)),
                Err(busy) => held.push(busy),
            }
        }
        for encoded in done {
            clocks.mux.time(|| sink(encoded))?;
        }
    }
    for encoded in pair.finish()? {
        clocks.mux.time(|| sink(encoded))?;
    }
    Ok(totals)
}
