//! The pixel half on a GPU: the kernels of `kernels/vp9_code.cu`, which equal `pixels` bit for bit.
//!
//! An [`Encoder`] holds the pictures of both streams; [`Encoder::enqueue`] puts a frame's kernels and copies on
//! a stream and returns at once. What comes of it lies in an [`Output`], of which a lane has as many as it
//! has frames under way; [`Output::wait`] is where the thread that writes bits waits.
//!
//! ```text
//! args      the kernels' structs        picture   where samples lie, with borders
//! encoder   state and launches          output    results and their way home
//! ```

mod args;
mod encoder;
mod output;
mod picture;
#[cfg(test)]
mod tests;

pub use encoder::Encoder;
pub use output::{Fetched, Output};
