//! The cells of a frame as the walk over it asks for them. What a device wrote is checked here.
#![forbid(unsafe_code)]

use super::Error;
use crate::frame::Size;
use crate::vp9::native::{Block, Coded, Motion};

/// What is wrong with a cell, the value found, and what it may be.
pub(super) type Fault = (&'static str, i64, &'static str);

/// Largest magnitude of a level: what the last token's 14 extra bits reach (VP9 specification, section
/// 9.3, `cat6`). That a level times its quantiser step stays within 16 bits is up to its maker.
pub const MAX_LEVEL: i16 = 67 + (1 << 14) - 1;

/// Largest component of a motion in 1/8 pixels. The difference of two still has a class of its own.
pub const MAX_MOTION: i16 = (1 << 13) - 2;

/// Most levels of a transform block, in the order of `Block::ends`.
const WHOLE_ENDS: [u16; 12] = [256, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const QUARTER_ENDS: [u16; 12] = [64, 64, 64, 64, 16, 16, 16, 16, 16, 16, 16, 16];

/// A frame in units of 8x8 pixels, the specification's mode info units.
pub(super) struct Frame<'a> {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// `None`: the flat key frame.
    coded: Option<&'a Coded<'a>>,
    cells_across: usize,
}

/// One cell.
pub(super) enum Cell<'a> {
    Copy,
    Whole(Residual<'a>),
    Quarters(Residual<'a>),
}

/// A cell's block, checked, with its levels, which are not: that is done where each is looked at anyway.
#[derive(Clone, Copy)]
pub(super) struct Residual<'a> {
    pub(super) block: &'a Block,
    levels: &'a [i16],
}

impl<'a> Residual<'a> {
    /// Levels of the first transform blocks in the order of `Block::ends`.
    #[inline(always)]
    pub(super) fn levels<const N: usize>(&self) -> [&'a [i16]; N] {
        let mut rest = self.levels;
        std::array::from_fn(|place| {
            let levels;
            (levels, rest) = rest.split_at(self.block.ends[place].into());
            levels
        })
    }
}

impl<'a> Frame<'a> {
    /// The flat key frame of this size.
    pub(super) fn key(size: Size) -> Self {
        let cells_across = Coded::cells(size).width;
        Self { rows: size.height.div_ceil(8), columns: size.width.div_ceil(8), coded: None, cells_across }
    }

    /// A frame that was coded; its index must have the right length.
    ///
    /// # Errors
    /// [`Error::Cells`].
    pub(super) fn inter(coded: &'a Coded<'a>) -> Result<Self, Error> {
        let (expected, got) = (Coded::cells(coded.size).area(), coded.index.len());
        if expected != got {
            return Err(Error::Cells { expected, got });
        }
        Ok(Self { coded: Some(coded), ..Self::key(coded.size) })
    }

    /// Whether this is the flat key frame.
    pub(super) fn is_key(&self) -> bool {
        self.coded.is_none()
    }

    /// Whether all cells in the square of `1 << log2` units are copies, log2 2 or 3.
    pub(super) fn copies(&self, row: usize, column: usize, log2: u32) -> bool {
        let Some(coded) = self.coded else { return true };
        let (cells, across) = (1 << (log2 - 1), self.cells_across);
        let (first, end) = (column / 2, (column / 2 + cells).min(across));
        let rows = row / 2..(row / 2 + cells).min(coded.index.len() / across);
        let any = |row: usize| {
            coded.index[row * across + first..row * across + end].iter().fold(0, |any, &n| any | n)
        };
        rows.fold(0, |all, row| all | any(row)) == 0
    }

    /// The error of the cell whose first unit this is.
    #[cold]
    pub(super) fn wrong(&self, row: usize, column: usize, (what, got, allowed): Fault) -> Error {
        Error::Cell { cell: row / 2 * self.cells_across + column / 2, what, got, allowed }
    }

    /// The cell whose first unit this is.
    ///
    /// # Errors
    /// [`Error::Cell`] for whatever could not be written.
    #[inline]
    pub(super) fn cell(&self, row: usize, column: usize) -> Result<Cell<'a>, Error> {
        let Some(coded) = self.coded else { return Ok(Cell::Copy) };
        let cell = row / 2 * self.cells_across + column / 2;
        let number = coded.index[cell];
        if number == 0 {
            return Ok(Cell::Copy);
        }
        let wrong = |what, got, allowed| self.wrong(row, column, (what, got, allowed));
        let block = coded
            .blocks
            .get(number as usize - 1)
            .ok_or_else(|| wrong("the number of its block", number.into(), "at most the number of blocks"))?;
        let complete = row + 1 < self.rows && column + 1 < self.columns;
        let inside = [(0, 0), (0, 1), (1, 0), (1, 1)]
            .map(|(down, right)| row + down < self.rows && column + right < self.columns);
        let most = match block.whole {
            0 if complete => QUARTER_ENDS,
            0 => std::array::from_fn(|place| if inside[place % 4] { QUARTER_ENDS[place] } else { 0 }),
            1 if complete => WHOLE_ENDS,
            1 => return Err(wrong("whole", 1, "0 where the frame ends within the cell")),
            other => return Err(wrong("whole", other.into(), "0 or 1")),
        };
        check_motion(block, &inside)
            .map_err(|(what, got)| wrong(what, got, "even, within 8190, alike in a whole"))?;
        // Without leaving early, here and below: nothing is wrong as a rule, and whole vectors are quicker.
        if block.ends.iter().zip(&most).fold(false, |any, (end, most)| any | (end > most)) {
            let end = block.ends.iter().zip(&most).find(|(end, most)| end > most);
            let end = end.map_or(0, |(&end, _)| end.into());
            return Err(wrong("the end of a transform block", end, "at most its coefficients, 0 outside"));
        }
        let total: usize = block.ends.iter().map(|&end| usize::from(end)).sum();
        let first = block.first_level as usize;
        let levels = first
            .checked_add(total)
            .and_then(|end| coded.levels.get(first..end))
            .ok_or_else(|| wrong("the first of its levels", first as i64, "so that all lie in the levels"))?;
        let residual = Residual { block, levels };
        Ok(if block.whole == 1 { Cell::Whole(residual) } else { Cell::Quarters(residual) })
    }
}

/// Motion of the quarters that are there.
fn check_motion(block: &Block, inside: &[bool; 4]) -> Result<(), (&'static str, i64)> {
    let allowed = |part: i16| part % 2 == 0 && part.unsigned_abs() <= MAX_MOTION as u16;
    for (motion, _) in block.motion.iter().zip(inside).filter(|(_, inside)| **inside) {
        let Motion { row, column } = *motion;
        if !allowed(row) || (block.whole == 1 && row != block.motion[0].row) {
            return Err(("the motion of rows", row.into()));
        }
        if !allowed(column) || (block.whole == 1 && column != block.motion[0].column) {
            return Err(("the motion of columns", column.into()));
        }
    }
    Ok(())
}
