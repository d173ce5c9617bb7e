//! VP9: planes through the encoder and back, the pair, and readers that are not ours.
//!
//! `scene` draws what is encoded; the tests are in one file for each thing they are about.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod active;
mod foreign;
mod malformed;
mod matte;
mod pair;
mod scene;
mod stream;
