//! What a level puts down in the context that it meets: its token, extra bits and sign.
//!
//! Levels up to 4 and the first bits of all others are looked up, since most levels are small and which
//! of them comes is hard to foresee.
#![forbid(unsafe_code)]

use super::slots::{ABOVE_ONE, EXTRA, MODEL, NOT_ZERO, SIGN, Step, step};
use super::steps::Cursor;

/// From this magnitude on levels look alike to those after them.
pub(super) const LARGE: i16 = 11;

/// The least magnitude of each token that has extra bits (`cat1` to `cat6`, VP9 specification, section
/// 9.3).
const LEAST: [u16; 6] = [5, 7, 11, 19, 35, 67];

/// Extra bits of each.
const EXTRA_BITS: [usize; 6] = [1, 2, 3, 4, 5, 14];

/// Bits of each token above 1, for 2, 3, 4 and six classes with extra bits, below the node "more than
/// one": pairs of node and bit (token tree of section 9.3, whose lower eight nodes share one model).
const PATHS: [&[(usize, bool)]; 9] = [
    &[(0, false), (1, false)],
    &[(0, false), (1, true), (2, false)],
    &[(0, false), (1, true), (2, true)],
    &[(0, true), (3, false), (4, false)],
    &[(0, true), (3, false), (4, true)],
    &[(0, true), (3, true), (5, false), (6, false)],
    &[(0, true), (3, true), (5, false), (6, true)],
    &[(0, true), (3, true), (5, true), (7, false)],
    &[(0, true), (3, true), (5, true), (7, true)],
];

/// The steps of the last six in the context whose first slot is 0, and how many these are.
static LARGE_PATHS: [([Step; 8], usize); 6] = {
    let mut all = [([0; 8], 0); 6];
    let mut class = 0;
    while class < 6 {
        let path = PATHS[class + 3];
        while all[class].1 < path.len() {
            let (node, bit) = path[all[class].1];
            all[class].0[all[class].1] = step(MODEL + node, bit);
            all[class].1 += 1;
        }
        class += 1;
    }
    all
};

/// What is known of a level.
#[derive(Clone, Copy)]
pub(super) struct Level {
    /// Its steps in the context whose first slot is 0: without extra bits and sign if it has the former.
    pub(super) steps: [Step; 8],
    /// How many.
    pub(super) count: u8,
    /// Its size to the contexts of others.
    pub(super) size: u8,
    /// Whether [`put_large`] must go on.
    pub(super) extra: bool,
}

/// Levels from -[`LARGE`] to [`LARGE`]. Larger ones go on as these.
pub(super) static LEVELS: [Level; 2 * LARGE as usize + 1] = {
    let mut all = [level(0); 2 * LARGE as usize + 1];
    let mut at = 0;
    while at < all.len() {
        all[at] = level(at as i16 - LARGE);
        at += 1;
    }
    all
};

const fn level(level: i16) -> Level {
    let magnitude = level.unsigned_abs();
    let mut known = Level { steps: [0; 8], count: 1, size: SIZES[magnitude as usize], extra: magnitude > 4 };
    known.steps[0] = step(NOT_ZERO, magnitude != 0);
    if magnitude == 0 {
        return known;
    }
    known.steps[1] = step(ABOVE_ONE, magnitude > 1);
    let mut count = 2;
    if magnitude > 1 && magnitude < 5 {
        let path = PATHS[magnitude as usize - 2];
        while count - 2 < path.len() {
            known.steps[count] = step(MODEL + path[count - 2].0, path[count - 2].1);
            count += 1;
        }
    }
    if !known.extra {
        known.steps[count] = step(SIGN, level < 0);
        count += 1;
    }
    known.count = count as u8;
    known
}

/// Sizes of magnitudes up to [`LARGE`].
const SIZES: [u8; LARGE as usize + 1] = [0, 1, 2, 3, 3, 4, 4, 4, 4, 4, 4, 5];

/// The rest of a level of 5 or more in the context that begins at `slot`: path, extra bits and sign.
#[inline(always)]
pub(super) fn put_large(steps: &mut Cursor<'_>, slot: usize, level: i16) {
    let magnitude = level.unsigned_abs();
    let class = class(magnitude);
    let (path, count) = LARGE_PATHS[class];
    steps.put_some(path.map(|step| step + 2 * slot as Step), count);
    // The highest of 14 bits first.
    let rest = (magnitude - LEAST[class]) << (14 - EXTRA_BITS[class]);
    let extra = |bit| step(EXTRA[class] + bit, rest >> (13 - bit) & 1 == 1);
    steps.put_some(std::array::from_fn(extra), EXTRA_BITS[class].min(8));
    (8..EXTRA_BITS[class]).for_each(|bit| steps.put(EXTRA[class] + bit, rest >> (13 - bit) & 1 == 1));
    steps.put(slot + SIGN, level < 0);
}

/// Class of a magnitude of 5 or more: they begin at 3 + 2, 3 + 4, 3 + 8 and so on; the last has no end.
fn class(magnitude: u16) -> usize {
    ((magnitude - 3).ilog2() as usize - 1).min(LEAST.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vp9::native::tables::modes;

    #[test]
    fn classes_begin_where_the_specification_says() {
        for (n, least) in LEAST.into_iter().enumerate() {
            assert_eq!(class(least), n);
            assert!(n == 0 || class(least - 1) == n - 1);
        }
        assert_eq!(class(16450), 5);
        assert_eq!(EXTRA_BITS, modes::EXTRA.map(<[u8]>::len));
    }
}
