//! The Opus encoder: 48 kHz interleaved floats in, packets of 20 ms out.
//!
//! Pre-skip is the encoder's lookahead rounded up to whole milliseconds, by silence put ahead of
//! the signal: so CodecDelay is exact for players that count in milliseconds. Owned by one thread,
//! may move between threads. Specs: RFC 6716, RFC 7845 §4.2, §5.1.

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use super::Error;
use super::ffi;
use super::layout::Family;
use super::opus_head::OpusHead;

/// Samples per second of all that this module encodes.
pub(super) const RATE_HZ: u32 = 48_000;
/// Samples of a packet, per channel.
pub(super) const FRAME: usize = 960;
/// Most bytes of one stream in a packet: three frames of 1275 and their lengths.
const MAX_STREAM_BYTES: usize = 4000;

/// A packet of 20 ms.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) data: Vec<u8>,
    /// Samples at its end that are padding.
    pub(super) padding: u32,
}

/// An encoder of one track.
pub(super) struct Encoder {
    raw: NonNull<ffi::MultistreamEncoder>,
    head: OpusHead,
    channels: usize,
    /// Samples that wait for a whole frame.
    waiting: Vec<f32>,
    /// Samples per channel given, and packets made.
    given: u64,
    made: u64,
    out: Vec<u8>,
}

// SAFETY: the encoder is used through `&mut self` only, and libopus keeps no thread's state.
unsafe impl Send for Encoder {}

impl Encoder {
    /// An encoder for so many channels; `input_rate_hz` is only told to readers of the header.
    pub(super) fn new(channels: usize, family: Family, input_rate_hz: u32) -> Result<Self, Error> {
        let (mut streams, mut coupled, mut error): (c_int, c_int, c_int) = (0, 0, 0);
        let mut mapping = [0u8; 255];
        let count = u8::try_from(channels).ok().filter(|c| *c > 0).ok_or(Error::Channels { channels })?;
        // SAFETY: all four pointers are to live locals; `mapping` has room for 255 channels.
        let raw = unsafe {
            ffi::opus_multistream_surround_encoder_create(
                RATE_HZ as i32,
                count.into(),
                c_int::from(family as u8),
                &raw mut streams,
                &raw mut coupled,
                mapping.as_mut_ptr(),
                ffi::APPLICATION_AUDIO,
                &raw mut error,
            )
        };
        let raw = NonNull::new(raw).ok_or_else(|| failed("creating the encoder", error))?;
        let mut encoder = Self {
            raw,
            head: OpusHead {
                channels: count,
                pre_skip: 0,
                rate_hz: input_rate_hz,
                gain: 0,
                family: family as u8,
                streams: streams as u8,
                coupled: coupled as u8,
                mapping: mapping[..channels].to_vec(),
            },
            channels,
            waiting: Vec::new(),
            given: 0,
            made: 0,
            out: vec![0; MAX_STREAM_BYTES * channels],
        };
        encoder.set(ffi::SET_BITRATE, bits_per_second(channels))?;
        encoder.set(ffi::SET_VBR, 1)?;
        encoder.set(ffi::SET_COMPLEXITY, 10)?;
        let mut lookahead: c_int = 0;
        // SAFETY: the encoder is alive; the request takes a pointer to an int, which is live.
        let result = unsafe {
            ffi::opus_multistream_encoder_ctl(raw.as_ptr(), ffi::GET_LOOKAHEAD, &raw mut lookahead)
        };
        if result != 0 {
            return Err(failed("asking for the lookahead", result));
        }
        let lookahead = u16::try_from(lookahead).unwrap_or(312);
        encoder.head.pre_skip = lookahead.div_ceil(48) * 48;
        let ahead = usize::from(encoder.head.pre_skip - lookahead);
        encoder.waiting = vec![0.0; ahead * channels];
        Ok(encoder)
    }

    /// What the track's CodecPrivate is made of.
    pub(super) fn head(&self) -> &OpusHead {
        &self.head
    }

    /// Takes whole frames of all channels; gives the packets that became ready.
    pub(super) fn push(&mut self, samples: &[f32]) -> Result<Vec<Encoded>, Error> {
        debug_assert!(samples.len().is_multiple_of(self.channels));
        self.given += (samples.len() / self.channels) as u64;
        self.waiting.extend_from_slice(samples);
        let frame = FRAME * self.channels;
        let mut packets = Vec::new();
        let mut at = 0;
        while self.waiting.len() - at >= frame {
            let data = self.encode(at)?;
            at += frame;
            packets.push(Encoded { data, padding: 0 });
        }
        self.waiting.drain(..at);
        Ok(packets)
    }

    /// The packets that hold the rest of the signal, the last with its padding stated.
    pub(super) fn finish(mut self) -> Result<Vec<Encoded>, Error> {
        if self.given == 0 {
            return Ok(Vec::new());
        }
        let whole = u64::from(self.head.pre_skip) + self.given;
        let total = whole.div_ceil(FRAME as u64);
        let mut packets = Vec::new();
        while self.made < total {
            self.waiting.resize(FRAME * self.channels, 0.0);
            let data = self.encode(0)?;
            self.waiting.clear();
            let padding = if self.made == total { (total * FRAME as u64 - whole) as u32 } else { 0 };
            packets.push(Encoded { data, padding });
        }
        Ok(packets)
    }

    /// Encodes the frame that begins at sample `at` of those that wait.
    fn encode(&mut self, at: usize) -> Result<Vec<u8>, Error> {
        let frame = &self.waiting[at..at + FRAME * self.channels];
        let room = self.out.len() as i32;
        // SAFETY: the encoder is alive and was made for this number of channels; `frame` has FRAME
        // samples of each, `out` has `room` bytes.
        let bytes = unsafe {
            ffi::opus_multistream_encode_float(
                self.raw.as_ptr(),
                frame.as_ptr(),
                FRAME as c_int,
                self.out.as_mut_ptr(),
                room,
            )
        };
        let count = usize::try_from(bytes).map_err(|_| failed("encoding", bytes))?;
        self.made += 1;
        Ok(self.out[..count].to_vec())
    }

    fn set(&mut self, request: c_int, value: i32) -> Result<(), Error> {
        // SAFETY: the encoder is alive; each of these requests takes one int.
        let result = unsafe { ffi::opus_multistream_encoder_ctl(self.raw.as_ptr(), request, value) };
        if result == 0 { Ok(()) } else { Err(failed("configuring the encoder", result)) }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: made by the create function, destroyed once.
        unsafe { ffi::opus_multistream_encoder_destroy(self.raw.as_ptr()) };
    }
}

/// Where Opus is called transparent: 96 kbit/s for one channel, 160 for two, and so on.
fn bits_per_second(channels: usize) -> i32 {
    32_000 + 64_000 * channels as i32
}

fn failed(what: &'static str, code: c_int) -> Error {
    // SAFETY: takes any number.
    let text = unsafe { ffi::opus_strerror(code) };
    // SAFETY: a static string that ends in zero, by its documentation.
    let reason = unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned();
    Error::Opus { what, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::opus_head::packet_samples;

    fn encode(samples: usize, channels: usize, family: Family) -> (OpusHead, Vec<Encoded>) {
        let mut encoder = Encoder::new(channels, family, 44_100).unwrap();
        let head = encoder.head().clone();
        let signal: Vec<f32> = (0..samples * channels).map(|i| (i as f32 * 0.01).sin() * 0.3).collect();
        let mut packets = Vec::new();
        for part in signal.chunks(700 * channels) {
            packets.extend(encoder.push(part).unwrap());
        }
        packets.extend(encoder.finish().unwrap());
        (head, packets)
    }

    #[test]
    fn packets_and_padding_add_up_to_the_signal() {
        for samples in [1, 623, 624, 625, 960, 4800] {
            let (head, packets) = encode(samples, 2, Family::Plain);
            assert_eq!(head.pre_skip, 336, "312 samples of lookahead in whole milliseconds");
            let decoded: u32 = packets.iter().map(|p| packet_samples(&p.data).unwrap()).sum();
            let padding = packets.last().unwrap().padding;
            assert_eq!(decoded as usize - padding as usize - usize::from(head.pre_skip), samples);
            assert!(padding < 960 && packets.iter().rev().skip(1).all(|p| p.padding == 0));
        }
        assert!(encode(0, 2, Family::Plain).1.is_empty());
    }

    #[test]
    fn mappings_of_every_family() {
        let (surround, _) = encode(10, 6, Family::Surround);
        assert_eq!((surround.streams, surround.coupled), (4, 2));
        assert_eq!(surround.mapping, [0, 4, 1, 2, 3, 5]);
        let (field, _) = encode(10, 4, Family::Ambisonic);
        assert_eq!((field.family, field.streams, field.coupled), (2, 4, 0));
        assert_eq!(field.mapping, [0, 1, 2, 3]);
        let (discrete, _) = encode(10, 10, Family::Discrete);
        assert_eq!((discrete.family, discrete.streams, discrete.coupled), (255, 10, 0));
        assert!(matches!(Encoder::new(0, Family::Plain, 1), Err(Error::Channels { channels: 0 })));
        assert!(matches!(Encoder::new(5, Family::Ambisonic, 1), Err(Error::Opus { .. })));
    }
}
