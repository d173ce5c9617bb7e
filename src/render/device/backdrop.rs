//! Arguments of `kernels/render_backdrop.cu`: backdrops and mattes.
#![forbid(unsafe_code)]

use super::job::Source;
use super::opaque::OpaqueLayout;
use crate::frame::{Plane, Size, Yuv420};
use crate::kernels::device::PlaneLayout;
use crate::render::Grey;

/// `vrp::render::BackdropArgs`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Args {
    from: [u64; 5],
    back: [u64; 3],
    out: [u64; 3],
    drawn: u64,
    /// Of Y, chroma, alpha, activity.
    from_pitches: [i32; 4],
    /// Of luma and chroma.
    back_pitches: [i32; 2],
    /// Of luma, chroma and the blocks.
    out_pitches: [i32; 3],
    size: [i32; 2],
    /// Codes of a matte: the least, and how many beyond it.
    grey: [i32; 2],
    reserved: i32,
}
const _: () = assert!(size_of::<Args>() == 152);

/// Cells that a block owns: as in the kernel.
const OWN_CELLS: [usize; 2] = [32, 8];

/// Blocks of a launch over frames of `size`.
pub(super) fn grid(size: Size) -> [u32; 3] {
    let cells = size.chroma();
    [cells.width.div_ceil(OWN_CELLS[0]) as u32, cells.height.div_ceil(OWN_CELLS[1]) as u32, 1]
}

/// Threads of a block.
pub(super) const THREADS: u32 = (OWN_CELLS[0] * OWN_CELLS[1]) as u32;

/// The planes of a backdrop as they are uploaded, and where they lie: rows at even addresses, pitch 0 where one stands
/// for all.
pub(super) fn flattened(planes: &Yuv420<u8>) -> (Vec<u8>, [PlaneLayout; 3]) {
    let mut bytes = Vec::new();
    let mut append = |plane: &Plane<u8>| {
        let (offset, width) = (bytes.len(), plane.size.width.next_multiple_of(2));
        let is_one_row = plane.stride == 0;
        for y in 0..if is_one_row { 1 } else { plane.size.height } {
            let end = bytes.len() + width;
            bytes.extend_from_slice(plane.row(y));
            bytes.resize(end, 0);
        }
        PlaneLayout { offset, pitch: if is_one_row { 0 } else { width }, size: plane.size }
    };
    let layouts = [append(&planes.y), append(&planes.u), append(&planes.v)];
    (bytes, layouts)
}

/// For a backdrop that lies as `back` says from address `.0` on.
pub(super) fn before(from: &Source, back: (u64, &[PlaneLayout; 3]), out: (u64, &OpaqueLayout)) -> Args {
    let (start, layouts) = back;
    let back_pitches = [layouts[0], layouts[1]].map(|plane| plane.pitch as i32);
    Args { back: layouts.map(|plane| start + plane.offset as u64), back_pitches, ..plain(from, out) }
}

/// For a matte.
pub(super) fn grey(from: &Source, codes: &Grey, out: (u64, &OpaqueLayout)) -> Args {
    let [clear, opaque] = codes.ends().map(i32::from);
    Args { grey: [clear, opaque - clear], ..plain(from, out) }
}

fn plain(from: &Source, (start, layout): (u64, &OpaqueLayout)) -> Args {
    let ([y, u, v], drawn) = (layout.colour(), layout.drawn());
    Args {
        from: from.addresses(),
        back: [0; 3],
        out: [y, u, v].map(|plane| start + plane.offset as u64),
        drawn: start + drawn.offset as u64,
        from_pitches: from.pitches(),
        back_pitches: [0; 2],
        out_pitches: [y, u, drawn].map(|plane| plane.pitch as i32),
        size: [y.size.width as i32, y.size.height as i32],
        grey: [0; 2],
        reserved: 0,
    }
}
