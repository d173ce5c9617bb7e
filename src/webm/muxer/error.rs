//! Why a WebM file cannot be written.
#![forbid(unsafe_code)]

use crate::frame::Size;

/// What stops the muxer. After any of them the file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The output does not take the bytes: disk full, for one.
    #[error("cannot write {what} at byte {at_byte}")]
    Io {
        /// What was being written.
        what: &'static str,
        /// Where in the output.
        at_byte: u64,
        /// The system's reason.
        source: std::io::Error,
    },
    /// VP9 has no frames of this size (1 to 65536 pixels a side).
    #[error("a VP9 frame cannot be {size} pixels")]
    BadSize {
        /// The size asked for.
        size: Size,
    },
    /// Time in a WebM file begins at zero.
    #[error("the frame at {pts_ms} ms lies before the start")]
    NegativePts {
        /// Its time.
        pts_ms: i64,
    },
    /// Times must increase from frame to frame.
    #[error("the frame at {pts_ms} ms follows one at {previous_ms} ms")]
    PtsNotIncreasing {
        /// Time of the frame before.
        previous_ms: i64,
        /// Time of this frame.
        pts_ms: i64,
    },
    /// Nothing can be decoded before a key frame.
    #[error("the first frame, at {pts_ms} ms, is not a key frame")]
    FirstNotKey {
        /// Its time.
        pts_ms: i64,
    },
    /// With alpha in the track every frame must bring some, without it none may.
    #[error("the frame at {pts_ms} ms: alpha expected {expected}, got {}", !expected)]
    Alpha {
        /// Its time.
        pts_ms: i64,
        /// Whether the track has alpha.
        expected: bool,
    },
    /// A frame without bytes.
    #[error("the frame at {pts_ms} ms has no {what} bytes")]
    EmptyFrame {
        /// Its time.
        pts_ms: i64,
        /// `colour` or `alpha`.
        what: &'static str,
    },
    /// Blocks of all tracks must come in the order of their times, sound before pictures.
    #[error("the {what} block at {pts_ms} ms follows one at {previous_ms} ms")]
    OutOfOrder {
        /// `audio` or `video`.
        what: &'static str,
        /// Time of the block before, of whatever track.
        previous_ms: i64,
        /// Time of this block.
        pts_ms: i64,
    },
    /// A block of a track that the header does not have.
    #[error("audio track {index} of {count}")]
    NoSuchTrack {
        /// Its index among the audio tracks.
        index: usize,
        /// Audio tracks in the file.
        count: usize,
    },
    /// More audio tracks than players take (Chromium: track numbers up to 126).
    #[error("{count} audio tracks, at most 125")]
    TooManyTracks {
        /// Tracks asked for.
        count: usize,
    },
    /// A file must have a frame.
    #[error("no frame was written")]
    NoFrames,
    /// The duration must reach beyond the last frame's time.
    #[error("the end, {end_ms} ms, is not after the last frame, {last_ms} ms")]
    EndNotAfterLastFrame {
        /// Time of the last frame.
        last_ms: i64,
        /// The end that was given.
        end_ms: i64,
    },
}
