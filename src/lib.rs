//! vrpipe turns VR video into video with a transparent background.
//!
//! A frame is touched once at full size: the network sees a small copy of it and answers with two
//! small maps (see [`tensor::Coefficients`]) from which `kernels::compose` makes colour and alpha
//! planes, straight from the decoder's planes; two VP9 encoders and the WebM muxer do the rest.
//!
//! Modules in the order in which they may import: each uses only those above it
//! (`tests/layout.rs` holds this to be true).
//!
//! ```text
//! units tensor frame layout packet   values; no I/O, no CUDA
//! gpu                                contexts, streams, pinned memory, modules, NVDEC
//! kernels                            sample, maps, compose, key, hdr: CUDA jobs, each with its reference
//! media                              probe and demux: Source
//! webm                               EBML, reader, muxer
//! vp9                                libvpx encoder, decoder, the colour + alpha pair
//! render                             what an output shows of a frame: packed alpha, matte, backdrop, RGBA
//! rvm                                weights, graph, variants, ONNX writer
//! engine                             what runs the network: cpu, native
//! software                           decoders without NVDEC: rav1d, a supervised ffmpeg child
//! sound                              audio tracks: plan, copy or transcode to Opus, in time with the video
//! lane                               decode -> matte -> encode, on the CPU or on a GPU
//! pipeline                           a run over many files, progress, report, verification
//! cli                                arguments, one file per command, exit codes
//! ```

pub mod frame;
pub mod layout;
pub mod packet;
pub mod telemetry;
pub mod tensor;
pub mod units;

pub mod gpu;

pub mod kernels;
pub mod media;
pub mod webm;

pub mod vp9;

pub mod render;

pub mod rvm;

pub mod engine;

pub mod software;

pub mod sound;

pub mod lane;

pub mod pipeline;

pub mod cli;

#[doc(hidden)]
pub mod testing;
