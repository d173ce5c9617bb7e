//! A tile column with its buffers, and the threads that share them out.
//!
//! Tiles depend on nothing of each other but the frame's probabilities, so any thread may take any of
//! them and the bytes are the same for every number of threads.
#![forbid(unsafe_code)]

use std::sync::{Mutex, PoisonError};

use super::Error;
use super::boolean::BoolWriter;
use super::frame::Frame;
use super::sink::{Coder, Counts};
use super::slots::Probabilities;
use super::walk::Walk;

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
        self.result = self.walk.run(frame, &mut self.counts);
    }

    /// The second pass.
    pub(super) fn write(&mut self, frame: &Frame<'_>, probabilities: &Probabilities) {
        self.bytes.clear();
        let mut coder = Coder { writer: BoolWriter::new(&mut self.bytes), probabilities };
        self.result = self.walk.run(frame, &mut coder);
        coder.writer.finish();
    }
}

/// Does something to every tile, on up to `threads` threads, this one among them.
///
/// # Errors
/// That of the first tile, in their order, that has one.
pub(super) fn each(tiles: &mut [Tile], threads: usize, act: impl Fn(&mut Tile) + Sync) -> Result<(), Error> {
    let threads = threads.min(tiles.len());
    if threads <= 1 {
        tiles.iter_mut().for_each(act);
    } else {
        let queue = Mutex::new(tiles.iter_mut());
        // A panic of a thread goes on in the scope, so a poisoned queue is never read wrongly.
        let take = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            while let Some(tile) = take() {
                act(tile);
            }
        };
        std::thread::scope(|scope| {
            (1..threads).for_each(|_| drop(scope.spawn(work)));
            work();
        });
    }
    tiles.iter_mut().try_for_each(|tile| std::mem::replace(&mut tile.result, Ok(())))
}
