//! One stream out: coded frames in, packets out.
//!
//! A frame is walked once. What the walk finds is counted first and then written with the probabilities
//! that suit it. Buffers stay from frame to frame; a writer belongs to one thread at a time.
#![forbid(unsafe_code)]

use super::counts::Counts;
use super::frame::Frame;
use super::header::{Header, KeyHeader, TileColumns, superframe_index};
use super::slots::Probabilities;
use super::tile::{self, Tile};
use super::workers::Workers;
use super::{Error, compressed};
use crate::frame::Size;
use crate::vp9::config::tile_columns_log2_bounds;
use crate::vp9::native::{Coded, Parameters};
use crate::vp9::{Content, MAX_SIDE, header};

/// Most tile columns as a power of two: 16, beyond which no machine's decoder has use for them.
const MAX_TILES_LOG2: u32 = 4;

/// Blocks, or eight times as many levels, that are worth a thread more: 0.2 ms of work or so, where waking
/// a thread twice takes some 0.02 ms.
const BLOCKS_A_THREAD: usize = 1024;

/// Writes the packets of one stream.
pub struct Writer {
    size: Size,
    columns: TileColumns,
    tiles: Vec<Tile>,
    workers: Workers,
    counts: Counts,
    compressed: Vec<u8>,
    /// The hidden key frame, the same each time.
    key: Vec<u8>,
    /// Whether frames send probabilities of their own.
    forward: bool,
}

impl Writer {
    /// A writer for frames of `size` with this content in its key frames' headers.
    ///
    /// # Errors
    /// [`Error::Side`].
    pub fn new(size: Size, content: Content) -> Result<Self, Error> {
        if !(1..=MAX_SIDE).contains(&size.width) || !(1..=MAX_SIDE).contains(&size.height) {
            return Err(Error::Side { got: size, max_side: MAX_SIDE });
        }
        let (min_log2, max_log2) = tile_columns_log2_bounds(size.width);
        let columns = TileColumns { min_log2, max_log2, log2: max_log2.min(MAX_TILES_LOG2).max(min_log2) };
        let mut writer = Self {
            size,
            columns,
            tiles: Tile::all(size.width.div_ceil(8), columns.log2),
            workers: Workers::default(),
            counts: Counts::new(),
            compressed: Vec::new(),
            key: Vec::new(),
            forward: true,
        };
        let (space, range) = content.header_bits();
        let key = KeyHeader { size, space, full_range: range != 0 };
        // Any quantiser will do where nothing is quantised, but 0, which means lossless.
        let parameters = Parameters { base_q_index: 1, filter_level: 0, key: true };
        let mut packet = Vec::new();
        writer.frame(&mut packet, &Frame::key(size), Some(key), parameters, 1)?;
        writer.key = packet;
        Ok(writer)
    }

    /// The packet of a frame: one frame, or for a key point a superframe of the hidden key frame and
    /// this one, whose copies are then 128 everywhere. Uses up to `threads` threads; the bytes do not
    /// depend on them, nor on the order of blocks and levels. Copies alone take
    /// about 0.5 ms at 8K, others about 10 ns a bit of the packet.
    ///
    /// # Errors
    /// A frame of another size, a cell with an impossible content, or a parameter out of range; the
    /// stream can go on with another frame then.
    pub fn write(
        &mut self,
        coded: &Coded<'_>,
        parameters: &Parameters,
        threads: usize,
    ) -> Result<Vec<u8>, Error> {
        if coded.size != self.size {
            return Err(Error::Size { expected: self.size, got: coded.size });
        }
        within("base_q_index", parameters.base_q_index.into(), 1, 255)?;
        within("filter_level", parameters.filter_level.into(), 0, 63)?;
        let frame = Frame::inter(coded)?;
        let useful = 1 + (coded.blocks.len() + coded.levels.len() / 8) / BLOCKS_A_THREAD;
        let mut packet = Vec::new();
        if parameters.key {
            packet.extend_from_slice(&self.key);
        }
        self.frame(&mut packet, &frame, None, *parameters, threads.min(useful))?;
        if parameters.key {
            let sizes = [self.key.len(), packet.len() - self.key.len()];
            superframe_index(&mut packet, &sizes);
        }
        Ok(packet)
    }

    /// The packet of a frame that is equal to the one before: one byte that shows it again.
    pub fn repeat(&self) -> Vec<u8> {
        header::show_existing(0).to_vec()
    }

    /// Appends one frame.
    fn frame(
        &mut self,
        packet: &mut Vec<u8>,
        frame: &Frame<'_>,
        key: Option<KeyHeader>,
        parameters: Parameters,
        threads: usize,
    ) -> Result<(), Error> {
        self.workers.hire(threads);
        tile::count(&mut self.tiles, frame, &self.workers, threads)?;
        self.counts.clear();
        self.tiles.iter().for_each(|tile| self.counts.add(&tile.counts));
        let mut probabilities = if key.is_some() { Probabilities::key() } else { Probabilities::inter() };
        self.compressed.clear();
        let counts = self.forward.then_some(&self.counts);
        compressed::write(&mut self.compressed, &mut probabilities, counts, key.is_some());
        tile::write(&mut self.tiles, &probabilities, &self.workers, threads);
        let header = Header {
            key,
            base_q_index: parameters.base_q_index,
            filter_level: parameters.filter_level,
            tiles: self.columns,
            // All probabilities changed make less than 4 kB.
            compressed_bytes: self.compressed.len() as u16,
        };
        header.write(packet);
        packet.extend_from_slice(&self.compressed);
        let last = self.tiles.len() - 1;
        for (n, tile) in self.tiles.iter().enumerate() {
            if n < last {
                packet.extend_from_slice(&(tile.bytes.len() as u32).to_be_bytes());
            }
            packet.extend_from_slice(&tile.bytes);
        }
        Ok(())
    }

    /// Whether frames send probabilities of their own.
    #[cfg(test)]
    pub(super) fn set_forward(&mut self, forward: bool) {
        self.forward = forward;
    }
}

fn within(what: &'static str, got: usize, min: usize, max: usize) -> Result<(), Error> {
    if (min..=max).contains(&got) { Ok(()) } else { Err(Error::Parameter { what, got, min, max }) }
}
