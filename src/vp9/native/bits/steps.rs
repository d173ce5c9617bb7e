//! The steps of a tile as its walk finds them: what is counted first and written then.
#![forbid(unsafe_code)]

use super::slots::{Step, step};

/// Most steps that are put down between two calls of [`Steps::reserve`]: those of a cell. It has 384
/// levels of at most 22 bits, 12 ends, and four blocks with some 60 bits of modes and motion.
const MOST: usize = 384 * 22 + 12 + 4 * 60 + SPARE;

/// Steps that may be put down behind the last one, to be overwritten.
const SPARE: usize = 8;

/// A row of steps. Its buffer stays from frame to frame.
#[derive(Default)]
pub(super) struct Steps {
    buffer: Vec<Step>,
    count: usize,
}

impl Steps {
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    pub(super) fn all(&self) -> &[Step] {
        &self.buffer[..self.count]
    }

    /// Makes room for the steps of a cell.
    pub(super) fn reserve(&mut self) {
        if self.buffer.len() - self.count < MOST {
            self.buffer.resize(2 * self.count + MOST, 0);
        }
    }

    #[inline(always)]
    pub(super) fn put(&mut self, slot: usize, bit: bool) {
        self.buffer[self.count] = step(slot, bit);
        self.count += 1;
    }

    /// Puts down what `put` does. In a loop this is quicker than one step at a time, since the place of
    /// the next step never leaves its register.
    #[inline(always)]
    pub(super) fn put_with(&mut self, put: impl FnOnce(Cursor<'_>) -> Cursor<'_>) {
        self.count = put(Cursor { buffer: &mut self.buffer, count: self.count }).count;
    }
}

/// Where the next step comes.
pub(super) struct Cursor<'a> {
    buffer: &'a mut [Step],
    count: usize,
}

impl Cursor<'_> {
    /// Puts a step.
    #[inline(always)]
    pub(super) fn put(&mut self, slot: usize, bit: bool) {
        self.put_if(true, slot, bit);
    }

    /// Puts a step only if told.
    #[inline(always)]
    pub(super) fn put_if(&mut self, told: bool, slot: usize, bit: bool) {
        self.buffer[self.count] = step(slot, bit);
        self.count += usize::from(told);
    }

    /// Puts the first `count` of some steps, without a branch on how many.
    #[inline(always)]
    pub(super) fn put_some(&mut self, some: [Step; SPARE], count: usize) {
        self.buffer[self.count..self.count + SPARE].copy_from_slice(&some);
        self.count += count;
    }
}
