//! A tile column with its buffers, and both passes over all of them.
#![forbid(unsafe_code)]

use super::Error;
use super::boolean::BoolWriter;
use super::counts::Counts;
use super::frame::Frame;
use super::slots::Probabilities;
use super::walk::Walk;
use super::workers::Workers;

/// One tile column; its buffers live as long as the stream.
pub(super) struct Tile {
    walk: Walk,
    /// Symbols of the first pass.
    pub(super) counts: Counts,
    /// What the second pass wrote.
    pub(super) bytes: Vec<u8>,
    result: Result<(), Error>,
}

impl Tile {
    /// All `1 << log2` tiles of a frame `units` units of 8 pixels wide (VP9 specification, section
    /// 6.4, `get_tile_offset`).
    pub(super) fn all(units: usize, log2: u32) -> Vec<Self> {
        let superblocks = units.div_ceil(8);
        let offset = |tile: usize| (((tile * superblocks) >> log2) * 8).min(units);
        let tile = |n| Self {
            walk: Walk::new(offset(n)..offset(n + 1)),
            counts: Counts::new(),
            bytes: Vec::new(),
            result: Ok(()),
        };
        (0..1 << log2).map(tile).collect()
    }

    /// The first pass.
    pub(super) fn count(&mut self, frame: &Frame<'_>) {
        self.counts.clear();
        self.result = self.walk.run(frame);
        self.counts.take(self.walk.steps.all());
    }

    /// The second pass over two tiles at once.
    fn write_two([one, other]: [&mut Self; 2], probabilities: &Probabilities) {
        one.bytes.clear();
        other.bytes.clear();
        let (mut first, mut second) = (BoolWriter::new(&mut one.bytes), BoolWriter::new(&mut other.bytes));
        let steps = [one.walk.steps.all(), other.walk.steps.all()];
        BoolWriter::steps_of_two([&mut first, &mut second], steps, probabilities);
        first.finish();
        second.finish();
    }

    /// The second pass over a tile that is alone.
    fn write(&mut self, probabilities: &Probabilities) {
        self.bytes.clear();
        let mut writer = BoolWriter::new(&mut self.bytes);
        writer.steps(self.walk.steps.all(), probabilities);
        writer.finish();
    }
}

/// The first pass over all tiles, on up to `threads` threads.
///
/// # Errors
/// That of the first tile, in their order, that has one.
pub(super) fn count(
    tiles: &mut [Tile],
    frame: &Frame<'_>,
    workers: &Workers,
    threads: usize,
) -> Result<(), Error> {
    workers.each(tiles.iter_mut().collect(), threads, |tile| tile.count(frame));
    tiles.iter_mut().try_for_each(|tile| std::mem::replace(&mut tile.result, Ok(())))
}

/// The second pass. Tiles are written two by two, those of like length together and the longest first.
pub(super) fn write(tiles: &mut [Tile], probabilities: &Probabilities, workers: &Workers, threads: usize) {
    let mut tiles: Vec<_> = tiles.iter_mut().collect();
    tiles.sort_by_key(|tile| std::cmp::Reverse(tile.walk.steps.all().len()));
    workers.each(tiles.chunks_mut(2).collect(), threads, |tiles| match tiles {
        [one, other] => Tile::write_two([one, other], probabilities),
        alone => alone.iter_mut().for_each(|tile| tile.write(probabilities)),
    });
}
