//! What can be wrong with weights.
#![forbid(unsafe_code)]

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
}
