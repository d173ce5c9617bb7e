//! The renderers on a GPU: `kernels/render_packed.cu` and `kernels/render_backdrop.cu`.
//!
//! ```text
//! Renderer ── Tables (uploaded once per GPU, shared by its lanes) ──┐
//! DeviceComposite ──────────────────────────────────────── RenderJob ──> DeviceOpaque: one piece of memory
//! ```
//! The CPU's renderers are the references, and results are theirs bit for bit. A frame costs a launch or two; nothing is
//! allocated and nothing waits on the frame path. Each frame is written as a whole: what the frame before showed does
//! not matter.

mod backdrop;
mod job;
mod opaque;
mod packed;
#[cfg(test)]
mod rig;
mod tables;
#[cfg(test)]
mod tests;

pub use job::RenderJob;
pub use opaque::{DeviceOpaque, OpaqueLayout};
pub use tables::Tables;
