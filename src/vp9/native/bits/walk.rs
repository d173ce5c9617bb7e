//! The walk over one tile column: superblocks, partitions, and what later blocks look back at.
//!
//! VP9 specification, section 6.4, `decode_tile` to `decode_block`. The walk is the same for the flat key
//! frame, whose partitions split only where the frame's edge makes them.
#![forbid(unsafe_code)]

use super::Error;
use super::frame::{Cell, Frame};
use super::grid::{Grid, Mode};
use super::slots::{KEY_DC, PARTITION};
use super::steps::Steps;
use super::tokens::{self, SHAPE_4X4, SHAPE_8X8, SHAPE_16X16, Sizes};
use crate::vp9::native::Motion;

/// Units (8x8 pixels) along a superblock.
const SUPERBLOCK: usize = 8;

/// What a unit leaves for the blocks below it and to its right.
#[derive(Clone, Copy, Default)]
struct Edge {
    /// Bit p: the transform block of plane p has levels. Transform blocks are never narrower than a
    /// unit, so one bit stands for the specification's contexts of every 4x4 block.
    nonzero: u8,
    /// Bit n: the block was narrower than `16 << n` pixels (8 pixels: 0b1110, 64: 0).
    partition: u8,
}

/// State of a walk over one tile column.
pub(super) struct Walk {
    /// Its units: from the first column up to the end.
    pub(super) columns: std::ops::Range<usize>,
    /// What it has found.
    pub(super) steps: Steps,
    pub(super) grid: Grid,
    above: Vec<Edge>,
    left: [Edge; SUPERBLOCK],
    sizes: Sizes,
}

impl Walk {
    /// A walk over these columns of units.
    pub(super) fn new(columns: std::ops::Range<usize>) -> Self {
        let width = columns.len();
        Self {
            columns,
            steps: Steps::default(),
            grid: Grid::new(width),
            // Blocks at the frame's edge leave something beyond it too.
            above: vec![Edge::default(); width.next_multiple_of(SUPERBLOCK)],
            left: Default::default(),
            sizes: [0; 256],
        }
    }

    /// Finds all steps of the tile.
    ///
    /// # Errors
    /// [`Error::Cell`] for the first cell that could not be written.
    pub(super) fn run(&mut self, frame: &Frame<'_>) -> Result<(), Error> {
        self.steps.clear();
        self.grid.clear();
        self.above.fill(Edge::default());
        for row in (0..frame.rows).step_by(SUPERBLOCK) {
            self.left = Default::default();
            for column in self.columns.clone().step_by(SUPERBLOCK) {
                self.square(frame, row, column, 3)?;
            }
        }
        Ok(())
    }

    /// A square of `8 << log2` pixels, 64 or 32.
    fn square(&mut self, frame: &Frame<'_>, row: usize, column: usize, log2: u32) -> Result<(), Error> {
        if row >= frame.rows || column >= frame.columns {
            return Ok(());
        }
        self.steps.reserve();
        let half = 1 << (log2 - 1);
        let cut = row + half >= frame.rows || column + half >= frame.columns;
        let split = cut || !frame.copies(row, column, log2);
        self.partition(frame, row, column, log2, split);
        if !split {
            self.copy(frame, row, column, log2);
            return Ok(());
        }
        for (down, right) in [(0, 0), (0, half), (half, 0), (half, half)] {
            match log2 {
                3 => self.square(frame, row + down, column + right, 2)?,
                _ => self.cell(frame, row + down, column + right)?,
            }
        }
        Ok(())
    }

    /// A cell of 16x16 pixels.
    fn cell(&mut self, frame: &Frame<'_>, row: usize, column: usize) -> Result<(), Error> {
        if row >= frame.rows || column >= frame.columns {
            return Ok(());
        }
        self.steps.reserve();
        let cut = row + 1 >= frame.rows || column + 1 >= frame.columns;
        let cell = frame.cell(row, column)?;
        let split = cut || matches!(cell, Cell::Quarters(_));
        self.partition(frame, row, column, 1, split);
        if !split {
            match cell {
                Cell::Whole(residual) => {
                    self.coded(frame, (row, column), 1, residual.block.motion[0], residual.levels())?;
                }
                _ => self.copy(frame, row, column, 1),
            }
            return Ok(());
        }
        let (motion, levels) = match &cell {
            Cell::Quarters(residual) => (residual.block.motion, residual.levels::<12>()),
            _ => Default::default(),
        };
        for (quarter, (down, right)) in [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().enumerate() {
            let (row, column) = (row + down, column + right);
            if row < frame.rows && column < frame.columns {
                self.partition(frame, row, column, 0, false);
                match cell {
                    Cell::Quarters(_) => {
                        let levels = [levels[quarter], levels[4 + quarter], levels[8 + quarter]];
                        self.coded(frame, (row, column), 0, motion[quarter], levels)?;
                    }
                    _ => self.copy(frame, row, column, 0),
                }
            }
        }
        Ok(())
    }

    /// Whether a square is split, as far as the frame's edge leaves a choice (section 9.3).
    fn partition(&mut self, frame: &Frame<'_>, row: usize, column: usize, log2: u32, split: bool) {
        let half = (1 << log2) >> 1;
        let above = usize::from(self.above[column - self.columns.start].partition >> log2 & 1);
        let left = usize::from(self.left[row % SUPERBLOCK].partition >> log2 & 1);
        let slot = PARTITION + (log2 as usize * 4 + left * 2 + above) * 3;
        match (row + half < frame.rows, column + half < frame.columns) {
            (true, true) => {
                self.steps.put(slot, split);
                if split {
                    self.steps.put(slot + 1, true);
                    self.steps.put(slot + 2, true);
                }
            }
            (false, true) => self.steps.put(slot + 1, true),
            (true, false) => self.steps.put(slot + 2, true),
            (false, false) => {}
        }
    }

    /// A block that is the picture before, or flat in a key frame.
    fn copy(&mut self, frame: &Frame<'_>, row: usize, column: usize, log2: u32) {
        let mode = if frame.is_key() {
            self.skip(row, column, true);
            KEY_DC.iter().for_each(|&slot| self.steps.put(slot, false));
            Mode { skip: true, there: true, ..Mode::default() }
        } else {
            self.inter_mode(frame, (row, column), log2, Motion::default(), true)
        };
        self.leave(row, column, log2, mode, 0);
    }

    /// A block of `8 << log2` pixels, 16 or 8, with the levels of its three transform blocks.
    #[inline(always)]
    fn coded(
        &mut self,
        frame: &Frame<'_>,
        (row, column): (usize, usize),
        log2: u32,
        motion: Motion,
        levels: [&[i16]; 3],
    ) -> Result<(), Error> {
        let skip = levels.iter().all(|levels| levels.is_empty());
        let mode = self.inter_mode(frame, (row, column), log2, motion, skip);
        let mut nonzero = 0;
        if !skip {
            let (across, down, last) = (column - self.columns.start, row % SUPERBLOCK, (1 << log2) - 1);
            let above = self.above[across].nonzero | self.above[across + last].nonzero;
            let left = self.left[down].nonzero | self.left[down + last].nonzero;
            let shapes = [&SHAPE_4X4, &SHAPE_8X8, &SHAPE_16X16];
            for (plane, levels) in levels.into_iter().enumerate() {
                let chroma = plane > 0;
                let shape = shapes[log2 as usize + usize::from(!chroma)];
                let context = (above >> plane & 1) + (left >> plane & 1);
                tokens::put(&mut self.steps, &mut self.sizes, shape, chroma, context, levels)
                    .map_err(|fault| frame.wrong(row, column, fault))?;
                nonzero |= u8::from(!levels.is_empty()) << plane;
            }
        }
        self.leave(row, column, log2, mode, nonzero);
        Ok(())
    }

    /// Notes a block of `1 << log2` units for those that look back at it.
    #[inline(always)]
    fn leave(&mut self, row: usize, column: usize, log2: u32, mode: Mode, nonzero: u8) {
        let side = 1 << log2;
        let edge = Edge { nonzero, partition: (0b1_1110 << log2) as u8 & 0b1111 };
        let (across, down) = (column - self.columns.start, row % SUPERBLOCK);
        self.above[across..across + side].fill(edge);
        self.left[down..down + side].fill(edge);
        self.grid.set(row, across, side, mode);
    }
}
