//! What is wrong with a coded frame, or with the size of one.
#![forbid(unsafe_code)]

use crate::frame::Size;

/// Why no packet was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The writer cannot be made for frames of this size.
    #[error("frames of {got}, need sides of 1 to {max_side} pixels")]
    Side {
        /// The size asked for.
        got: Size,
        /// The longest side there is.
        max_side: usize,
    },
    /// The frame has another size than the writer.
    #[error("a coded frame of {got} in a stream of {expected}")]
    Size {
        /// The size of the writer.
        expected: Size,
        /// The size of the frame.
        got: Size,
    },
    /// The frame has too few or too many cells.
    #[error("{got} cells in a coded frame, expected {expected}")]
    Cells {
        /// Cells of a frame of this size.
        expected: usize,
        /// Entries of its index.
        got: usize,
    },
    /// A setting that the headers cannot say, or not in this subset.
    #[error("{what} is {got}, allowed is {min} to {max}")]
    Parameter {
        /// Which one.
        what: &'static str,
        /// Its value.
        got: usize,
        /// The least.
        min: usize,
        /// The most.
        max: usize,
    },
    /// A cell holds what no kernel should have written.
    #[error("cell {cell} (row-major): {what} is {got}, allowed is {allowed}")]
    Cell {
        /// Place of the cell in the index.
        cell: usize,
        /// What is wrong with it.
        what: &'static str,
        /// The value found.
        got: i64,
        /// What it may be.
        allowed: &'static str,
    },
}
