//! EBML and WebM: primitives, reader, muxer. All of it hand-written, none of it unsafe.
//!
//! ```text
//! ids     names, numbers and kinds of the elements used here
//! ebml    writers into a Vec<u8>; a bounded pull parser over Read
//! muxer   frames with alpha -> WebM file with Cues before the clusters
//! reader  WebM file -> header and blocks, strictly checked
//! ```
//!
//! Spec: RFC 8794 (EBML), RFC 9559 (Matroska), the WebM container guidelines.
#![forbid(unsafe_code)]

pub mod ebml;
pub mod ids;
pub mod muxer;
pub mod reader;

#[cfg(test)]
mod tests;
