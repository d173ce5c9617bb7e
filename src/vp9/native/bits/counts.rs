//! How often each bit was written, from which follows what the header says.
#![forbid(unsafe_code)]

use super::slots::{MODEL, SIGN, SLOTS, Step};

/// How often each slot saw 0 and 1: by step.
#[derive(Clone)]
pub(super) struct Counts([u32; 2 * SLOTS]);

impl Counts {
    pub(super) fn new() -> Self {
        Self([0; 2 * SLOTS])
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Counts the steps of a tile.
    pub(super) fn take(&mut self, steps: &[Step]) {
        for &step in steps {
            self.0[usize::from(step) % (2 * SLOTS)] += 1;
        }
    }

    /// Adds the counts of another tile.
    pub(super) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(n, m)| *n += m);
    }

    /// Zeros and ones of a slot.
    pub(super) fn at(&self, slot: usize) -> [u32; 2] {
        [self.0[2 * slot], self.0[2 * slot + 1]]
    }

    /// Those of the model's nodes in the context whose first slot this is.
    pub(super) fn model(&self, context: usize) -> [[u32; 2]; SIGN - MODEL] {
        std::array::from_fn(|node| self.at(context + MODEL + node))
    }
}
