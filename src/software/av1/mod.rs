//! AV1 in this process, by rav1d (a Rust port of dav1d with its C interface).
//!
//! ```text
//! feed -> [decoding thread: context] -> bounded queue -> next_picture
//! ```
//! Film grain is applied; of spatial layers only the best is shown. Spec: AV1 Bitstream and
//! Decoding Process, version 1.0.0 with errata 1; `av1C`: AV1 Codec ISO Media File Format, 2.3.

mod containment;
mod context;
mod decoder;
#[cfg(test)]
mod tests;

pub use decoder::Av1;
