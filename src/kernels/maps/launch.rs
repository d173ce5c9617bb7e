//! The CUDA form of the jobs: `kernels/maps.cu`.
//!
//! All is decided on the device: the host waits for nothing. A job that is not asked for costs nothing; looking for cuts
//! is always asked for. Memory is taken once.

use std::sync::Arc;

use super::MapTouch;
use super::cuts::Limits;
use crate::frame::Size;
use crate::gpu::{Device, DeviceBuffer, Kernel, Stream};
use crate::kernels::device::Error;

/// Threads of a block of each of the jobs.
const THREADS: u32 = 256;
/// Blocks of an eye that look for cuts: a few pixels for each thread, and few enough sums to gather.
const CUT_BLOCKS: usize = 64;
/// Bytes of `vrp::CutsTally`, and where its verdict lies.
const TALLY_BYTES: usize = 280;
/// Eyes that a tally has room for.
const EYES_MAX: usize = 2;

#[derive(Clone, Copy)]
#[repr(C)]
struct CutsArgs {
    small: u64,
    before: u64,
    tally: u64,
    state: [u64; 4],
    state_words: [u64; 4],
    moved: u64,
    replaced: u64,
    other: u64,
    eyes: i32,
    h: i32,
    w: i32,
    margin: i32,
    first: i32,
    reserved: i32,
}
const _: () = assert!(size_of::<CutsArgs>() == 136);

#[derive(Clone, Copy)]
#[repr(C)]
struct SeamArgs {
    a: u64,
    b: u64,
    rows: i32,
    width: i32,
    margin: i32,
    reserved: i32,
}
const _: () = assert!(size_of::<SeamArgs>() == 32);

#[derive(Clone, Copy)]
#[repr(C)]
struct TouchArgs {
    small: u64,
    a: u64,
    b: u64,
    told: u64,
    spread: u64,
    before: u64,
    tally: u64,
    eyes: i32,
    h: i32,
    w: i32,
    radius: i32,
    part: f32,
    direction: i32,
    smooth: f32,
    first: i32,
}
const _: () = assert!(size_of::<TouchArgs>() == 88);

/// What the maps of frames are like.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MapShape {
    /// Views of a frame.
    pub eyes: usize,
    /// Of the maps, margins included.
    pub size: Size,
    /// Columns on either side that lie outside the eye.
    pub margin: usize,
    /// Scale from an eye to the maps.
    pub ratio: f64,
}

/// The jobs with what they remember of the frame before.
pub struct MapsJob {
    shape: MapShape,
    cuts: Kernel,
    seam: Kernel,
    touching: Option<Touching>,
    tally: DeviceBuffer,
    luma: DeviceBuffer,
    /// There is no frame before.
    first: bool,
}

/// What it takes to change maps.
struct Touching {
    touch: MapTouch,
    /// Small matte, rows, finish.
    kernels: [Kernel; 3],
    /// The small matte, what it spreads to along rows, and what became of that of the frame before.
    told: DeviceBuffer,
    spread: DeviceBuffer,
    before: DeviceBuffer,
}

impl MapsJob {
    /// Takes memory for maps of a `shape` that are changed as `touch` says.
    ///
    /// # Errors
    /// When the device has not enough memory, or the shape is too large for the kernels.
    pub fn new(device: &Arc<Device>, shape: MapShape, touch: MapTouch) -> Result<Self, Error> {
        let MapShape { eyes, size, margin, .. } = shape;
        let (pixels, between) = (eyes * size.area(), size.width.saturating_sub(2 * margin));
        // Indices of pixels are 32 bits wide; a place at the seam has one thread, so the two sides must not overlap.
        let sound = (1..=EYES_MAX).contains(&eyes)
            && (1..1 << 29).contains(&pixels)
            && between > 0
            && 2 * margin <= between;
        if !sound {
            let (expected, got) = (vec![2, 2 * margin, size.height], vec![eyes, between, size.height]);
            return Err(crate::kernels::Error::Shape { what: "maps of a frame", expected, got }.into());
        }
        let floats = |count: usize| DeviceBuffer::zeroed(device, count * 4);
        let touching = if touch.changes_maps() {
            let grown = if touch.grow_pixels == 0.0 { 0 } else { pixels };
            Some(Touching {
                touch,
                kernels: [
                    device.kernel("vrp_touch_matte", 0)?,
                    device.kernel("vrp_touch_rows", 0)?,
                    device.kernel("vrp_touch_finish", 0)?,
                ],
                told: floats(grown)?,
                spread: floats(2 * grown)?,
                before: floats(pixels)?,
            })
        } else {
            None
        };
        Ok(Self {
            shape,
            cuts: device.kernel("vrp_cuts", 0)?,
            seam: device.kernel("vrp_seam", 0)?,
            touching,
            tally: DeviceBuffer::zeroed(device, TALLY_BYTES)?,
            luma: floats(eyes * between * size.height)?,
            first: true,
        })
    }

    /// Forgets the frame before.
    pub fn reset(&mut self) {
        self.first = true;
    }

    /// Enqueues what comes ahead of a step: after a cut the `states`, addresses and bytes, are cleared. `small` is the
    /// address of what the network is going to see.
    ///
    /// # Errors
    /// When the driver refuses.
    ///
    /// # Safety
    /// `small` must be `[eyes, 3, height, width]` floats on the device, aligned to floats, and the states device memory
    /// of the sizes told, aligned to four bytes; nothing may write the one or use the others until `stream` has run
    /// this. Both calls go to one stream.
    pub unsafe fn ahead(
        &mut self,
        stream: &Stream,
        small: u64,
        states: [(u64, usize); 4],
    ) -> Result<(), Error> {
        let MapShape { eyes, size, margin, .. } = self.shape;
        let width = size.width - 2 * margin;
        let Limits { moved, replaced, other } = Limits::of(width * size.height);
        let args = CutsArgs {
            small,
            before: self.luma.address(),
            tally: self.tally.address(),
            state: states.map(|(address, _)| address),
            state_words: states.map(|(_, bytes)| bytes as u64 / 4),
            moved,
            replaced,
            other,
            eyes: eyes as i32,
            h: size.height as i32,
            w: width as i32,
            margin: margin as i32,
            first: i32::from(self.first),
            reserved: 0,
        };
        let blocks = (width * size.height).div_ceil(THREADS as usize).min(CUT_BLOCKS);
        // SAFETY: `CutsArgs` mirrors the kernel's struct; tally and luma are ours, of `new`'s sizes, the rest is the
        // caller's.
        unsafe { self.cuts.launch(stream, [blocks as u32, eyes as u32, 1], THREADS, &args) }?;
        Ok(())
    }

    /// Enqueues what comes behind a step, on its maps at `a` and `b`.
    ///
    /// # Errors
    /// When the driver refuses.
    ///
    /// # Safety
    /// As [`Self::ahead`], which has been called for this frame with this `small`; `a` and `b` must be
    /// `[eyes, height, width, 4]` floats on the device, aligned to four of them, that nothing else uses until the
    /// stream has run this.
    pub unsafe fn behind(&mut self, stream: &Stream, small: u64, (a, b): (u64, u64)) -> Result<(), Error> {
        let first = std::mem::take(&mut self.first);
        let MapShape { eyes, size, margin, ratio } = self.shape;
        if margin > 0 {
            let rows = eyes * size.height;
            let (width, reserved) = (size.width as i32, 0);
            let args = SeamArgs { a, b, rows: rows as i32, width, margin: margin as i32, reserved };
            let grid = [blocks(rows * 2 * margin), 2, 1];
            // SAFETY: `SeamArgs` mirrors the kernel's struct; `new` has checked that no place has two threads; the maps
            // are the caller's.
            unsafe { self.seam.launch(stream, grid, THREADS, &args) }?;
        }
        let Some(Touching { touch, kernels: [matte, rows, finish], told, spread, before }) = &self.touching
        else {
            return Ok(());
        };
        let radius = touch.grow_pixels.abs() * ratio as f32;
        let grows = touch.grow_pixels != 0.0;
        let args = TouchArgs {
            small,
            a,
            b,
            told: told.address(),
            spread: spread.address(),
            before: before.address(),
            tally: self.tally.address(),
            eyes: eyes as i32,
            h: size.height as i32,
            w: size.width as i32,
            radius: radius.floor() as i32,
            part: radius.fract(),
            direction: if grows { touch.grow_pixels.signum() as i32 } else { 0 },
            smooth: touch.smooth,
            first: i32::from(first),
        };
        let grid = [blocks(eyes * size.area()), 1, 1];
        for kernel in [matte, rows].into_iter().filter(|_| grows) {
            // SAFETY: `TouchArgs` mirrors the kernels' struct; told and spread are ours, of `new`'s sizes where the
            // matte grows or shrinks, the rest is the caller's.
            unsafe { kernel.launch(stream, grid, THREADS, &args) }?;
        }
        // SAFETY: as above; of told and spread nothing is read where neither is the case.
        unsafe { finish.launch(stream, grid, THREADS, &args) }?;
        Ok(())
    }

    /// The verdict on the newest frame; waits. For tests.
    #[cfg(test)]
    pub(in crate::kernels) fn was_cut(&self, stream: &Stream) -> Result<bool, crate::gpu::Error> {
        let mut words = [0u32; TALLY_BYTES / 4];
        self.tally.download_sync(stream, &mut words)?;
        assert!(words[..TALLY_BYTES / 4 - 1].iter().all(|&word| word == 0), "sums are left: {words:?}");
        Ok(words[TALLY_BYTES / 4 - 1] != 0)
    }
}

/// Blocks for so many threads.
fn blocks(threads: usize) -> u32 {
    threads.div_ceil(THREADS as usize) as u32
}
