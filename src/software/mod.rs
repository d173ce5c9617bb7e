//! Decoders that need no NVDEC: AV1 in this process by rav1d, all other codecs by an `ffmpeg`
//! program, run as a child that can be watched and killed.
//!
//! Packets come from a [`Feed`] in decode order; pictures leave in presentation order, one for
//! each shown frame, with the packet's timestamp untouched. Every wait is bounded by
//! [`Options::stall`]: a source or decoder that hangs becomes [`Error::Stalled`].
//!
//! Each decoder owns its threads and its child. Dropping it, at any moment, stops them.

pub mod av1;
pub mod ffmpeg;

mod decoder;
mod error;
mod watch;

pub use decoder::{Decoder, Feed, Options, StreamInfo, Tally, open};
pub use error::Error;
