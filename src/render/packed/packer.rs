//! Packs frames of one geometry: first the two fisheyes, block by block where somebody is seen, then the corners.
//!
//! A block of the output knows the blocks of the source that its pixels come from; where all of those are empty it is
//! black and its matte 0, and is only written if it was not so in the frame before. With a person on a third of the
//! picture two thirds of the work are left out.
#![forbid(unsafe_code)]

use super::corners::{Shrunk, first, reach, shrunk_at, value};
use super::geometry::Geometry;
use super::remap::Source;
use super::sources::{Sources, all, any, mark_solid, sources};
use super::table::{ONE, Place, Table};
use crate::frame::{Plane, Range};
use crate::render::grey::NO_COLOUR;
use crate::render::opaque::{BLOCK, Band, Block, Opaque, blocks};
use crate::render::{Error, Grey};
use crate::vp9::PairSource;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};

/// Tables and buffers of one geometry.
pub struct Packer {
    geometry: Geometry,
    table: Table,
    /// Of each block of the output, row by row.
    sources: Vec<Sources>,
    /// Of each block of the output, whether a part of a shrunken matte may lie in it.
    has_matte: Vec<bool>,
    grey: Grey,
    /// Mattes at the size of the picture, one for each frame that is rendered at the moment.
    mattes: Mutex<Vec<Mattes>>,
}

/// The mattes of both eyes as they lie in the frame, and which blocks are not wholly 0.
struct Mattes {
    plane: Plane<u8>,
    seen: Plane<u8>,
    /// Of each block of the source, whether all of it is opaque.
    solid: Plane<u8>,
}

/// The planes of a frame, by eye.
struct Views<'a> {
    luma: [Source<'a>; 2],
    alpha: [Source<'a>; 2],
    chroma: [[Source<'a>; 2]; 2],
    /// Of the eyes in the frame, in 256ths of a pixel.
    origins: [[i32; 2]; 2],
}

impl<'a> Views<'a> {
    fn new(frame: &'a dyn PairSource, geometry: &Geometry) -> Self {
        let (planes, eyes) = (frame.colour(), geometry.eyes);
        Self {
            luma: eyes.map(|eye| Source::full(planes.y, eye)),
            alpha: eyes.map(|eye| Source::full(frame.alpha(), eye)),
            chroma: [planes.u, planes.v].map(|plane| eyes.map(|eye| Source::half(plane, eye))),
            origins: eyes.map(|eye| [eye.x, eye.y].map(|at| ONE as i32 * at as i32)),
        }
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer").field("geometry", &self.geometry).finish_non_exhaustive()
    }
}

impl Packer {
    /// Works out the table: about a microsecond for ten pixels of an eye, eight bytes for each.
    pub fn new(geometry: Geometry, range: Range) -> Self {
        let table = Table::new(&geometry);
        let size = blocks(geometry.frame_out());
        let sources = (0..size.area()).into_par_iter().map(|at| {
            let (row, column) = (at / size.width, at % size.width);
            sources(&geometry, &table, column, row)
        });
        let sources = sources.collect();
        let has_matte = (0..size.area()).into_par_iter().map(|at| {
            let (top, left) = (at / size.width * BLOCK, at % size.width * BLOCK);
            let mut pixels = (0..BLOCK * BLOCK).map(|at| (left + at % BLOCK, top + at / BLOCK));
            pixels.any(|(x, y)| {
                x < 2 * geometry.side && y < geometry.side && shrunk_at(&geometry, x, y).is_some()
            })
        });
        let has_matte = has_matte.collect();
        Self { geometry, table, sources, has_matte, grey: Grey::new(range), mattes: Mutex::default() }
    }

    /// What it was made for.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Where each pixel of an eye comes from, row by row.
    pub(in crate::render) fn places(&self) -> &[Place] {
        self.table.places()
    }

    /// For each block of a packed frame, row by row, the blocks of the source that it comes from: first and last column,
    /// first and last row; a last before the first where there is none.
    pub(in crate::render) fn source_blocks(&self) -> Vec<[u16; 4]> {
        let blocks = |source: &Sources| source.map_or([1, 0, 1, 0], |at| at.map(|block| block as u16));
        self.sources.iter().map(blocks).collect()
    }

    /// Column and row of each block of a packed frame that a part of a shrunken matte may lie in.
    pub(in crate::render) fn matte_blocks(&self) -> Vec<[u16; 2]> {
        let columns = blocks(self.geometry.frame_out()).width;
        let holding = self.has_matte.iter().enumerate().filter(|(_, holds)| **holds);
        holding.map(|(at, _)| [at % columns, at / columns].map(|block| block as u16)).collect()
    }

    /// The codes of its mattes.
    pub(in crate::render) fn grey(&self) -> &Grey {
        &self.grey
    }

    /// Rows of a shrunken matte from its middle.
    pub(in crate::render) fn reach(&self) -> usize {
        reach(self.geometry.side) as usize
    }

    /// Packs `frame` into `out`, which holds the one before or is new.
    ///
    /// # Errors
    /// [`Error::FrameSize`] when the frame has another size than the geometry.
    pub fn render(&self, frame: &dyn PairSource, out: &mut Opaque) -> Result<(), Error> {
        let (expected, got) = (self.geometry.frame, frame.colour().y.size);
        if expected != got {
            return Err(Error::FrameSize { expected, got });
        }
        let size = self.geometry.frame_out();
        let spare = self.mattes.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut mattes = spare.unwrap_or_else(|| Mattes {
            plane: Plane::new(size),
            // As of a new frame: nothing is known of it.
            seen: Plane::filled(blocks(size), 1),
            solid: Plane::new(blocks(expected)),
        });
        self.picture(frame, &mut mattes, out);
        self.corners(&mattes, out);
        self.mattes.lock().unwrap_or_else(PoisonError::into_inner).push(mattes);
        Ok(())
    }

    fn picture(&self, frame: &dyn PairSource, mattes: &mut Mattes, out: &mut Opaque) {
        let visible = frame.activity();
        let width = self.geometry.frame_out().width;
        let columns = mattes.seen.stride;
        let views = Views::new(frame, &self.geometry);
        mark_solid(frame.alpha(), visible, &mut mattes.solid);
        let solid = &mattes.solid;
        let lines = mattes.plane.data.par_chunks_mut(BLOCK * width);
        let seen = mattes.seen.data.par_chunks_mut(columns);
        out.bands().zip(lines).zip(seen).for_each(|((mut band, matte), seen)| {
            for (column, seen) in seen.iter_mut().enumerate() {
                let sources = self.sources[band.row * columns + column];
                let now = sources.filter(|&at| visible.is_none_or(|visible| any(visible, at)));
                let block = band.block(column);
                if let Some(at) = now {
                    let is_solid = all(solid, at);
                    self.draw(&views, is_solid, &mut band, &block, matte);
                } else if band.drawn[column] != 0 || *seen != 0 {
                    self.clear(&mut band, &block, matte);
                }
                (band.drawn[column], *seen) = (now.is_some().into(), now.is_some().into());
            }
        });
    }

    fn clear(&self, band: &mut Band<'_>, block: &Block, matte: &mut [u8]) {
        let width = band.width;
        for y in block.y.clone() {
            band.line(y)[block.x.clone()].fill(self.grey.black());
            matte[(y - block.y.start) * width..][block.x.clone()].fill(0);
        }
        for (plane, y) in [0, 1].into_iter().flat_map(|plane| block.chroma_y.clone().map(move |y| (plane, y)))
        {
            band.chroma_line(plane, y)[block.chroma_x.clone()].fill(NO_COLOUR);
        }
    }

    /// Draws a block; where all that it comes from is opaque, alpha need not be looked at, and the weighted mean is
    /// the plain one.
    fn draw(&self, views: &Views<'_>, is_solid: bool, band: &mut Band<'_>, block: &Block, matte: &mut [u8]) {
        let (side, width) = (self.geometry.side, band.width);
        let Views { luma, alpha, chroma, origins } = views;
        for y in block.y.clone() {
            let from = (y - block.y.start) * width;
            for eye in 0..2 {
                let x = block.x.start.max(eye * side)..block.x.end.min((eye + 1) * side);
                if x.is_empty() {
                    continue;
                }
                let places = &self.table.row(y)[x.start - eye * side..x.end - eye * side];
                let line = &mut band.line(y)[x.clone()];
                let matte = &mut matte[from + x.start..from + x.end];
                let (luma, alpha, origin) = (&luma[eye], &alpha[eye], origins[eye]);
                for ((&place, code), seen) in places.iter().zip(line).zip(matte) {
                    let (column, row) = placed(place, origin);
                    (*code, *seen) = match place.run() {
                        0 => (self.grey.black(), 0),
                        run if is_solid => (luma.plain(column, row, run), 255),
                        1 => (luma.sample(column, row), alpha.sample(column, row)),
                        run => {
                            let by_alpha = |x, y| alpha.at(x, y);
                            (luma.weighted(by_alpha, column, row, run), alpha.plain(column, row, run))
                        }
                    };
                }
            }
        }
        for y in block.chroma_y.clone() {
            for x in block.chroma_x.clone() {
                let eye = usize::from(2 * x >= side);
                let cell = self.cell(2 * x - eye * side, 2 * y);
                for (plane, sources) in chroma.iter().enumerate() {
                    band.chroma_line(plane, y)[x] = match cell {
                        None => NO_COLOUR,
                        Some((column, row, run)) => {
                            // The middle of a pixel at 0 is a quarter of a cell ahead of the middle of its cell.
                            let at =
                                |place: i32, origin: i32| (place + origin).div_euclid(2) - ONE as i32 / 4;
                            let (column, row) = (at(column, origins[eye][0]), at(row, origins[eye][1]));
                            if is_solid {
                                sources[eye].plain(column, row, run)
                            } else {
                                let by_alpha = |x, y| alpha[eye].sum_of_cell(x, y);
                                sources[eye].weighted(by_alpha, column, row, run)
                            }
                        }
                    };
                }
            }
        }
    }

    /// Where the middle of the cell at (`x`, `y`) of an eye comes from, in pixels of luma, and its run in cells: the
    /// mean of its pixels that show something.
    #[inline]
    fn cell(&self, x: usize, y: usize) -> Option<(i32, i32, u32)> {
        let (mut count, mut column, mut row, mut run) = (0, 0, 0, 0);
        for place in [y, y + 1].into_iter().flat_map(|y| &self.table.row(y)[x..x + 2]) {
            if place.run() > 0 {
                count += 1;
                column += place.column();
                row += place.row();
                run += place.run();
            }
        }
        let mean = match count {
            0 => return None,
            // Nearly always, and without a division.
            4 => [column / 4, row / 4, run / 4],
            _ => [column / count, row / count, run / count],
        };
        Some((mean[0] as i32, mean[1] as i32, mean[2].div_ceil(2)))
    }

    fn corners(&self, mattes: &Mattes, out: &mut Opaque) {
        let side = self.geometry.side;
        out.bands().for_each(|mut band| {
            let columns = band.drawn.len();
            let has_matte = &self.has_matte[band.row * columns..][..columns];
            for column in (0..columns).filter(|&column| has_matte[column]) {
                let block = band.block(column);
                let mut any = false;
                for (x, y) in block.y.clone().flat_map(|y| block.x.clone().map(move |x| (x, y))) {
                    let Some(shrunk) = shrunk_at(&self.geometry, x, y) else { continue };
                    let value =
                        if mattes.empty(side, shrunk) { 0 } else { value(side, &mattes.plane, shrunk) };
                    any |= value != 0;
                    band.line(y)[x] = self.grey.code(value);
                }
                band.drawn[column] |= u8::from(any);
            }
        });
    }
}

impl Mattes {
    /// Whether nothing is seen where a pixel of a shrunken matte comes from.
    #[inline]
    fn empty(&self, side: usize, Shrunk { eye, i, j }: Shrunk) -> bool {
        let block = |at: i64, least: usize, past: usize| (at.max(0) as usize + least).min(past - 1) / BLOCK;
        let (x, y) = (first(side, i), first(side, j));
        let columns = [x, x + 2].map(|x| block(x, eye * side, (eye + 1) * side));
        let rows = [y, y + 2].map(|y| block(y, 0, side));
        rows.into_iter().all(|y| columns.into_iter().all(|x| self.seen.row(y)[x] == 0))
    }
}

/// A place in the frame, in 256ths.
#[inline]
fn placed(place: Place, [x, y]: [i32; 2]) -> (i32, i32) {
    (place.column() as i32 + x, place.row() as i32 + y)
}
