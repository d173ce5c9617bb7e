//! Gives the packets of one audio track of a Matroska or WebM file.
//!
//! Clusters are walked here and not by the crate that reads the video: it reads every block of
//! every track and does not give DiscardPadding. Of blocks of other tracks only the head is read.
//! Memory: one block. Spec: RFC 9559 §5.1.3, §10.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use matroska_demuxer::{MatroskaFile, TrackType};

use crate::media::Error;
use crate::media::audio::AudioPacket;
use crate::media::audio_source::{AudioTiming, MAX_AUDIO_PACKET_BYTES, OpenedAudio};
use crate::media::input::Input;
use crate::units::TimeBase;

use super::demuxer::{contain, stripped_header};
use super::ebml::{self, Header, unsigned};
use super::lacing::{BlockHead, MAX_HEAD_BYTES};
use super::segment::Segment;
use super::tracks;
use super::view::View;

const TIMESTAMP: u32 = 0xE7;
const SIMPLE_BLOCK: u32 = 0xA3;
const BLOCK: u32 = 0xA1;
const BLOCK_DURATION: u32 = 0x9B;
const DISCARD_PADDING: u32 = 0x75A2;

/// No block of sound lasts longer.
const LONGEST_BLOCK_NS: i64 = 10_000_000_000;

/// Children of a BlockGroup that are looked at.
const MAX_GROUP_ELEMENTS: usize = 64;

/// A reader of one audio track.
pub(crate) struct MatroskaAudio {
    input: Input,
    number: u64,
    time_base: TimeBase,
    default_duration_ns: Option<u64>,
    delay_ns: i64,
    stripped: Vec<u8>,
    at: u64,
    data_end: u64,
    declared_end: Option<u64>,
    cluster_ticks: Option<i64>,
    skip_to: i64,
    queue: VecDeque<AudioPacket>,
}

impl MatroskaAudio {
    /// Reads the headers of a file, which both inputs are, and finds track `number`.
    pub(crate) fn open(mut input: Input, again: Input, number: u64) -> Result<OpenedAudio<Self>, Error> {
        let segment = Segment::read(&mut input)?;
        let view = View::new(again, &segment);
        let owned = view.clone();
        let file = contain(&view, || MatroskaFile::open(owned))?;
        if let Some(fault) = view.state().fault.take() {
            return Err(fault);
        }
        let track = file.tracks().iter().find(|t| t.track_number().get() == number);
        let track = track.filter(|t| t.track_type() == TrackType::Audio).ok_or_else(|| Error::Missing {
            what: "audio track of that number",
            detail: format!("number {number} was asked for"),
        })?;
        let scale = i64::try_from(file.info().timestamp_scale().get()).unwrap_or(i64::MAX);
        let time_base = TimeBase::new(scale, 1_000_000_000).expect("the scale is not 0 and not negative");
        let codec_delay_ns = track.codec_delay().unwrap_or(0);
        // Nanoseconds, since the delay is a fraction of the file's ticks.
        let timing = AudioTiming {
            time_base: TimeBase::NANOSECOND,
            heard_from: i64::MIN,
            heard_until: None,
            rounding_ns: scale.unsigned_abs(),
            codec_delay_ns,
        };
        let demuxer = Self {
            number,
            time_base,
            default_duration_ns: track.default_duration().map(std::num::NonZeroU64::get),
            delay_ns: i64::try_from(codec_delay_ns).unwrap_or(i64::MAX),
            stripped: stripped_header(track)?,
            at: segment.clusters_at,
            data_end: segment.end.unwrap_or(u64::MAX).min(input.len()),
            declared_end: segment.end,
            cluster_ticks: None,
            skip_to: i64::MIN,
            queue: VecDeque::new(),
            input,
        };
        Ok(OpenedAudio { track: tracks::audio(track), timing, demuxer })
    }

    pub(crate) fn skip_to(&mut self, pts: i64) {
        self.skip_to = pts;
    }

    /// The next packet in file order.
    pub(crate) fn next_packet(&mut self) -> Result<Option<AudioPacket>, Error> {
        loop {
            if let Some(packet) = self.queue.pop_front() {
                return Ok(Some(packet));
            }
            if self.at >= self.data_end {
                return match self.declared_end {
                    Some(end) if end > self.data_end => {
                        let (at_byte, need) = (self.data_end, end - self.data_end);
                        Err(Error::Truncated { what: "Matroska segment", at_byte, need, have: 0 })
                    }
                    _ => Ok(None),
                };
            }
            let header = match Header::read(&mut self.input, self.at, self.data_end) {
                Ok(header) => header,
                // Whatever garbage this is, no block can be found behind it.
                Err(Error::Malformed { .. }) => return Ok(None),
                Err(cut) => return Err(cut),
            };
            self.element(header)?;
        }
    }

    /// Takes one element among the clusters' children and moves behind it, or into it.
    fn element(&mut self, header: Header) -> Result<(), Error> {
        let body_at = self.at + header.bytes as u64;
        if header.id == ebml::CLUSTER {
            (self.cluster_ticks, self.at) = (None, body_at);
            return Ok(());
        }
        let size = self.size_of(header)?;
        match header.id {
            TIMESTAMP => {
                let value = self.number_at(body_at, size)?;
                self.cluster_ticks = value.and_then(|v| i64::try_from(v).ok());
            }
            SIMPLE_BLOCK => self.block(body_at, size, None, 0)?,
            ebml::BLOCK_GROUP => self.group(body_at, size)?,
            _ => {}
        }
        self.at = body_at + size;
        Ok(())
    }

    /// The size of an element, which must be known and inside of the data.
    fn size_of(&self, header: Header) -> Result<u64, Error> {
        let body_at = self.at + header.bytes as u64;
        let have = self.data_end - body_at.min(self.data_end);
        match header.size {
            Some(size) if size <= have => Ok(size),
            Some(need) => Err(Error::Truncated { what: "Matroska element", at_byte: self.at, need, have }),
            None => Err(Error::Malformed {
                what: "Matroska element",
                at_byte: self.at,
                expected: "a known size",
                got: format!("unknown size in element {:X}", header.id),
            }),
        }
    }

    fn group(&mut self, at: u64, size: u64) -> Result<(), Error> {
        let (mut child_at, end) = (at, at + size);
        let (mut block, mut duration, mut padding) = (None, None, 0);
        for _ in 0..MAX_GROUP_ELEMENTS {
            if child_at >= end {
                break;
            }
            let Ok(header) = Header::read(&mut self.input, child_at, end) else { break };
            let body_at = child_at + header.bytes as u64;
            let Some(size) = header.size.filter(|size| *size <= end - body_at) else { break };
            match header.id {
                BLOCK => {
                    if self.head(body_at, size)?.is_none_or(|head| head.track != self.number) {
                        return Ok(());
                    }
                    block = Some((body_at, size));
                }
                BLOCK_DURATION => duration = self.number_at(body_at, size)?,
                DISCARD_PADDING => {
                    // A signed number; the padding of a start, below zero, is CodecDelay's task.
                    let value = self.number_at(body_at, size)?.unwrap_or(0);
                    let negative = size > 0 && value >> (8 * size.min(8) - 1) & 1 == 1;
                    padding = if negative { 0 } else { value };
                }
                _ => {}
            }
            child_at = body_at + size;
        }
        match block {
            Some((at, size)) => self.block(at, size, duration, padding),
            None => Ok(()),
        }
    }

    fn head(&mut self, at: u64, size: u64) -> Result<Option<BlockHead>, Error> {
        let data = self.input.read_vec(at, size.min(MAX_HEAD_BYTES), MAX_HEAD_BYTES, "block header")?;
        Ok(BlockHead::parse(&data))
    }

    fn number_at(&mut self, at: u64, size: u64) -> Result<Option<u64>, Error> {
        Ok(unsigned(&self.input.read_vec(at, size.min(9), 9, "Matroska number")?))
    }

    /// Queues the frames of a block of ours.
    fn block(&mut self, at: u64, size: u64, duration: Option<u64>, discard_end_ns: u64) -> Result<(), Error> {
        let malformed =
            |expected, got: String| Error::Malformed { what: "block", at_byte: at, expected, got };
        let Some(head) = self.head(at, size)?.filter(|head| head.track == self.number) else { return Ok(()) };
        let cluster = self.cluster_ticks;
        let cluster = cluster.ok_or_else(|| malformed("a Timestamp ahead of it", "none".to_owned()))?;
        let in_ns = |ticks: i64| self.time_base.convert(ticks, TimeBase::NANOSECOND);
        let start = in_ns(cluster.saturating_add(head.relative.into())).saturating_sub(self.delay_ns);
        // How long it lasts may not be known: no block is longer than this.
        if start.saturating_add(LONGEST_BLOCK_NS) < self.skip_to {
            return Ok(());
        }
        let data = self.input.read_vec(at, size, MAX_AUDIO_PACKET_BYTES, "audio block")?;
        let frames = head.frames(&data[head.bytes..]);
        let frames = frames.ok_or_else(|| malformed("laced frames that fit", format!("{size} bytes")))?;
        let count = frames.len() as i64;
        let each_ns = self.default_duration_ns.and_then(|ns| i64::try_from(ns).ok());
        let duration = duration.and_then(|d| i64::try_from(d).ok()).map(in_ns);
        for (index, frame) in frames.iter().enumerate() {
            let later = index as i64;
            let pts = match each_ns {
                _ if index == 0 => Some(start),
                Some(ns) => Some(start.saturating_add(ns.saturating_mul(later))),
                None => duration.map(|d| start.saturating_add(d.saturating_mul(later) / count)),
            };
            let last = index + 1 == frames.len();
            self.queue.push_back(AudioPacket {
                pts,
                duration: duration.map(|d| d / count).or(each_ns),
                data: [&self.stripped[..], frame].concat(),
                discard_end_ns: if last { discard_end_ns } else { 0 },
            });
        }
        Ok(())
    }
}
