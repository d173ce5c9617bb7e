//! Number tables of the VP9 specification, as far as this encoder's subset needs them.

pub mod coefficients;
pub mod modes;
mod scan;

pub use scan::{SCAN_4X4, SCAN_8X8, SCAN_16X16};
