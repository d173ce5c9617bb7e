//! `media` on real files, with ffprobe as the independent reader.
//!
//! Inputs are made by ffmpeg into the target folder, once; without ffmpeg, or without the shared
//! clips, the tests that need them are skipped by name.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod against_ffprobe;
mod damage;
mod inputs;
mod seeking;
