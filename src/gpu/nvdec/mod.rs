//! NVDEC straight on libnvcuvid: packets in, frames in device memory out, in presentation order.
//!
//! ```text
//!  Feed ─packet─> [thread "nvdec": parse, decode, map] ─Surface─> bounded queue ─> next_surface()
//!                        ^                                                            │
//!                        └──────── slot, when the Surface is dropped <────────────────┘
//! ```
//!
//! One thread per decoder does everything that libnvcuvid is told: it pulls packets from a [`Feed`],
//! parses, decodes, maps, and unmaps again. So nothing is mapped by one thread while the parser
//! waits in another, which is how such decoders hang. The user gets a [`Surface`], reads it on
//! streams of their own with [`Surface::read`], and drops it at any time, on any thread: the slot
//! travels back, and is unmapped once the last read has run. At most
//! [`Options::output_surfaces`] are out at once.
//!
//! A picture gets the time of the packet it came in, tied at the decode callback: what the parser makes
//! of timestamps is wrong for hidden frames of VP9 and for open groups that decoding starts in.
//!
//! Every wait of the user ends: [`Decoder::next_surface`] gives [`Error::Stalled`] when nothing moved
//! for [`Options::stall`], whatever the thread hangs in, and dropping a decoder leaves behind a
//! thread that does not come back. Calls are those of nvcuvid.h of Video Codec SDK 12.1; the library
//! is loaded when first asked for, so a program without it starts and says what is missing.

mod abi;
mod caps;
mod decoder;
mod error;
mod failure;
mod geometry;
mod library;
mod outputs;
mod payload;
mod raw;
mod running;
mod session;
mod surface;
#[cfg(test)]
mod tests;
mod vp9;
mod watch;
mod worker;

pub use caps::{Caps, Reason};
pub use decoder::{Decoder, Feed, Options, Spare, StreamInfo};
pub use error::Error;
pub use library::Library;
pub use surface::{Surface, SurfaceFormat, SurfaceView};
pub use watch::Tally;
