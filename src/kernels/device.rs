//! Pictures in device memory: what the CUDA jobs read, and the planes that compose writes.
//!
//! A [`DevicePicture`] describes a surface that someone else owns (NVDEC, or an uploaded frame); a
//! [`DeviceComposite`] owns one allocation with all planes of the result, so that one copy brings them home.

use std::sync::Arc;

use crate::frame::{Colour, Composite, Plane, Rect, Size, Yuv420};
use crate::gpu::{self, Device, DeviceBuffer, Stream};

/// `vrp::Picture` of `kernels/picture.cuh`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct PictureArgs {
    y: u64,
    u: u64,
    v: u64,
    y_pitch: i32,
    chroma_pitch: i32,
    chroma_step: i32,
    shift: i32,
    width: i32,
    height: i32,
}
const _: () = assert!(size_of::<PictureArgs>() == 48);

/// `vrp::Rect` of `kernels/picture.cuh`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct RectArgs([i32; 4]);

impl From<Rect> for RectArgs {
    fn from(Rect { x, y, size }: Rect) -> Self {
        Self([x, y, size.width, size.height].map(|v| v as i32))
    }
}

impl PictureArgs {
    /// Bits below a code in its sample.
    pub(super) fn shift(&self) -> i32 {
        self.shift
    }
}

impl gpu::Plain for super::bilinear::Tap {}

/// What can be wrong with the arguments of a CUDA job.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The formula's own conditions do not hold.
    #[error(transparent)]
    Job(#[from] super::Error),
    /// The device failed.
    #[error(transparent)]
    Gpu(#[from] gpu::Error),
    /// A pitch or an address that the kernels cannot use.
    #[error("{what} is {got}, which is not {expected}")]
    Layout {
        /// Which pitch or address.
        what: &'static str,
        /// Its value.
        got: u64,
        /// What would do.
        expected: &'static str,
    },
    /// More views than the kernels know.
    #[error("{got} views in a frame; the GPU path takes one or two")]
    Views {
        /// Number of views.
        got: usize,
    },
}

/// A decoded 4:2:0 picture in device memory.
#[derive(Clone, Copy, Debug)]
pub struct DevicePicture {
    /// Addresses of the first samples of Y, U and V; those of U and V lie side by side in NV12 and P016.
    pub planes: [u64; 3],
    /// Bytes between rows of Y, and of U and V.
    pub pitches: [usize; 2],
    /// Samples between two of U: 2 in NV12 and P016, 1 where planes are apart.
    pub chroma_step: usize,
    /// Width and height in pixels.
    pub size: Size,
    /// Bits of a code, 8 to 16. Above 8 samples are 16 bits wide.
    pub depth: u8,
    /// Whether codes of more than 8 bits lie in the high bits of their samples, as in P016.
    pub high_bits: bool,
    /// Matrix and range.
    pub colour: Colour,
}

impl DevicePicture {
    /// An NV12 (depth 8) or P016 surface as NVDEC maps it: chroma follows `rows` rows of luma.
    pub fn semi_planar(
        address: u64,
        pitch: usize,
        rows: usize,
        size: Size,
        depth: u8,
        colour: Colour,
    ) -> Self {
        let chroma = address + (pitch * rows) as u64;
        let sample = if depth > 8 { 2 } else { 1 };
        let planes = [address, chroma, chroma + sample];
        Self { planes, pitches: [pitch; 2], chroma_step: 2, size, depth, high_bits: true, colour }
    }

    /// Bytes of a sample.
    pub(super) fn sample_bytes(&self) -> usize {
        if self.depth > 8 { 2 } else { 1 }
    }

    /// Checks what the kernels rely on and gives their form of it.
    pub(super) fn args(&self) -> Result<PictureArgs, Error> {
        let Size { width, height } = self.size;
        super::check::shape("picture", &[width.max(1), height.max(1)], &[width, height])?;
        if !(8..=16).contains(&self.depth) {
            return Err(super::Error::Depth { depth: self.depth, stored: 16 }.into());
        }
        let bytes = self.sample_bytes();
        let needed = [width * bytes, self.size.chroma().width * self.chroma_step * bytes];
        for ((what, pitch), needed) in
            ["luma pitch", "chroma pitch"].into_iter().zip(self.pitches).zip(needed)
        {
            // Luma is read by pairs of samples.
            if pitch < needed || pitch % (2 * bytes) != 0 || i32::try_from(pitch).is_err() {
                let expected = "a whole number of pairs of samples, at least a row, below 2^31";
                return Err(Error::Layout { what, got: pitch as u64, expected });
            }
        }
        for (what, plane) in ["luma", "U", "V"].into_iter().zip(self.planes) {
            let unit = if what == "luma" { 2 * bytes } else { bytes };
            if plane == 0 || plane % unit as u64 != 0 {
                return Err(Error::Layout {
                    what,
                    got: plane,
                    expected: "the address of a sample, of luma a pair",
                });
            }
        }
        let shift = if self.depth > 8 && self.high_bits { 16 - i32::from(self.depth) } else { 0 };
        let ([y, u, v], [y_pitch, chroma_pitch]) = (self.planes, self.pitches.map(|pitch| pitch as i32));
        let chroma_step = self.chroma_step as i32;
        let (width, height) = (width as i32, height as i32);
        Ok(PictureArgs { y, u, v, y_pitch, chroma_pitch, chroma_step, shift, width, height })
    }
}

/// The result of compose in device memory, all planes in one allocation.
pub struct DeviceComposite {
    pub(crate) buffer: DeviceBuffer,
    /// Y, U, V, alpha, activity.
    planes: [PlaneLayout; 5],
}

/// Where a plane lies in the allocation of a [`DeviceComposite`], and in a copy of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlaneLayout {
    /// First byte.
    pub offset: usize,
    /// Bytes between rows; even.
    pub pitch: usize,
    /// Columns and rows.
    pub size: Size,
}

impl DeviceComposite {
    /// Takes memory for a frame of `size`, rows padded to 64 bytes.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn new(device: &Arc<Device>, size: Size) -> Result<Self, gpu::Error> {
        Self::padded(device, size, |width| width.next_multiple_of(64), 0)
    }

    /// As [`Self::new`], with another pitch for each width and `gap` bytes before each plane.
    pub(crate) fn padded(
        device: &Arc<Device>,
        size: Size,
        pitch: impl Fn(usize) -> usize,
        gap: usize,
    ) -> Result<Self, gpu::Error> {
        let block = Composite::BLOCK;
        let blocks = Size::new(size.width.div_ceil(block), size.height.div_ceil(block));
        let mut end = 0;
        let planes = [size, size.chroma(), size.chroma(), size, blocks].map(|size| {
            let layout = PlaneLayout { offset: end + gap, pitch: pitch(size.width), size };
            end = (layout.offset + layout.pitch * size.height).next_multiple_of(64);
            layout
        });
        Ok(Self { buffer: DeviceBuffer::zeroed(device, end + gap)?.held_for(gpu::Part::Planes), planes })
    }

    /// Layouts of Y, U, V, alpha and activity.
    pub fn planes(&self) -> [PlaneLayout; 5] {
        self.planes
    }

    /// The allocation, for a copy to pinned memory.
    pub fn buffer(&self) -> &DeviceBuffer {
        &self.buffer
    }

    pub(super) fn address(&self, plane: usize) -> u64 {
        self.buffer.address() + self.planes[plane].offset as u64
    }

    /// Uploads all planes and waits; for tests and tools. Bytes between rows are left alone.
    ///
    /// # Errors
    /// When the driver fails.
    ///
    /// # Panics
    /// When `frame` has another size.
    pub fn upload(&mut self, stream: &Stream, frame: &Composite) -> Result<(), gpu::Error> {
        let mut bytes = vec![0u8; self.buffer.len_bytes()];
        self.buffer.download_sync(stream, &mut bytes)?;
        let Yuv420 { y, u, v } = &frame.colour;
        for (layout, from) in self.planes.into_iter().zip([y, u, v, &frame.alpha, &frame.activity]) {
            assert_eq!(layout.size, from.size, "a frame of another size");
            for row in 0..layout.size.height {
                bytes[layout.offset + row * layout.pitch..][..layout.size.width]
                    .copy_from_slice(from.row(row));
            }
        }
        self.buffer.upload_sync(stream, &bytes)
    }

    /// Downloads all planes and waits; for tests and tools.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn download(&self, stream: &Stream) -> Result<Composite, gpu::Error> {
        let mut bytes = vec![0u8; self.buffer.len_bytes()];
        self.buffer.download_sync(stream, &mut bytes)?;
        let mut out = Composite::new(self.planes[0].size);
        let [y, u, v, alpha, activity] = self.planes;
        let copy = |layout: PlaneLayout, to: &mut Plane<u8>| {
            for row in 0..layout.size.height {
                let start = layout.offset + row * layout.pitch;
                to.row_mut(row).copy_from_slice(&bytes[start..start + layout.size.width]);
            }
        };
        copy(y, &mut out.colour.y);
        copy(u, &mut out.colour.u);
        copy(v, &mut out.colour.v);
        copy(alpha, &mut out.alpha);
        copy(activity, &mut out.activity);
        Ok(out)
    }
}
