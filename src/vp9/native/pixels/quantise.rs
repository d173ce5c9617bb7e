//! Coefficients to levels: a dead zone, then the end of the block where it costs least.
//!
//! Coefficients are measured in sixteenths of their step. After rounding, each position has a gain: how much
//! less squared error its level leaves, less what its bits are worth. The block ends where the gains
//! up to there sum highest, which drops lone small levels far out and blocks not worth their bits.
#![forbid(unsafe_code)]

use super::super::tables::{SCAN_4X4, SCAN_8X8, SCAN_16X16};
use super::transform::inverse_of_dc;
use super::tuning::Tuning;

/// No gain counts for more, so that sums stay small.
const MOST_GAIN: i32 = 8191;
/// Levels from which on the gain is [`MOST_GAIN`] in any case.
const LARGE: i32 = 8;
/// Coefficients beyond this cannot be stored by decoders.
const MOST: i32 = 32767;
/// What a block with levels costs beside them, in quarter bits.
const BLOCK_BITS: i32 = 8;

/// The scan order of a block of `side` samples a side.
pub fn scan(side: usize) -> &'static [u16] {
    match side {
        4 => &SCAN_4X4,
        8 => &SCAN_8X8,
        _ => &SCAN_16X16,
    }
}

/// Quarter bits that a level is taken to cost.
pub fn bits(level: i32) -> i32 {
    match level {
        0 => 3,
        1 => 13,
        2 => 20,
        level => 14 + 6 * (32 - level.leading_zeros() as i32),
    }
}

fn step(tuning: &Tuning, position: usize) -> i32 {
    if position == 0 { tuning.dc_step } else { tuning.ac_step }
}

/// Quantises the coefficients of a block; writes levels in scan order up to the end that is returned, and
/// turns the coefficients into what decoders will see.
pub fn quantise(tuning: &Tuning, coefficients: &mut [i32], levels: &mut [i16]) -> usize {
    let scan = scan(coefficients.len().isqrt());
    let (mut sum, mut best, mut end) = (0, tuning.bit_worth * BLOCK_BITS, 0);
    for (i, &position) in scan.iter().enumerate() {
        let step = step(tuning, i);
        let coefficient = coefficients[usize::from(position)];
        let size = (coefficient.abs() << 4) / step;
        let level = ((size + tuning.rounding) >> 4).min(MOST / step);
        let gain = if level >= LARGE {
            MOST_GAIN
        } else {
            (32 * size * level - 256 * level * level - tuning.bit_worth * bits(level)).min(MOST_GAIN)
        };
        sum += gain;
        if sum > best && level != 0 {
            (best, end) = (sum, i + 1);
        }
        levels[i] = (level * coefficient.signum()) as i16;
    }
    for (i, &position) in scan.iter().enumerate() {
        let kept = if i < end { i32::from(levels[i]) } else { 0 };
        coefficients[usize::from(position)] = kept * step(tuning, i);
    }
    end
}

/// The level of a DC coefficient that moves all samples of a block by at least `distance`, in its direction.
/// Cut where decoders could not store the coefficient.
pub fn level_to_move(tuning: &Tuning, distance: i32, side: usize) -> i32 {
    // The transform makes 8 * side of a constant 1.
    let size = distance.abs();
    let mut level = (size * 8 * side as i32 + tuning.dc_step - 1) / tuning.dc_step;
    while level * tuning.dc_step <= MOST && inverse_of_dc(-level * tuning.dc_step, side) > -size {
        level += 1;
    }
    while level * tuning.dc_step <= MOST && inverse_of_dc(level * tuning.dc_step, side) < size {
        level += 1;
    }
    level.min(MOST / tuning.dc_step) * distance.signum()
}
