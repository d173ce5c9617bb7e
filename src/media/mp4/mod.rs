//! MP4 and MOV: plain and fragmented, moov at either end.
//!
//! The tables (stts, ctts, stsc, stsz, stco, co64, stss, elst, tfhd, tfdt, trun, trex) are decoded
//! by the crate `shiguredo_mp4`, box by box; the walk between boxes is ours ([`boxes`]). Read and
//! compared before choosing:
//! - `re_mp4` 0.5 wants the whole file parsed at once, indexes its tables without checks (so a
//!   short stsc, stts or a missing stco panics), ignores edit lists and instead moves the first
//!   composition time to zero, and refuses files without ftyp.
//! - `symphonia-format-isomp4` 0.6 is made for audio: it skips ctts and stss ("it's a video
//!   thing") and its packets have no key flag.
//! - `shiguredo_mp4` does no I/O, decodes from slices without allocating ahead of the data, tells
//!   errors from panics throughout, has no dependencies, and its `SampleTableAccessor` checks the
//!   tables against each other once and then answers in O(log n) from the run-length form. Its
//!   whole-file demuxers are not used: they fail on any box of any track that they cannot decode
//!   (QuickTime audio entries, for one) and leave edit lists alone.
//!
//! None of them reads st3d, sv3d, vexu or GSpherical; [`stereo`] does.
#![forbid(unsafe_code)]

mod audio;
mod audio_entry;
mod boxes;
mod chapters;
#[cfg(test)]
mod chapters_tests;
mod demuxer;
mod edits;
mod entry;
mod fragments;
#[cfg(test)]
mod made;
mod movie;
mod pcm;
mod samples;
mod stereo;
#[cfg(test)]
mod tests;
mod user_data;
#[cfg(test)]
mod view_tests;

pub(super) use audio::Mp4Audio;
pub(super) use boxes::is_mp4;
pub(super) use demuxer::Mp4;
