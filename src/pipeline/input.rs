//! From a path to a running decoder: probe, layout, choice of decoder.
#![forbid(unsafe_code)]

use super::error::Error;
use super::report::SourceReport;
use crate::layout::{Layout, Packing};
use crate::media::{self, Source, VideoTrack};
use crate::packet::Codec;
use crate::software::{self, Decoder, Options, StreamInfo};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

/// An input, opened and ready to give pictures.
pub struct Input {
    /// Gives the pictures in presentation order.
    pub decoder: Box<dyn Decoder>,
    /// The video track.
    pub video: VideoTrack,
    /// What was found, for the report.
    pub source: SourceReport,
    /// Where the eyes lie, and why.
    pub layout: Layout,
    /// Timestamps that are shown, in ticks of the track.
    pub shown: Range<i64>,
    /// Frames that will come, where the container tells.
    pub expected_frames: Option<u64>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Opens `path`; `packing` overrules what file and name say.
///
/// # Errors
/// When the file is no video that can be read, or no decoder for it can be started.
pub fn open_input(
    path: &Path,
    packing: Option<Packing>,
    stall: Duration,
    threads: usize,
) -> Result<Input, Error> {
    let mut source = Source::open(path).map_err(|source| Error::Open { path: path.to_path_buf(), source })?;
    let info = source.info().clone();
    let video = info.video.clone();
    let layout = media::choose_layout(video.packing.as_ref(), path, packing);
    let stream = StreamInfo {
        codec: video.codec,
        size: video.size,
        depth: video.depth,
        colour: video.colour,
        time_base: video.time_base,
        configuration: video.configuration.clone(),
    };
    let mut notes = video.notes.clone();
    if !info.audio.is_empty() {
        let codecs: Vec<&str> = info.audio.iter().map(|track| track.codec.as_str()).collect();
        notes.push(format!("sound is not carried over yet ({})", codecs.join(", ")));
    }
    if video.rotation_degrees != 0 {
        notes.push(format!("the display turn of {} degrees is not carried over", video.rotation_degrees));
    }
    let shown = video.shown_from_ticks..video.shown_until_ticks.unwrap_or(i64::MAX);
    let feed = Box::new(move || source.next_packet().map_err(Into::into));
    let options = Options { stall, threads, ..Options::default() };
    let decoder = software::open(stream, feed, options)
        .map_err(|source| Error::Decoder { path: path.to_path_buf(), source })?;
    let report = SourceReport {
        container: info.container.to_string(),
        codec: video.codec,
        size: video.size,
        depth: video.depth,
        colour: video.colour,
        frames: video.frame_count,
        layout: layout.clone(),
        decoder: decoder.name().to_owned(),
        decoder_reason: software_decoder(video.codec).1.to_owned(),
    };
    let expected_frames = video.frame_count;
    Ok(Input { decoder, video, source: report, layout, shown, expected_frames, notes })
}

/// Which software decoder takes a codec, and why.
pub fn software_decoder(codec: Codec) -> (&'static str, &'static str) {
    match codec {
        Codec::Av1 => ("rav1d", "AV1 is decoded in-process, on the CPU"),
        Codec::H264 | Codec::Hevc | Codec::Vp8 | Codec::Vp9 => ("ffmpeg", "a supervised child, on the CPU"),
    }
}
