//! Sound from end to end: clips made by ffmpeg, our output read back by ffmpeg and ffprobe.
#![allow(missing_docs)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod channels;
mod damage;
mod measure;
mod rig;
#[path = "../support/mod.rs"]
mod support;
mod sync;
