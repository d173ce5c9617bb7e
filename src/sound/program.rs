//! Sound that no crate here decodes, by the supervised `ffmpeg` child of `software`.
//!
//! Packets go out with times from 0 on, since the child's container knows none below; what comes
//! back is moved to where it was.
#![forbid(unsafe_code)]

use super::Error;
use super::decode::{Chunk, Decode, Format, TRIAL_PACKETS, unreadable};
use crate::media::{AudioPacket, AudioSource, ChannelLayout, Speaker};
use crate::software::Options;
use crate::software::ffmpeg::{FfmpegSound, SoundFeed, SoundFormat, SoundPacket, SoundStream};
use crate::units::TimeBase;

/// One microsecond, the tick of the child's clock.
const MICROSECONDS_PER_SECOND: i64 = 1_000_000;

/// A decoder that is a child.
pub(super) struct Program {
    child: FfmpegSound,
    codec: String,
    rate_hz: u32,
    base_us: i64,
}

/// What the child makes of a track, by its first packets.
pub(super) fn ask(source: AudioSource, options: &Options) -> Result<SoundFormat, Error> {
    let (stream, codec) = stream(&source)?;
    let (feed, _) = feed(source, TRIAL_PACKETS)?;
    FfmpegSound::ask(&stream, feed, options).map_err(|source| Error::Child { codec, source })
}

/// Rate, channels and loudspeakers in this module's terms.
pub(super) fn format(found: SoundFormat) -> Format {
    let speakers = (found.mask != 0).then(|| Speaker::from_mask(found.mask)).flatten();
    Format {
        rate_hz: found.rate_hz,
        channels: found.channels.into(),
        layout: speakers.map_or(ChannelLayout::Unstated, ChannelLayout::Speakers),
    }
}

impl Program {
    /// Starts the child for a track of which [`ask`] found the format.
    pub(super) fn open(source: AudioSource, found: SoundFormat, options: &Options) -> Result<Self, Error> {
        let (stream, codec) = stream(&source)?;
        let (feed, base_us) = feed(source, usize::MAX)?;
        let child = FfmpegSound::open(&stream, found, feed, options)
            .map_err(|source| Error::Child { codec: codec.clone(), source })?;
        Ok(Self { child, codec, rate_hz: found.rate_hz, base_us })
    }
}

impl Decode for Program {
    fn next_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        let next =
            self.child.next_chunk().map_err(|source| Error::Child { codec: self.codec.clone(), source })?;
        Ok(next.map(|chunk| {
            let us = i128::from(chunk.pts_us.saturating_add(self.base_us));
            let scaled = us * i128::from(self.rate_hz) + i128::from(MICROSECONDS_PER_SECOND / 2);
            let at = scaled.div_euclid(i128::from(MICROSECONDS_PER_SECOND));
            Chunk { at: i64::try_from(at).ok(), samples: chunk.samples }
        }))
    }

    fn damaged(&self) -> u64 {
        self.child.complaints()
    }
}

fn stream(source: &AudioSource) -> Result<(SoundStream, String), Error> {
    let track = source.track();
    let codec = track.codec.clone();
    let Some(codec_id) = track.matroska_id.clone() else {
        let reason = "ffmpeg's Matroska reader has no name for it".to_owned();
        return Err(Error::Decode { codec, reason });
    };
    let configuration = track.configuration.clone();
    Ok((SoundStream { codec_id, configuration, rate_hz: track.rate_hz, channels: track.channels }, codec))
}

/// The first `count` packets of a source for the child, and the time of the first.
fn feed(mut source: AudioSource, count: usize) -> Result<(SoundFeed, i64), Error> {
    let microsecond = TimeBase::new(1, MICROSECONDS_PER_SECOND).expect("both are positive");
    let time_base = source.timing().time_base;
    let us = move |ticks: i64| time_base.convert(ticks, microsecond);
    let mut waiting = source.next_packet().map_err(unreadable(&source))?;
    let base_us = waiting.as_ref().and_then(|packet| packet.pts).map_or(0, us);
    let (mut expected, mut given) = (0u64, 0usize);
    let feed = move || {
        if given == count {
            return Ok(None);
        }
        given += 1;
        let next = match waiting.take() {
            Some(packet) => Some(packet),
            None => source.next_packet()?,
        };
        Ok(next.map(|AudioPacket { pts, duration, data, .. }| {
            let stated = pts.map(|pts| us(pts).saturating_sub(base_us).max(0) as u64);
            // Eight bytes of a Timestamp hold more, but no clock of ffmpeg's does.
            let pts_us = stated.unwrap_or(expected).min(1 << 50);
            expected = pts_us.saturating_add(duration.map_or(0, |d| us(d).max(0) as u64));
            SoundPacket { pts_us, data }
        }))
    };
    Ok((Box::new(feed), base_us))
}
