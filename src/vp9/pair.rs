//! Colour and alpha of one video, encoded at once and handed out packet beside packet.
//!
//! ```text
//! encode(frame) ──┬─ calling thread: colour encoder ──────────────┐
//!                 └─ bounded queue ─ alpha thread: alpha encoder ─┴─ paired by timestamp
//! ```
//!
//! Both encoders get the same frames, the same forced key frames and no others, and a colour key
//! frame without an alpha key frame is an error: a player seeks to colour key frames and starts a
//! fresh alpha decoder there. A frame is shared, not copied: it is let go before its pair comes out,
//! and at most [`QUEUE_FRAMES`] + 1 frames that have been given are still held.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};

use super::{EncodedPacket, Encoder, EncoderConfig, Error, PlaneRef, Planes, Quality};
use crate::frame::{Colour, Composite, Size};

/// Frames that may wait for the alpha thread, so that a slow frame of one stream does not hold the other.
pub const QUEUE_FRAMES: usize = 2;

/// A frame that a pair can encode: three colour planes and a matte of the same size.
pub trait PairSource: Send + Sync + 'static {
    /// The colour planes.
    fn colour(&self) -> Planes<'_>;
    /// The matte, 0 transparent to 255 opaque.
    fn alpha(&self) -> PlaneRef<'_>;
}

impl PairSource for Composite {
    fn colour(&self) -> Planes<'_> {
        (&self.colour).into()
    }

    fn alpha(&self) -> PlaneRef<'_> {
        (&self.alpha).into()
    }
}

/// Settings of a pair.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PairConfig {
    /// Frame size, 1 to [`super::MAX_SIDE`] each way.
    pub size: Size,
    /// Colour description, written to the colour stream.
    pub colour: Colour,
    /// Preset.
    pub quality: Quality,
    /// Constant quality level of the colour stream, 0 to 63; the preset's own when `None`. The matte
    /// does not follow it: its errors show as veils and holes.
    pub crf: Option<u8>,
    /// Threads of each encoder, 1 to 64. The bytes do not depend on it.
    pub threads: usize,
    /// Frames from one key frame to the next; `None` for the first frame and forced ones only.
    pub key_interval: Option<NonZeroU32>,
}

impl PairConfig {
    /// The settings of the colour encoder and of the alpha encoder.
    pub fn encoders(&self) -> [EncoderConfig; 2] {
        let colour = self.quality.colour(self.size, self.colour, self.crf);
        let alpha = self.quality.alpha(self.size);
        [colour, alpha].map(|config| EncoderConfig { threads: self.threads, ..config })
    }
}

/// One frame of both streams.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedPair {
    /// Timestamp of the frame, as it was given.
    pub pts: i64,
    /// Whether decoding of both streams can start here.
    pub key: bool,
    /// The colour packet.
    pub colour: Vec<u8>,
    /// The alpha packet.
    pub alpha: Vec<u8>,
}

/// A running pair of encoders. After an error of an encoder it is of no more use and says so.
pub struct Pair {
    size: Size,
    colour: Encoder,
    alpha: AlphaThread,
    key_interval: Option<NonZeroU32>,
    since_key: u32,
    last_pts: Option<i64>,
    failed: bool,
    waiting: Waiting,
}

impl Pair {
    /// Starts both encoders and the alpha thread.
    ///
    /// # Errors
    /// [`Error::Config`] for a setting out of range, libvpx's refusal, or [`Error::Spawn`].
    pub fn new(config: &PairConfig) -> Result<Self, Error> {
        let [colour, alpha] = config.encoders();
        Ok(Self {
            size: config.size,
            colour: Encoder::new(colour)?,
            alpha: AlphaThread::spawn(Encoder::new(alpha)?)?,
            key_interval: config.key_interval,
            since_key: 0,
            last_pts: None,
            failed: false,
            waiting: Waiting::default(),
        })
    }

    /// Encodes a frame and returns the pairs that are ready, in order; the last few may come later.
    /// `pts` is in any unit and must rise. The first frame is a key frame in any case. Keep a clone of
    /// `frame` to reuse its buffers: once the pair with its `pts` is out, nothing here holds it.
    ///
    /// # Errors
    /// A frame of a wrong size or a timestamp that does not rise, with the pair as it was before; a
    /// failure of either encoder or of the alpha thread, or streams that do not fit each other, after
    /// which only [`Error::Stopped`] comes.
    pub fn encode(
        &mut self,
        frame: Arc<dyn PairSource>,
        pts: i64,
        force_key: bool,
    ) -> Result<Vec<EncodedPair>, Error> {
        if self.failed {
            return Err(Error::Stopped);
        }
        // Before either encoder has taken the frame: the two must never differ in what they were given.
        frame.colour().check(self.size)?;
        frame.alpha().check("alpha", self.size)?;
        if let Some(previous) = self.last_pts.filter(|&previous| previous >= pts) {
            return Err(Error::Timestamp { previous, got: pts });
        }
        let due = self.key_interval.is_some_and(|interval| self.since_key >= interval.get());
        let key = force_key || due || self.last_pts.is_none();
        self.since_key = if key { 1 } else { self.since_key.saturating_add(1) };
        self.last_pts = Some(pts);
        let pairs = self.encode_both(frame, pts, key);
        self.failed = pairs.is_err();
        pairs
    }

    fn encode_both(
        &mut self,
        frame: Arc<dyn PairSource>,
        pts: i64,
        key: bool,
    ) -> Result<Vec<EncodedPair>, Error> {
        self.alpha.send(Job::Encode { frame: Arc::clone(&frame), pts, key })?;
        let packets = self.colour.encode(&frame.colour(), pts, key)?;
        drop(frame);
        self.waiting.add_colour(packets);
        while let Some(packets) = self.alpha.ready()? {
            self.waiting.add_alpha(packets);
        }
        self.waiting.take_pairs()
    }

    /// Ends both streams and returns the pairs that are left.
    ///
    /// # Errors
    /// As [`Pair::encode`], and [`Error::Unpaired`] when a packet is left alone.
    pub fn finish(mut self) -> Result<Vec<EncodedPair>, Error> {
        if self.failed {
            return Err(Error::Stopped);
        }
        self.alpha.send(Job::Finish)?;
        self.waiting.add_colour(self.colour.finish()?);
        self.waiting.add_alpha(self.alpha.finish()?);
        let pairs = self.waiting.take_pairs()?;
        self.waiting.check_empty()?;
        Ok(pairs)
    }
}

/// What the alpha thread is asked to do.
enum Job {
    Encode { frame: Arc<dyn PairSource>, pts: i64, key: bool },
    Finish,
}

/// Packets of one [`Job`].
type Outcome = Result<Vec<EncodedPacket>, Error>;

/// The alpha encoder's thread. Dropping it drops both queues before it waits for the thread, which
/// then stops after the frame in hand: it cannot wait for a queue whose other end is gone.
struct AlphaThread {
    queues: Option<(SyncSender<Job>, Receiver<Outcome>)>,
    handle: Option<JoinHandle<()>>,
}

impl AlphaThread {
    fn spawn(encoder: Encoder) -> Result<Self, Error> {
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
    fn send(&mut self, job: Job) -> Result<(), Error> {
        match &self.queues {
            Some((jobs, _)) if jobs.send(job).is_ok() => Ok(()),
            _ => Err(self.cause_of_end()),
        }
    }

    /// The packets of a job that is done; `None` when none is.
    fn ready(&mut self) -> Result<Option<Vec<EncodedPacket>>, Error> {
        let Some((_, outcomes)) = &self.queues else { return Err(Error::Stopped) };
        match outcomes.try_recv() {
            Ok(outcome) => outcome.map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(self.cause_of_end()),
        }
    }

    /// Waits for the end of the thread after [`Job::Finish`] and returns all packets that are left.
    fn finish(&mut self) -> Result<Vec<EncodedPacket>, Error> {
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
    for job in jobs {
        let outcome = match job {
            Job::Finish => {
                // A failed send means that the pair is gone, and with it the reader of the last packets.
                let _ = outcomes.send(encoder.finish());
                return;
            }
            // The frame is let go with the match arm, before its packets are sent.
            Job::Encode { frame, pts, key } => {
                encoder.encode(&Planes { y: frame.alpha(), u: neutral, v: neutral }, pts, key)
            }
        };
        let failed = outcome.is_err();
        if outcomes.send(outcome).is_err() || failed {
            return;
        }
    }
}

/// Packets that came out of one encoder and wait for those of the other.
#[derive(Default)]
struct Waiting(BTreeMap<i64, Halves>);

/// The packets of one timestamp.
#[derive(Default)]
struct Halves {
    colour: Option<EncodedPacket>,
    alpha: Option<EncodedPacket>,
}

impl Waiting {
    fn add_colour(&mut self, packets: Vec<EncodedPacket>) {
        for packet in packets {
            let halves = self.0.entry(packet.pts).or_default();
            halves.colour = Some(packet);
        }
    }

    fn add_alpha(&mut self, packets: Vec<EncodedPacket>) {
        for packet in packets {
            let halves = self.0.entry(packet.pts).or_default();
            halves.alpha = Some(packet);
        }
    }

    /// The pairs at the front that are whole; order is that of timestamps.
    fn take_pairs(&mut self) -> Result<Vec<EncodedPair>, Error> {
        let mut pairs = Vec::new();
        while let Some(first) = self.0.first_entry() {
            if first.get().colour.is_none() || first.get().alpha.is_none() {
                break;
            }
            let (pts, halves) = first.remove_entry();
            let (Some(colour), Some(alpha)) = (halves.colour, halves.alpha) else { break };
            if colour.key && !alpha.key {
                return Err(Error::KeyMismatch { pts });
            }
            pairs.push(EncodedPair { pts, key: colour.key, colour: colour.data, alpha: alpha.data });
        }
        Ok(pairs)
    }

    /// Whether every packet has found its partner.
    fn check_empty(&self) -> Result<(), Error> {
        match self.0.iter().next() {
            None => Ok(()),
            Some((&pts, halves)) => {
                let stream = if halves.colour.is_some() { "colour" } else { "alpha" };
                Err(Error::Unpaired { stream, pts })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pts: i64, key: bool) -> EncodedPacket {
        EncodedPacket { pts, key, data: vec![pts as u8] }
    }

    #[test]
    fn packets_meet_by_timestamp_whatever_the_order() {
        let mut waiting = Waiting::default();
        waiting.add_colour(vec![packet(0, true), packet(33, false), packet(67, false)]);
        assert_eq!(waiting.take_pairs().unwrap(), []);
        // Alpha may have key frames of its own.
        waiting.add_alpha(vec![packet(33, true)]);
        assert_eq!(waiting.take_pairs().unwrap(), [], "33 waits for 0");
        waiting.add_alpha(vec![packet(0, true)]);
        let pairs = waiting.take_pairs().unwrap();
        assert_eq!(
            pairs.iter().map(|pair| (pair.pts, pair.key)).collect::<Vec<_>>(),
            [(0, true), (33, false)]
        );
        assert!(pairs.iter().all(|pair| pair.colour == pair.alpha));
        assert!(matches!(waiting.check_empty(), Err(Error::Unpaired { stream: "colour", pts: 67 })));
    }

    #[test]
    fn a_colour_key_without_an_alpha_key_is_an_error() {
        let mut waiting = Waiting::default();
        waiting.add_colour(vec![packet(5, true)]);
        waiting.add_alpha(vec![packet(5, false)]);
        assert!(matches!(waiting.take_pairs(), Err(Error::KeyMismatch { pts: 5 })));
    }
}
