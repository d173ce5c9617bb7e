//! An audio track of a file: its packets in order, on the same timeline as those of the video.
//!
//! Opens the file anew, so that sound and pictures are read at their own pace; only packets of the
//! one track are read. Owned by one thread at a time. Memory: one packet, or one laced block.
#![forbid(unsafe_code)]

use std::path::Path;

use crate::units::TimeBase;

use super::audio::{AudioPacket, AudioTrack};
use super::input::Input;
use super::matroska::{self, MatroskaAudio};
use super::mp4::{self, Mp4Audio};
use super::{Error, source};

/// An uncompressed second of 16 channels of 96 kHz and 32 bits has 6 MiB.
pub(super) const MAX_AUDIO_PACKET_BYTES: u64 = 16 << 20;
/// Bytes read ahead: sound lies in small pieces between pictures, which are passed over.
const WINDOW_BYTES: usize = 16 * 1024;

/// What the container says of a track's time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AudioTiming {
    /// Length of a tick.
    pub time_base: TimeBase,
    /// Samples due before this tick are decoded only, not heard (edit list, codec delay).
    pub heard_from: i64,
    /// Tick at which the sound ends, where the container cuts it off.
    pub heard_until: Option<i64>,
    /// Nanoseconds to which the file rounds times.
    pub rounding_ns: u64,
    /// Nanoseconds that the codec delays the signal, already taken off the packets' times
    /// (Matroska's CodecDelay; 0 in MP4, where the edit list does it).
    pub codec_delay_ns: u64,
}

/// What a demuxer found of the track.
pub(super) struct OpenedAudio<D> {
    pub(super) track: AudioTrack,
    pub(super) timing: AudioTiming,
    pub(super) demuxer: D,
}

enum Demuxer {
    Mp4(Box<Mp4Audio>),
    Matroska(Box<MatroskaAudio>),
}

/// An opened audio track.
pub struct AudioSource {
    track: AudioTrack,
    timing: AudioTiming,
    demuxer: Demuxer,
    done: bool,
}

impl AudioSource {
    /// Opens the track of this ID, as [`super::Info::audio`] gives it.
    ///
    /// # Errors
    /// Anything in [`Error`]; [`Error::Missing`] when there is no such audio track.
    pub fn open(path: impl AsRef<Path>, id: u64) -> Result<Self, Error> {
        let mut input = Input::open(path.as_ref())?.with_window(WINDOW_BYTES);
        let head = input.read_vec(0, input.len().min(8), 8, "first bytes")?;
        if matroska::is_matroska(&head) {
            // The crate that reads the headers keeps its reader.
            let again = Input::open(path.as_ref())?.with_window(WINDOW_BYTES);
            let opened = MatroskaAudio::open(input, again, id)?;
            Ok(Self::of(opened, |d| Demuxer::Matroska(Box::new(d))))
        } else if mp4::is_mp4(&head) {
            Ok(Self::of(Mp4Audio::open(input, id)?, |d| Demuxer::Mp4(Box::new(d))))
        } else {
            Err(Error::UnknownContainer { begins: source::printable(&head) })
        }
    }

    fn of<D>(opened: OpenedAudio<D>, wrap: impl FnOnce(D) -> Demuxer) -> Self {
        let OpenedAudio { track, timing, demuxer } = opened;
        Self { track, timing, demuxer: wrap(demuxer), done: false }
    }

    /// The track.
    pub fn track(&self) -> &AudioTrack {
        &self.track
    }

    /// Its time.
    pub fn timing(&self) -> AudioTiming {
        self.timing
    }

    /// Passes over packets that end before `pts`, without reading them where the container allows
    /// it. Not every such packet need be passed over.
    pub fn skip_to(&mut self, pts: i64) {
        match &mut self.demuxer {
            Demuxer::Mp4(demuxer) => demuxer.skip_to(pts),
            Demuxer::Matroska(demuxer) => demuxer.skip_to(pts),
        }
    }

    /// The next packet, `None` at the end.
    ///
    /// # Errors
    /// A read error, a cut file ([`Error::Truncated`], after all packets ahead of the cut), or
    /// malformed data. After an error the source is at its end.
    pub fn next_packet(&mut self) -> Result<Option<AudioPacket>, Error> {
        if self.done {
            return Ok(None);
        }
        let next = match &mut self.demuxer {
            Demuxer::Mp4(demuxer) => demuxer.next_packet(),
            Demuxer::Matroska(demuxer) => demuxer.next_packet(),
        };
        self.done = !matches!(next, Ok(Some(_)));
        next
    }
}
