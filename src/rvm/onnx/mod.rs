//! ONNX, as far as this program needs it: the messages, and a graph written as a model.
//!
//! Reading weights out of a published model is `weights::onnx`, on the same messages.

mod nodes;
mod precision;
pub(in crate::rvm) mod proto;
mod write;

pub use precision::Precision;
pub use write::{OnnxOptions, write_onnx};
