//! Robust Video Matting (Lin et al., WACV 2022, arXiv 2108.11515): the network as data.
//!
//! A weights file becomes [`Weights`] (one canonical form, whatever the file), these and a stage
//! size become a [`graph::Graph`], and an engine walks the graph or gets it as ONNX.

pub mod fetch;
pub mod graph;
pub mod layer;
pub mod locate;
pub mod network;
pub mod onnx;
pub mod size;
pub mod variant;
pub mod weights;

pub use network::build_graph;
pub use size::{Stage, StageSize};
pub use variant::{Refiner, Variant};
pub use weights::{Error, Weights};
