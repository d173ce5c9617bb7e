//! What a run makes of each input: which outputs, what each is called, what each shows.
//!
//! ```text
//! words of the user ─> OutputKind ─(layout, sizes)─> Look ─(tables, pictures)─> Renderer
//!                          └─> name of its file
//! ```
//! Every output has its own folder of finished segments, its own identity and its own file: one that is there
//! already is not made again when another is asked for beside it.
#![forbid(unsafe_code)]

mod kind;
mod look;
mod looks;

pub use kind::{OutputKind, parse_outputs};
pub use look::{Look, Scenery};
pub use looks::Looks;
