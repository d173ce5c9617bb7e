//! Which blocks of the source a block of a packed frame comes from, and what can be said of all of them at once.
#![forbid(unsafe_code)]

use super::geometry::Geometry;
use super::table::{ONE, Table};
use crate::frame::{Plane, Size};
use crate::render::opaque::BLOCK;
use crate::vp9::PlaneRef;
use rayon::prelude::*;

/// Blocks of the source that a block of the output comes from: first and last column, first and last row.
pub(super) type Sources = Option<[usize; 4]>;

/// Whether a block of these is visible.
pub(super) fn any(visible: PlaneRef<'_>, [left, right, top, bottom]: [usize; 4]) -> bool {
    (top..=bottom).any(|y| visible.row(y)[left..=right].iter().any(|&seen| seen != 0))
}

/// Whether all of these blocks are opaque.
pub(super) fn all(solid: &Plane<u8>, [left, right, top, bottom]: [usize; 4]) -> bool {
    (top..=bottom).all(|y| solid.row(y)[left..=right].iter().all(|&solid| solid != 0))
}

/// Finds the blocks that are all opaque.
pub(super) fn mark_solid(alpha: PlaneRef<'_>, visible: Option<PlaneRef<'_>>, solid: &mut Plane<u8>) {
    let Size { width, height } = alpha.size;
    solid.data.par_chunks_mut(solid.stride).enumerate().for_each(|(row, solid)| {
        for (column, solid) in solid.iter_mut().enumerate() {
            let x = column * BLOCK..((column + 1) * BLOCK).min(width);
            let mut rows = row * BLOCK..((row + 1) * BLOCK).min(height);
            let may_be = visible.is_none_or(|visible| visible.row(row)[column] != 0);
            // Compared as wholes, 16 bytes at once.
            let opaque = &[255; BLOCK][..x.len()];
            *solid = (may_be && rows.all(|y| &alpha.row(y)[x.clone()] == opaque)).into();
        }
    });
}

/// The blocks of the source that the pixels of a block come from, taps of both planes included.
pub(super) fn sources(geometry: &Geometry, table: &Table, column: usize, row: usize) -> Sources {
    let Size { width, height } = geometry.frame_out();
    let mut found: Option<[usize; 4]> = None;
    for y in row * BLOCK..((row + 1) * BLOCK).min(height) {
        let places = table.row(y);
        for x in column * BLOCK..((column + 1) * BLOCK).min(width) {
            let eye = usize::from(x >= geometry.side);
            let place = places[x - eye * geometry.side];
            if place.run() == 0 {
                continue;
            }
            let rect = geometry.eyes[eye];
            // A sample of chroma reaches two pixels, at either end of a run.
            let wide = place.run() as usize / 2 + 3;
            let (x, y) = ((place.column() / ONE) as usize, (place.row() / ONE) as usize);
            let ends = |at: usize, wide: usize, from: usize, side: usize| {
                [from + at.saturating_sub(wide), from + (at + wide).min(side - 1)].map(|at| at / BLOCK)
            };
            let [left, right] = ends(x, wide, rect.x, rect.size.width);
            let [top, bottom] = ends(y, 3, rect.y, rect.size.height);
            let [l, r, t, b] = found.unwrap_or([left, right, top, bottom]);
            found = Some([l.min(left), r.max(right), t.min(top), b.max(bottom)]);
        }
    }
    found
}
