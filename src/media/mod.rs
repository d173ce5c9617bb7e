//! Opening video files: container, tracks, colour, frame packing, and the packets of the video.
//!
//! ```text
//! path -> Input -> mp4 | matroska -> Demuxed + packets -+-> Source
//!                        bitstream: sequence header ----+
//! ```
//!
//! [`Source`] is the way in; [`AudioSource`] reads one audio track beside it. Reading headers is bounded in bytes, boxes and elements; sample data
//! is read packet by packet, in file order, so memory does not depend on the length of a video.
//! Which crates read the containers, and why these, is told in `media/mp4` and `media/matroska`.
//! [`AnnexB`] turns packets into the form that hardware decoders take.
#![forbid(unsafe_code)]

mod audio;
mod audio_source;
mod bitstream;
mod error;
mod index;
mod info;
mod input;
mod layout;
mod matroska;
mod mp4;
mod source;
mod spherical;
#[cfg(test)]
mod tests;

pub use audio::{AudioCodec, AudioPacket, AudioTrack, ChannelLayout, PcmFormat, Speaker};
pub use audio_source::{AudioSource, AudioTiming};
pub(crate) use bitstream::vp9;
pub use bitstream::{AnnexB, config_obus, has_sequence_header};
pub use error::Error;
pub use index::{Index, IndexedPacket, SeekPoint};
pub use info::{Chapter, Chroma, Container, DeclaredColour, Info, VideoTrack};
pub use layout::choose_layout;
pub use source::Source;
