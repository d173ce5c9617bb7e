//! Pictures of a software decoder on their way to the device, for what NVDEC does not take. U and V are put side by
//! side on the way, as NVDEC leaves them: `compose` reads pairs by 16 bytes, three planes sample by sample.
#![forbid(unsafe_code)]

use crate::frame::{Picture, Sample, Samples, Size, Yuv420};
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
        let ([luma, chroma], _) = layout(self.size, self.depth);
        let (staging, copied) = &mut self.staging[self.turn];
        self.turn ^= 1;
        copied.synchronize()?;
        match &picture.samples {
            Samples::Eight(planes) => fill(staging, [luma, chroma], planes, |code| [code]),
            Samples::Sixteen(planes) => fill(staging, [luma, chroma], planes, u16::to_le_bytes),
        }
        self.picture.upload(stream, staging)?;
        copied.record(stream)?;
        let [y, u] = [luma, chroma].map(|(offset, _)| self.picture.address() + offset as u64);
        Ok(DevicePicture {
            planes: [y, u, u + sample_bytes(self.depth) as u64],
            pitches: [luma.1, chroma.1],
            chroma_step: 2,
            size: self.size,
            depth: self.depth,
            high_bits: false,
            colour: picture.colour,
        })
    }
}

fn sample_bytes(depth: u8) -> usize {
    if depth > 8 { 2 } else { 1 }
}

/// `(offset, pitch)` of luma and of the pairs of chroma in bytes, and bytes in all.
fn layout(size: Size, depth: u8) -> ([(usize, usize); 2], usize) {
    let pitch = |samples: usize| (samples * sample_bytes(depth)).next_multiple_of(ALIGN);
    let pitches = [pitch(size.width), pitch(2 * size.chroma().width)];
    let offset = pitches[0] * size.height;
    ([(0, pitches[0]), (offset, pitches[1])], offset + pitches[1] * size.chroma().height)
}

fn fill<T: Sample, const N: usize>(
    to: &mut [u8],
    [luma, chroma]: [(usize, usize); 2],
    planes: &Yuv420<T>,
    bytes: impl Fn(T) -> [u8; N],
) {
    let Yuv420 { y, u, v } = planes;
    for (at, row) in to[luma.0..].chunks_mut(luma.1).take(y.size.height).enumerate() {
        for (to, &from) in row.chunks_exact_mut(N).zip(y.row(at)) {
            to.copy_from_slice(&bytes(from));
        }
    }
    for (at, row) in to[chroma.0..].chunks_mut(chroma.1).take(u.size.height).enumerate() {
        for (pair, (&u, &v)) in row.chunks_exact_mut(2 * N).zip(u.row(at).iter().zip(v.row(at))) {
            let (first, second) = pair.split_at_mut(N);
            first.copy_from_slice(&bytes(u));
            second.copy_from_slice(&bytes(v));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Plane;

    #[test]
    fn chroma_lies_in_pairs_behind_luma() {
        let size = Size::new(5, 3);
        let ([luma, chroma], bytes) = layout(size, 10);
        assert_eq!((luma, chroma, bytes), ((0, 64), (192, 64), 320));
        let plane = |size: Size, first: u16| Plane {
            size,
            stride: size.width,
            data: (0..size.area() as u16).map(|at| first + at).collect(),
        };
        let planes =
            Yuv420 { y: plane(size, 0), u: plane(size.chroma(), 100), v: plane(size.chroma(), 0x200) };
        let mut to = vec![0xff; bytes];
        fill(&mut to, [luma, chroma], &planes, u16::to_le_bytes);
        assert_eq!(&to[64..76], [5, 0, 6, 0, 7, 0, 8, 0, 9, 0, 0xff, 0xff]);
        assert_eq!(&to[256..270], [103, 0, 3, 2, 104, 0, 4, 2, 105, 0, 5, 2, 0xff, 0xff]);
    }
}
