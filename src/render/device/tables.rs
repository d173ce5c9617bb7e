//! What a renderer looks up, on a GPU: uploaded once and shared by all its lanes, as weights are. The table of a packed
//! 8K frame is 118 MB, a picture as backdrop 44 MB.
#![forbid(unsafe_code)]

use super::backdrop::flattened;
use crate::frame::Size;
use crate::gpu::{self, Device, DeviceBuffer, Part};
use crate::kernels::device::PlaneLayout;
use crate::render::packed::{Packer, Place};
use crate::render::{Grey, Renderer};
use std::sync::Arc;

impl gpu::Plain for Place {}

/// The tables of one renderer on one device; clones share them.
#[derive(Clone)]
pub struct Tables {
    of: Renderer,
    pub(super) on: On,
}

/// What is there.
#[derive(Clone)]
pub(super) enum On {
    /// A matte needs its codes only.
    Matte(Box<Grey>),
    Backdrop(Arc<BackdropTables>),
    Packed(Arc<PackedTables>),
}

/// The planes of a backdrop.
pub(super) struct BackdropTables {
    pub(super) planes: DeviceBuffer,
    pub(super) layouts: [PlaneLayout; 3],
}

/// Places of pixels, for each block the blocks of the source that it comes from, and blocks that hold mattes.
pub(super) struct PackedTables {
    pub(super) packer: Arc<Packer>,
    pub(super) places: DeviceBuffer,
    pub(super) sources: DeviceBuffer,
    /// Blocks that hold mattes, and how many.
    pub(super) holders: (DeviceBuffer, usize),
}

impl Tables {
    /// Uploads what `renderer` needs.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn upload(device: &Arc<Device>, renderer: &Renderer) -> Result<Self, gpu::Error> {
        let on = match renderer {
            Renderer::Matte(grey) => On::Matte(grey.clone()),
            Renderer::Backdrop(backdrop) => {
                let (bytes, layouts) = flattened(backdrop.planes());
                let planes = DeviceBuffer::from_slice(device, &bytes)?.held_for(Part::Looks);
                On::Backdrop(Arc::new(BackdropTables { planes, layouts }))
            }
            Renderer::Packed(packer) => {
                let places = DeviceBuffer::from_slice(device, packer.places())?.held_for(Part::Looks);
                let sources: Vec<u16> = packer.source_blocks().into_iter().flatten().collect();
                let sources = DeviceBuffer::from_slice(device, &sources)?.held_for(Part::Looks);
                let holders: Vec<u16> = packer.matte_blocks().into_iter().flatten().collect();
                let count = holders.len() / 2;
                let holders = (DeviceBuffer::from_slice(device, &holders)?.held_for(Part::Looks), count);
                On::Packed(Arc::new(PackedTables { packer: Arc::clone(packer), places, sources, holders }))
            }
        };
        Ok(Self { of: renderer.clone(), on })
    }

    /// What they are of.
    pub fn renderer(&self) -> &Renderer {
        &self.of
    }

    /// The only size of frames that they are for; `None`: any.
    pub(super) fn frame(&self) -> Option<Size> {
        match &self.of {
            Renderer::Matte(_) => None,
            Renderer::Backdrop(backdrop) => Some(backdrop.planes().y.size),
            Renderer::Packed(packer) => Some(packer.geometry().frame),
        }
    }
}
