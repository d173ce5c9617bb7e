//! What every engine offers, and the one error type of this stage.
//!
//! An engine is built for one stage size and one number of eyes. It owns its weights, its
//! working memory and the recurrent state; a caller owns the frames and the coefficients.
#![forbid(unsafe_code)]

use crate::gpu::Stream;
use crate::rvm::StageSize;
use crate::tensor::{Coefficients, Tensor};

/// Runs the network frame by frame.
pub trait Engine: Send {
    /// Size of the small frames that the engine takes and of the maps it gives.
    fn stage_size(&self) -> StageSize;

    /// Number of eyes of a frame: the batch. Each has its own state.
    fn eyes(&self) -> usize;

    /// Forgets what was seen: the next step is that of a first frame, whose state is zero.
    fn reset(&mut self);

    /// Runs one frame, RGB in `[0, 1]`, `[eyes, 3, h, w]`, and carries the state on. `out` is
    /// resized on its first use and written in place, or exchanged, from then on. At ratio 1 its
    /// slope A is zero.
    ///
    /// # Errors
    /// When `src` is not of the stage's shape, or the device fails.
    fn step(&mut self, src: &Tensor, out: &mut Coefficients) -> Result<(), Error>;

    /// The state after the last step, r1 to r4, each `[eyes, c, h, w]`; for tests.
    ///
    /// # Errors
    /// When the device fails.
    fn state(&self) -> Result<[Tensor; 4], Error>;

    /// Replaces the state; for tests.
    ///
    /// # Errors
    /// When a shape differs from that of [`Engine::state`], or the device fails.
    fn set_state(&mut self, state: &[Tensor; 4]) -> Result<(), Error>;
}

/// An engine whose input and results lie in the memory of a GPU.
pub trait DeviceEngine: Engine {
    /// Address of the input, `[eyes, 3, h, w]` floats in `[0, 1]`, to be written before a step.
    fn src_address(&self) -> u64;

    /// Addresses of A and b, each `[eyes, h, w, 4]` floats, valid after a step until the next.
    fn coefficient_addresses(&self) -> (u64, u64);

    /// Addresses and bytes, multiples of four, of the states that the next step reads, until that is enqueued; zeros
    /// in them are the state of a first frame. Some may be empty.
    fn state_ranges(&self) -> [(u64, usize); 4];

    /// Enqueues one step and returns at once; `stream` is ordered with all else that uses the engine.
    ///
    /// # Errors
    /// When the driver or the engine's library refuses.
    fn enqueue_on(&mut self, stream: &Stream) -> Result<(), Error>;
}

/// What can go wrong when an engine is built or runs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A tensor of the wrong shape was handed in.
    #[error("{what} has shape {got:?}, expected {expected:?}")]
    Shape {
        /// Which tensor.
        what: &'static str,
        /// The shape that the graph has.
        expected: [usize; 4],
        /// The shape that was handed in.
        got: [usize; 4],
    },
    /// The graph contradicts itself, or asks for something that the engine cannot do.
    #[error("graph: value {value:?}: {what}")]
    Graph {
        /// Name of the value that the faulty node writes.
        value: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The GPU failed, or there is none.
    #[error(transparent)]
    Gpu(#[from] crate::gpu::Error),
    /// TensorRT failed, or cannot be used.
    #[error(transparent)]
    TensorRt(#[from] super::tensorrt::Error),
}
