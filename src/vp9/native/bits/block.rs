//! Modes of a block and its motion vector (VP9 specification, section 6.4, `inter_frame_mode_info` to
//! `read_mv`).
//!
//! No motion is always ZEROMV: with the probabilities that a frame sends it costs next to nothing, and
//! the decoder needs no candidates. Any other motion is one of the two candidates if it can be.
#![forbid(unsafe_code)]

use super::candidates::{candidates, clamp, mode_context};
use super::frame::Frame;
use super::grid::Mode;
use super::slots::{COMPONENT, FRACTION, INTER_MODE, IS_INTER, MOTION_JOINT, SINGLE_REFERENCE, SKIP};
use super::steps::Steps;
use super::walk::Walk;
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
    #[inline(always)]
    pub(super) fn skip(&mut self, row: usize, column: usize, skip: bool) {
        let skipped = |place| usize::from(self.grid.neighbour(row, column - self.columns.start, place).skip);
        let slot = SKIP + skipped((-1, 0)) + skipped((0, -1));
        self.steps.put(slot, skip);
    }

    /// All that comes before the levels of an inter block, and what it leaves for others.
    #[inline(always)]
    pub(super) fn inter_mode(
        &mut self,
        frame: &Frame<'_>,
        (row, column): (usize, usize),
        log2: u32,
        motion: Motion,
        skip: bool,
    ) -> Mode {
        self.skip(row, column, skip);
        // Every neighbour is inter, so the context is the first.
        self.steps.put(IS_INTER, true);
        // Every neighbour has the last frame as its only reference.
        let context = if row > 0 || column > self.columns.start { 4 } else { 2 };
        self.steps.put(SINGLE_REFERENCE + context * 2, false);
        let across = column - self.columns.start;
        let slot = INTER_MODE + mode_context(&self.grid, row, across, log2) * 3;
        let zero = motion == Motion::default();
        self.steps.put(slot, !zero);
        let left = |weight| Mode { motion, weight, skip, there: true };
        if zero {
            return left(3);
        }
        let found = candidates(&self.grid, row, across, log2);
        let size = (frame.rows, frame.columns);
        let [nearest, near] = found.map(|found| clamp(found, (row, column), size, log2));
        self.steps.put(slot + 1, motion != nearest);
        if motion == nearest {
            return left(0);
        }
        self.steps.put(slot + 2, motion != near);
        if motion == near {
            return left(0);
        }
        difference(&mut self.steps, motion, nearest);
        left(1)
    }
}

/// A motion vector as its difference from the nearest candidate.
fn difference(steps: &mut Steps, motion: Motion, nearest: Motion) {
    let row = i32::from(motion.row) - i32::from(nearest.row);
    let column = i32::from(motion.column) - i32::from(nearest.column);
    // Joints: none, columns only, rows only, both; a tree with one node for each but the last.
    let joint = usize::from(row != 0) * 2 + usize::from(column != 0);
    (0..joint).for_each(|node| steps.put(MOTION_JOINT + node, true));
    if joint < 3 {
        steps.put(MOTION_JOINT + joint, false);
    }
    for (part, value) in [row, column].into_iter().enumerate().filter(|&(_, value)| value != 0) {
        component(steps, COMPONENT[part], FRACTION[part], value);
    }
}

/// One component, even and not 0. Its eighth is not written without high precision and read as 1, which
/// is what an even magnitude less one has.
fn component(steps: &mut Steps, slot: usize, fraction: usize, value: i32) {
    let (sign, class_node, class0, bits) = (slot, slot + 1, slot + 11, slot + 12);
    let rest = value.unsigned_abs() - 1;
    let class = (rest >> 3).checked_ilog2().unwrap_or(0) as usize;
    let offset = if class == 0 { rest } else { rest - (2 << (class + 2)) };
    let (whole, quarter) = (offset >> 3, offset >> 1 & 3);
    steps.put(sign, value < 0);
    CLASS_PATHS[class].iter().for_each(|&(node, bit)| steps.put(class_node + node, bit));
    let fraction = if class == 0 {
        steps.put(class0, whole == 1);
        fraction + whole as usize * 3
    } else {
        (0..class).for_each(|bit| steps.put(bits + bit, whole >> bit & 1 == 1));
        fraction + 6
    };
    // A tree with one node for each quarter but the last.
    (0..quarter as usize).for_each(|node| steps.put(fraction + node, true));
    if quarter < 3 {
        steps.put(fraction + quarter as usize, false);
    }
}
