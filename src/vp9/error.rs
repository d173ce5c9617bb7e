//! The one error type of `vp9`. Fields hold the facts, the text is made only when it is shown.
#![forbid(unsafe_code)]

use crate::frame::Size;

/// What can go wrong between planes and packets.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is outside what the encoder takes; nothing was started.
    #[error("{what} is {got}, allowed is {allowed}")]
    Config {
        /// The setting.
        what: &'static str,
        /// Its value.
        got: String,
        /// The values that would have been taken.
        allowed: String,
    },
    /// libvpx refused a call.
    #[error("libvpx: {call} failed with code {code}: {detail}")]
    Codec {
        /// The function or control.
        call: String,
        /// `vpx_codec_err_t`.
        code: i32,
        /// libvpx's own words.
        detail: String,
    },
    /// The linked libvpx cannot do this.
    #[error("{what} needs libvpx {need}, linked is {linked}")]
    OldLibrary {
        /// The feature.
        what: &'static str,
        /// The first version that has it.
        need: &'static str,
        /// The version that is linked.
        linked: String,
    },
    /// A plane is not of the size that the encoder was made for.
    #[error("{plane} plane is {got}, expected {expected}")]
    PlaneSize {
        /// Which plane.
        plane: &'static str,
        /// Size of the plane given.
        got: Size,
        /// Size that the encoder's frame size asks for.
        expected: Size,
    },
    /// A plane's rows do not fit into its memory.
    #[error("{plane} plane needs {need_bytes} bytes at a stride of {stride}, has {have_bytes}")]
    PlaneMemory {
        /// Which plane.
        plane: &'static str,
        /// Bytes from one row to the next.
        stride: usize,
        /// Bytes up to the end of the last row.
        need_bytes: usize,
        /// Bytes given.
        have_bytes: usize,
    },
    /// Timestamps must rise: packets are told apart by them.
    #[error("timestamp {got} does not follow {previous}")]
    Timestamp {
        /// Timestamp of the frame before.
        previous: i64,
        /// Timestamp given.
        got: i64,
    },
    /// The encoder gave no packet for a frame, or one for a frame that it was not given.
    #[error("the encoder lost the frame at timestamp {pts}")]
    LostFrame {
        /// Timestamp of the frame that is missing.
        pts: i64,
    },
    /// The colour packet is a key frame and its alpha packet is not: seeking there would fail.
    #[error("at timestamp {pts} the colour packet is a key frame, the alpha packet is not")]
    KeyMismatch {
        /// Timestamp of both packets.
        pts: i64,
    },
    /// One of the two encoders gave a packet to which the other has none.
    #[error("the {stream} packet at timestamp {pts} has no partner")]
    Unpaired {
        /// `colour` or `alpha`: the stream that has the packet.
        stream: &'static str,
        /// Timestamp of the packet.
        pts: i64,
    },
    /// The alpha thread panicked.
    #[error("the alpha encoder's thread panicked: {message}")]
    Panicked {
        /// What it panicked with.
        message: String,
    },
    /// The alpha thread ended without saying why; only seen when a pair is used after an error.
    #[error("the alpha encoder's thread has ended")]
    Stopped,
    /// The thread for alpha could not be started.
    #[error("cannot start the alpha encoder's thread")]
    Spawn(#[source] std::io::Error),
    /// A packet ends before its header does.
    #[error("VP9 packet of {have} bytes ends in {what}")]
    Truncated {
        /// The part that is cut.
        what: &'static str,
        /// Bytes in the packet or frame.
        have: usize,
    },
    /// A packet's header breaks the specification.
    #[error("VP9 header: {what} is {got:#x}")]
    Malformed {
        /// The field.
        what: &'static str,
        /// Its value.
        got: u64,
    },
    /// A valid stream of a kind that this program has no use for.
    #[error("VP9 stream with {what}: not supported")]
    Unsupported {
        /// What the stream has.
        what: &'static str,
    },
    /// A picture larger than this decoder was told to take.
    #[error("VP9 picture of {got}, the limit is {max_side} pixels a side")]
    Limit {
        /// Size in the header.
        got: Size,
        /// Longest side allowed.
        max_side: usize,
    },
}
