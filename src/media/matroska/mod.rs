//! Matroska and WebM.
//!
//! Blocks, lacing and tracks are read by the crate `matroska-demuxer`; what surrounds it is ours.
//! Read and compared before choosing:
//! - `symphonia-format-mkv` 0.6 is made for audio: packets have no key flag, and of the Video
//!   element only width and height are read.
//! - `matroska` 0.30 reads tags and tracks, no blocks.
//! - `matroska-demuxer` 0.8 reads every lacing, knows the key flag of SimpleBlocks, and checks
//!   sizes against the stream before it allocates.
//!
//! What the last one does not do well is kept from it by [`view`], the reader that it is given:
//! that shows it a Segment of Info, Tracks and Clusters only. So it never follows a SeekHead (one
//! that names itself made it loop for ever), never parses Cues or Tags (damage there made the
//! whole file unreadable, as in every file that was cut off), and never scans a long file for
//! elements on opening. The end of the stream as it is shown is at most one packet away, which
//! bounds what it allocates. It takes any read error for the end of the file, so the end is checked
//! again here. Its arithmetic can overflow on malformed sizes, which panics in builds with overflow
//! checks; calls into it are therefore contained by `catch_unwind`. Colour and StereoMode are read
//! from the Tracks element by [`tracks`], since the crate turns their codes into names, loses
//! unknown ones, and does not read Projection.
#![forbid(unsafe_code)]

mod audio;
mod demuxer;
mod ebml;
mod extras;
mod lacing;
#[cfg(test)]
mod made;
mod projection;
mod scan;
mod segment;
#[cfg(test)]
mod tests;
mod tracks;
mod view;

pub(super) use audio::MatroskaAudio;
pub(super) use demuxer::Matroska;
pub(super) use ebml::is_matroska;
