//! Arguments of `kernels/render_packed.cu`.
#![forbid(unsafe_code)]

use super::job::Source;
use super::opaque::OpaqueLayout;
use crate::render::opaque::blocks;
use crate::render::packed::Packer;

/// `vrp::render::PackedArgs`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Args {
    from: [u64; 5],
    out: [u64; 3],
    drawn: u64,
    mattes: u64,
    places: u64,
    sources: u64,
    seen: u64,
    holders: u64,
    /// Of Y, chroma, alpha, activity.
    from_pitches: [i32; 4],
    /// Of luma, chroma, the blocks, the mattes and what is seen.
    out_pitches: [i32; 5],
    eye_x: [i32; 2],
    eye_y: [i32; 2],
    eye_size: [i32; 2],
    side: i32,
    black: i32,
    span: i32,
    reach: i32,
    reserved: i32,
}
const _: () = assert!(size_of::<Args>() == 192);

/// Threads of a block of each kernel.
pub(super) const THREADS: u32 = 256;

/// Cells that a block of the picture's kernel owns: as there.
const OWN_CELLS: [usize; 2] = [32, 8];

/// Bytes between rows of the mattes at full size.
fn mattes_pitch(packer: &Packer) -> usize {
    (2 * packer.geometry().side).next_multiple_of(64)
}

/// What is written on the way to a packed frame: mattes of both eyes at full size, a byte for each block.
pub(super) fn scratch_bytes(packer: &Packer) -> [usize; 2] {
    [mattes_pitch(packer) * packer.geometry().side, blocks(packer.geometry().frame_out()).area()]
}

/// Blocks of the three launches, the last of which has `holders`.
pub(super) fn grids(packer: &Packer, holders: usize) -> [[u32; 3]; 3] {
    let frame = packer.geometry().frame_out();
    let (cells, plan) = (frame.chroma(), blocks(frame).area().div_ceil(THREADS as usize));
    let picture = [cells.width.div_ceil(OWN_CELLS[0]), cells.height.div_ceil(OWN_CELLS[1]), 1];
    [[plan, 1, 1], picture, [holders, 1, 1]].map(|grid| grid.map(|blocks| blocks as u32))
}

/// What lies where on the device.
pub(super) struct Addresses {
    pub(super) places: u64,
    pub(super) sources: u64,
    pub(super) holders: u64,
    pub(super) mattes: u64,
    pub(super) seen: u64,
}

/// The arguments of all launches.
pub(super) fn args(
    packer: &Packer,
    from: &Source,
    tables: &Addresses,
    (start, layout): (u64, &OpaqueLayout),
) -> Args {
    let ([y, u, v], drawn) = (layout.colour(), layout.drawn());
    let geometry = packer.geometry();
    let [clear, opaque] = packer.grey().ends().map(i32::from);
    let (eyes, size) = (geometry.eyes, geometry.eyes[0].size);
    let [pitch_y, pitch_chroma, pitch_drawn] = [y, u, drawn].map(|plane| plane.pitch as i32);
    Args {
        from: from.addresses(),
        out: [y, u, v].map(|plane| start + plane.offset as u64),
        drawn: start + drawn.offset as u64,
        mattes: tables.mattes,
        places: tables.places,
        sources: tables.sources,
        seen: tables.seen,
        holders: tables.holders,
        from_pitches: from.pitches(),
        out_pitches: [
            pitch_y,
            pitch_chroma,
            pitch_drawn,
            mattes_pitch(packer) as i32,
            drawn.size.width as i32,
        ],
        eye_x: eyes.map(|eye| eye.x as i32),
        eye_y: eyes.map(|eye| eye.y as i32),
        eye_size: [size.width as i32, size.height as i32],
        side: geometry.side as i32,
        black: clear,
        span: opaque - clear,
        reach: packer.reach() as i32,
        reserved: 0,
    }
}
