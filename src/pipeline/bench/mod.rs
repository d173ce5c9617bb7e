//! `vrpipe bench`: each stage measured alone, then all of them in a real run, and the limit by name.
//!
//! ```text
//! subject ─> (drawn ─> clip) ─> scene ─┬─> on_cpu | on_gpu: demux, decode, sample, network, compose ─> composites
//!                   │   encoders: colour, alpha, both; mux                          │
//!                   │        every loop in `timing`: n workers, frames, percentiles <┘
//!                   └─> whole: the run itself, beside it the sampler (process, nvml)
//! report ─> text | html | comparison, sentence
//! ```
//! A ceiling is what a stage does when it has the whole machine to itself.

mod clip;
mod coded;
mod comparison;
mod drawn;
mod encoders;
mod html;
mod nvml;
mod on_cpu;
mod on_gpu;
mod process;
mod report;
mod sampler;
mod scene;
mod sentence;
mod stages;
mod subject;
mod text;
mod timing;
mod whole;

pub use clip::DrawnCodec;
pub use comparison::{Comparison, compare};
pub use html::page;
pub(super) use nvml::driver_version;
pub use report::{BenchReport, ClockRow, GpuSample, Resource, Sample, Sampling, StageRow, ThreadRow, Whole};
pub use stages::bench;
pub use subject::{BenchOptions, Subject};
pub use text::table;
