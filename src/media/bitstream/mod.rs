//! What the demuxers ask of coded video: sequence headers, key frames, and Annex B form.
//!
//! Only headers are read, from bounded slices; every parser gives `None` when the bits run out or
//! make no sense, and the dispatcher turns that into [`crate::media::Error::Malformed`]. Specifications: ITU-T
//! H.264 §7.3, ITU-T H.265 §7.3, VP9 bitstream §6.2, AV1 bitstream §5, RFC 6386 §9.1.
#![forbid(unsafe_code)]

mod annexb;
mod av1;
mod bits;
mod h264;
mod header;
mod hevc;
mod nal;
#[cfg(test)]
mod tests;
mod vp8;
pub(crate) mod vp9;

pub use annexb::AnnexB;
pub use av1::{config_obus, has_sequence_header};
pub(crate) use header::{StreamHeader, from_configuration, from_packet, is_key};
