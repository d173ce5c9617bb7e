//! Packets to samples: what all decoders have in common, and those of the Symphonia crates.
//!
//! A decoder owns its source and gives chunks of interleaved floats with their place, in samples,
//! on the timeline of the file. A packet that cannot be decoded is counted and passed over; its
//! time stays empty. Bytes of any kind are taken: a panic inside a crate is such a packet too.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia_core::audio::Channels;
use symphonia_core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_ALAC, CODEC_ID_FLAC, CODEC_ID_MP3};
use symphonia_core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia_core::errors::Result as Decoded;
use symphonia_core::packet::PacketRef;
use symphonia_core::units::{Duration, Timestamp};

use super::Error;
use crate::media::{AudioCodec, AudioPacket, AudioSource, ChannelLayout, Speaker};
use crate::units::TimeBase;

/// Packets that may give nothing before a stream is given up.
pub(super) const TRIAL_PACKETS: usize = 32;

/// Decoded sound.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Place of the first sample, in samples; `None`: behind the chunk before.
    pub(super) at: Option<i64>,
    /// Interleaved samples.
    pub(super) samples: Vec<f32>,
}

/// What a decoder gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Format {
    /// Samples per second.
    pub rate_hz: u32,
    /// Channels.
    pub channels: usize,
    /// What they are, as far as the decoder knows.
    pub layout: ChannelLayout,
}

/// A decoder with its source.
pub(super) trait Decode: Send {
    /// The next sound, `None` at the end.
    fn next_chunk(&mut self) -> Result<Option<Chunk>, Error>;

    /// Packets that could not be decoded so far.
    fn damaged(&self) -> u64;
}

/// The place of a time, in samples.
pub(super) fn sample_at(ticks: i64, time_base: TimeBase, rate_hz: u32) -> i64 {
    match TimeBase::new(1, rate_hz.into()) {
        Some(samples) => time_base.convert(ticks, samples),
        None => 0,
    }
}

/// An error of the source.
pub(super) fn unreadable(source: &AudioSource) -> impl Fn(crate::media::Error) -> Error + use<> {
    let track = source.track().id;
    move |source| Error::Media { track, source }
}

/// A decoder of the Symphonia crates.
pub(super) struct Library {
    source: AudioSource,
    decoder: Box<dyn AudioDecoder>,
    format: Format,
    first: Option<Chunk>,
    damaged: u64,
}

impl Library {
    /// Opens the decoder and decodes up to the first sound.
    pub(super) fn open(source: AudioSource) -> Result<Self, Error> {
        let decoder = decoder(&source).map_err(|reason| refused(&source, reason))?;
        let format = Format { rate_hz: 0, channels: 0, layout: ChannelLayout::Unstated };
        let mut library = Self { source, decoder, format, first: None, damaged: 0 };
        let failed = unreadable(&library.source);
        let mut last = None;
        for _ in 0..TRIAL_PACKETS {
            let Some(packet) = library.source.next_packet().map_err(&failed)? else { break };
            match library.decode(&packet) {
                Ok(Some(chunk)) => {
                    library.first = Some(chunk);
                    return Ok(library);
                }
                Ok(None) => {}
                Err(reason) => last = Some(reason),
            }
        }
        let codec = library.source.track().codec.clone();
        Err(match last {
            Some(reason) => Error::Decode { codec, reason },
            None => Error::Silent { codec, packets: TRIAL_PACKETS },
        })
    }

    /// What it gives.
    pub(super) fn format(&self) -> &Format {
        &self.format
    }

    fn decode(&mut self, packet: &AudioPacket) -> Result<Option<Chunk>, String> {
        let decoder = &mut self.decoder;
        let packet_ref = PacketRef::new(0, Timestamp::ZERO, Duration::from(0u64), &packet.data);
        let decoded = catch_unwind(AssertUnwindSafe(|| {
            decoder.decode_ref(&packet_ref).map(|buffer| {
                let mut samples: Vec<f32> = Vec::new();
                buffer.copy_to_vec_interleaved(&mut samples);
                let spec = buffer.spec();
                let channels = spec.channels().count();
                (samples, spec.rate(), channels, layout(spec.channels()))
            })
        }));
        let (mut samples, rate_hz, channels, layout) = match decoded {
            Ok(result) => result.map_err(|error| error.to_string())?,
            Err(_) => {
                self.decoder.reset();
                return Err("the decoder panicked".to_owned());
            }
        };
        if samples.is_empty() {
            return Ok(None);
        }
        let found = Format { rate_hz, channels, layout };
        if self.format.channels == 0 {
            self.format = found;
        } else if (rate_hz, channels) != (self.format.rate_hz, self.format.channels) {
            return Err(format!("{rate_hz} Hz, {channels} channels behind {} Hz", self.format.rate_hz));
        }
        let timing = self.source.timing();
        let padding = sample_at(
            i64::try_from(packet.discard_end_ns).unwrap_or(i64::MAX),
            TimeBase::NANOSECOND,
            rate_hz,
        );
        let frames = samples.len() / channels.max(1);
        samples.truncate(frames.saturating_sub(padding as usize) * channels);
        let at = packet.pts.map(|pts| sample_at(pts, timing.time_base, rate_hz));
        Ok(Some(Chunk { at, samples }))
    }
}

impl Decode for Library {
    fn next_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let failed = unreadable(&self.source);
        while let Some(packet) = self.source.next_packet().map_err(&failed)? {
            match self.decode(&packet) {
                Ok(Some(chunk)) => return Ok(Some(chunk)),
                Ok(None) => {}
                Err(_) => self.damaged += 1,
            }
        }
        Ok(None)
    }

    fn damaged(&self) -> u64 {
        self.damaged
    }
}

fn refused(source: &AudioSource, reason: String) -> Error {
    Error::Decode { codec: source.track().codec.clone(), reason }
}

/// The decoder for a track, made inside the same fence as its decoding.
fn decoder(source: &AudioSource) -> Result<Box<dyn AudioDecoder>, String> {
    let track = source.track();
    let mut parameters = AudioCodecParameters::new();
    if track.rate_hz > 0 {
        parameters.with_sample_rate(track.rate_hz);
    }
    let options = AudioDecoderOptions::default();
    let private = &track.configuration;
    let made = catch_unwind(AssertUnwindSafe(|| -> Decoded<Box<dyn AudioDecoder>> {
        Ok(match track.coding {
            AudioCodec::Aac => {
                parameters.for_codec(CODEC_ID_AAC).with_extra_data(low_complexity(private).into());
                Box::new(symphonia_codec_aac::AacDecoder::try_new(&parameters, &options)?)
            }
            AudioCodec::Mp3 => {
                parameters.for_codec(CODEC_ID_MP3);
                Box::new(symphonia_bundle_mp3::MpaDecoder::try_new(&parameters, &options)?)
            }
            AudioCodec::Flac => {
                // STREAMINFO, behind the magic and the header of its block.
                let info = private.get(8..42).unwrap_or_default();
                parameters.for_codec(CODEC_ID_FLAC).with_extra_data(info.into());
                Box::new(symphonia_bundle_flac::FlacDecoder::try_new(&parameters, &options)?)
            }
            AudioCodec::Alac => {
                parameters.for_codec(CODEC_ID_ALAC).with_extra_data(private.as_slice().into());
                Box::new(symphonia_codec_alac::AlacDecoder::try_new(&parameters, &options)?)
            }
            _ => return symphonia_core::errors::unsupported_error("no decoder in this program"),
        })
    }));
    match made {
        Ok(made) => made.map_err(|error| error.to_string()),
        Err(_) => Err("the decoder panicked".to_owned()),
    }
}

/// What a decoder says of its channels.
fn layout(channels: &Channels) -> ChannelLayout {
    let Channels::Positioned(positions) = channels else { return ChannelLayout::Unstated };
    let mask = u32::try_from(positions.bits()).ok();
    mask.and_then(Speaker::from_mask).map_or(ChannelLayout::Unstated, ChannelLayout::Speakers)
}

/// The kind of AAC in an AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct AacKind {
    /// audioObjectType: 2 low complexity, 5 and 29 with spectral band replication.
    pub(super) object_type: u8,
    /// Rate of the core.
    pub(super) rate_index: u8,
    /// channelConfiguration; 0: described elsewhere.
    pub(super) channels: u8,
}

impl AacKind {
    /// Reads the start of a configuration; `None` where it is too short or of a rare form.
    pub(super) fn parse(config: &[u8]) -> Option<Self> {
        let (&a, &b) = (config.first()?, config.get(1)?);
        let kind = Self { object_type: a >> 3, rate_index: (a & 7) << 1 | b >> 7, channels: b >> 3 & 15 };
        (kind.object_type != 31 && kind.rate_index != 15).then_some(kind)
    }

    /// Whether the stream may hold more than its core, which is all that this program decodes: said
    /// to, or of so low a rate that encoders add it unsaid.
    pub(super) fn may_be_extended(self) -> bool {
        matches!(self.object_type, 5 | 29) || self.rate_index >= 6
    }
}

/// The configuration of the low-complexity core of a stream.
fn low_complexity(config: &[u8]) -> Vec<u8> {
    match AacKind::parse(config) {
        Some(AacKind { object_type: 5 | 29, rate_index, channels }) => {
            vec![2 << 3 | rate_index >> 1, rate_index << 7 | channels << 3]
        }
        _ => config.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_aac() {
        let plain = AacKind::parse(&[0x12, 0x10]).unwrap();
        assert_eq!((plain.object_type, plain.rate_index, plain.channels), (2, 4, 2));
        assert!(!plain.may_be_extended());
        // HE-AAC of 24 kHz core, 48 kHz out.
        let extended = [0x2B, 0x11, 0x88, 0x00];
        assert!(AacKind::parse(&extended).unwrap().may_be_extended());
        assert_eq!(low_complexity(&extended), [0x13, 0x10]);
        assert_eq!(low_complexity(&[0x12, 0x10]), [0x12, 0x10]);
        assert_eq!(AacKind::parse(&[0x12]), None);
        assert_eq!(AacKind::parse(&[0xFF, 0xFF]), None);
    }

    #[test]
    fn places_are_rounded_once() {
        let base = TimeBase::new(1, 44_100).unwrap();
        assert_eq!(sample_at(-1024, base, 44_100), -1024);
        assert_eq!(sample_at(1, TimeBase::MILLISECOND, 44_100), 44);
        assert_eq!(sample_at(5, TimeBase::MILLISECOND, 0), 0);
    }
}
