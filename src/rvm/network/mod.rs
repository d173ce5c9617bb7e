//! Builds the graph of each published network from a description that names every layer once:
//! the same walk gives the operators, their shapes, and the list of tensors a file must hold.

mod build;
mod builder;
mod decoder;
mod mobilenet;
mod refiner;
mod resnet;
#[cfg(test)]
mod tests;

pub use build::{build_graph, layers};
