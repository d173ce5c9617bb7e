//! What can go wrong in a software decoder.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use crate::frame::Size;

/// A failure of a software decoder.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The `ffmpeg` program cannot be started.
    #[error(
        "cannot run `{}`: install ffmpeg 4.4 or newer (Debian, Ubuntu: apt install ffmpeg), or name it in $VRPIPE_FFMPEG",
        program.display()
    )]
    Missing {
        /// What was tried.
        program: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The operating system refused a thread or a pipe, or a pipe failed.
    #[error("{what}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// The child ended badly.
    #[error("ffmpeg ended with {status}{}", said(stderr))]
    Child {
        /// Its exit status, in words.
        status: String,
        /// The last lines it wrote.
        stderr: String,
    },
    /// Nothing moved for too long; the decoder was stopped.
    #[error("no progress for {seconds} s, waiting on {waiting_on}{}", said(stderr))]
    Stalled {
        /// How long nothing had moved.
        seconds: u64,
        /// Which side owed the next move.
        waiting_on: &'static str,
        /// The last lines of the child, or of a panic on a decoding thread.
        stderr: String,
    },
    /// The feed failed.
    #[error("reading the stream failed")]
    Feed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stream that no decoder here takes.
    #[error("unsupported {what}: {got}")]
    Unsupported {
        /// What is not taken.
        what: &'static str,
        /// What the stream has.
        got: String,
    },
    /// A picture that is not what the container announced.
    #[error("picture {picture}: expected {expected}, got {got}")]
    Format {
        /// Index of the picture in presentation order, from 0.
        picture: u64,
        /// What the container says.
        expected: String,
        /// What was decoded.
        got: String,
    },
    /// The size changed, or never was what the container says.
    #[error("picture {picture}: expected {expected} pixels, got {got}")]
    Size {
        /// Index of the picture in presentation order, from 0.
        picture: u64,
        /// What the container says.
        expected: Size,
        /// What was decoded.
        got: Size,
    },
    /// A packet's time does not fit the channel to the child, or the child gave a time that no
    /// packet has.
    #[error("{what}: pts {pts}")]
    Timestamp {
        /// What is wrong with it.
        what: &'static str,
        /// Ticks of the source's time base.
        pts: i64,
    },
    /// What the child wrote is not the container it was asked for.
    #[error("ffmpeg's output at byte {at_byte}: {what}{}", said(stderr))]
    Malformed {
        /// What was found or missed.
        what: &'static str,
        /// Offset in its output.
        at_byte: u64,
        /// The last lines it wrote to stderr.
        stderr: String,
    },
    /// rav1d refused a packet.
    #[error("AV1 packet {packet} (pts {pts}): {call} gave {code}")]
    Av1 {
        /// The call that failed.
        call: &'static str,
        /// Its result, a negative errno.
        code: i32,
        /// Index of the packet in decode order, from 0.
        packet: u64,
        /// Its timestamp.
        pts: i64,
    },
    /// rav1d broke down on a packet; its thread is given up.
    #[error("AV1 packet {packet} (pts {pts}): the decoder panicked: {message}")]
    Panicked {
        /// The panic's text and place.
        message: String,
        /// Index of the packet in decode order, from 0.
        packet: u64,
        /// Its timestamp.
        pts: i64,
    },
    /// Many packets and not one picture.
    #[error("{packets} packets gave no picture{}", said(stderr))]
    Nothing {
        /// Packets handed to the decoder.
        packets: u64,
        /// The last lines of the child.
        stderr: String,
    },
    /// Asked for more after a failure.
    #[error("the decoder has already failed")]
    Over,
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!("; it said: {stderr}") }
}
