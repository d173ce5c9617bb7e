//! The CUDA form of the job: `kernels/sample.cu`.
//!
//! Tables of positions are the reference's own, uploaded once; a frame costs one launch. Nothing is
//! allocated and nothing waits on the frame path.

use std::sync::Arc;

use super::{EyeTaps, Stage};
use crate::frame::{Rect, Size};
use crate::gpu::{Device, DeviceBuffer, Kernel, Stream};
use crate::kernels::bilinear::Tap;
use crate::kernels::check;
use crate::kernels::colour::ToRgb;
use crate::kernels::device::{DevicePicture, Error, PictureArgs};

#[derive(Clone, Copy)]
#[repr(C)]
struct Args {
    picture: PictureArgs,
    taps: u64,
    out: u64,
    convert: ToRgb,
    w: i32,
    h: i32,
}
const _: () = assert!(size_of::<Args>() == 104);

/// The job for frames of one size and layout.
pub struct SampleJob {
    kernels: [Kernel; 2],
    taps: DeviceBuffer,
    frame: Size,
    /// What is written of each eye, margins included.
    stage: Size,
    eyes: usize,
}

impl SampleJob {
    /// Makes the tables for `eyes` of frames of size `frame`.
    ///
    /// # Errors
    /// When an eye or the stage is not sound, or the device fails.
    pub fn new(device: &Arc<Device>, frame: Size, eyes: &[Rect], stage: &Stage) -> Result<Self, Error> {
        Self::with_margin(device, frame, eyes, stage, 0)
    }

    /// As [`Self::new`], for eyes that go round: `margin` more columns of the other side beyond each side.
    ///
    /// # Errors
    /// When an eye, the stage or the margin is not sound, or the device fails.
    pub fn with_margin(
        device: &Arc<Device>,
        frame: Size,
        eyes: &[Rect],
        stage: &Stage,
        margin: usize,
    ) -> Result<Self, Error> {
        check::eyes(frame, eyes)?;
        stage.check()?;
        check::shape("margin", &[margin.min(stage.size.width)], &[margin])?;
        let mut taps: Vec<Tap> = Vec::new();
        for &eye in eyes {
            let own = EyeTaps::new(stage, frame, eye);
            for columns in [own.luma_columns, own.chroma_columns] {
                taps.extend(&columns[columns.len() - margin..]);
                taps.extend(&columns);
                taps.extend(&columns[..margin]);
            }
            taps.extend(own.luma_rows);
            taps.extend(own.chroma_rows);
        }
        let stage = Size::new(stage.size.width + 2 * margin, stage.size.height);
        let kernels = [device.kernel("vrp_sample_u8_f32", 0)?, device.kernel("vrp_sample_u16_f32", 0)?];
        let taps = DeviceBuffer::from_slice(device, &taps)?;
        Ok(Self { kernels, taps, frame, stage, eyes: eyes.len() })
    }

    /// Enqueues the job; `out` is the address of `[eyes, 3, stage height, stage width]` floats, margins included.
    ///
    /// # Errors
    /// When the picture is not of the job's size or its layout not usable, or the driver refuses.
    ///
    /// # Safety
    /// The picture's planes and `out` must be device memory of the sizes told, until the stream has run the
    /// job, and nothing may write the planes or use `out` meanwhile.
    pub unsafe fn enqueue(&self, stream: &Stream, picture: &DevicePicture, out: u64) -> Result<(), Error> {
        let got = [picture.size.width, picture.size.height];
        check::shape("picture", &[self.frame.width, self.frame.height], &got)?;
        let args = Args {
            picture: picture.args()?,
            taps: self.taps.address(),
            out,
            convert: ToRgb::new(picture.colour.matrix, picture.colour.range, picture.depth),
            w: self.stage.width as i32,
            h: self.stage.height as i32,
        };
        let grid =
            [self.stage.width.div_ceil(32), self.stage.height.div_ceil(8), self.eyes].map(|n| n as u32);
        let kernel = &self.kernels[picture.sample_bytes() - 1];
        // SAFETY: `Args` mirrors the kernel's struct; the tables are the job's, the rest is the caller's.
        Ok(unsafe { kernel.launch(stream, grid, 256, &args) }?)
    }
}
