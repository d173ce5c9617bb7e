//! The alpha encoder of a pair on a thread of its own: frames in, packets out, both through bounded
//! queues, and whatever ends the thread early comes out as an error of the pair.
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};

use super::activity::{ALPHA_ENDS, MatteActivity};
use super::{EncodedPacket, Encoder, Error, PairSource, PlaneRef, Planes};

/// Frames that may wait for the alpha thread, so that a slow frame of one stream does not hold the other.
pub const QUEUE_FRAMES: usize = 2;

/// What the alpha thread is asked to do.
pub(super) enum Job {
    Encode { frame: Arc<dyn PairSource>, pts: i64, key: bool },
    Finish,
}

/// Packets of one [`Job`].
type Outcome = Result<Vec<EncodedPacket>, Error>;

/// The alpha encoder's thread. Dropping it drops both queues before it waits for the thread, which
/// then stops after the frame in hand: it cannot wait for a queue whose other end is gone.
pub(super) struct AlphaThread {
    queues: Option<(SyncSender<Job>, Receiver<Outcome>)>,
    handle: Option<JoinHandle<()>>,
}

impl AlphaThread {
    pub fn spawn(encoder: Encoder) -> Result<Self, Error> {
        let (jobs, jobs_in) = sync_channel(QUEUE_FRAMES);
        // Never full, so the thread never waits here while the caller waits to send: the caller empties
        // it after each job, when at most the queue and the job in hand are open, and then sends one.
        let (outcomes_out, outcomes) = sync_channel(QUEUE_FRAMES + 2);
        let handle = thread::Builder::new()
            .name(ALPHA_THREAD.into())
            .spawn(move || encode_alpha(encoder, &jobs_in, &outcomes_out))
            .map_err(Error::Spawn)?;
        Ok(Self { queues: Some((jobs, outcomes)), handle: Some(handle) })
    }

    /// Gives the thread a job; waits while the queue is full.
    pub fn send(&mut self, job: Job) -> Result<(), Error> {
        match &self.queues {
            Some((jobs, _)) if jobs.send(job).is_ok() => Ok(()),
            _ => Err(self.cause_of_end()),
        }
    }

    /// The packets of a job that is done; `None` when none is.
    pub fn ready(&mut self) -> Result<Option<Vec<EncodedPacket>>, Error> {
        let Some((_, outcomes)) = &self.queues else { return Err(Error::Stopped) };
        match outcomes.try_recv() {
            Ok(outcome) => outcome.map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(self.cause_of_end()),
        }
    }

    /// Waits for the end of the thread after [`Job::Finish`] and returns all packets that are left.
    pub fn finish(&mut self) -> Result<Vec<EncodedPacket>, Error> {
        let Some((_, outcomes)) = self.queues.take() else { return Err(Error::Stopped) };
        let mut packets = Vec::new();
        for outcome in outcomes {
            packets.extend(outcome?);
        }
        self.join().map_or(Ok(packets), Err)
    }

    /// Why the thread ended before it was told to: its error, else its panic.
    fn cause_of_end(&mut self) -> Error {
        let error = self.queues.take().and_then(|(_, outcomes)| outcomes.into_iter().find_map(Result::err));
        error.or_else(|| self.join()).unwrap_or(Error::Stopped)
    }

    /// Waits for the thread; its panic, if it had one.
    fn join(&mut self) -> Option<Error> {
        let payload = self.handle.take()?.join().err()?;
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Some(Error::Panicked { message: text.unwrap_or_else(|| "no message".to_owned()) })
    }
}

impl Drop for AlphaThread {
    fn drop(&mut self) {
        self.queues = None;
        // A panic that nobody asked about ends here: a pair that is dropped early has no result to spoil.
        self.join();
    }
}

/// Name of the alpha thread, as debuggers and panics show it.
const ALPHA_THREAD: &str = "vp9-alpha";

/// Body of the alpha thread: ends after [`Job::Finish`], after an error, or when the pair is gone.
fn encode_alpha(mut encoder: Encoder, jobs: &Receiver<Job>, outcomes: &SyncSender<Outcome>) {
    let chroma = encoder.config().size.chroma();
    // One row stands for a whole plane of U and V (stride 0): 128 is no colour.
    let neutral = vec![128u8; chroma.width];
    let neutral = PlaneRef { size: chroma, stride: 0, data: &neutral };
    let mut active = MatteActivity::new(encoder.config().size);
    for job in jobs {
        let outcome = match job {
            Job::Finish => {
                // A failed send means that the pair is gone, and with it the reader of the last packets.
                let _ = outcomes.send(encoder.finish());
                return;
            }
            // The frame is let go with the match arm, before its packets are sent.
            Job::Encode { frame, pts, key } => {
                let matte = frame.alpha();
                matte.check("luma", encoder.config().size).and_then(|()| {
                    let coded = active.next(key, frame.activity(), matte, ALPHA_ENDS);
                    encoder.encode_part(&Planes { y: matte, u: neutral, v: neutral }, coded, pts, key)
                })
            }
        };
        let failed = outcome.is_err();
        if outcomes.send(outcome).is_err() || failed {
            return;
        }
    }
}
