//! Pictures of a software decoder on their way to the device, for what NVDEC does not take.
#![forbid(unsafe_code)]

use crate::frame::{Picture, Plane, Sample, Samples, Size, Yuv420};
use crate::gpu::{self, Device, DeviceBuffer, Event, PinnedBuffer, Stream};
use crate::kernels::device::DevicePicture;
use std::sync::Arc;

/// Bytes that rows are aligned to on the device.
const ALIGN: usize = 64;

/// One picture on the device, and two in pinned memory: one being filled, one being copied.
pub(super) struct Uploader {
    picture: DeviceBuffer,
    staging: [(PinnedBuffer<u8>, Event); 2],
    turn: usize,
    size: Size,
    depth: u8,
}

impl Uploader {
    pub(super) fn new(device: &Arc<Device>, size: Size, depth: u8) -> Result<Self, gpu::Error> {
        let bytes = layout(size, depth).1;
        let staging = || Ok::<_, gpu::Error>((PinnedBuffer::zeroed(device, bytes)?, Event::new(device)?));
        let picture = DeviceBuffer::zeroed(device, bytes)?.held_for(gpu::Part::Surfaces);
        Ok(Self { picture, staging: [staging()?, staging()?], turn: 0, size, depth })
    }

    /// Enqueues the copy on `stream`; the result is good for work enqueued there before the next
    /// call. Waits while the staging memory of the last but one picture is still being read.
    pub(super) fn upload(&mut self, stream: &Stream, picture: &Picture) -> Result<DevicePicture, gpu::Error> {
        let ([y, u, v], _) = layout(self.size, self.depth);
        let (staging, copied) = &mut self.staging[self.turn];
        self.turn ^= 1;
        copied.synchronize()?;
        match &picture.samples {
            Samples::Eight(planes) => fill(staging, [y, u, v], planes, |code| [code]),
            Samples::Sixteen(planes) => fill(staging, [y, u, v], planes, u16::to_le_bytes),
        }
        self.picture.upload(stream, staging)?;
        copied.record(stream)?;
        let address = |at: (usize, usize)| self.picture.address() + at.0 as u64;
        Ok(DevicePicture {
            planes: [address(y), address(u), address(v)],
            pitches: [y.1, u.1],
            chroma_step: 1,
            size: self.size,
            depth: self.depth,
            high_bits: false,
            colour: picture.colour,
        })
    }
}

/// `(offset, pitch)` of Y, U and V in bytes, and bytes in all.
fn layout(size: Size, depth: u8) -> ([(usize, usize); 3], usize) {
    let sample = if depth > 8 { 2 } else { 1 };
    let mut end = 0;
    let planes = [size, size.chroma(), size.chroma()].map(|plane| {
        let pitch = (plane.width * sample).next_multiple_of(ALIGN);
        let at = end;
        end += pitch * plane.height;
        (at, pitch)
    });
    (planes, end)
}

fn fill<T: Sample, const N: usize>(
    to: &mut [u8],
    layout: [(usize, usize); 3],
    planes: &Yuv420<T>,
    bytes: impl Fn(T) -> [u8; N],
) {
    for ((offset, pitch), plane) in layout.into_iter().zip([&planes.y, &planes.u, &planes.v]) {
        let Plane { size, .. } = plane;
        for (y, row) in to[offset..].chunks_mut(pitch).take(size.height).enumerate() {
            for (to, &from) in row.chunks_exact_mut(N).zip(plane.row(y)) {
                to.copy_from_slice(&bytes(from));
            }
        }
    }
}
