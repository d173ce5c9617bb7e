//! Modes of a block and its motion vector (VP9 specification, section 6.4, `inter_frame_mode_info` to
//! `read_mv`).
//!
//! No motion is always ZEROMV: with the probabilities that a frame sends it costs next to nothing, and
//! the decoder needs no candidates. Any other motion is one of the two candidates if it can be.
#![forbid(unsafe_code)]

use super::candidates::{candidates, mode_context};
use super::frame::Frame;
use super::sink::Sink;
use super::slots::{COMPONENT, FRACTION, INTER_MODE, IS_INTER, MOTION_JOINT, SINGLE_REFERENCE, SKIP};
use super::walk::{Mode, Walk};
use crate::vp9::native::Motion;

/// Path to each class in the tree of motion classes: pairs of node and bit (section 9.3).
const CLASS_PATHS: [&[(usize, bool)]; 11] = [
    &[(0, false)],
    &[(0, true), (1, false)],
    &[(0, true), (1, true), (2, false), (3, false)],
    &[(0, true), (1, true), (2, false), (3, true)],
    &[(0, true), (1, true), (2, true), (4, false), (5, false)],
    &[(0, true), (1, true), (2, true), (4, false), (5, true)],
    &[(0, true), (1, true), (2, true), (4, true), (6, false)],
    &[(0, true), (1, true), (2, true), (4, true), (6, true), (7, false), (8, false)],
    &[(0, true), (1, true), (2, true), (4, true), (6, true), (7, false), (8, true)],
    &[(0, true), (1, true), (2, true), (4, true), (6, true), (7, true), (9, false)],
    &[(0, true), (1, true), (2, true), (4, true), (6, true), (7, true), (9, true)],
];

impl Walk {
    /// The skip flag, whose context is how many of the blocks above and to the left are skipped.
    pub(super) fn skip<S: Sink>(&self, sink: &mut S, row: usize, column: usize, skip: bool) {
        let above = row > 0 && self.mode(row - 1, column).skip;
        let left = column > self.columns.start && self.mode(row, column - 1).skip;
        sink.bit(SKIP + usize::from(above) + usize::from(left), skip);
    }

    /// All that comes before the levels of an inter block, and what it leaves for others.
    #[expect(clippy::too_many_arguments, reason = "a block is its place, its size and its content")]
    pub(super) fn inter_mode<S: Sink>(
        &self,
        frame: &Frame<'_>,
        sink: &mut S,
        row: usize,
        column: usize,
        log2: u32,
        motion: Motion,
        skip: bool,
    ) -> Mode {
        self.skip(sink, row, column, skip);
        // Every neighbour is inter, so the context is the first.
        sink.bit(IS_INTER, true);
        // Every neighbour has the last frame as its only reference.
        let context = if row > 0 || column > self.columns.start { 4 } else { 2 };
        sink.bit(SINGLE_REFERENCE + context * 2, false);
        let slot = INTER_MODE + mode_context(self, frame, row, column, log2) * 3;
        let zero = motion == Motion::default();
        sink.bit(slot, !zero);
        if zero {
            return Mode { motion, weight: 3, skip };
        }
        let [nearest, near] = candidates(self, frame, row, column, log2);
        sink.bit(slot + 1, motion != nearest);
        if motion == nearest {
            return Mode { motion, weight: 0, skip };
        }
        sink.bit(slot + 2, motion != near);
        if motion == near {
            return Mode { motion, weight: 0, skip };
        }
        difference(sink, motion, nearest);
        Mode { motion, weight: 1, skip }
    }
}

/// A motion vector as its difference from the nearest candidate.
fn difference<S: Sink>(sink: &mut S, motion: Motion, nearest: Motion) {
    let row = i32::from(motion.row) - i32::from(nearest.row);
    let column = i32::from(motion.column) - i32::from(nearest.column);
    // Joints: none, columns only, rows only, both; a tree with one node for each but the last.
    let joint = usize::from(row != 0) * 2 + usize::from(column != 0);
    (0..joint).for_each(|node| sink.bit(MOTION_JOINT + node, true));
    if joint < 3 {
        sink.bit(MOTION_JOINT + joint, false);
    }
    for (part, value) in [row, column].into_iter().enumerate().filter(|&(_, value)| value != 0) {
        component(sink, COMPONENT[part], FRACTION[part], value);
    }
}

/// One component, even and not 0. Its eighth is not written without high precision and read as 1, which
/// is what an even magnitude less one has.
fn component<S: Sink>(sink: &mut S, slot: usize, fraction: usize, value: i32) {
    let (sign, class_node, class0, bits) = (slot, slot + 1, slot + 11, slot + 12);
    let rest = value.unsigned_abs() - 1;
    let class = (rest >> 3).checked_ilog2().unwrap_or(0) as usize;
    let offset = if class == 0 { rest } else { rest - (2 << (class + 2)) };
    let (whole, quarter) = (offset >> 3, offset >> 1 & 3);
    sink.bit(sign, value < 0);
    CLASS_PATHS[class].iter().for_each(|&(node, bit)| sink.bit(class_node + node, bit));
    let fraction = if class == 0 {
        sink.bit(class0, whole == 1);
        fraction + whole as usize * 3
    } else {
        (0..class).for_each(|bit| sink.bit(bits + bit, whole >> bit & 1 == 1));
        fraction + 6
    };
    // A tree with one node for each quarter but the last.
    (0..quarter as usize).for_each(|node| sink.bit(fraction + node, true));
    if quarter < 3 {
        sink.bit(fraction + quarter as usize, false);
    }
}
