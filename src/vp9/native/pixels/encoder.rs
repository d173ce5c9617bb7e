//! The pixel half for one stream on the CPU: the reference that the CUDA kernels must equal bit for bit.
//!
//! Holds the picture that decoders have, and what the next frame wants to know of this one.
#![forbid(unsafe_code)]

use super::super::coded::{Block, CELL, Coded, Motion};
use super::cell::{code, read, write};
use super::geometry::Grid;
use super::search::{Scene, coarse};
use super::tuning::{Kind, Tuning};
use crate::frame::{Plane, Size};

/// What [`Encoder::encode`] found: the owned form of [`Coded`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Size of the picture.
    pub size: Size,
    /// See [`Coded::index`].
    pub index: Vec<u32>,
    /// See [`Coded::blocks`].
    pub blocks: Vec<Block>,
    /// See [`Coded::levels`].
    pub levels: Vec<i16>,
}

impl Frame {
    /// The frame as the writer of bits takes it.
    pub fn coded(&self) -> Coded<'_> {
        Coded { size: self.size, index: &self.index, blocks: &self.blocks, levels: &self.levels }
    }
}

/// State of one stream.
pub struct Encoder {
    tuning: Tuning,
    size: Size,
    grid: Grid,
    picture: Vec<Plane<u8>>,
    /// Luma of the picture at a quarter of the size: means of 4x4 samples of whole cells.
    coarse: Plane<u8>,
    motions: Vec<Motion>,
    /// Cells that were active in the frame before.
    active: Vec<bool>,
}

impl Encoder {
    /// A stream of pictures of `size`. Its first frame must be a key point.
    pub fn new(size: Size, tuning: Tuning) -> Self {
        let grid = Grid::new(size);
        let planes = if tuning.matte == 1 { 1 } else { 3 };
        let sizes = [size, size.chroma(), size.chroma()];
        let picture = sizes[..planes].iter().map(|&size| Plane::filled(size, 128)).collect();
        let (motions, active) = (vec![Motion::default(); grid.cells.area()], vec![false; grid.cells.area()]);
        let coarse = Plane::filled(Size::new(grid.cells.width * 4, grid.cells.height * 4), 128);
        Self { tuning, size, grid, picture, coarse, motions, active }
    }

    /// Numbers for the frames to come; the stream stays a colour or a matte.
    pub fn set_tuning(&mut self, tuning: Tuning) {
        self.tuning = Tuning { matte: self.tuning.matte, ..tuning };
    }

    /// What decoders show after the last frame: luma, then chroma unless it is a matte.
    pub fn picture(&self) -> &[Plane<u8>] {
        &self.picture
    }

    /// Codes a frame. `source` holds luma, and chroma unless it is a matte; `activity` has a byte per cell,
    /// 0 where the frame is constant (for a matte: 0).
    ///
    /// # Panics
    /// When planes have other sizes than the stream's.
    pub fn encode(&mut self, source: &[&Plane<u8>], activity: &Plane<u8>, key: bool) -> Frame {
        let Size { width, height } = self.grid.cells;
        assert!(source.iter().zip(&self.picture).all(|(source, picture)| source.size == picture.size));
        assert_eq!((source.len(), activity.size), (self.picture.len(), self.grid.cells));
        if key {
            self.picture.iter_mut().for_each(|plane| plane.data.fill(128));
            self.coarse.data.fill(128);
            self.motions.fill(Motion::default());
        }
        let (reference, far) = (self.picture.clone(), self.coarse.clone());
        let motions = std::mem::replace(&mut self.motions, vec![Motion::default(); width * height]);
        let (tuning, grid) = (self.tuning, self.grid);
        let scene =
            Scene { tuning: &tuning, grid, reference: &reference[0], coarse: &far, motions: &motions };
        // Every cell is searched before any is coded.
        let mut found = vec![Motion::default(); width * height];
        let mut work = Vec::new();
        for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
            let cell = row * width + column;
            let active = activity.row(row)[column] != 0;
            let was = std::mem::replace(&mut self.active[cell], active);
            if key || active || was {
                let samples = read(source, column, row);
                let settled = tuning.matte == 1 && is_flat(&samples[0]);
                if !settled {
                    found[cell] = scene.search(column, row, &samples[0]);
                }
                work.push((row, column, samples, settled));
            }
        }
        let common = scene.common(&found);
        let (mut index, mut blocks, mut levels) = (vec![0; width * height], Vec::new(), Vec::new());
        for (row, column, samples, settled) in work {
            let cell = row * width + column;
            let whole = self.grid.complete(column, row);
            let (motion, whole) = if settled {
                ([Motion::default(); 4], whole)
            } else {
                let common = common[row / 4 * width.div_ceil(4) + column / 4];
                scene.settle((column, row), &samples[0], &found, common, whole)
            };
            let place = (column, row);
            let mut tried = code(&tuning, &grid, place, &samples, &reference, motion, whole);
            if whole && tried.levels.len() >= tuning.try_split as usize {
                let other = code(&tuning, &grid, place, &samples, &reference, motion, false);
                if other.cost(&tuning, &samples) < tried.cost(&tuning, &samples) {
                    tried = other;
                }
            }
            if motion == [Motion::default(); 4] && tried.levels.is_empty() {
                continue;
            }
            self.motions[cell] = motion[0];
            write(&mut self.picture, column, row, &tried.samples);
            for (i, rows) in coarse(&tried.samples[0]).chunks(4).enumerate() {
                self.coarse.row_mut(4 * row + i)[4 * column..][..4].copy_from_slice(rows);
            }
            blocks.push(Block { first_level: levels.len() as u32, ..tried.block });
            levels.extend(tried.levels);
            index[cell] = blocks.len() as u32;
        }
        Frame { size: self.size, index, blocks, levels }
    }
}

/// Whether a cell of a matte is all 0 or all 255.
fn is_flat(luma: &[u8; CELL * CELL]) -> bool {
    matches!(luma[0], 0 | 255) && luma.iter().all(|&sample| sample == luma[0])
}

impl Encoder {
    /// The numbers of a stream of `kind` at a level from 0 to 63, and the index that they stand for.
    pub fn tuning(kind: Kind, level: u8) -> (Tuning, u8) {
        let index = super::tuning::index_of_level(level);
        (Tuning::new(kind, index), index)
    }
}
