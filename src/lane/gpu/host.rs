//! A frame in pinned host memory, as the copies from the device left it: the composite, what opaque outputs show of
//! it, or both.
#![forbid(unsafe_code)]

use crate::frame::{Plane, Size};
use crate::gpu::{self, Device, Event, PinnedBuffer};
use crate::kernels::device::{DeviceComposite, PlaneLayout};
use crate::lane::Error;
use crate::lane::encode::{Finished, Rendered};
use crate::render::NO_COLOUR;
use crate::render::device::OpaqueLayout;
use crate::vp9::{PairSource, PlaneRef, Planes};
use std::sync::Arc;

/// The planes of one frame; its encoders read them where they lie.
pub struct HostFrame {
    /// The composite; empty where no output is made of it.
    pub(super) planes: PinnedBuffer<u8>,
    layouts: [PlaneLayout; 5],
    /// What was rendered of it.
    pub(super) shown: Vec<HostOpaque>,
    /// Happens when all copies are done.
    pub(super) ready: Event,
}

/// The planes of one opaque output.
pub(super) struct HostOpaque {
    place: usize,
    pub(super) planes: PinnedBuffer<u8>,
    layout: OpaqueLayout,
}

impl HostOpaque {
    /// Pins memory for the output at `place`; what never changes is in it from the beginning.
    pub(super) fn new(device: &Arc<Device>, place: usize, layout: OpaqueLayout) -> Result<Self, gpu::Error> {
        let mut planes = PinnedBuffer::zeroed(device, layout.len_bytes())?;
        planes[layout.still()].fill(NO_COLOUR);
        Ok(Self { place, planes, layout })
    }

    fn rendered(&self) -> Rendered<'_> {
        let [y, u, v] = self.layout.colour().map(|plane| lying(&self.planes, plane));
        Rendered { colour: Planes { y, u, v }, drawn: lying(&self.planes, self.layout.drawn()) }
    }
}

/// A plane of an allocation.
fn lying(bytes: &[u8], PlaneLayout { offset, pitch, size }: PlaneLayout) -> PlaneRef<'_> {
    PlaneRef { size, stride: pitch, data: &bytes[offset..] }
}

impl HostFrame {
    /// Pins memory for the planes of composites like `like`.
    ///
    /// # Errors
    /// When the host cannot pin so much.
    pub fn new(device: &Arc<Device>, like: &DeviceComposite) -> Result<Self, gpu::Error> {
        Self::with(device, Some(like), Vec::new())
    }

    /// A frame of the given parts. Without a composite its planes are of no size, which encoders refuse.
    pub(super) fn with(
        device: &Arc<Device>,
        composite: Option<&DeviceComposite>,
        shown: Vec<HostOpaque>,
    ) -> Result<Self, gpu::Error> {
        let nothing = PlaneLayout { offset: 0, pitch: 0, size: Size::new(0, 0) };
        Ok(Self {
            planes: PinnedBuffer::zeroed(device, composite.map_or(0, |like| like.buffer().len_bytes()))?,
            layouts: composite.map_or([nothing; 5], DeviceComposite::planes),
            shown,
            ready: Event::new(device)?,
        })
    }

    fn plane(&self, index: usize) -> PlaneRef<'_> {
        lying(&self.planes, self.layouts[index])
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

    fn rendered(&self, place: usize) -> Option<Rendered<'_>> {
        self.shown.iter().find(|shown| shown.place == place).map(HostOpaque::rendered)
    }
}
