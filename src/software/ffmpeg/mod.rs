//! Every codec but AV1, by an `ffmpeg` program: a child process that can be watched and killed.
//!
//! ```text
//! feed -> [feeder: matroska, clock] -> stdin | ffmpeg | stdout -> [reader: nut, clock] -> queue
//!                                            | stderr -> [tail]
//! ```
//! Packets go in as live Matroska, which takes configuration records as they are. Pictures come
//! back as raw video in NUT, the one container of ffmpeg's that carries raw video of any depth
//! with exact times and without holding a picture back. No pixel format is asked for, so no
//! conversion is ever inserted; what comes is checked instead.
//!
//! Damaged frames are concealed as ffmpeg sees fit and counted ([`super::Tally::complaints`]).
//!
//! If this process dies, the child's stdin closes: it ends as at the end of a stream. A parent
//! death signal would add nothing for a working ffmpeg, would follow the spawning thread and not
//! the process, and needs code between fork and exec. The child is in a process group of its own:
//! Ctrl-C reaches this program only, and a wrapper script dies with what it started.

mod child;
mod clock;
mod decoder;
mod matroska;
mod nut;
mod nut_headers;
mod nut_input;
#[cfg(test)]
mod nut_tests;
mod pipe;
mod program;
mod reader;
mod sound;
mod sound_input;
mod tail;
#[cfg(test)]
mod tests;

pub use decoder::Ffmpeg;
pub use program::version;
pub use sound::{FfmpegSound, SoundChunk, SoundFeed, SoundFormat, SoundPacket, SoundStream};
