//! Plans on any machine; kernels and engine on a device.

mod layers;
mod plans;
