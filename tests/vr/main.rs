//! What a VR user expects of the file, end to end on the CPU: shape, part, what else is carried.
#![allow(missing_docs)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

#[path = "../support/mod.rs"]
mod support;

mod carried;
mod matte;
mod outputs;
mod part;
mod rig;
mod shape;
