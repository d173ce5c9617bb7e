//! What can end a lane.
#![forbid(unsafe_code)]

use crate::frame::Size;
use crate::gpu::nvdec;
use crate::{engine, gpu, kernels, render, software, vp9, webm};

/// Failure of a lane; the caller knows the file and adds it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The decoder fails.
    #[error("decoding failed after {frames} frames")]
    Decode {
        /// Pictures that came out before.
        frames: u64,
        /// Why.
        #[source]
        source: software::Error,
    },
    /// The GPU's decoder fails.
    #[error("decoding on the GPU failed after {frames} frames")]
    Nvdec {
        /// Pictures that came out before.
        frames: u64,
        /// Why.
        #[source]
        source: nvdec::Error,
    },
    /// The GPU or its driver fails.
    #[error("the GPU failed")]
    Gpu(#[from] gpu::Error),
    /// A full-size job on the GPU was called wrongly, or failed.
    #[error("composing on the GPU failed")]
    DeviceKernel(#[from] kernels::device::Error),
    /// The same of an output's rendering.
    #[error("rendering on the GPU failed")]
    DeviceRender(#[source] kernels::device::Error),
    /// A picture does not have the size that its track has.
    #[error("the size changes from {expected} to {got} after {frames} frames")]
    SizeChange {
        /// Pictures that came out before.
        frames: u64,
        /// Size of the track.
        expected: Size,
        /// Size of this picture.
        got: Size,
    },
    /// The network fails.
    #[error("the network failed")]
    Engine(#[from] engine::Error),
    /// A full-size job was called wrongly.
    #[error("composing failed")]
    Kernel(#[from] kernels::Error),
    /// An output cannot be rendered.
    #[error("rendering an output failed")]
    Render(#[from] render::Error),
    /// libvpx fails.
    #[error("encoding failed")]
    Encode(#[from] vp9::Error),
    /// The muxer or the file below it fails.
    #[error("writing failed")]
    Mux(#[from] webm::muxer::Error),
    /// The encode thread could not be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// The encode thread ended without a word.
    #[error("the encode thread ended without a word; please report this")]
    ThreadLost,
    /// More detail in a frame than the GPU's encoder has room for.
    #[error("a frame has more detail than the native encoder has room for")]
    TooMuchDetail,
    /// The native encoder was given a frame that cannot be.
    #[error("native encoder")]
    Bits(#[from] vp9::native::bits::Error),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}
