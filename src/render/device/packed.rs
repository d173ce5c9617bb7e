//! Arguments of `kernels/render_packed.cu`.
#![forbid(unsafe_code)]

use super::job::Source;
use super::opaque::OpaqueLayout;
use crate::render::opaque::{BLOCK, blocks};
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
    /// Of Y, chroma, alpha, activity.
    from_pitches: [i32; 4],
    /// Of luma, chroma, the blocks and the mattes.
    out_pitches: [i32; 4],
    eye_x: [i32; 2],
    eye_y: [i32; 2],
    eye_size: [i32; 2],
    side: i32,
    black: i32,
    span: i32,
    reach: i32,
    upper_rows: i32,
    lower_row: i32,
}
const _: () = assert!(size_of::<Args>() == 176);

/// Threads of a block of the picture's kernel and of the mattes'.
pub(super) const THREADS: [u32; 2] = [(BLOCK * BLOCK / 4) as u32, (BLOCK * BLOCK) as u32];

/// Bytes between rows of the mattes at full size.
pub(super) fn mattes_pitch(packer: &Packer) -> usize {
    (2 * packer.geometry().side).next_multiple_of(64)
}

/// Rows of blocks that hold mattes: those from the top, and the first of those to the bottom.
fn rows_of_mattes(packer: &Packer) -> [usize; 2] {
    let (side, reach) = (packer.geometry().side, packer.reach());
    [reach.div_ceil(BLOCK), (side - reach) / BLOCK]
}

/// Blocks of both launches.
pub(super) fn grids(packer: &Packer) -> [[u32; 3]; 2] {
    let all = blocks(packer.geometry().frame_out());
    let [upper, lower] = rows_of_mattes(packer);
    [all.height, upper + all.height - lower].map(|rows| [all.width as u32, rows as u32, 1])
}

/// What lies where on the device.
pub(super) struct Addresses {
    pub(super) places: u64,
    pub(super) sources: u64,
    pub(super) mattes: u64,
}

/// The arguments of both launches.
pub(super) fn args(
    packer: &Packer,
    from: &Source,
    tables: &Addresses,
    (start, layout): (u64, &OpaqueLayout),
) -> Args {
    let ([y, u, v], drawn) = (layout.colour(), layout.drawn());
    let geometry = packer.geometry();
    let [clear, opaque] = packer.grey().ends().map(i32::from);
    let [upper_rows, lower_row] = rows_of_mattes(packer).map(|row| row as i32);
    let (eyes, size) = (geometry.eyes, geometry.eyes[0].size);
    let [pitch_y, pitch_chroma, pitch_drawn] = [y, u, drawn].map(|plane| plane.pitch as i32);
    Args {
        from: from.addresses(),
        out: [y, u, v].map(|plane| start + plane.offset as u64),
        drawn: start + drawn.offset as u64,
        mattes: tables.mattes,
        places: tables.places,
        sources: tables.sources,
        from_pitches: from.pitches(),
        out_pitches: [pitch_y, pitch_chroma, pitch_drawn, mattes_pitch(packer) as i32],
        eye_x: eyes.map(|eye| eye.x as i32),
        eye_y: eyes.map(|eye| eye.y as i32),
        eye_size: [size.width as i32, size.height as i32],
        side: geometry.side as i32,
        black: clear,
        span: opaque - clear,
        reach: packer.reach() as i32,
        upper_rows,
        lower_row,
    }
}
