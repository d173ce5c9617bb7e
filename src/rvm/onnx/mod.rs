//! ONNX, as far as this program needs it: the messages, and a graph written as a model.
//!
//! Reading weights out of a published model is `weights::onnx`, on the same messages.

mod nodes;
pub(in crate::rvm) mod proto;
mod write;

pub use write::{OnnxOptions, write_onnx};
