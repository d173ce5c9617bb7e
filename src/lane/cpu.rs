//! The lane of a machine with no GPU; also the reference that the GPU lane is tested against.
#![forbid(unsafe_code)]

use super::encode::{FRAMES, Sink, Step, Totals, run_beside};
use super::{Error, Matte};
use crate::frame::{Composite, Rect, Size};
use crate::software::Decoder;
use crate::telemetry::LaneClocks;
use crate::vp9::Pair;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

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
        let Self { mut decoder, size, eyes, shown, mut matte, pair, clocks, cancel } = self;
        let frames = (0..FRAMES).map(|_| Composite::new(size)).collect();
        // A buffer that was filled for the sake of the state only.
        let mut spare = None;
        let totals = run_beside(pair, frames, clocks, cancel, sink, |ring, done| {
            let next = clocks.decode_wait.time(|| decoder.next_picture());
            let Some(picture) = next.map_err(|source| Error::Decode { frames: done, source })? else {
                return Ok(Step::Over);
            };
            if picture.size != size {
                return Err(Error::SizeChange { frames: done, expected: size, got: picture.size });
            }
            let Some(mut frame) = spare.take().or_else(|| ring.take(clocks)) else { return Ok(Step::Over) };
            matte.compose(&picture, &eyes, &mut frame, clocks)?;
            if !shown.contains(&picture.pts) {
                spare = Some(frame);
                return Ok(Step::Done);
            }
            Ok(ring.give(picture.pts, frame))
        })?;
        let tally = decoder.tally();
        Ok(Totals { unseen: tally.unseen, complaints: tally.complaints, ..totals })
    }
}
