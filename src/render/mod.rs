//! What one output shows, from a composed frame: the matte alone, the person before a backdrop, both eyes as
//! fisheye with the matte packed into the corners, or straight RGBA.
//!
//! ```text
//! PairSource (Y, U, V straight colour; alpha; blocks) ──┬─ Renderer ─> Opaque: planes of one VP9 stream
//!                                                       └─ straight ─> PNG
//! ```
//!
//! Everything works on 8-bit planes in whole numbers, with its rounding told beside it: kernels that follow
//! the same words give the same bytes ([`device`]). Tables are worked out once for a shape of frame and shared by all lanes.
//! Where nothing is visible an output is constant, block by block, so that a block which was so in the frame
//! before is not even written again; that is also what the encoder's active map is made of.

pub mod backdrop;
pub mod device;
mod error;
mod grey;
mod matte;
mod opaque;
pub mod packed;
mod renderer;
mod straight;

pub use backdrop::Backdrop;
pub use error::Error;
pub use grey::Grey;
pub(crate) use grey::NO_COLOUR;
pub use opaque::Opaque;
pub use renderer::Renderer;
pub use straight::Straight;
