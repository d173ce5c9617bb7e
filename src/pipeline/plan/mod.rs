//! What will be done, as pure data: segments, lanes, memory, time, names.
#![forbid(unsafe_code)]

mod coding;
pub mod cost;
mod file;
pub mod lanes;
pub mod segments;
#[cfg(test)]
mod tests;

pub use coding::Coding;
pub use file::{FilePlan, MattePlan, OutputPlan};
