//! Sound: what becomes of each audio track, and its packets in time with the pictures.
//!
//! ```text
//! plan   file -> what each track becomes: copied, transcoded to Opus, or left out and why
//! open   file, plan, span -> Track: a header for the muxer, then blocks in order
//!          copy       packets moved in time
//!          transcode  decode -> timeline (gaps, trims) -> routing -> resample -> encoder
//! Interleave  blocks of all tracks up to the time of the next picture
//! ```
//!
//! Times: everything lies on the timeline of the video's packets; [`Span`] says which moment of it
//! is 0 in the output. Each track reads the file on its own and holds a bounded piece of it.

mod copy;
mod decode;
mod encoder;
mod error;
mod ffi;
mod interleave;
mod layout;
mod linear;
mod opus_head;
mod plan;
mod program;
mod resample;
mod timeline;
mod track;
mod transcode;

pub use error::Error;
pub use interleave::Interleave;
pub use layout::{Family, Routing};
pub use plan::{Action, AudioChoice, Decoding, Options, TrackPlan, plan};
pub use track::{Span, Tally, Track, open};
