//! Packets from coded frames: VP9's headers, contexts and arithmetic coder for the subset of `native`.
//!
//! ```text
//! writer      a frame's two passes over its tiles (find and count, then write), headers, superframes
//! header      the uncompressed header        compressed   the compressed one
//! update      which probabilities to send    cost         bits as integers
//! tile        a tile column, both passes     workers      threads for tiles
//! walk        superblocks and partitions     frame        the cells of a frame, checked
//! block       modes and motion               candidates   motion of the neighbours
//! grid        modes of the neighbours        tokens       levels of a transform block
//! levels      one level                      slots        where a probability lies
//! steps       bits of a tile before coding   counts       how often each came
//! boolean     the arithmetic coder
//! ```
//!
//! Nothing here adapts from frame to frame: all frames are error resilient, so each begins with the
//! default probabilities and says in its header which it changes.

mod block;
mod boolean;
mod candidates;
mod compressed;
mod cost;
mod counts;
mod error;
mod frame;
mod grid;
mod header;
mod levels;
mod slots;
mod steps;
#[cfg(test)]
mod tests;
mod tile;
mod tokens;
mod update;
mod walk;
mod workers;
mod writer;

pub use error::Error;
pub use frame::{MAX_LEVEL, MAX_MOTION};
pub use writer::Writer;
