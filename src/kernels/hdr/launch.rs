//! The CUDA form of the job: `kernels/hdr.cu`.
//!
//! Tables are the reference's own, uploaded once, and so is the room for one mapped picture, which the job owns; a
//! frame costs one launch. Nothing is allocated and nothing waits on the frame path.

use std::sync::Arc;

use super::ToSdr;
use super::reference::STEPS;
use crate::frame::{Colour, Matrix, Range, Size};
use crate::gpu::{Device, DeviceBuffer, Kernel, Part, Stream};
use crate::kernels::check;
use crate::kernels::colour::{FromRgb, ToRgb};
use crate::kernels::device::{DevicePicture, Error, PictureArgs};

#[derive(Clone, Copy)]
#[repr(C)]
struct Args {
    picture: PictureArgs,
    tables: u64,
    y: u64,
    uv: u64,
    to_rgb: ToRgb,
    from_rgb: FromRgb,
    peak: f32,
    top: f32,
    pitches: [i32; 2],
    out_shift: i32,
    is_scene_light: i32,
    is_wide: i32,
}
const _: () = assert!(size_of::<Args>() == 160);

/// Bytes that rows are aligned to: composing reads such by 16 bytes at once.
const ALIGN: usize = 64;

/// Cells of 2x2 pixels that a block owns: as in the kernel.
const OWN_CELLS: [usize; 2] = [32, 8];

/// The job for pictures of one size and depth, of one video.
pub struct HdrJob {
    kernel: Kernel,
    tables: DeviceBuffer,
    mapped: DeviceBuffer,
    map: ToSdr,
    frame: Size,
    depth: u8,
}

impl HdrJob {
    /// Uploads the tables of `map` and takes room for a picture.
    ///
    /// # Errors
    /// When size or depth is not sound, or the device has not enough memory.
    pub fn new(device: &Arc<Device>, frame: Size, depth: u8, map: &ToSdr) -> Result<Self, Error> {
        check::shape("picture", &[frame.width.max(1), frame.height.max(1)], &[frame.width, frame.height])?;
        if !(8..=16).contains(&depth) {
            return Err(crate::kernels::Error::Depth { depth, stored: 16 }.into());
        }
        let mut pairs: Vec<f32> = Vec::with_capacity(6 * (STEPS + 1));
        for table in [&map.light, &map.gain, &map.gamma] {
            pairs.extend(table.0.windows(2).take(STEPS + 1).flatten());
        }
        let name = if depth > 8 { "vrp_hdr_u16_u16" } else { "vrp_hdr_u8_u8" };
        let bytes = pitch(frame, depth) * (frame.height + frame.chroma().height);
        Ok(Self {
            kernel: device.kernel(name, 0)?,
            tables: DeviceBuffer::from_slice(device, &pairs)?,
            mapped: DeviceBuffer::zeroed(device, bytes)?.held_for(Part::Surfaces),
            map: map.clone(),
            frame,
            depth,
        })
    }

    /// What the job gives.
    fn result(&self) -> DevicePicture {
        let pitch = pitch(self.frame, self.depth);
        let address = self.mapped.address();
        DevicePicture::semi_planar(address, pitch, self.frame.height, self.frame, self.depth, ToSdr::colour())
    }

    /// Downloads what the job gave last and waits. For tests.
    #[cfg(test)]
    pub(in crate::kernels) fn download(&self, stream: &Stream) -> Result<Vec<u8>, crate::gpu::Error> {
        let mut bytes = vec![0u8; self.mapped.len_bytes()];
        self.mapped.download_sync(stream, &mut bytes)?;
        Ok(bytes)
    }

    /// Enqueues the job; the result is the job's own, good for work enqueued on `stream` before the next call.
    ///
    /// # Errors
    /// When the picture has another size or depth, its layout is not usable, or the driver refuses.
    ///
    /// # Safety
    /// The picture's planes must be device memory of the sizes told until the stream has run the job, and nothing may
    /// write them meanwhile; nothing but work on this stream may use what earlier calls gave.
    pub unsafe fn enqueue(
        &mut self,
        stream: &Stream,
        picture: &DevicePicture,
    ) -> Result<DevicePicture, Error> {
        let got = [picture.size.width, picture.size.height];
        check::shape("picture", &[self.frame.width, self.frame.height], &got)?;
        check::shape("depth", &[self.depth.into()], &[picture.depth.into()])?;
        let Colour { matrix, range, .. } = picture.colour;
        let out = self.result();
        let args = Args {
            picture: picture.args()?,
            tables: self.tables.address(),
            y: out.planes[0],
            uv: out.planes[1],
            to_rgb: ToRgb::new(matrix, range, self.depth),
            from_rgb: FromRgb::new(Matrix::Bt709, Range::Limited, self.depth),
            peak: self.map.peak,
            top: ((1u32 << self.depth) - 1) as f32,
            pitches: out.pitches.map(|pitch| pitch as i32),
            out_shift: out.args()?.shift(),
            is_scene_light: i32::from(self.map.from.transfer == Colour::HLG),
            is_wide: i32::from(self.map.is_wide()),
        };
        let cells = self.frame.chroma();
        let grid = [cells.width.div_ceil(OWN_CELLS[0]), cells.height.div_ceil(OWN_CELLS[1]), 1];
        let threads = (OWN_CELLS[0] * OWN_CELLS[1]) as u32;
        // SAFETY: `Args` mirrors the kernel's struct; tables and result are ours, of `new`'s sizes, the rest is the
        // caller's.
        unsafe { self.kernel.launch(stream, grid.map(|n| n as u32), threads, &args) }?;
        Ok(out)
    }
}

/// Bytes of a row of either plane of the result.
fn pitch(frame: Size, depth: u8) -> usize {
    let sample = if depth > 8 { 2 } else { 1 };
    (2 * frame.chroma().width * sample).next_multiple_of(ALIGN)
}
