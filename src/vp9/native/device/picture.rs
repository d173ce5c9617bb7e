//! Where the samples of a picture lie on the device: planes with borders, so that no motion needs a test.
//!
//! A border reaches as far as motions and taps do (`pixels/geometry.rs`) and is counted from the last whole
//! cell; the kernels fill it with the nearest samples of the true picture.
#![forbid(unsafe_code)]

use super::super::coded::Coded;
use super::args::PictureArgs;
use crate::frame::Size;
use crate::gpu::DeviceBuffer;

/// Luma samples around a picture.
const BORDER: usize = 64;
/// Coarse samples around a coarse picture.
const COARSE_BORDER: usize = 16;
/// Bytes to which pitches and planes are rounded.
const ALIGNMENT: usize = 64;

/// The layout of one picture in its allocation.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Bytes from one row to the next: luma, chroma, coarse luma.
    pub pitches: [usize; 3],
    /// First samples of Y, U, V and coarse luma.
    origins: [usize; 4],
    /// Bytes of all of it.
    pub len_bytes: usize,
}

impl Layout {
    /// A picture of `size`, with chroma or without.
    pub fn new(size: Size, chroma: bool) -> Self {
        let cells = Coded::cells(size);
        let mut end = 0;
        let mut plane = |cell: usize, border: usize, wanted: bool| {
            let pitch = (cells.width * cell + 2 * border).next_multiple_of(ALIGNMENT);
            let origin = end + border * pitch + border;
            if wanted {
                end += (cells.height * cell + 2 * border) * pitch;
            }
            (pitch, origin)
        };
        let (luma_pitch, luma) = plane(16, BORDER, true);
        let (chroma_pitch, u) = plane(8, BORDER / 2, chroma);
        let (_, v) = plane(8, BORDER / 2, chroma);
        let (coarse_pitch, coarse) = plane(4, COARSE_BORDER, true);
        let pitches = [luma_pitch, chroma_pitch, coarse_pitch];
        // Words are read whole, so up to a word beyond the last.
        Self { pitches, origins: [luma, u, v, coarse], len_bytes: end + ALIGNMENT }
    }

    /// The kernels' form of a picture in `buffer`.
    pub fn args(&self, buffer: &DeviceBuffer) -> PictureArgs {
        let [y, u, v, coarse] = self.origins.map(|origin| buffer.address() + origin as u64);
        PictureArgs { planes: [y, u, v], coarse }
    }

    /// First byte and pitch of a plane: 0 to 2 are Y, U and V.
    #[cfg(test)]
    pub fn plane(&self, plane: usize) -> (usize, usize) {
        (self.origins[plane], self.pitches[plane.min(1)])
    }
}
