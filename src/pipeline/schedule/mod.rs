//! Many lanes over the segments of many files.
//!
//! ```text
//! board: which segment is next ─> lane thread: worker on a device ─> segment file ─> board: what follows
//!                                                                        last of a file ─> join ─> report
//! ```
#![forbid(unsafe_code)]

mod account;
mod board;
mod file;
mod folders;
mod lanes;

pub(super) use file::{FileWork, thread_lost};
pub(super) use folders::clear;
pub(super) use lanes::{Run, run};
