//! What can be wrong with weights.
#![forbid(unsafe_code)]

use crate::rvm::variant::Variant;
use std::path::PathBuf;

/// Why there are no weights, or no graph for them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A side of the stage is 0 or too large.
    #[error("the network cannot see {width}x{height} pixels; sides are 1 to {max}")]
    StageSize {
        /// Rows asked for.
        height: usize,
        /// Columns asked for.
        width: usize,
        /// Longest side.
        max: usize,
    },
    /// Any of the others, in this file.
    #[error("weights {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<Error>,
    },
    /// The file cannot be read.
    #[error("cannot read the file")]
    Io(#[from] std::io::Error),
    /// The file is larger than any weights of this network.
    #[error("the file has {bytes} bytes, at most {max} are expected")]
    TooLarge {
        /// Size of the file.
        bytes: u64,
        /// Largest size read.
        max: u64,
    },
    /// Neither `.pth` nor `.safetensors` nor `.onnx`.
    #[error("neither a .pth, nor a .safetensors, nor an .onnx file (starts with {head:?})")]
    UnknownFormat {
        /// First bytes, escaped.
        head: String,
    },
    /// A tensor that the network needs is not there.
    #[error("tensor {tensor} {expected:?} of {network} is missing")]
    Missing {
        /// Its name.
        tensor: String,
        /// Its shape.
        expected: Vec<usize>,
        /// The network the file seems to hold.
        network: String,
    },
    /// A tensor has another shape.
    #[error("tensor {tensor} of {network} must have shape {expected:?}, got {got:?}")]
    Shape {
        /// Its name.
        tensor: String,
        /// Shape in this network.
        expected: Vec<usize>,
        /// Shape in the file.
        got: Vec<usize>,
        /// The network the file seems to hold.
        network: String,
    },
    /// A tensor that the network does not have: the file belongs to something else.
    #[error("tensor {tensor} {got:?} is not part of {network}")]
    Unexpected {
        /// Its name.
        tensor: String,
        /// Its shape.
        got: Vec<usize>,
        /// The network the file seems to hold.
        network: String,
    },
    /// None of the tensors is one of RVM's.
    #[error(
        "not weights of RVM: neither {} nor {} among {count} tensors (first is {first:?})",
        "backbone.features.0.0.weight",
        "backbone.conv1.weight"
    )]
    NotRvm {
        /// Number of tensors in the file.
        count: usize,
        /// Name of the first, empty when there is none.
        first: String,
    },
    /// A tensor does not hold floats.
    #[error("tensor {tensor} holds {got}; expected 32-bit or 16-bit floats")]
    DataType {
        /// Its name.
        tensor: String,
        /// Its element type.
        got: String,
    },
    /// A weight is infinite or no number, or a variance is negative.
    #[error("tensor {tensor} holds {got} at {at}; expected {expected}")]
    BadNumber {
        /// Its name.
        tensor: String,
        /// Flat index.
        at: usize,
        /// The number.
        got: f32,
        /// What it must be.
        expected: &'static str,
    },
    /// The archive of a `.pth` is damaged.
    #[error("not a PyTorch checkpoint: damaged archive")]
    Zip(#[from] zip::result::ZipError),
    /// The archive is not a checkpoint.
    #[error("not a PyTorch checkpoint: no data.pkl among {files} files of the archive")]
    NoPickle {
        /// Number of files in it.
        files: usize,
    },
    /// The checkpoint was written on a big-endian machine.
    #[error("the checkpoint is big-endian; only little-endian ones are read")]
    BigEndian,
    /// The dictionary of a `.pth` is not one.
    #[error("data.pkl at byte {at_byte}: {what}")]
    Pickle {
        /// Where.
        at_byte: usize,
        /// What is there.
        what: String,
    },
    /// A tensor is larger than the numbers there are for it.
    #[error("tensor {tensor} {shape:?} does not fit into the {available} numbers there are")]
    Outside {
        /// Its name.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Length of the storage it lies in.
        available: usize,
    },
    /// The header of a `.safetensors` is wrong, or the file is cut.
    #[error("damaged .safetensors file")]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// The file is no ONNX model, or is cut.
    #[error("damaged .onnx file")]
    Onnx(#[from] prost::DecodeError),
    /// The model ends before its operator set.
    #[error("incomplete .onnx file: no operator set")]
    OnnxIncomplete,
    /// A model of something else.
    #[error(
        "not RVM: the first of {count} convolutions has weights {first:?}; \
         expected [16, 3, 3, 3] (mobilenetv3) or [64, 3, 7, 7] (resnet50)"
    )]
    OnnxNotRvm {
        /// Number of convolutions.
        count: usize,
        /// Shape of the weights of the first.
        first: Vec<i64>,
    },
    /// The model has more or fewer convolutions.
    #[error("{got} convolutions; RVM {variant} has {fast} with the fast filter, {deep} with the deep one")]
    OnnxConvCount {
        /// The network the first convolution belongs to.
        variant: Variant,
        /// Number of convolutions without box filters.
        got: usize,
        /// Number with the fast filter.
        fast: usize,
        /// Number with the deep filter.
        deep: usize,
    },
    /// A node is not as the published models have it.
    #[error("node {node:?}: expected {expected}")]
    OnnxNode {
        /// Its name.
        node: String,
        /// What a published model has there.
        expected: &'static str,
    },
}
