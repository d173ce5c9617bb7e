//! What is known of an element before its payload is read, and what a parser may do at most.
#![forbid(unsafe_code)]

use crate::webm::ids::Id;

/// What a parser may do at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest leaf that [`Leaf::bytes`](super::Leaf::bytes) reads. Memory for it grows as the bytes arrive, to twice
    /// this at most, so that a size that lies costs nothing.
    pub payload_bytes: u64,
    /// Masters that may lie in one another.
    pub depth: usize,
    /// Length of the whole input where it is known: an element that ends beyond is an error at once.
    pub input_bytes: Option<u64>,
}

impl Default for Limits {
    /// 64 MiB a leaf (an 8K frame coded without loss takes less), 16 deep, length unknown.
    fn default() -> Self {
        Self { payload_bytes: 64 << 20, depth: 16, input_bytes: None }
    }
}

/// Place and extent of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Element {
    /// What it is.
    pub id: Id,
    /// Its first byte.
    pub at_byte: u64,
    /// First byte of its payload.
    pub data_at_byte: u64,
    /// Bytes of its payload; `None`: unknown.
    pub size_bytes: Option<u64>,
}
