//! What a GPU lane does to pictures besides the plain matte: as the CPU lane's `Matte` and decoder do it.
#![forbid(unsafe_code)]

use crate::kernels::compose::Finish;
use crate::kernels::hdr::ToSdr;
use crate::kernels::maps::margin;
use crate::lane::Touch;
use crate::layout::Edge;

/// What is done; the default is nothing.
#[derive(Clone, Debug)]
pub struct Treatment {
    /// What becomes of the matte at the sides of an eye.
    pub edge: Edge,
    /// Changes to the matte.
    pub touch: Touch,
    /// Pictures are mapped to standard range, and have this depth.
    pub to_sdr: Option<(ToSdr, u8)>,
}

impl Default for Treatment {
    fn default() -> Self {
        Self { edge: Edge::Plain, touch: Touch::default(), to_sdr: None }
    }
}

impl Treatment {
    /// Columns that the network is shown beyond each side of an eye which it sees `width` wide.
    pub fn margin(&self, width: usize) -> usize {
        if self.edge == Edge::Wraps { margin(width) } else { 0 }
    }

    /// What composing does to opacity.
    pub(super) fn finish(&self) -> Finish {
        let Touch { cutoff, gamma, .. } = self.touch;
        Finish { cutoff, gamma, lens: self.edge == Edge::LensCircle }
    }
}
