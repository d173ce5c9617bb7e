//! A composed frame in pinned host memory, as the copy from the device left it.
#![forbid(unsafe_code)]

use crate::frame::{Plane, Size};
use crate::gpu::{self, Device, Event, PinnedBuffer};
use crate::kernels::device::{DeviceComposite, PlaneLayout};
use crate::lane::Error;
use crate::lane::encode::Finished;
use crate::vp9::{PairSource, PlaneRef, Planes};
use std::sync::Arc;

/// The planes of one composed frame; its encoders read them where they lie.
pub struct HostFrame {
    pub(super) planes: PinnedBuffer<u8>,
    layouts: [PlaneLayout; 5],
    /// Happens when the copy into `planes` is done.
    pub(super) ready: Event,
}

impl HostFrame {
    /// Pins memory for the planes of composites like `like`.
    ///
    /// # Errors
    /// When the host cannot pin so much.
    pub fn new(device: &Arc<Device>, like: &DeviceComposite) -> Result<Self, gpu::Error> {
        Ok(Self {
            planes: PinnedBuffer::zeroed(device, like.buffer().len_bytes())?,
            layouts: like.planes(),
            ready: Event::new(device)?,
        })
    }

    fn plane(&self, index: usize) -> PlaneRef<'_> {
        let PlaneLayout { offset, pitch, size } = self.layouts[index];
        PlaneRef { size, stride: pitch, data: &self.planes[offset..] }
    }

    /// Waits for the copy.
    ///
    /// # Errors
    /// When the device failed.
    pub fn wait(&self) -> Result<(), gpu::Error> {
        self.ready.synchronize()
    }

    /// Copies of Y, U, V, alpha and the activity map, without padding; for tests.
    pub fn to_planes(&self) -> [Plane<u8>; 5] {
        std::array::from_fn(|index| {
            let from = self.plane(index);
            let mut to = Plane::new(from.size);
            let Size { width, height } = from.size;
            for y in 0..height {
                to.row_mut(y).copy_from_slice(&from.data[y * from.stride..][..width]);
            }
            to
        })
    }
}

impl Drop for HostFrame {
    fn drop(&mut self) {
        // The copy may still be under way when a lane fails; the memory must outlive it. A device that fails copies
        // no more.
        let _ = self.ready.synchronize();
    }
}

impl PairSource for HostFrame {
    fn colour(&self) -> Planes<'_> {
        Planes { y: self.plane(0), u: self.plane(1), v: self.plane(2) }
    }

    fn alpha(&self) -> PlaneRef<'_> {
        self.plane(3)
    }

    fn activity(&self) -> Option<PlaneRef<'_>> {
        Some(self.plane(4))
    }
}

impl Finished for HostFrame {
    fn wait(&self) -> Result<(), Error> {
        Ok(HostFrame::wait(self)?)
    }
}
