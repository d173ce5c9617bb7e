//! Where symbols go: into counts on the first pass over a tile, into bytes on the second.
#![forbid(unsafe_code)]

use super::boolean::BoolWriter;
use super::slots::{Probabilities, SKIP, SLOTS};
use crate::vp9::native::tables::{coefficients::PARETO, modes::EXTRA};

/// The least level of each token from "5 or 6" on (`cat1` to `cat6`, VP9 specification, section 9.3).
const LEAST: [u32; 6] = [5, 7, 11, 19, 35, 67];

/// Tokens of levels above 1: 2, 3, 4 and six classes with extra bits.
pub(super) const LARGE_TOKENS: usize = 9;

/// Bits of each large token below the node "more than one": pairs of node and bit (token tree of
/// section 9.3, whose lower eight nodes share one model).
pub(super) const LARGE_PATHS: [&[(usize, bool)]; LARGE_TOKENS] = [
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

/// Takes the symbols of a tile.
pub(super) trait Sink {
    /// A bit whose probability may be changed by the header.
    fn bit(&mut self, slot: usize, bit: bool);
    /// A bit with a probability that never changes.
    fn fixed(&mut self, bit: bool, probability: u8);
    /// What follows "more than one" for a level of this magnitude, but the sign; `slot` is that node.
    fn large(&mut self, slot: usize, magnitude: u32);
}

/// How often each slot saw 0 and 1, and each coefficient context each large token.
#[derive(Clone)]
pub(super) struct Counts {
    pub(super) slots: [[u32; 2]; SLOTS],
    /// By slot of "more than one" divided by 3.
    pub(super) large: [[u32; LARGE_TOKENS]; SKIP / 3],
}

impl Counts {
    pub(super) fn new() -> Self {
        Self { slots: [[0; 2]; SLOTS], large: [[0; LARGE_TOKENS]; SKIP / 3] }
    }

    pub(super) fn clear(&mut self) {
        self.slots.fill([0; 2]);
        self.large.fill([0; LARGE_TOKENS]);
    }

    /// Adds the counts of another tile.
    pub(super) fn add(&mut self, other: &Self) {
        let all = |counts: &mut [u32], more: &[u32]| counts.iter_mut().zip(more).for_each(|(n, m)| *n += m);
        all(self.slots.as_flattened_mut(), other.slots.as_flattened());
        all(self.large.as_flattened_mut(), other.large.as_flattened());
    }
}

impl Sink for Counts {
    #[inline(always)]
    fn bit(&mut self, slot: usize, bit: bool) {
        self.slots[slot][usize::from(bit)] += 1;
    }

    #[inline(always)]
    fn fixed(&mut self, _: bool, _: u8) {}

    #[inline(always)]
    fn large(&mut self, slot: usize, magnitude: u32) {
        self.large[slot / 3][large_token(magnitude)] += 1;
    }
}

/// Token of a level above 1, 0 for 2.
#[inline(always)]
fn large_token(magnitude: u32) -> usize {
    match magnitude {
        0..=4 => magnitude.saturating_sub(2) as usize,
        // Classes begin at 3 + 2, 3 + 4, 3 + 8 and so on; the last has no end.
        _ => ((magnitude - 3).ilog2() as usize + 2).min(LARGE_TOKENS - 1),
    }
}

/// The second pass: the arithmetic coder with this frame's probabilities.
pub(super) struct Coder<'a> {
    pub(super) writer: BoolWriter<'a>,
    pub(super) probabilities: &'a Probabilities,
}

impl Sink for Coder<'_> {
    #[inline(always)]
    fn bit(&mut self, slot: usize, bit: bool) {
        self.writer.bit(bit, self.probabilities.0[slot]);
    }

    #[inline(always)]
    fn fixed(&mut self, bit: bool, probability: u8) {
        self.writer.bit(bit, probability);
    }

    #[inline]
    fn large(&mut self, slot: usize, magnitude: u32) {
        let model = &PARETO[usize::from(self.probabilities.0[slot]) - 1];
        let token = large_token(magnitude);
        for &(node, bit) in LARGE_PATHS[token] {
            self.writer.bit(bit, model[node]);
        }
        if let Some(class) = token.checked_sub(3) {
            let extra = EXTRA[class];
            let rest = magnitude - LEAST[class];
            for (&probability, bit) in extra.iter().zip((0..extra.len()).rev()) {
                self.writer.bit(rest >> bit & 1 == 1, probability);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_begin_where_the_specification_says() {
        for (class, least) in LEAST.into_iter().enumerate() {
            assert_eq!(large_token(least), class + 3);
            assert_eq!(large_token(least - 1), class + 2);
        }
        assert_eq!([2, 3, 4, 16450].map(large_token), [0, 1, 2, 8]);
    }
}
