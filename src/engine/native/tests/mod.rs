//! Plans on any machine; on a device every kernel by itself, and engines of whole networks.

mod bed;
mod conv;
mod finish;
mod layers;
mod maps;
mod plans;
mod vectors;
