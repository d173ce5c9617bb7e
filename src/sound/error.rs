//! What can go wrong with a track of sound.
#![forbid(unsafe_code)]

/// A failure of one track.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read.
    #[error("reading audio track {track} failed")]
    Media {
        /// Its ID in the file.
        track: u64,
        /// The reason.
        #[source]
        source: crate::media::Error,
    },
    /// The decoder gave up.
    #[error("decoding {codec} failed: {reason}")]
    Decode {
        /// What was decoded.
        codec: String,
        /// The decoder's reason.
        reason: String,
    },
    /// The `ffmpeg` child gave up, or there is none.
    #[error("decoding {codec} by ffmpeg failed")]
    Child {
        /// What was decoded.
        codec: String,
        /// The reason.
        #[source]
        source: crate::software::Error,
    },
    /// Nothing could be decoded.
    #[error("no sound came out of the first {packets} packets of {codec}")]
    Silent {
        /// What was decoded.
        codec: String,
        /// Packets tried.
        packets: usize,
    },
    /// The decoder changed its mind about rate or channels.
    #[error("the sound changed from {expected} to {got}")]
    Changed {
        /// Rate and channels so far.
        expected: String,
        /// Rate and channels now.
        got: String,
    },
    /// A number of channels that Opus does not have.
    #[error("{channels} channels, Opus has 1 to 255")]
    Channels {
        /// The number.
        channels: usize,
    },
    /// The resampler refused.
    #[error("resampling from {rate_hz} Hz failed: {reason}")]
    Resample {
        /// The input's rate.
        rate_hz: u32,
        /// Its reason.
        reason: String,
    },
    /// libopus refused.
    #[error("Opus: {what} failed: {reason}")]
    Opus {
        /// What was being done.
        what: &'static str,
        /// Its reason.
        reason: String,
    },
    /// The headers of a stream that is to be copied make no sense.
    #[error("the {codec} header of audio track {track} is malformed")]
    Header {
        /// Its ID in the file.
        track: u64,
        /// Opus or Vorbis.
        codec: &'static str,
    },
}
