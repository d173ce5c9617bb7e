//! The network on the processor.
//!
//! [`CpuEngine`] walks the graph, one operator after another, each spread over rayon's threads.
//! [`mod@reference`] has every operator as the textbook writes it; the fast ones are tested against
//! it, and so are the CUDA kernels. Results are the same bits for any number of threads, and an
//! eye's are the same whether it is alone or one of two: work is cut along the outputs, and each
//! output is summed in one fixed order.

mod activation;
mod conv;
mod depthwise;
mod pack;
mod plan;
mod pointwise;
pub mod reference;
mod simd;
mod spatial;
#[cfg(test)]
mod tests;
mod walk;

pub use walk::CpuEngine;
