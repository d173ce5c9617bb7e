//! VP9 through libvpx: encoder, decoder, and the colour + alpha pair.
//!
//! libvpx is linked statically behind a C shim (`shim.c`, see `build/libvpx.rs` for why); `ffi` is
//! the only file that knows its functions. Pictures go in as borrowed planes and packets come out as
//! owned bytes. An object belongs to one thread at a time and may move between threads.
//!
//! ```text
//! header    what a packet says about itself, in safe Rust; no libvpx
//! config    settings of one encoder, checked before libvpx sees them
//! encoder   one stream in          decoder   one stream out
//! quality   the presets            pair      colour and alpha encoded at once, paired by pts
//! activity  which blocks to code   alpha     the alpha encoder's thread
//! half      one encoder of a pair, to be measured
//! single    one opaque stream
//! native    an encoder of our own, whose pixels a GPU makes
//! ```

mod activity;
mod alpha;
mod config;
mod decoder;
mod encoder;
mod error;
mod ffi;
mod half;
pub mod header;
pub mod native;
mod pair;
mod plane;
mod quality;
mod single;

pub use alpha::QUEUE_FRAMES;
pub use config::{Content, Deadline, EncoderConfig, MAX_SIDE};
pub use decoder::{DecodedFrame, Decoder};
pub use encoder::{EncodedPacket, Encoder, active_map_works};
pub use error::Error;
pub use ffi::library_version;
pub use half::{Half, Stream};
pub use pair::{EncodedPair, Pair, PairConfig, PairSource};
pub use plane::{PlaneRef, Planes};
pub use quality::Quality;
pub use single::{Shown, Single};
