//! The encode thread of a lane, and the ring of frames between it and the thread that mattes:
//! frames in, encoded frames to the sink, frames back. What encodes them is a [`Coder`].
#![forbid(unsafe_code)]

use super::{Encoded, Error};
use crate::frame::Composite;
use crate::telemetry::{Clock, LaneClocks};
use crate::vp9::{PairSource, PlaneRef, Planes, QUEUE_FRAMES};
use crate::webm::muxer;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Frames that go round: one in the hand of each of the two threads, one waiting between them, one
/// to spare, and those that a pair may hold when it returns. With fewer, both threads could wait
/// for each other.
pub(super) const FRAMES: usize = 5 + QUEUE_FRAMES;

/// Receives encoded frames in order.
pub(super) type Sink<'a> = dyn FnMut(Encoded) -> Result<(), muxer::Error> + Send + 'a;

/// A frame that matting has finished, or has ordered to be finished.
pub(super) trait Finished: PairSource {
    /// Waits until all planes are there.
    fn wait(&self) -> Result<(), Error>;

    /// The frame as the opaque output at `place` shows it, where that has been rendered already.
    fn rendered(&self, _place: usize) -> Option<Rendered<'_>> {
        None
    }
}

/// A frame as an opaque output shows it.
pub(super) struct Rendered<'a> {
    /// The picture.
    pub(super) colour: Planes<'a>,
    /// One byte per 16x16 block: 0 where there is nothing but the background.
    pub(super) drawn: PlaneRef<'a>,
}

impl Finished for Composite {
    fn wait(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Turns frames into packets, on the encode thread.
pub(super) trait Coder<F>: Send {
    /// Takes a frame, waits for it, encodes it; gives `spent` the frames that are no longer of use.
    fn encode(
        &mut self,
        frame: F,
        pts: i64,
        clocks: &LaneClocks,
        spent: &mut dyn FnMut(F),
    ) -> Result<Vec<Encoded>, Error>;

    /// What is still to come after the last frame.
    fn finish(self, spent: &mut dyn FnMut(F)) -> Result<Vec<Encoded>, Error>;
}

/// A frame on its way to the encoders.
struct Work<F> {
    /// Presentation time in ticks of the source.
    pts: i64,
    frame: F,
}

/// Which of the pictures that a decoder gives are worked on, in ticks of the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// Pictures before this are dropped.
    pub matted_from: i64,
    /// Pictures in here are encoded, others only carry the state of the network on. A picture at or
    /// behind the end is the first that is not asked for.
    pub shown: Range<i64>,
}

/// What is to be done with a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// Nothing.
    Ahead,
    /// Matting, for the state.
    WarmUp,
    /// Matting and encoding.
    Shown,
    /// Nothing, nor with any after it.
    Behind,
}

impl Span {
    /// The part that the picture at `pts` belongs to.
    pub(super) fn part(&self, pts: i64) -> Part {
        if pts >= self.shown.end {
            Part::Behind
        } else if pts >= self.shown.start {
            Part::Shown
        } else if pts >= self.matted_from {
            Part::WarmUp
        } else {
            Part::Ahead
        }
    }
}

/// The clock of a wait for the picture after `done` others: the first waits for the decoder to start.
pub(super) fn waiting_for(clocks: &LaneClocks, done: u64, part: Part) -> &Clock {
    match part {
        _ if done == 0 => &clocks.open,
        Part::Ahead | Part::WarmUp => &clocks.warm_up,
        Part::Shown | Part::Behind => &clocks.decode_wait,
    }
}

/// What a lane has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames encoded.
    pub frames: u64,
    /// Timestamp of the last one, in ticks of the source.
    pub last_pts: Option<i64>,
    /// Packets that gave no picture: damaged ones, or such as are not meant to be seen.
    pub unseen: u64,
    /// What the decoder complained of; above zero, pictures may show damage that it concealed.
    pub complaints: u64,
}

/// The ring as the matting thread holds it.
pub(super) struct Ring<F> {
    free: Receiver<F>,
    full: Sender<Work<F>>,
    /// Frames that go round.
    count: usize,
}

impl<F> Ring<F> {
    /// A frame to fill; `None` when the encode thread is gone, which then knows why.
    pub(super) fn take(&self, clocks: &LaneClocks) -> Option<F> {
        clocks.composed.see(self.count.saturating_sub(self.free.len()));
        clocks.encode_wait.time(|| self.free.recv()).ok()
    }

    /// Hands a filled frame on.
    pub(super) fn give(&self, pts: i64, frame: F) -> Step {
        if self.full.send(Work { pts, frame }).is_ok() { Step::Done } else { Step::Over }
    }
}

/// What matting says after a frame.
pub(super) enum Step {
    /// There may be more.
    Done,
    /// That was all, or nobody takes frames any more.
    Over,
}

/// Runs `step` on this thread, frame after frame, beside the encode thread, over a ring of `frames`,
/// which are all there again when it went well and lost when it did not.
///
/// # Errors
/// The first failure of either side; a failure to matte comes before one to encode.
pub(super) fn run_beside<F: Send>(
    coder: impl Coder<F>,
    frames: &mut Vec<F>,
    clocks: &LaneClocks,
    cancel: &AtomicBool,
    sink: &mut Sink<'_>,
    mut step: impl FnMut(&Ring<F>, u64) -> Result<Step, Error>,
) -> Result<Totals, Error> {
    let (full, work) = bounded::<Work<F>>(1);
    let count = frames.len();
    let (spent, free) = bounded::<F>(count);
    for frame in frames.drain(..) {
        spent.send(frame).map_err(|_| Error::ThreadLost)?;
    }
    std::thread::scope(|scope| {
        let encoder = std::thread::Builder::new()
            .name("vrpipe-encode".to_owned())
            .spawn_scoped(scope, move || encode(coder, &work, &spent, sink, clocks))
            .map_err(Error::Thread)?;
        let back = free.clone();
        let ring = Ring { free, full, count };
        let mut done = 0;
        let matted = loop {
            match step(&ring, done) {
                Ok(Step::Done) => done += 1,
                Ok(Step::Over) => break Ok(()),
                Err(error) => break Err(error),
            }
            if cancel.load(Ordering::Relaxed) {
                break Err(Error::Interrupted);
            }
        };
        // Closing the queue tells the encode thread that this was all.
        drop(ring);
        let encoded = encoder.join().map_err(|_| Error::ThreadLost)?;
        frames.extend(back.try_iter());
        matted.and(encoded)
    })
}

/// Encodes until the queue is closed.
fn encode<F>(
    mut coder: impl Coder<F>,
    work: &Receiver<Work<F>>,
    spent: &Sender<F>,
    sink: &mut Sink<'_>,
    clocks: &LaneClocks,
) -> Result<Totals, Error> {
    let mut totals = Totals::default();
    // The other end is gone when matting has failed; what was composed before is still encoded.
    let mut back = |frame| drop(spent.send(frame));
    for Work { pts, frame } in work {
        let done = coder.encode(frame, pts, clocks, &mut back)?;
        totals.frames += 1;
        totals.last_pts = Some(pts);
        for encoded in done {
            clocks.mux.time(|| sink(encoded))?;
        }
    }
    for encoded in coder.finish(&mut back)? {
        clocks.mux.time(|| sink(encoded))?;
    }
    Ok(totals)
}
