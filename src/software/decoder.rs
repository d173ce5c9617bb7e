//! What both decoders have in common for their user: what they are given, what they give back,
//! and which of them takes a stream.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::time::Duration;

use super::{Error, av1, ffmpeg};
use crate::frame::{Colour, Picture, Size};
use crate::media::VideoTrack;
use crate::packet::{Codec, Packet};
use crate::units::TimeBase;

/// Gives the next packet in decode order, `None` after the last; called from a thread of the
/// decoder's own.
pub type Feed = Box<dyn FnMut() -> Result<Option<Packet>, Box<dyn std::error::Error + Send + Sync>> + Send>;

/// What the container says about the stream.
#[derive(Clone, Debug)]
pub struct StreamInfo {
    /// Codec.
    pub codec: Codec,
    /// Visible size. A picture of another size is an error.
    pub size: Size,
    /// Bits per sample. A picture of another depth is an error.
    pub depth: u8,
    /// Colour description, copied into each picture.
    pub colour: Colour,
    /// Tick of the packets' timestamps; pictures keep it.
    pub time_base: TimeBase,
    /// Body of `avcC`, `hvcC` or `av1C`, which is also what Matroska calls CodecPrivate. Empty
    /// where the stream carries its own headers.
    pub configuration: Vec<u8>,
}

impl From<&VideoTrack> for StreamInfo {
    fn from(track: &VideoTrack) -> Self {
        Self {
            codec: track.codec,
            size: track.size,
            depth: track.depth,
            colour: track.colour,
            time_base: track.time_base,
            configuration: track.configuration.clone(),
        }
    }
}

/// How to decode.
#[derive(Clone, Debug)]
pub struct Options {
    /// Longest wait without any sign of life from source or decoder.
    pub stall: Duration,
    /// The `ffmpeg` program; `None` looks at `$VRPIPE_FFMPEG`, then along `$PATH`.
    pub ffmpeg: Option<PathBuf>,
    /// Decoding threads; 0 leaves the number to the decoder. For AV1 at least two are used.
    pub threads: usize,
}

impl Default for Options {
    /// A minute of patience, `ffmpeg` wherever it is found, as many threads as the decoder likes.
    fn default() -> Self {
        Self { stall: Duration::from_secs(60), ffmpeg: None, threads: 0 }
    }
}

/// What went through a decoder so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Packets taken from the feed and handed to the decoder.
    pub packets: u64,
    /// Pictures given back.
    pub pictures: u64,
    /// Packets whose time has passed without a picture. Packets that show nothing count too (VP8
    /// alternate references, the second field of a pair, leading pictures after a cut).
    pub unseen: u64,
    /// Lines of complaint: above zero means that damaged pictures may have been concealed.
    pub complaints: u64,
}

/// A running decoder.
pub trait Decoder: Send {
    /// The next picture in presentation order, `None` after the last.
    ///
    /// # Errors
    /// The root cause of the first failure: of the feed, of the decoder, or [`Error::Stalled`].
    /// Afterwards [`Error::Over`].
    fn next_picture(&mut self) -> Result<Option<Picture>, Error>;

    /// What decodes, for logs: `rav1d` or the path of the program.
    fn name(&self) -> &str;

    /// Counts so far; final once [`Decoder::next_picture`] has given `None`.
    fn tally(&self) -> Tally;
}

/// Starts the decoder for `info`: rav1d for AV1, an `ffmpeg` child for all else.
///
/// # Errors
/// [`Error::Missing`] when `ffmpeg` is needed and not there, [`Error::Unsupported`] for a sample
/// format other than 4:2:0 of 8 or 10 bits, and what starting threads and children can bring.
pub fn open(info: StreamInfo, feed: Feed, options: Options) -> Result<Box<dyn Decoder>, Error> {
    Ok(match info.codec {
        Codec::Av1 => Box::new(av1::Av1::open(info, feed, &options)?),
        _ => Box::new(ffmpeg::Ffmpeg::open(info, feed, &options)?),
    })
}

/// Depths that [`Picture`]s are made of here.
pub(super) fn check_depth(info: &StreamInfo) -> Result<(), Error> {
    match info.depth {
        8 | 10 => Ok(()),
        other => Err(Error::Unsupported { what: "bits per sample", got: other.to_string() }),
    }
}
