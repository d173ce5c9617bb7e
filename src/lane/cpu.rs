//! The lane of a machine with no GPU; also the reference that the GPU lane is tested against.
#![forbid(unsafe_code)]

use super::encode::{FRAMES, Part, Sink, Span, Step, Totals, run_beside, waiting_for};
use super::outputs::{Output, OutputsCoder};
use super::{Error, Matte};
use crate::frame::{Composite, Rect, Size};
use crate::software::Decoder;
use crate::telemetry::LaneClocks;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// One run of frames, ready to go.
pub struct CpuLane<'a> {
    /// Gives the pictures.
    pub decoder: Box<dyn Decoder>,
    /// Size of every picture.
    pub size: Size,
    /// Where the views lie in a frame.
    pub eyes: Vec<Rect>,
    /// What is matted and encoded.
    pub span: Span,
    /// Finds the background; goes on with the state that it has.
    pub matte: &'a mut Matte,
    /// Buffers of an earlier run, if any; they are there again after a run that went well.
    pub frames: &'a mut Vec<Composite>,
    /// What is made of the frames; their places number what the sink gets.
    pub outputs: Vec<Output>,
    /// Where the time goes.
    pub clocks: &'a LaneClocks,
    /// Set by a signal: stop at the next frame.
    pub cancel: &'a AtomicBool,
}

impl CpuLane<'_> {
    /// Runs to the end of the span or of the stream. `sink` gets every encoded frame in order, on the
    /// encode thread; its error ends the lane.
    ///
    /// # Errors
    /// The first failure of any stage. When encoding fails the decoder is stopped, and the
    /// encoder's error is the one reported.
    pub fn run(self, sink: &mut Sink<'_>) -> Result<Totals, Error> {
        let Self { mut decoder, size, eyes, span, matte, frames, outputs, clocks, cancel } = self;
        frames.retain(|frame| frame.colour.y.size == size);
        frames.resize_with(FRAMES, || Composite::new(size));
        // A buffer that was filled for the sake of the state only.
        let mut spare = None;
        let totals = run_beside(OutputsCoder::new(outputs), frames, clocks, cancel, sink, |ring, done| {
            let asked = Instant::now();
            let next = decoder.next_picture().map_err(|source| Error::Decode { frames: done, source })?;
            let part = next.as_ref().map_or(Part::Behind, |picture| span.part(picture.pts));
            waiting_for(clocks, done, part).add(asked.elapsed(), 1);
            let Some(picture) = next else { return Ok(Step::Over) };
            if picture.size != size {
                return Err(Error::SizeChange { frames: done, expected: size, got: picture.size });
            }
            match part {
                Part::Ahead => return Ok(Step::Done),
                Part::Behind => return Ok(Step::Over),
                Part::WarmUp | Part::Shown => {}
            }
            let Some(mut frame) = spare.take().or_else(|| ring.take(clocks)) else { return Ok(Step::Over) };
            matte.compose(&picture, &eyes, &mut frame, clocks)?;
            if part == Part::WarmUp {
                spare = Some(frame);
                return Ok(Step::Done);
            }
            Ok(ring.give(picture.pts, frame))
        })?;
        let tally = decoder.tally();
        clocks.close.time(|| drop(decoder));
        Ok(Totals { unseen: tally.unseen, complaints: tally.complaints, ..totals })
    }
}
