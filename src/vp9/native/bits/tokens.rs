//! The levels of one transform block as tokens (VP9 specification, sections 6.4, `residual` and `tokens`,
//! and 9.3).
//!
//! A level's context is the mean size of its neighbours above and to the left in the block, those that
//! come earlier in the scan. The first level's context comes from the blocks around.
#![forbid(unsafe_code)]

use super::frame::{Fault, MAX_LEVEL};
use super::levels::{LARGE, LEVELS, put_large};
use super::slots::{BAND, COEFFICIENT, COEFFICIENT_PLANE, CONTEXT, MORE, Step};
use super::steps::Steps;
use crate::vp9::native::tables::{SCAN_4X4, SCAN_8X8, SCAN_16X16};

/// Sizes of levels seen, by position in the block. Neighbours always come earlier in the scan, so it
/// needs no clearing; the first level's stands for the blocks around until it is known.
pub(super) type Sizes = [u8; 256];

/// A transform size.
pub(super) struct Shape {
    /// 0 for 4x4, 1 for 8x8, 2 for 16x16.
    transform: usize,
    places: &'static [Place],
}

/// A step of a scan.
#[derive(Clone, Copy)]
struct Place {
    position: u8,
    /// Positions of the two neighbours; at the block's edge twice the one there is.
    neighbours: [u8; 2],
    /// First slot of its band.
    band: u16,
}

/// Band of a step in 4x4 blocks and, up to step 20, in larger ones, then 5 (section 9.3).
const BANDS_4X4: [u16; 16] = [0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5, 5, 5];
const BANDS: [u16; 21] = [0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4];

static PLACES_4X4: [Place; 16] = places(&SCAN_4X4, 4);
static PLACES_8X8: [Place; 64] = places(&SCAN_8X8, 8);
static PLACES_16X16: [Place; 256] = places(&SCAN_16X16, 16);

/// 4x4 blocks: chroma of 8x8 pixels.
pub(super) static SHAPE_4X4: Shape = Shape { transform: 0, places: &PLACES_4X4 };
/// 8x8 blocks: luma of 8x8 pixels, chroma of 16x16.
pub(super) static SHAPE_8X8: Shape = Shape { transform: 1, places: &PLACES_8X8 };
/// 16x16 blocks: luma.
pub(super) static SHAPE_16X16: Shape = Shape { transform: 2, places: &PLACES_16X16 };

const fn places<const N: usize>(scan: &[u16; N], side: u16) -> [Place; N] {
    let mut places = [Place { position: 0, neighbours: [0; 2], band: 0 }; N];
    let mut at = 0;
    while at < N {
        let position = scan[at];
        let above = if position >= side { position - side } else { position.saturating_sub(1) };
        let left = if position & (side - 1) != 0 { position - 1 } else { above };
        let band = if side == 4 {
            BANDS_4X4[at]
        } else if at < BANDS.len() {
            BANDS[at]
        } else {
            5
        };
        places[at] = Place {
            position: position as u8,
            neighbours: [above as u8, left as u8],
            band: band * BAND as u16,
        };
        at += 1;
    }
    places
}

/// Puts a transform block; `context` is how many of the blocks above and to the left have levels.
///
/// # Errors
/// For levels that no block can have.
#[inline(always)]
pub(super) fn put(
    steps: &mut Steps,
    sizes: &mut Sizes,
    shape: &Shape,
    chroma: bool,
    context: u8,
    levels: &[i16],
) -> Result<(), Fault> {
    let base = COEFFICIENT + (shape.transform * 2 + usize::from(chroma)) * COEFFICIENT_PLANE;
    if levels.is_empty() {
        steps.put(base + usize::from(context) * CONTEXT + MORE, false);
        return Ok(());
    }
    // The first level is its own neighbour.
    sizes[0] = context;
    put_levels(steps, sizes, shape.places, base, levels)
}

/// The levels of a block whose slots begin at `base`, and its end.
fn put_levels(
    steps: &mut Steps,
    sizes: &mut Sizes,
    places: &[Place],
    base: usize,
    levels: &[i16],
) -> Result<(), Fault> {
    let slot_of = |sizes: &Sizes, place: &Place| {
        let [above, left] = place.neighbours.map(|at| usize::from(sizes[usize::from(at)]));
        base + usize::from(place.band) + ((1 + above + left) >> 1) * CONTEXT
    };
    // After a zero comes something more for sure, and it is not said.
    let mut after_zero = false;
    let mut largest = 0;
    steps.put_with(|mut steps| {
        for (&level, place) in levels.iter().zip(places) {
            let slot = slot_of(sizes, place);
            steps.put_if(!after_zero, slot + MORE, true);
            after_zero = level == 0;
            let known = &LEVELS[(level.clamp(-LARGE, LARGE) + LARGE) as usize];
            sizes[usize::from(place.position)] = known.size;
            let first = 2 * slot as Step;
            steps.put_some(known.steps.map(|step| step + first), known.count.into());
            if known.extra {
                largest = level.unsigned_abs().max(largest);
                put_large(&mut steps, slot, level);
            }
        }
        if let Some(place) = places.get(levels.len()) {
            steps.put(slot_of(sizes, place) + MORE, false);
        }
        steps
    });
    if largest > MAX_LEVEL as u16 {
        return Err(("the magnitude of a level", largest.into(), "at most 16450"));
    }
    if after_zero {
        return Err(("the last level of a transform block", 0, "anything else"));
    }
    Ok(())
}
