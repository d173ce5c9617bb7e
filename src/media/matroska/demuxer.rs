//! Opens a Matroska or WebM file and gives the packets of its video track in file order.
//!
//! Owned by one thread. Key flags come from SimpleBlocks; for Blocks in groups, whose references
//! the crate does not give, from the packet's own bits.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use matroska_demuxer::{
    ContentCompAlgo, ContentEncodingValue, DemuxError, Frame, MatroskaFile, TrackEntry, TrackType,
};

use crate::media::audio::AudioTrack;
use crate::media::index::Index;
use crate::media::info::Container;
use crate::media::input::Input;
use crate::media::source::{Demuxed, MAX_PACKET_BYTES, Opened};
use crate::media::{Error, bitstream, spherical};
use crate::packet::{Codec, Packet};
use crate::units::TimeBase;

use super::ebml;
use super::extras;
use super::scan::Scan;
use super::segment::{self, Segment};
use super::tracks;
use super::view::View;

/// A Matroska demuxer.
pub(crate) struct Matroska {
    file: MatroskaFile<View>,
    view: View,
    track: u64,
    codec: Codec,
    configuration: Vec<u8>,
    /// Bytes that compression by header stripping took off every packet.
    stripped: Vec<u8>,
    /// File offset behind the last block.
    last_end: u64,
    /// File offset behind the Segment, where its size is known.
    declared_end: Option<u64>,
}

impl Matroska {
    /// Reads the headers of a file.
    pub(crate) fn open(mut input: Input) -> Result<Opened<Self>, Error> {
        let segment = Segment::read(&mut input)?;
        let view = View::new(input, &segment);
        let owned = view.clone();
        let file = contain(&view, || MatroskaFile::open(owned))?;
        if let Some(fault) = view.state().fault.take() {
            return Err(fault);
        }
        view.lift_limit();

        let (track, codec) = choose(file.tracks())?;
        let number = track.track_number().get();
        let stripped = stripped_header(track)?;
        let configuration = track.codec_private().unwrap_or_default().to_vec();
        let tracks_body = segment.tracks.get(segment.tracks_header_bytes..).unwrap_or_default();
        let mut video = tracks::video(tracks_body, number);
        let (chapters, tags) = (segment.extras.chapters(), segment.extras.tags());
        if let Some(xml) = &tags.spherical {
            let stated = spherical::read(xml.as_bytes(), &mut video.notes);
            video.layout.packing = video.layout.packing.or(stated.packing);
            video.layout.projection = video.layout.projection.or(stated.projection);
        }
        let mut tags = tags.named;
        let title = ebml::children(&segment.info).next().and_then(|(_, info)| ebml::child(info, ebml::TITLE));
        if let Some(title) = title.and_then(extras::text)
            && tags.iter().all(|(name, _)| !name.eq_ignore_ascii_case("TITLE"))
        {
            tags.insert(0, ("TITLE".to_owned(), title));
        }
        let scale = i64::try_from(file.info().timestamp_scale().get()).unwrap_or(i64::MAX);
        let time_base = TimeBase::new(scale, 1_000_000_000).expect("the scale is not 0 and not negative");
        let audio: Vec<AudioTrack> =
            file.tracks().iter().filter(|t| t.track_type() == TrackType::Audio).map(tracks::audio).collect();
        let duration = file.info().duration().filter(|d| d.is_finite() && *d > 0.0);
        let demuxed = Demuxed {
            id: number,
            codec,
            size: video.size,
            format: video.format,
            configuration: configuration.clone(),
            colour: video.colour,
            light: video.light,
            time_base,
            frame_count: None,
            duration_ticks: duration.map(|d| d.round() as i64),
            frame_rate: track.default_duration().and_then(|ns| tracks::frame_rate(ns.get())),
            shown_from_ticks: 0,
            shown_until_ticks: None,
            layout: video.layout,
            rotation_degrees: video.rotation_degrees,
            pixel_aspect: video.pixel_aspect,
            notes: video.notes,
        };
        let last_end = view.state().file_position();
        Ok(Opened {
            container: if segment.doc_type == "webm" { Container::WebM } else { Container::Matroska },
            duration_s: duration.map(|d| d * time_base.seconds().as_f64()),
            video: demuxed,
            other_tracks: file.tracks().len() - 1 - audio.len(),
            audio,
            chapters,
            tags,
            demuxer: Self {
                file,
                view,
                track: number,
                codec,
                configuration,
                stripped,
                last_end,
                declared_end: segment.end,
            },
        })
    }

    /// All packets of the track, without their bytes, read from `input`, the same file.
    pub(crate) fn index(&self, mut input: Input) -> Result<Index, Error> {
        let (at, end) = {
            let state = self.view.state();
            (state.clusters_at, state.data_end)
        };
        let empty_counts = !self.stripped.is_empty();
        let mut scan = Scan { input: &mut input, track: self.track, empty_counts, end };
        let is_key = |data: &[u8]| {
            let whole = [&self.stripped[..], data].concat();
            bitstream::is_key(self.codec, &self.configuration, &whole)
        };
        let index = scan.index(at, is_key, MAX_PACKET_BYTES)?;
        match self.declared_end {
            Some(declared) if declared > end => {
                let what = "Matroska segment";
                Err(Error::Truncated { what, at_byte: end, need: declared - end, have: 0 })
            }
            _ => Ok(index),
        }
    }

    /// Goes to a packet found by [`Matroska::index`]: the Cluster at `at`, after `skip` packets in it.
    pub(crate) fn seek(&mut self, at: u64, skip: u32) -> Result<(), Error> {
        self.view.restart_at(at);
        let owned = self.view.clone();
        self.file = contain(&self.view, || MatroskaFile::open(owned))?;
        if let Some(fault) = self.view.state().fault.take() {
            return Err(fault);
        }
        self.view.lift_limit();
        self.last_end = self.view.state().file_position();
        for _ in 0..skip {
            self.next_packet()?;
        }
        Ok(())
    }

    /// The next packet in file order, which is decode order.
    pub(crate) fn next_packet(&mut self) -> Result<Option<Packet>, Error> {
        loop {
            let mut frame = Frame::default();
            let more = match contain(&self.view, || self.file.next_frame(&mut frame)) {
                // Inside a block header the end of the data is an error, elsewhere it is not.
                Err(Error::Matroska { source: DemuxError::IoError(_), .. }) => false,
                other => other?,
            };
            let state = &mut *self.view.state();
            if let Some(fault) = state.fault.take() {
                return Err(fault);
            }
            if !more {
                segment::check_tail(&mut state.input, self.last_end, state.data_end, self.declared_end)?;
                return Ok(None);
            }
            self.last_end = state.file_position();
            if frame.track != self.track || (frame.data.is_empty() && self.stripped.is_empty()) {
                continue;
            }
            let data = if self.stripped.is_empty() {
                frame.data
            } else {
                [&self.stripped[..], &frame.data].concat()
            };
            let key = frame
                .is_keyframe
                .unwrap_or_else(|| bitstream::is_key(self.codec, &self.configuration, &data));
            let pts = i64::try_from(frame.timestamp).map_err(|_| Error::Malformed {
                what: "block timestamp",
                at_byte: self.last_end,
                expected: "at most 2^63 - 1 ticks",
                got: frame.timestamp.to_string(),
            })?;
            return Ok(Some(Packet { pts, key, data }));
        }
    }
}

/// Calls the crate; its panics (overflow on malformed sizes) become errors, and its errors ours.
pub(super) fn contain<T>(view: &View, call: impl FnOnce() -> Result<T, DemuxError>) -> Result<T, Error> {
    // After a panic the demuxer is not called again: `Source` is at its end after any error.
    let result = catch_unwind(AssertUnwindSafe(call));
    let at_byte = view.state().file_position();
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(DemuxError::ElementSizeExceedsStream { declared, available })) => {
            Err(if declared > MAX_PACKET_BYTES {
                Error::Limit { what: "size of a Matroska element", got: declared, max: MAX_PACKET_BYTES }
            } else {
                Error::Truncated { what: "Matroska block", at_byte, need: declared, have: available }
            })
        }
        Ok(Err(source)) => Err(Error::Matroska { at_byte, source }),
        Err(panic) => {
            let reason = panic
                .downcast_ref::<&str>()
                .map(|s| (*s).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "panic".to_owned());
            Err(Error::Demuxer { what: "Matroska", at_byte, reason })
        }
    }
}

/// The first enabled video track with a codec of ours, else the first such track.
fn choose(tracks: &[TrackEntry]) -> Result<(&TrackEntry, Codec), Error> {
    let videos: Vec<&TrackEntry> = tracks.iter().filter(|t| t.track_type() == TrackType::Video).collect();
    let ordered =
        videos.iter().filter(|t| t.flag_enabled()).chain(videos.iter().filter(|t| !t.flag_enabled()));
    for track in ordered {
        if let Some(codec) = tracks::codec(track.codec_id()) {
            return Ok((track, codec));
        }
    }
    match videos.first() {
        Some(first) => Err(Error::Unsupported { what: "video codec", got: first.codec_id().to_owned() }),
        None => {
            let found: Vec<&str> = tracks.iter().map(TrackEntry::codec_id).collect();
            let found = if found.is_empty() { "no tracks".to_owned() } else { found.join(", ") };
            Err(Error::NoVideo { found })
        }
    }
}

/// The bytes to put ahead of every packet (header stripping, RFC 9559 §5.1.4.1.31.6).
pub(super) fn stripped_header(track: &TrackEntry) -> Result<Vec<u8>, Error> {
    let mut header = Vec::new();
    for encoding in track.content_encodings().unwrap_or_default() {
        let unsupported = |got: &str| Err(Error::Unsupported { what: "track encoding", got: got.to_owned() });
        match encoding.encoding() {
            ContentEncodingValue::Compression(compression) => match compression.algo() {
                // Scope 1 is the blocks; 2, the CodecPrivate, is never stripped.
                ContentCompAlgo::Stripping if encoding.scope() & 1 == 1 => {
                    header = [compression.settings().unwrap_or_default(), &header].concat();
                }
                ContentCompAlgo::Stripping => {}
                other => return unsupported(&format!("{other:?} compression")),
            },
            ContentEncodingValue::Encryption(_) => return unsupported("encryption"),
            ContentEncodingValue::Unknown => return unsupported("unknown content encoding"),
        }
    }
    Ok(header)
}
