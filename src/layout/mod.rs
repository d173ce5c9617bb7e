//! The layout of a VR picture: how the eyes lie in a frame, how directions lie in an eye, and what
//! each of the two statements rests on. Pure data, no I/O.
//!
//! ```text
//! container statements --+
//! marks in the file name +--> choose --> Layout --> eyes, edges, WebM elements, marks in names
//! shape of the frame ----+
//! the user's options ----+
//! ```

mod basis;
mod choose;
mod marks;
mod names;
mod packing;
mod payload;
mod projection;
#[cfg(test)]
mod tests;

pub use basis::{Basis, Confidence, Evidence};
pub use choose::{Layout, LayoutChoice, StatedProjection, Statements, choose};
pub use names::{Names, marked_name, packed_name};
pub use packing::Packing;
pub use payload::{MAX_MESH_BYTES, Malformed, read_cubemap, read_equirect, read_mesh};
pub use projection::{Bounds, Edge, Mesh, Pose, Projection};
