//! Where each probability lies in one flat array, the defaults, and what stands for a bit of a stream.
//!
//! A symbol of the bitstream is a walk down a tree whose nodes are neighbouring slots, so a tile is a row
//! of steps: a slot and a bit each. Bits whose probability never changes have slots as well, and so have
//! the nodes below "more than one", whose probabilities follow from that node's.
#![forbid(unsafe_code)]

use crate::vp9::native::tables::{coefficients, modes};

/// Transform sizes with probabilities of their own here: 4x4, 8x8, 16x16.
pub(super) const TRANSFORMS: usize = 3;
/// Slots of a coefficient's context: three nodes that headers may change ([`MORE`], [`NOT_ZERO`],
/// [`ABOVE_ONE`]), eight of the model of larger levels, and the sign.
pub(super) const CONTEXT: usize = 12;
/// Slots of a band: six contexts.
pub(super) const BAND: usize = 6 * CONTEXT;
/// Slots of one plane kind of one transform size: six bands.
pub(super) const COEFFICIENT_PLANE: usize = 6 * BAND;
/// Coefficient tokens: `(transform * 2 + chroma) * COEFFICIENT_PLANE + band * BAND + context * CONTEXT +
/// node`.
pub(super) const COEFFICIENT: usize = 0;
/// Node of a context: whether anything but zeros comes.
pub(super) const MORE: usize = 0;
/// Node of a context: whether this level is not 0.
pub(super) const NOT_ZERO: usize = 1;
/// Node of a context: whether its magnitude is above 1.
pub(super) const ABOVE_ONE: usize = 2;
/// First node of a context's model.
pub(super) const MODEL: usize = 3;
/// A level's sign.
pub(super) const SIGN: usize = 11;
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
/// End of all that the header can change.
pub(super) const CHANGEABLE: usize = MOTION_JOINT + 65;
/// Fixed: extra bits of the six token classes that have any, 1, 2, 3, 4, 5 and 14 of them.
pub(super) const EXTRA: [usize; 6] =
    [CHANGEABLE, CHANGEABLE + 1, CHANGEABLE + 3, CHANGEABLE + 6, CHANGEABLE + 10, CHANGEABLE + 15];
/// Fixed: the modes of a key frame's blocks, luma and chroma.
pub(super) const KEY_DC: [usize; 2] = [CHANGEABLE + 29, CHANGEABLE + 30];
/// All of them, up to a power of two: then an index needs no check.
pub(super) const SLOTS: usize = 4096;
const _: () = assert!(KEY_DC[1] < SLOTS);

/// A step: the slot and above it the bit, as `2 * slot + bit`.
pub(super) type Step = u16;

/// The step that is this bit at this slot.
#[inline(always)]
pub(super) const fn step(slot: usize, bit: bool) -> Step {
    (slot * 2) as Step + bit as Step
}

/// A probability for each slot, that its bit is 0, in 256.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Probabilities(pub(super) [u8; SLOTS]);

impl Probabilities {
    /// The defaults, from which every frame starts.
    pub(super) fn inter() -> Self {
        let mut all = [128; SLOTS];
        let mut put = |at: usize, values: &[u8]| all[at..at + values.len()].copy_from_slice(values);
        for (n, nodes) in coefficients::COEFFICIENTS.chunks_exact(3).enumerate() {
            put(COEFFICIENT + n * CONTEXT, nodes);
        }
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
        EXTRA.iter().zip(modes::EXTRA).for_each(|(&slot, extra)| put(slot, extra));
        put(KEY_DC[0], &[modes::KEY_LUMA_DC, modes::KEY_CHROMA_DC]);
        Self(all)
    }

    /// The same for key frames, whose partitions have fixed probabilities.
    pub(super) fn key() -> Self {
        let mut all = Self::inter();
        all.0[PARTITION..PARTITION + 48].copy_from_slice(&modes::KEY_PARTITION);
        all
    }

    /// Sets the models of larger levels by the nodes "more than one", once all of these are known.
    pub(super) fn follow_models(&mut self) {
        for context in self.0[COEFFICIENT..SKIP].chunks_exact_mut(CONTEXT) {
            let model = coefficients::PARETO[usize::from(context[ABOVE_ONE]) - 1];
            context[MODEL..SIGN].copy_from_slice(&model);
        }
    }
}
