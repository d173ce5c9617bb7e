//! Planes of an opaque frame in device memory, in the order in which they go home: luma, the map of blocks that are
//! drawn, and chroma. A matte has no chroma of its own: both planes are 128 for ever, and lie at home only.

use crate::frame::Size;
use crate::gpu::{self, Device, DeviceBuffer, Part};
use crate::kernels::device::PlaneLayout;
use crate::render::opaque::blocks;
use std::ops::Range;
use std::sync::Arc;

/// Where the planes lie in one piece of memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpaqueLayout {
    /// Y, the bytes of the blocks, U and V.
    planes: [PlaneLayout; 4],
    /// Bytes that belong to a frame and not to all of them.
    moving_bytes: usize,
    len_bytes: usize,
}

impl OpaqueLayout {
    /// A layout for frames of `size`, with chroma of their own or without; rows padded to 64 bytes.
    pub fn new(size: Size, has_colour: bool) -> Self {
        Self::padded(size, has_colour, |width| width.next_multiple_of(64), 0)
    }

    /// As [`Self::new`], with another pitch for each width and `gap` bytes before each plane.
    pub(crate) fn padded(size: Size, has_colour: bool, pitch: impl Fn(usize) -> usize, gap: usize) -> Self {
        let mut end = 0;
        let planes = [size, blocks(size), size.chroma(), size.chroma()].map(|size| {
            let layout = PlaneLayout { offset: end + gap, pitch: pitch(size.width), size };
            end = (layout.offset + layout.pitch * size.height).next_multiple_of(64);
            layout
        });
        let len_bytes = end + gap;
        let moving_bytes = if has_colour { len_bytes } else { planes[2].offset - gap };
        Self { planes, moving_bytes, len_bytes }
    }

    /// Y, U and V.
    pub fn colour(&self) -> [PlaneLayout; 3] {
        [0, 2, 3].map(|plane: usize| self.planes[plane])
    }

    /// A byte per 16x16 block, 0 where there is nothing but the background.
    pub fn drawn(&self) -> PlaneLayout {
        self.planes[1]
    }

    /// Size of a frame.
    pub fn size(&self) -> Size {
        self.planes[0].size
    }

    /// Bytes of all planes.
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// Bytes from the start that differ from frame to frame: those that lie on the device and are copied home.
    pub fn moving_bytes(&self) -> usize {
        self.moving_bytes
    }

    /// Chroma that is the same for ever, and must be 128 at home from the beginning.
    pub fn still(&self) -> Range<usize> {
        self.moving_bytes..self.len_bytes
    }

    /// Pitches and offsets by which rows begin at even addresses.
    pub(super) fn is_even(&self) -> bool {
        self.planes.iter().all(|plane| plane.pitch % 2 == 0 && plane.offset % 2 == 0)
    }
}

/// A frame as an opaque output shows it.
pub struct DeviceOpaque {
    pub(super) buffer: DeviceBuffer,
    layout: OpaqueLayout,
}

impl DeviceOpaque {
    /// Takes memory for a frame.
    ///
    /// # Errors
    /// When the device has not enough of it.
    pub fn new(device: &Arc<Device>, layout: OpaqueLayout) -> Result<Self, gpu::Error> {
        let buffer = DeviceBuffer::zeroed(device, layout.moving_bytes)?.held_for(Part::Planes);
        Ok(Self { buffer, layout })
    }

    /// Where its planes lie.
    pub fn layout(&self) -> &OpaqueLayout {
        &self.layout
    }

    /// The allocation, of [`OpaqueLayout::moving_bytes`], for a copy to pinned memory.
    pub fn buffer(&self) -> &DeviceBuffer {
        &self.buffer
    }
}

#[cfg(test)]
mod layout_tests {
    use super::*;

    #[test]
    fn planes_do_not_overlap_and_a_matte_moves_without_chroma() {
        for size in [Size::new(1, 1), Size::new(33, 17), Size::new(200, 64)] {
            let layout = OpaqueLayout::new(size, true);
            let mut end = 0;
            for plane in layout.planes {
                assert!(plane.offset >= end && plane.pitch >= plane.size.width);
                end = plane.offset + plane.pitch * plane.size.height;
            }
            assert!(end <= layout.len_bytes() && layout.still().is_empty());
            let grey = OpaqueLayout::new(size, false);
            let [y, u, v] = grey.colour();
            assert!(
                grey.drawn().offset + grey.drawn().pitch * grey.drawn().size.height <= grey.moving_bytes()
            );
            assert!(
                y.offset < grey.moving_bytes() && grey.still().contains(&u.offset) && u.offset < v.offset
            );
        }
    }
}
