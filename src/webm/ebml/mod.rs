//! EBML: variable-length integers, element writers, and a bounded pull parser. Spec: RFC 8794.
#![forbid(unsafe_code)]

mod error;
pub mod parse;
pub mod vint;
pub mod write;

pub use error::Error;
pub use parse::{Element, Event, Leaf, Limits, Parser};

#[cfg(test)]
mod tests;
