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
//! and at most [`super::QUEUE_FRAMES`] + 1 frames that have been given are still held.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::activity::{ActiveMap, blocks_of};
use super::alpha::{AlphaThread, Job};
use super::{EncodedPacket, Encoder, EncoderConfig, Error, PlaneRef, Planes, Quality};
use crate::frame::{Colour, Composite, Size};

/// A frame that a pair can encode: three colour planes and a matte of the same size.
pub trait PairSource: Send + Sync + 'static {
    /// The colour planes.
    fn colour(&self) -> Planes<'_>;
    /// The matte, 0 transparent to 255 opaque.
    fn alpha(&self) -> PlaneRef<'_>;
    /// One byte per 16x16 block: 0 where nothing is visible and the colour is that of all such blocks
    /// ([`Composite::activity`]). `None` when that is not known; then everything is coded.
    fn activity(&self) -> Option<PlaneRef<'_>>;
}

impl PairSource for Composite {
    fn colour(&self) -> Planes<'_> {
        (&self.colour).into()
    }

    fn alpha(&self) -> PlaneRef<'_> {
        (&self.alpha).into()
    }

    fn activity(&self) -> Option<PlaneRef<'_>> {
        Some((&self.activity).into())
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
    /// Threads of each encoder, 1 to 64, of which those beyond its tile columns are idle (see
    /// [`EncoderConfig::tile_columns_log2_for`]). The bytes do not depend on it.
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
    active: ActiveMap,
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
            active: ActiveMap::new(config.size),
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
        if let Some(activity) = frame.activity() {
            activity.check("activity", blocks_of(self.size))?;
        }
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
        let coded = self.active.next(key, frame.activity());
        let packets = self.colour.encode_part(&frame.colour(), coded, pts, key)?;
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
