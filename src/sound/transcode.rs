//! Decoded, put in time, routed, resampled, encoded: one track on its way to Opus.
//!
//! Memory: one decoded chunk, one filter block, one packet. Owned by one thread.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::path::Path;

use super::Error;
use super::copy::opus_ns;
use super::decode::{Decode, sample_at};
use super::encoder::{Encoded, Encoder, FRAME, RATE_HZ};
use super::layout::Routing;
use super::plan::{Action, Options, TrackPlan, open_decoder};
use super::resample::Resampler;
use super::timeline::{Repairs, Timeline, Wanted};
use super::track::{SEEK_PRE_ROLL_NS, Span};
use crate::media::AudioSource;
use crate::units::TimeBase;
use crate::webm::muxer;

/// Samples taken through the filter at once.
const STEP: usize = 4096;
/// How far ahead of the span decoding begins: longer than any roll distance or bit reservoir.
const AHEAD_NS: i64 = 1_000_000_000;

/// A track that is transcoded.
pub(super) struct Transcode {
    decoder: Box<dyn Decode>,
    timeline: Timeline,
    routing: Routing,
    /// Gone once the end was reached.
    filter: Option<(Resampler, Encoder)>,
    ready: VecDeque<Encoded>,
    made: i64,
    /// Whether the decoder has given all.
    over: bool,
    /// What ended the sound early; given after all that was decoded.
    failure: Option<Error>,
}

impl Transcode {
    /// Opens a track that the plan wants transcoded; gives its header for the muxer, too.
    pub(super) fn open(
        path: &Path,
        mut source: AudioSource,
        plan: &TrackPlan,
        span: Span,
        options: &Options,
    ) -> Result<(Self, muxer::AudioTrack), Error> {
        let Action::Transcode { decoding, format, routing } = &plan.action else {
            let (codec, reason) = (plan.track.codec.clone(), "the plan does not transcode it".to_owned());
            return Err(Error::Decode { codec, reason });
        };
        let timing = source.timing();
        let rate_hz = format.rate_hz;
        let of_ns = |ns: i64| sample_at(ns, TimeBase::NANOSECOND, rate_hz);
        let of_ticks = |ticks: i64| sample_at(ticks, timing.time_base, rate_hz);
        let mut heard_from =
            if timing.heard_from == i64::MIN { i64::MIN } else { of_ticks(timing.heard_from) };
        if timing.codec_delay_ns > 0 {
            // The delay is at the start of the stream, wherever that lies.
            let mut first = AudioSource::open(path, plan.track.id).ok();
            let pts = first.as_mut().and_then(|s| s.next_packet().ok().flatten()).and_then(|p| p.pts);
            let delay = i64::try_from(timing.codec_delay_ns).unwrap_or(0);
            heard_from = pts.map_or(heard_from, |pts| of_ticks(pts).saturating_add(of_ns(delay)));
        }
        let until = timing.heard_until.map_or(i64::MAX, of_ticks);
        let wanted = Wanted {
            start: of_ns(span.start_ns),
            heard_from,
            end: span.end_ns.map_or(i64::MAX, of_ns).min(until),
        };
        let ahead_ns = span.start_ns.saturating_sub(AHEAD_NS);
        if span.start_ns > AHEAD_NS {
            source.skip_to(TimeBase::NANOSECOND.convert(ahead_ns, timing.time_base));
        }
        let rounding = of_ns(i64::try_from(timing.rounding_ns).unwrap_or(i64::MAX));
        let encoder = Encoder::new(routing.outputs(), routing.family, rate_hz)?;
        let header = muxer::AudioTrack {
            codec_id: "A_OPUS",
            codec_private: encoder.head().to_bytes(),
            rate_hz: RATE_HZ,
            channels: encoder.head().channels,
            codec_delay_ns: opus_ns(encoder.head().pre_skip.into()).unsigned_abs(),
            seek_pre_roll_ns: SEEK_PRE_ROLL_NS as u64,
            language: plan.track.language.clone(),
            name: plan.track.name.clone(),
            default: plan.track.default,
        };
        let transcode = Self {
            decoder: open_decoder(*decoding, source, options)?,
            timeline: Timeline::new(wanted, rate_hz, format.channels, rounding),
            routing: routing.clone(),
            filter: Some((Resampler::new(rate_hz, routing.outputs())?, encoder)),
            ready: VecDeque::new(),
            made: 0,
            over: false,
            failure: None,
        };
        Ok((transcode, header))
    }

    /// The next block, `None` at the end.
    pub(super) fn next_block(&mut self) -> Result<Option<muxer::AudioFrame>, Error> {
        loop {
            if let Some(Encoded { data, padding }) = self.ready.pop_front() {
                let frame_ms = FRAME as i64 * 1000 / i64::from(RATE_HZ);
                let pts_ms = self.made * frame_ms;
                self.made += 1;
                return Ok(Some(muxer::AudioFrame {
                    track: 0,
                    pts_ms,
                    duration_ns: frame_ms as u64 * 1_000_000,
                    discard_end_ns: opus_ns(padding.into()).unsigned_abs(),
                    data,
                }));
            }
            let Some((resampler, encoder)) = &mut self.filter else {
                return self.failure.take().map_or(Ok(None), Err);
            };
            if !self.timeline.is_empty() {
                let mut routed = Vec::new();
                self.routing.apply(&self.timeline.take(STEP), &mut routed);
                self.ready.extend(encoder.push(&resampler.push(&routed)?)?);
                continue;
            }
            let next =
                if self.over || self.timeline.is_over() { Ok(None) } else { self.decoder.next_chunk() };
            match next {
                Ok(Some(chunk)) => self.timeline.push(chunk.at, chunk.samples),
                ended => {
                    self.over = true;
                    self.failure = ended.err().or(self.failure.take());
                    self.timeline.finish();
                    if !self.timeline.is_empty() {
                        continue;
                    }
                    if let Some((resampler, mut encoder)) = self.filter.take() {
                        self.ready.extend(encoder.push(&resampler.finish()?)?);
                        self.ready.extend(encoder.finish()?);
                    }
                }
            }
        }
    }

    /// Packets that could not be decoded.
    pub(super) fn damaged(&self) -> u64 {
        self.decoder.damaged()
    }

    /// What was done to gaps and overlaps.
    pub(super) fn repairs(&self) -> Repairs {
        self.timeline.repairs()
    }
}
