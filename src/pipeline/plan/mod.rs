//! What will be done, as pure data: segments, lanes, memory, time, names.
#![forbid(unsafe_code)]

pub mod cost;
mod file;
pub mod lanes;
pub mod segments;
#[cfg(test)]
mod tests;

pub use file::{FilePlan, MattePlan};
