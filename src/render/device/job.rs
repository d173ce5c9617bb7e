//! One lane's rendering of one output: checks, and the launches.

use super::backdrop;
use super::opaque::{DeviceOpaque, OpaqueLayout};
use super::packed::{self, Addresses};
use super::tables::{BackdropTables, On, PackedTables, Tables};
use crate::frame::Size;
use crate::gpu::{Device, DeviceBuffer, Kernel, Part, Stream};
use crate::kernels;
use crate::kernels::device::{DeviceComposite, Error, PlaneLayout};
use crate::render::Grey;
use std::sync::Arc;

/// The planes of a composite: its address, and where they lie from there.
pub(super) struct Source {
    pub(super) start: u64,
    pub(super) layouts: [PlaneLayout; 5],
}

impl Source {
    /// Of Y, U, V, alpha, activity.
    pub(super) fn addresses(&self) -> [u64; 5] {
        self.layouts.map(|plane| self.start + plane.offset as u64)
    }

    /// Of Y, chroma, alpha, activity.
    pub(super) fn pitches(&self) -> [i32; 4] {
        [0, 1, 3, 4].map(|plane: usize| self.layouts[plane].pitch as i32)
    }
}

/// Renders frames of one size for one output. What it writes on the way is used by one stream.
pub struct RenderJob {
    work: Work,
    frame: Size,
    layout: OpaqueLayout,
}

/// Kernels in the order of their launch, with what they look up.
enum Work {
    Matte(Kernel, Box<Grey>),
    Backdrop(Kernel, Arc<BackdropTables>),
    Packed([Kernel; 3], Arc<PackedTables>, [DeviceBuffer; 2]),
}

impl RenderJob {
    /// The job for frames of size `frame`.
    ///
    /// # Errors
    /// When the tables are for another size, or the device has not enough memory.
    pub fn new(device: &Arc<Device>, tables: &Tables, frame: Size) -> Result<Self, Error> {
        check_size(tables.frame().unwrap_or(frame), frame)?;
        let kernel = |name| device.kernel(name, 0);
        let work = match &tables.on {
            On::Matte(grey) => Work::Matte(kernel("vrp_render_grey_u8")?, grey.clone()),
            On::Backdrop(tables) => Work::Backdrop(kernel("vrp_render_backdrop_u8")?, Arc::clone(tables)),
            On::Packed(tables) => {
                let [mattes, seen] = packed::scratch_bytes(&tables.packer);
                let scratch =
                    |bytes| Ok::<_, Error>(DeviceBuffer::zeroed(device, bytes)?.held_for(Part::Planes));
                let names = ["vrp_render_plan_u8", "vrp_render_packed_u8", "vrp_render_corners_u8"];
                let [plan, picture, corners] = names.map(kernel);
                let kernels = [plan?, picture?, corners?];
                Work::Packed(kernels, Arc::clone(tables), [scratch(mattes)?, scratch(seen)?])
            }
        };
        let size = tables.renderer().size(frame);
        Ok(Self { layout: OpaqueLayout::new(size, !matches!(work, Work::Matte(..))), work, frame })
    }

    /// Where the planes of what comes out lie.
    pub fn layout(&self) -> OpaqueLayout {
        self.layout
    }

    /// Enqueues the rendering of `from` into `out`.
    ///
    /// # Errors
    /// When a frame is not of the job's size or its layout not usable, or the driver refuses.
    ///
    /// # Safety
    /// Nothing may write `from` or use `out` until the stream has run the job; one stream only may be given all calls.
    pub unsafe fn enqueue(
        &self,
        stream: &Stream,
        from: &DeviceComposite,
        out: &mut DeviceOpaque,
    ) -> Result<(), Error> {
        let layout = *out.layout();
        check_size(self.frame, from.planes()[0].size)?;
        check_size(self.layout.size(), layout.size())?;
        let rows = from.planes().map(|plane| (plane.pitch, plane.offset));
        if !layout.is_even() || rows.iter().any(|(pitch, offset)| pitch % 2 != 0 || offset % 2 != 0) {
            let got = layout.colour()[0].pitch as u64;
            return Err(Error::Layout { what: "pitch or offset of planes", got, expected: "even" });
        }
        let from = Source { start: from.buffer().address(), layouts: from.planes() };
        let out = (out.buffer().address(), &layout);
        match &self.work {
            Work::Matte(kernel, codes) => {
                let args = backdrop::grey(&from, codes, out);
                // SAFETY: `Args` mirrors the kernel's struct; of U and V nothing is touched; planes have the sizes
                // compared above, the rest is the caller's.
                unsafe { kernel.launch(stream, backdrop::grid(self.frame), backdrop::THREADS, &args) }?;
            }
            Work::Backdrop(kernel, tables) => {
                let args = backdrop::before(&from, (tables.planes.address(), &tables.layouts), out);
                // SAFETY: as above; the backdrop is ours, and of the frame's size (`new`).
                unsafe { kernel.launch(stream, backdrop::grid(self.frame), backdrop::THREADS, &args) }?;
            }
            Work::Packed(kernels, tables, [mattes, seen]) => {
                let PackedTables { packer, places, sources, holders: (holders, count) } = &**tables;
                let addresses = Addresses {
                    places: places.address(),
                    sources: sources.address(),
                    holders: holders.address(),
                    mattes: mattes.address(),
                    seen: seen.address(),
                };
                let args = packed::args(packer, &from, &addresses, out);
                for (kernel, grid) in kernels.iter().zip(packed::grids(packer, *count)) {
                    // SAFETY: as above; tables and scratch are ours, made from the packer whose geometry the
                    // arguments are of.
                    unsafe { kernel.launch(stream, grid, packed::THREADS, &args) }?;
                }
            }
        }
        Ok(())
    }
}

fn check_size(expected: Size, got: Size) -> Result<(), kernels::Error> {
    if expected == got {
        return Ok(());
    }
    let [expected, got] = [expected, got].map(|size| vec![size.width, size.height]);
    Err(kernels::Error::Shape { what: "frame to be rendered", expected, got })
}
