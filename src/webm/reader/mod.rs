//! A strict reader of the files the muxer writes, and of any WebM or Matroska file that holds
//! VP9 with alpha in BlockAdditions.
//!
//! `Reader::open` parses what precedes the clusters (and Cues, wherever they are), `next_block`
//! streams the blocks, `check_index` follows SeekHead and Cues to what they point at. Whatever the
//! bytes are: an error with their position or an end, and memory within `ebml::Limits`.
//! Not read: lacing, content encodings (compression, encryption), chapters, attachments.
//! Spec: RFC 9559.
#![forbid(unsafe_code)]

mod block;
mod error;
mod file;
mod index;
mod info;
mod tags;
mod track;

pub use block::Block;
pub use error::Error;
pub use file::{Header, Reader};
pub use index::{Cue, SeekEntry};
pub use info::Info;
pub use track::{ColourElement, Track, TrackKind, Video};

#[cfg(test)]
mod tests;
