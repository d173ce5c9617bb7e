//! A block as the picture before has it elsewhere: the specification's block inter prediction.
//!
//! VP9 specification, section 8.5.2.4: 8 taps across, rounded to 8 bits, then 8 taps down. Samples beyond
//! the true edges of the picture are those at the edge.
#![forbid(unsafe_code)]

use super::super::coded::Motion;
use crate::frame::Plane;

/// Taps of the regular filter by sixteenths of a sample (VP9 specification, `subpel_filters[0]`).
#[rustfmt::skip]
pub const TAPS: [[i16; 8]; 16] = [
    [0, 0, 0, 128, 0, 0, 0, 0],        [0, 1, -5, 126, 8, -3, 1, 0],
    [-1, 3, -10, 122, 18, -6, 2, 0],   [-1, 4, -13, 118, 27, -9, 3, -1],
    [-1, 4, -16, 112, 37, -11, 4, -1], [-1, 5, -18, 105, 48, -14, 4, -1],
    [-1, 5, -19, 97, 58, -16, 5, -1],  [-1, 6, -19, 88, 68, -18, 5, -1],
    [-1, 6, -19, 78, 78, -19, 6, -1],  [-1, 5, -18, 68, 88, -19, 6, -1],
    [-1, 5, -16, 58, 97, -19, 5, -1],  [-1, 4, -14, 48, 105, -18, 5, -1],
    [-1, 4, -11, 37, 112, -16, 4, -1], [-1, 3, -9, 27, 118, -13, 4, -1],
    [0, 2, -6, 18, 122, -10, 3, -1],   [0, 1, -3, 8, 126, -5, 1, 0],
];

/// Writes `side` x `side` samples to `out`, rows `pitch` apart: the block of `plane` that begins at (`left`,
/// `top`), moved by `motion`. A unit of `motion` is 1/8 sample of luma, 1/16 of `chroma`.
pub fn predict(
    plane: &Plane<u8>,
    chroma: bool,
    (left, top): (usize, usize),
    motion: Motion,
    side: usize,
    out: &mut [u8],
    pitch: usize,
) {
    let sixteenths = |motion: i16| i32::from(motion) << u32::from(!chroma);
    let [down, across] = [motion.row, motion.column].map(sixteenths);
    let (x, y) = (left as i32 + (across >> 4), top as i32 + (down >> 4));
    let (last_x, last_y) = (plane.size.width as i32 - 1, plane.size.height as i32 - 1);
    let (taps_across, taps_down) = (&TAPS[(across & 15) as usize], &TAPS[(down & 15) as usize]);

    if (across | down) & 15 == 0 {
        // The taps would change nothing.
        for row in 0..side {
            let line = plane.row((y + row as i32).clamp(0, last_y) as usize);
            for column in 0..side {
                out[row * pitch + column] = line[(x + column as i32).clamp(0, last_x) as usize];
            }
        }
        return;
    }
    // Rows from 3 above to 4 below.
    let mut middle = [0u8; 23 * 16];
    for row in 0..side + 7 {
        let line = plane.row((y + row as i32 - 3).clamp(0, last_y) as usize);
        let mut near = [0u8; 23];
        for (i, near) in near[..side + 7].iter_mut().enumerate() {
            *near = line[(x + i as i32 - 3).clamp(0, last_x) as usize];
        }
        for column in 0..side {
            middle[row * 16 + column] = filter(taps_across, |tap| near[column + tap]);
        }
    }
    for row in 0..side {
        for column in 0..side {
            out[row * pitch + column] = filter(taps_down, |tap| middle[(row + tap) * 16 + column]);
        }
    }
}

fn filter(taps: &[i16; 8], sample: impl Fn(usize) -> u8) -> u8 {
    let sum: i32 = taps.iter().enumerate().map(|(i, &tap)| i32::from(tap) * i32::from(sample(i))).sum();
    ((sum + 64) >> 7).clamp(0, 255) as u8
}
