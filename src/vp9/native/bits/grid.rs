//! Modes of the units that later blocks of a tile look back at.
//!
//! Around the tile lie units that are not there, so looking needs no check of coordinates.
#![forbid(unsafe_code)]

use crate::vp9::native::Motion;

/// Rows of units that are kept: those of a superblock and three before it are looked at.
const RING: usize = 16;
/// Units between two rows that are not there: blocks look 3 to the left and, those of 64 pixels, from
/// their first unit 6 to the right.
const MARGIN: usize = 8;

/// What a unit leaves for the modes of later blocks.
#[derive(Clone, Copy, Default)]
#[repr(align(8))]
pub(super) struct Mode {
    pub(super) motion: Motion,
    /// 3 for ZEROMV, 1 for NEWMV, 0 for the others.
    pub(super) weight: u8,
    pub(super) skip: bool,
    /// Whether it lies in the tile.
    pub(super) there: bool,
}

/// The modes of a tile's last rows.
pub(super) struct Grid {
    modes: Vec<Mode>,
    width: usize,
}

impl Grid {
    /// For a tile so many units wide.
    pub(super) fn new(width: usize) -> Self {
        Self { modes: vec![Mode::default(); RING * (width + MARGIN) + MARGIN], width }
    }

    pub(super) fn clear(&mut self) {
        self.modes.fill(Mode::default());
    }

    /// Sets the units of a block of `side` units, as far as they are in the tile's columns. Rows below
    /// the frame do no harm: nothing looks at them.
    #[inline(always)]
    pub(super) fn set(&mut self, row: usize, column: usize, side: usize, mode: Mode) {
        let across = side.min(self.width - column);
        for row in row..row + side {
            let begin = self.at(row, column);
            self.modes[begin..begin + across].fill(mode);
        }
    }

    /// The unit so many rows and columns away from one in the tile; columns count from the tile's first.
    /// It must have been set already if it is in the tile.
    #[inline(always)]
    pub(super) fn neighbour(&self, row: usize, column: usize, (down, right): (isize, isize)) -> &Mode {
        &self.modes[self.at(row.wrapping_add_signed(down), column).wrapping_add_signed(right)]
    }

    #[inline(always)]
    fn at(&self, row: usize, column: usize) -> usize {
        row % RING * (self.width + MARGIN) + MARGIN + column
    }
}
