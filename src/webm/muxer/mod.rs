//! The WebM muxer: VP9 frames with alpha, and sound, in; a file with everything a player needs before the
//! first cluster out. Equal input gives equal bytes: no dates, no random numbers.
//!
//! ```text
//! EBML header | Segment: SeekHead Void | Info Tracks Tags | Cues Void | Cluster Cluster ...
//!                        rewritten at the end ^^^^^^^^^^^^^^^^^^^^^^
//! ```
//!
//! It owns the output from `create` to `finish` and holds one cluster in memory. Spec: RFC 9559,
//! the WebM container guidelines; for alpha the BlockAdditional of ID 1 (RFC 9559 §5.1.4.1.28.4).
#![forbid(unsafe_code)]

mod audio;
mod chapters;
mod cluster;
mod cues;
mod error;
mod file;
mod header;
mod level;

pub use audio::{AudioFrame, AudioTrack};
pub use chapters::Chapter;
pub use cluster::Frame;
pub use error::Error;
pub use file::Muxer;
pub use header::{Header, VideoTrack};

#[cfg(test)]
mod audio_tests;
#[cfg(test)]
mod tests;
