//! EBML: variable-length integers, element writers, and a bounded pull parser. Spec: RFC 8794.
#![forbid(unsafe_code)]

mod element;
mod error;
mod leaf;
pub mod parse;
pub mod vint;
pub mod write;

pub use element::{Element, Limits};
pub use error::Error;
pub use leaf::Leaf;
pub use parse::{Event, Parser};

#[cfg(test)]
mod tests;
