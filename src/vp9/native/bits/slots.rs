//! Where each probability of the subset lies in one flat array, and the defaults.
//!
//! A symbol is a walk down a tree whose nodes are neighbouring slots. Counting a symbol and writing it
//! differ only in what happens at a slot, so both share all code down to here.
#![forbid(unsafe_code)]

use crate::vp9::native::tables::{coefficients, modes};

/// Transform sizes with probabilities of their own here: 4x4, 8x8, 16x16.
pub(super) const TRANSFORMS: usize = 3;
/// Coefficient tokens: `((((transform * 2 + chroma) * 6 + band) * 6 + context) * 3) + node`.
pub(super) const COEFFICIENT: usize = 0;
/// Slots of one plane kind of one transform size.
pub(super) const COEFFICIENT_PLANE: usize = 6 * 6 * 3;
/// Skipped blocks, by context.
pub(super) const SKIP: usize = COEFFICIENT + TRANSFORMS * 2 * COEFFICIENT_PLANE;
/// Inter modes: `context * 3 + node`.
pub(super) const INTER_MODE: usize = SKIP + 3;
/// Inter blocks, by context.
pub(super) const IS_INTER: usize = INTER_MODE + 21;
/// References: `context * 2 + node`.
pub(super) const SINGLE_REFERENCE: usize = IS_INTER + 4;
/// Partitions: `(size * 4 + neighbours) * 3 + node`.
pub(super) const PARTITION: usize = SINGLE_REFERENCE + 10;
/// Which components of a motion vector are not zero, then [`COMPONENT`] and [`FRACTION`] of rows and
/// columns: the order in which the compressed header has them.
pub(super) const MOTION_JOINT: usize = PARTITION + 48;
/// Sign, class (10), bit of class 0, bits of the other classes (10), of rows and then of columns.
pub(super) const COMPONENT: [usize; 2] = [MOTION_JOINT + 3, MOTION_JOINT + 3 + 22];
/// Quarter pixels: 3 nodes for each bit of class 0, 3 for the other classes.
pub(super) const FRACTION: [usize; 2] = [MOTION_JOINT + 47, MOTION_JOINT + 47 + 9];
/// All of them.
pub(super) const SLOTS: usize = MOTION_JOINT + 65;

/// A probability for each slot, that its bit is 0, in 256.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Probabilities(pub(super) [u8; SLOTS]);

impl Probabilities {
    /// The defaults, from which every frame starts.
    pub(super) fn inter() -> Self {
        let mut all = [128; SLOTS];
        let mut put = |at: usize, values: &[u8]| all[at..at + values.len()].copy_from_slice(values);
        put(COEFFICIENT, &coefficients::COEFFICIENTS);
        put(SKIP, &modes::SKIP);
        put(INTER_MODE, &modes::INTER_MODE);
        put(IS_INTER, &modes::IS_INTER);
        put(SINGLE_REFERENCE, &modes::SINGLE_REFERENCE);
        put(PARTITION, &modes::PARTITION);
        put(MOTION_JOINT, &modes::MOTION_JOINT);
        for part in 0..2 {
            put(COMPONENT[part], &modes::MOTION_COMPONENT[part]);
            put(FRACTION[part], &modes::MOTION_FRACTION);
        }
        Self(all)
    }

    /// The same for key frames, whose partitions have fixed probabilities.
    pub(super) fn key() -> Self {
        let mut all = Self::inter();
        all.0[PARTITION..PARTITION + 48].copy_from_slice(&modes::KEY_PARTITION);
        all
    }
}
