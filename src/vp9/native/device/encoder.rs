//! The state of both streams on the device, and the launches of a frame.
//!
//! Two pictures per stream: the one that decoders have, and the one before it, into which the next is written.
//! A cell that is a copy two times running lies in both already and is not touched.

use std::sync::Arc;

use super::super::coded::{CELL, Coded, Motion};
use super::super::pixels::{TAPS, Tunings, scan};
use super::args::{Args, ResetArgs, StreamArgs};
use super::output::{COUNTS, Output, level_capacity};
use super::picture::Layout;
use crate::frame::Size;
use crate::gpu::{Device, DeviceBuffer, Kernel, Part, Stream};
use crate::kernels::device::{DeviceComposite, Error};

/// Threads of a block of each kernel.
const THREADS: u32 = 128;
/// Blocks of the searching and the coding kernel that fit a multiprocessor.
const RESIDENT: u32 = 8;
/// Blocks that fill the border of a plane.
const BORDER_BLOCKS: u32 = 96;
/// Two of each, the last frame's and the next one's.
const COPIES: usize = 2;

/// One stream.
struct Half {
    layout: Layout,
    pictures: [DeviceBuffer; COPIES],
    /// As the search finds them, before they settle.
    found: DeviceBuffer,
    motions: [DeviceBuffer; COPIES],
    changed: [DeviceBuffer; COPIES],
}

/// The pixel half of a colour stream and a matte.
pub struct Encoder {
    size: Size,
    tunings: Tunings,
    streams: [Half; 2],
    active: DeviceBuffer,
    items: DeviceBuffer,
    queue: DeviceBuffer,
    scans: DeviceBuffer,
    taps: DeviceBuffer,
    plan: Kernel,
    search: Kernel,
    code: Kernel,
    border: Kernel,
    reset: Kernel,
    code_blocks: u32,
    /// Which of the two pictures decoders have.
    current: usize,
    started: bool,
}

impl Half {
    fn new(device: &Arc<Device>, size: Size, chroma: bool) -> Result<Self, Error> {
        let layout = Layout::new(size, chroma);
        let cells = Coded::cells(size).area();
        let zeroed = |len: usize| Ok::<_, Error>(DeviceBuffer::zeroed(device, len)?.held_for(Part::Planes));
        // Reset in groups of 16 bytes.
        let two = |len: usize| {
            Ok::<_, Error>([zeroed(len.next_multiple_of(16))?, zeroed(len.next_multiple_of(16))?])
        };
        let motions = two(cells * size_of::<Motion>())?;
        let found = zeroed(cells * size_of::<Motion>())?;
        Ok(Self { layout, pictures: two(layout.len_bytes)?, found, motions, changed: two(cells)? })
    }
}

impl Encoder {
    /// Streams of frames of `size`. Takes about 6 bytes a pixel.
    ///
    /// # Errors
    /// When the device has not enough memory.
    ///
    /// # Panics
    /// When the tunings are not a colour's and a matte's.
    pub fn new(device: &Arc<Device>, size: Size, tunings: Tunings) -> Result<Self, Error> {
        for both in [tunings.key, tunings.usual] {
            assert_eq!(both.map(|tuning| tuning.matte), [0, 1], "a colour's tuning, then a matte's");
        }
        let cells = Coded::cells(size).area();
        let scans: Vec<u16> = [4, 8, 16].into_iter().flat_map(scan).copied().collect();
        // A tap of 128 is no signed byte; the kernels do not use the row that has it.
        let taps: Vec<u8> = TAPS.iter().flatten().map(|&tap| tap as u8).collect();
        Ok(Self {
            size,
            tunings,
            streams: [Half::new(device, size, true)?, Half::new(device, size, false)?],
            active: DeviceBuffer::zeroed(device, cells)?,
            items: DeviceBuffer::zeroed(device, cells * 2 * size_of::<u32>())?,
            queue: DeviceBuffer::zeroed(device, 16)?,
            scans: DeviceBuffer::from_slice(device, &scans)?,
            taps: DeviceBuffer::from_slice(device, &taps)?,
            plan: device.kernel("vrp_vp9_plan", 0)?,
            search: device.kernel("vrp_vp9_search", 0)?,
            code: device.kernel("vrp_vp9_code", 0)?,
            border: device.kernel("vrp_vp9_border", 0)?,
            reset: device.kernel("vrp_vp9_reset", 0)?,
            code_blocks: device.multiprocessors() * RESIDENT,
            current: 0,
            started: false,
        })
    }

    /// Enqueues a frame: kernels, then the copies home of as much as is expected. The first frame is a key point
    /// in any case; the caller must write it as one.
    ///
    /// # Errors
    /// When sizes differ, or the driver refuses.
    ///
    /// # Safety
    /// Nothing may write `frame` until the stream has run this, and nothing may be done with `out` but
    /// [`Output::wait`].
    pub unsafe fn enqueue(
        &mut self,
        stream: &Stream,
        frame: &DeviceComposite,
        key: bool,
        out: &mut Output,
    ) -> Result<(), Error> {
        for size in [frame.planes()[0].size, out.size()] {
            if size != self.size {
                let (what, got) = ("a frame to encode", size.area() as u64);
                return Err(Error::Layout { what, got, expected: "of the encoder's size" });
            }
        }
        let key = key || !self.started;
        self.started = true;
        if key {
            for half in &self.streams {
                for (buffer, value) in
                    [(&half.pictures[self.current], 0x8080_8080), (&half.motions[self.current], 0)]
                {
                    let groups = buffer.len_bytes() as u64 / 16;
                    let args = ResetArgs { to: buffer.address(), groups, value, unused: 0 };
                    // SAFETY: `ResetArgs` mirrors the kernel's struct, and the buffer is ours and as long as told.
                    unsafe { self.reset.launch(stream, [self.code_blocks, 1, 1], THREADS, &args) }?;
                }
            }
        }
        self.queue.clear_range(stream, 0, 16)?;
        for half in &mut out.halves {
            half.index.clear_range(stream, 0, COUNTS * 4)?;
        }
        let args = self.args(frame, key, out);
        let cells = Coded::cells(self.size).area() as u32;
        // SAFETY: `Args` mirrors the kernels' struct; sizes were checked, the frame is the caller's to keep and
        // all else ours or the output's, sized for these cells.
        unsafe { self.plan.launch(stream, [cells.div_ceil(THREADS), 1, 1], THREADS, &args) }?;
        // SAFETY: as above.
        unsafe { self.search.launch(stream, [self.code_blocks, 1, 1], THREADS, &args) }?;
        // SAFETY: as above.
        unsafe { self.code.launch(stream, [self.code_blocks, 1, 1], THREADS, &args) }?;
        // SAFETY: as above; six planes in both streams.
        unsafe { self.border.launch(stream, [BORDER_BLOCKS, 6, 1], THREADS, &args) }?;
        self.current = 1 - self.current;
        Ok(out.enqueue(stream)?)
    }

    fn args(&self, frame: &DeviceComposite, key: bool, out: &Output) -> Args {
        let planes = frame.planes();
        let address = |plane: usize| frame.buffer().address() + planes[plane].offset as u64;
        let (before, after) = (self.current, 1 - self.current);
        let stream = |stream: usize| {
            let (half, out) = (&self.streams[stream], &out.halves[stream]);
            // Y, U and V, or alpha.
            let sources = if stream == 0 { [0, 1, 2] } else { [3; 3] };
            StreamArgs {
                tuning: self.tunings.of(key)[stream],
                planes: if stream == 0 { 3 } else { 1 },
                source_pitch: sources.map(|plane| planes[plane].pitch as i32),
                level_capacity: level_capacity(Coded::cells(self.size).area()) as u32,
                source: sources.map(address),
                before: half.layout.args(&half.pictures[before]),
                after: half.layout.args(&half.pictures[after]),
                found: half.found.address(),
                motions_before: half.motions[before].address(),
                motions_after: half.motions[after].address(),
                changed_before: half.changed[before].address(),
                changed_after: half.changed[after].address(),
                counts: out.index.address(),
                index: out.index.address() + (COUNTS * 4) as u64,
                blocks: out.blocks.address(),
                levels: out.levels.address(),
            }
        };
        let [pitch, chroma_pitch, coarse_pitch] = self.streams[0].layout.pitches.map(|pitch| pitch as i32);
        Args {
            streams: [stream(0), stream(1)],
            activity: address(4),
            active_before: self.active.address(),
            items: self.items.address(),
            queue: self.queue.address(),
            scans: self.scans.address(),
            taps: self.taps.address(),
            activity_pitch: planes[4].pitch as i32,
            width: self.size.width as i32,
            height: self.size.height as i32,
            pitch,
            chroma_pitch,
            coarse_pitch,
            key: i32::from(key),
            unused: 0,
        }
    }

    /// Side of a cell in pixels: the frame's activity must be counted in these.
    pub const CELL: usize = CELL;

    /// Downloads what decoders have of a stream (0 colour, 1 matte): plane 0 to 2. For tests.
    #[cfg(test)]
    pub(super) fn picture(&self, stream: &Stream, half: usize, plane: usize) -> crate::frame::Plane<u8> {
        let Half { layout, pictures, .. } = &self.streams[half];
        let mut bytes = vec![0u8; layout.len_bytes];
        pictures[self.current]
            .download_sync(stream, &mut bytes)
            .expect("the buffer is as long as its layout");
        let (origin, pitch) = layout.plane(plane);
        let size = if plane == 0 { self.size } else { self.size.chroma() };
        let mut out = crate::frame::Plane::new(size);
        for row in 0..size.height {
            out.row_mut(row).copy_from_slice(&bytes[origin + row * pitch..][..size.width]);
        }
        out
    }
}
