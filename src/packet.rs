//! Compressed data between demuxer and decoder. No I/O.
#![forbid(unsafe_code)]

/// A video codec this program knows by name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// ITU-T H.264.
    H264,
    /// ITU-T H.265.
    Hevc,
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// AOMedia AV1.
    Av1,
}

impl std::fmt::Display for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::H264 => "H.264",
            Self::Hevc => "HEVC",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
        })
    }
}

/// One compressed frame, in decode order, with its bytes as the container holds them
/// (H.264 and HEVC length-prefixed as their configuration record says; AV1 low-overhead OBUs).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Presentation time in ticks of the track's time base.
    pub pts: i64,
    /// Whether the container calls this a point where decoding can start.
    pub key: bool,
    /// The bytes.
    pub data: Vec<u8>,
}
