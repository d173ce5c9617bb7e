//! Opus and Vorbis as they are, moved in time.
//!
//! Opus that begins before the span keeps 80 ms ahead of it for the decoder to settle, all of
//! which its pre-skip then drops: the cut is exact to the sample. Vorbis has no such thing and
//! begins at a packet. Specs: RFC 7845 §4.2, §4.6, Matroska codec mappings.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use super::Error;
use super::decode::unreadable;
use super::encoder::RATE_HZ;
use super::opus_head::{OpusHead, packet_samples};
use super::track::{SEEK_PRE_ROLL_NS, Span, milliseconds};
use crate::media::{AudioCodec, AudioPacket, AudioSource, AudioTiming, AudioTrack};
use crate::units::TimeBase;
use crate::webm::muxer;

/// Empty or malformed packets ahead of the first good one.
const MAX_BAD_PACKETS: u64 = 100_000;

/// A track that is copied.
pub(super) struct Copy {
    source: AudioSource,
    span: Span,
    end_ns: i64,
    opus: bool,
    /// Added to the time of a packet's first sample for that of its block.
    shift_ns: i64,
    /// The packets that were looked at for the header.
    waiting: VecDeque<Timed>,
    /// Where the packet before ended.
    expected_ns: i64,
    pub(super) damaged: u64,
}

/// A packet whose time is known.
struct Timed {
    start_ns: i64,
    duration_ns: i64,
    packet: AudioPacket,
}

/// The OpusHead of a track; `None` where it makes no sense.
pub(super) fn opus_head(track: &AudioTrack) -> Option<OpusHead> {
    OpusHead::parse(&track.configuration)
}

/// Rate and channels in the laced headers of Vorbis (Vorbis I §4.2.2).
pub(super) fn vorbis_form(private: &[u8]) -> Option<(u32, u8)> {
    let (&2, mut rest) = private.split_first()? else { return None };
    for _ in 0..2 {
        while rest.first()? == &255 {
            rest = &rest[1..];
        }
        rest = &rest[1..];
    }
    let head = rest.strip_prefix(b"\x01vorbis\0\0\0\0")?;
    let rate = u32::from_le_bytes(head.get(1..5)?.try_into().ok()?);
    Some((rate, head[0])).filter(|(rate, channels)| *rate > 0 && *channels > 0)
}

fn in_ns(ticks: i64, timing: AudioTiming) -> i64 {
    timing.time_base.convert(ticks, TimeBase::NANOSECOND)
}

/// Nanoseconds of so many samples at 48 kHz.
pub(super) fn opus_ns(samples: i64) -> i64 {
    (i128::from(samples) * 1_000_000_000 / i128::from(RATE_HZ)) as i64
}

impl Copy {
    /// Opens a track; gives its header for the muxer, too.
    pub(super) fn open(mut source: AudioSource, span: Span) -> Result<(Self, muxer::AudioTrack), Error> {
        let opus = source.track().coding == AudioCodec::Opus;
        let timing = source.timing();
        let until = timing.heard_until.map_or(i64::MAX, |ticks| in_ns(ticks, timing));
        let ahead_ns = span.start_ns.saturating_sub(4 * SEEK_PRE_ROLL_NS);
        source.skip_to(TimeBase::NANOSECOND.convert(ahead_ns, timing.time_base));
        let mut copy = Self {
            source,
            span,
            end_ns: until.min(span.end_ns.unwrap_or(i64::MAX)),
            opus,
            shift_ns: span.start_ns.saturating_neg(),
            waiting: VecDeque::new(),
            expected_ns: span.start_ns,
            damaged: 0,
        };
        let header = if opus { copy.open_opus()? } else { copy.open_vorbis()? };
        Ok((copy, header))
    }

    fn header(&self, codec_id: &'static str) -> muxer::AudioTrack {
        let track = self.source.track();
        muxer::AudioTrack {
            codec_id,
            codec_private: track.configuration.clone(),
            rate_hz: track.rate_hz,
            channels: u8::try_from(track.channels).unwrap_or(u8::MAX),
            codec_delay_ns: 0,
            seek_pre_roll_ns: 0,
            language: track.language.clone(),
            name: track.name.clone(),
            default: track.default,
        }
    }

    fn open_vorbis(&mut self) -> Result<muxer::AudioTrack, Error> {
        let track = self.source.track();
        let bad = || Error::Header { track: track.id, codec: "Vorbis" };
        let (rate_hz, channels) = vorbis_form(&track.configuration).ok_or_else(bad)?;
        Ok(muxer::AudioTrack { rate_hz, channels, ..self.header("A_VORBIS") })
    }

    fn open_opus(&mut self) -> Result<muxer::AudioTrack, Error> {
        let track = self.source.track();
        let bad = || Error::Header { track: track.id, codec: "Opus" };
        let mut head = opus_head(track).ok_or_else(bad)?;
        let timing = self.source.timing();
        let heard_from =
            if timing.heard_from == i64::MIN { i64::MIN } else { in_ns(timing.heard_from, timing) };
        // The pre-skip is that of the stream's first packet; one further on has none.
        let mut own_skip = opus_ns(head.pre_skip.into());
        let mut skip_ns = own_skip;
        while let Some(timed) = self.read()? {
            let end = timed.start_ns.saturating_add(timed.duration_ns);
            if end <= self.span.start_ns.saturating_sub(SEEK_PRE_ROLL_NS) {
                own_skip = 0;
                continue;
            }
            let begins = timed.start_ns.saturating_add(own_skip).max(heard_from).max(self.span.start_ns);
            // A late start needs no more than its own; 16 bits hold what is above 1.3 seconds.
            skip_ns = begins.saturating_sub(timed.start_ns).clamp(0, opus_ns(65_535));
            if begins == timed.start_ns.saturating_add(own_skip) {
                skip_ns = own_skip;
            }
            self.waiting.push_front(timed);
            break;
        }
        let samples = (i128::from(skip_ns) * i128::from(RATE_HZ) + 500_000_000) / 1_000_000_000;
        head.pre_skip = samples as u16;
        let codec_delay_ns = opus_ns(samples as i64);
        self.shift_ns = codec_delay_ns.saturating_sub(self.span.start_ns);
        Ok(muxer::AudioTrack {
            codec_private: head.to_bytes(),
            rate_hz: RATE_HZ,
            channels: head.channels,
            codec_delay_ns: codec_delay_ns.unsigned_abs(),
            seek_pre_roll_ns: SEEK_PRE_ROLL_NS as u64,
            ..self.header("A_OPUS")
        })
    }

    /// The next packet that has a length, with its time.
    fn read(&mut self) -> Result<Option<Timed>, Error> {
        let failed = unreadable(&self.source);
        loop {
            let Some(packet) = self.source.next_packet().map_err(&failed)? else { return Ok(None) };
            let timing = self.source.timing();
            let stated = packet.duration.map_or(0, |ticks| in_ns(ticks, timing));
            let duration_ns = match self.opus.then(|| packet_samples(&packet.data)) {
                Some(Some(samples)) => opus_ns(samples.into()),
                None if !packet.data.is_empty() => stated,
                _ => {
                    self.damaged += 1;
                    if self.damaged > MAX_BAD_PACKETS {
                        return Ok(None);
                    }
                    continue;
                }
            };
            let start_ns = packet.pts.map_or(self.expected_ns, |ticks| in_ns(ticks, timing));
            self.expected_ns = start_ns.saturating_add(duration_ns);
            return Ok(Some(Timed { start_ns, duration_ns, packet }));
        }
    }

    /// The next block, `None` at the end.
    pub(super) fn next_block(&mut self) -> Result<Option<muxer::AudioFrame>, Error> {
        loop {
            let next = match self.waiting.pop_front() {
                Some(timed) => Some(timed),
                None => self.read()?,
            };
            let Some(Timed { start_ns, duration_ns, packet }) = next else { return Ok(None) };
            if start_ns >= self.end_ns {
                return Ok(None);
            }
            let at_ns = start_ns.saturating_add(self.shift_ns);
            // Half a millisecond below 0 is 0, rounded.
            if at_ns < -500_000 {
                continue;
            }
            let over = start_ns.saturating_add(duration_ns).saturating_sub(self.end_ns).max(0);
            // Times of Vorbis are not what its decoder goes by.
            let over = if self.opus { over } else { 0 };
            return Ok(Some(muxer::AudioFrame {
                track: 0,
                pts_ms: milliseconds(at_ns).max(0),
                duration_ns: duration_ns.max(0).unsigned_abs(),
                discard_end_ns: packet.discard_end_ns.max(over.unsigned_abs()),
                data: packet.data,
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_of_vorbis_say_rate_and_channels() {
        let identification = [&b"\x01vorbis\0\0\0\0\x02\x44\xAC\0\0"[..], &[0; 14]].concat();
        let private = [&[2, 30, 255, 1][..], &identification, &[0; 300]].concat();
        assert_eq!(vorbis_form(&private), Some((44_100, 2)));
        for cut in 0..20 {
            assert_eq!(vorbis_form(&private[..cut]), None);
        }
        assert_eq!(vorbis_form(&[2, 255, 255]), None);
        assert_eq!(opus_ns(312), 6_500_000);
        assert_eq!(opus_ns(-336), -7_000_000);
    }
}
