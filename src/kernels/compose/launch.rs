//! The CUDA form of the job with the network's coefficients: `kernels/compose.cu`.
//!
//! Tables of positions are the reference's own, uploaded once; a frame costs one launch. Nothing is
//! allocated and nothing waits on the frame path.

use std::sync::Arc;

use super::factors::Factors;
use super::finish::{Finish, FinishArgs};
use crate::frame::{Rect, Size};
use crate::gpu::{Device, DeviceBuffer, Kernel, Stream};
use crate::kernels::bilinear::enlarge_between;
use crate::kernels::check;
use crate::kernels::colour::{FromRgb, ToRgb};
use crate::kernels::device::{DeviceComposite, DevicePicture, Error, PictureArgs, RectArgs};

#[derive(Clone, Copy)]
#[repr(C)]
struct Args {
    picture: PictureArgs,
    a: u64,
    b: u64,
    taps: u64,
    planes: [u64; 5],
    factors: Factors,
    eyes: [RectArgs; 2],
    pitches: [i32; 4],
    map_w: i32,
    map_h: i32,
    eye_count: i32,
    dither: i32,
    code_bits: u32,
    black: u32,
    map_room: i32,
    reserved: i32,
}
const _: () = assert!(size_of::<Args>() == 264);

#[derive(Clone, Copy)]
#[repr(C)]
struct FinishedArgs {
    plain: Args,
    finish: FinishArgs,
}
const _: () = assert!(size_of::<FinishedArgs>() == 328);

/// Cells that a block owns, a thread to a column: as in the kernel.
const OWN_CELLS: [usize; 2] = [128, 16];

/// Cells around a block that are seen, too.
const REACH: usize = 2;

/// Shared memory of a block without its maps: `SHARED_MAPS` in the kernel.
const SHARED_BYTES: usize = 39616;

/// Bytes of a pixel of the maps.
const MAP_BYTES: usize = 32;

/// Pixels of the maps that a block and its ring see at most; `margin` columns on either side lie outside the eye.
fn map_room(eyes: &[Rect], map: Size, margin: usize) -> usize {
    let span =
        |cells: usize, map: usize, eye: usize| (2 * (cells + 2 * REACH) * map).div_ceil(eye.max(1)) + 2;
    let of = |eye: &Rect| {
        let columns = span(OWN_CELLS[0], map.width - 2 * margin, eye.size.width).min(map.width + 1);
        columns * span(OWN_CELLS[1], map.height, eye.size.height).min(map.height + 1)
    };
    eyes.iter().map(of).max().unwrap_or(0)
}

/// The job for frames of one size and layout, and maps of one size.
pub struct ComposeJob {
    /// For samples of one byte, then of two.
    kernels: [Kernel; 2],
    taps: DeviceBuffer,
    eyes: Vec<Rect>,
    frame: Size,
    map: Size,
    map_room: usize,
    finish: Option<FinishArgs>,
}

impl ComposeJob {
    /// Makes the tables that enlarge maps of size `map` to `eyes` of frames of size `frame`.
    ///
    /// # Errors
    /// When an eye or the maps' size is not sound, or the device fails.
    pub fn new(device: &Arc<Device>, frame: Size, eyes: &[Rect], map: Size) -> Result<Self, Error> {
        Self::finished(device, frame, eyes, (map, 0), &Finish::default())
    }

    /// As [`Self::new`], of maps of which `margin` columns on either side lie outside the eye, with a `finish`.
    ///
    /// # Errors
    /// When an eye, the maps' size or the finish is not sound, or the device fails.
    pub fn finished(
        device: &Arc<Device>,
        frame: Size,
        eyes: &[Rect],
        (map, margin): (Size, usize),
        finish: &Finish,
    ) -> Result<Self, Error> {
        check::eyes(frame, eyes)?;
        let between = map.width.saturating_sub(2 * margin);
        check::shape("maps", &[between.max(1), map.height.max(1)], &[between, map.height])?;
        if !(1..=2).contains(&eyes.len()) {
            return Err(Error::Views { got: eyes.len() });
        }
        let finish = if finish.is_plain() { None } else { Some(FinishArgs::new(finish, eyes)?) };
        let axes =
            eyes.iter().flat_map(|eye| [(between, margin, eye.size.width), (map.height, 0, eye.size.height)]);
        let taps: Vec<_> = axes.flat_map(|(from, margin, to)| enlarge_between(from, margin, to)).collect();
        // Where maps are hardly enlarged there is no room for them: blocks then read them from where they lie, and the
        // result is the same.
        let wanted = map_room(eyes, map, margin);
        let fits = SHARED_BYTES + wanted * MAP_BYTES <= device.shared_bytes_max() as usize;
        let map_room = if fits { wanted } else { 0 };
        let shared = SHARED_BYTES + map_room * MAP_BYTES;
        let family = if finish.is_some() { "vrp_compose_finished" } else { "vrp_compose" };
        let kernel = |form: &str| device.kernel(&format!("{family}_{form}"), shared as u32);
        let kernels = [kernel("u8_u8")?, kernel("u16_u8")?];
        let taps = DeviceBuffer::from_slice(device, &taps)?;
        Ok(Self { kernels, taps, eyes: eyes.to_vec(), frame, map, map_room, finish })
    }

    /// The same on a device whose blocks have no room for the maps.
    #[cfg(test)]
    pub(in crate::kernels) fn without_room(self) -> Self {
        Self { map_room: 0, ..self }
    }

    /// Enqueues the job; `a` and `b` are the addresses of `[eyes, map height, map width, 4]` floats.
    ///
    /// # Errors
    /// When picture or result are not of the job's size or their layout not usable (U and V must be side by side), or
    /// the driver refuses.
    ///
    /// # Safety
    /// The picture's planes and the maps must be device memory of the sizes told, until the stream has run the
    /// job, and nothing may write them meanwhile; nor may anything else use `out` until then.
    pub unsafe fn enqueue(
        &self,
        stream: &Stream,
        picture: &DevicePicture,
        (a, b): (u64, u64),
        out: &mut DeviceComposite,
    ) -> Result<(), Error> {
        let layouts = out.planes();
        for size in [picture.size, layouts[0].size] {
            check::shape("picture", &[self.frame.width, self.frame.height], &[size.width, size.height])?;
        }
        for (what, got) in [("A", a), ("b", b)] {
            if got == 0 || got % 16 != 0 {
                return Err(Error::Layout { what, got, expected: "an address of four floats" });
            }
        }
        if let Some(layout) = layouts.iter().find(|layout| layout.pitch % 2 != 0 || layout.offset % 2 != 0) {
            let got = layout.pitch as u64;
            return Err(Error::Layout { what: "pitch of the result", got, expected: "even" });
        }
        let (matrix, range) = (picture.colour.matrix, picture.colour.range);
        let mut eyes = [RectArgs::default(); 2];
        for (to, &eye) in eyes.iter_mut().zip(&self.eyes) {
            *to = eye.into();
        }
        let described = picture.args()?;
        let from_rgb = FromRgb::new(matrix, range, 8);
        let args = Args {
            picture: described,
            a,
            b,
            taps: self.taps.address(),
            planes: std::array::from_fn(|plane| out.address(plane)),
            factors: Factors::new(&ToRgb::new(matrix, range, picture.depth), &from_rgb, described.shift()),
            eyes,
            pitches: [0, 1, 3, 4].map(|plane: usize| layouts[plane].pitch as i32),
            map_w: self.map.width as i32,
            map_h: self.map.height as i32,
            eye_count: self.eyes.len() as i32,
            dither: i32::from(picture.depth != 8),
            code_bits: 0x1_0001 * (0xffff_u32 << described.shift() & 0xffff),
            black: from_rgb.luma_offset as u32,
            map_room: self.map_room as i32,
            reserved: 0,
        };
        let cells = self.frame.chroma();
        let grid = [cells.width.div_ceil(OWN_CELLS[0]), cells.height.div_ceil(OWN_CELLS[1]), 1];
        let bytes = picture.sample_bytes() as u64;
        let [_, u, v] = picture.planes;
        if picture.chroma_step != 2 || v != u + bytes || u % (2 * bytes) != 0 {
            return Err(Error::Layout {
                what: "U",
                got: u,
                expected: "pairs of U and V, aligned to their size",
            });
        }
        let kernel = &self.kernels[picture.sample_bytes() - 1];
        let (grid, threads) = (grid.map(|n| n as u32), OWN_CELLS[0] as u32);
        Ok(match self.finish {
            // SAFETY: `Args` mirrors the kernel's struct; U and V of a composite have one pitch; tables and
            // result are ours, the rest is the caller's.
            None => unsafe { kernel.launch(stream, grid, threads, &args) },
            Some(finish) => {
                let args = FinishedArgs { plain: args, finish };
                // SAFETY: as above; `new` takes kernels of this struct where there is a finish.
                unsafe { kernel.launch(stream, grid, threads, &args) }
            }
        }?)
    }
}
