//! The encode thread of a lane: composed frames in, encoded frames to the sink, frames back.
#![forbid(unsafe_code)]

use super::Error;
use crate::frame::Composite;
use crate::telemetry::LaneClocks;
use crate::vp9::{EncodedPair, Pair, PairSource, QUEUE_FRAMES};
use crate::webm::muxer;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;

/// Frames that go round: one in the hand of each of the two threads, one waiting between them, one
/// to spare, and those that the pair may hold when it returns. With fewer, both threads could wait
/// for each other.
pub(super) const FRAMES: usize = 5 + QUEUE_FRAMES;

/// Receives encoded frames in order.
pub(super) type Sink<'a> = dyn FnMut(EncodedPair) -> Result<(), muxer::Error> + Send + 'a;

/// A frame that matting has finished, or has ordered to be finished.
pub(super) trait Finished: PairSource {
    /// Waits until all planes are there.
    fn wait(&self) -> Result<(), Error>;
}

impl Finished for Composite {
    fn wait(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// A frame on its way to the encoders.
pub(super) struct Work<F> {
    /// Presentation time in ticks of the source.
    pub(super) pts: i64,
    /// The planes.
    pub(super) frame: F,
}

/// What a lane has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames encoded.
    pub frames: u64,
    /// Timestamp of the last one, in ticks of the source.
    pub last_pts: Option<i64>,
}

/// Encodes until the queue is closed.
///
/// # Errors
/// Of the encoders, of the sink, or of the device that a frame comes from.
pub(super) fn encode<F: Finished>(
    mut pair: Pair,
    work: &Receiver<Work<F>>,
    spent: &Sender<F>,
    sink: &mut Sink<'_>,
    clocks: &LaneClocks,
) -> Result<Totals, Error> {
    let mut totals = Totals::default();
    // What the pair may still be reading.
    let mut held: Vec<Arc<F>> = Vec::with_capacity(FRAMES);
    for Work { pts, frame } in work {
        clocks.device_wait.time(|| frame.wait())?;
        let frame = Arc::new(frame);
        held.push(Arc::clone(&frame));
        let done = clocks.encode.time(|| pair.encode(frame, pts, false))?;
        totals.frames += 1;
        totals.last_pts = Some(pts);
        for frame in std::mem::take(&mut held) {
            match Arc::try_unwrap(frame) {
                // The other end is gone when matting has failed; what was composed before is
                // still encoded.
                Ok(frame) => drop(spent.send(frame)),
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
