//! What a frame became: index, blocks and levels of both streams, on the device and then in pinned memory.
//!
//! How much there is only the device knows. So as much as the frame before had, and a quarter more, is copied
//! at once behind the kernels; the thread that waits sees the counts and fetches the rest where that was
//! too little. Buffers on the device belong to the output, so the next frame cannot overwrite them.

use std::sync::Arc;

use super::super::coded::{Block, Coded};
use crate::frame::Size;
use crate::gpu::{Device, DeviceBuffer, Error, Event, Part, PinnedBuffer, Plain, Stream};

impl Plain for Block {}

/// Counters before the index: blocks, levels, overflow, unused.
pub(super) const COUNTS: usize = 4;
/// Levels that a cell has at most, and for which there is room in frames of up to [`SMALL`] cells.
const MOST_LEVELS: usize = 384;
const SMALL: usize = 4096;
/// Levels a cell on average for which there is room in larger frames: five times what was seen at the finest
/// levels, with all of the picture visible.
const MANY_LEVELS: usize = 96;
/// Levels a cell for which pinned memory is taken at first; it grows where that is too little.
const FEW_LEVELS: usize = 8;

/// Results of one stream.
pub(super) struct Half {
    /// [`COUNTS`] counters, then the index.
    pub index: DeviceBuffer,
    pub blocks: DeviceBuffer,
    pub levels: DeviceBuffer,
    index_home: PinnedBuffer<u32>,
    blocks_home: PinnedBuffer<Block>,
    levels_home: PinnedBuffer<i16>,
    /// Blocks and levels that are copied at once.
    expected: [usize; 2],
}

/// Levels for which a frame of `cells` cells has room.
pub(super) fn level_capacity(cells: usize) -> usize {
    (cells.min(SMALL) * MOST_LEVELS).max(cells * MANY_LEVELS)
}

impl Half {
    fn new(device: &Arc<Device>, cells: usize) -> Result<Self, Error> {
        let zeroed =
            |len_bytes| Ok::<_, Error>(DeviceBuffer::zeroed(device, len_bytes)?.held_for(Part::Planes));
        Ok(Self {
            index: zeroed((COUNTS + cells) * 4)?,
            blocks: zeroed(cells * size_of::<Block>())?,
            levels: zeroed(level_capacity(cells) * 2)?,
            index_home: PinnedBuffer::zeroed(device, COUNTS + cells)?,
            blocks_home: PinnedBuffer::zeroed(device, cells)?,
            levels_home: PinnedBuffer::zeroed(device, cells * FEW_LEVELS)?,
            expected: [cells / 4, cells * FEW_LEVELS / 2],
        })
    }

    fn enqueue(&mut self, stream: &Stream) -> Result<(), Error> {
        let Self { index, blocks, levels, index_home, blocks_home, levels_home, expected } = self;
        index.download(stream, index_home)?;
        blocks.download_part(stream, blocks_home, 0..expected[0])?;
        levels.download_part(stream, levels_home, 0..expected[1])
    }

    /// Blocks and levels that there are, once the index is home.
    fn counts(&self) -> [usize; 2] {
        let room = [self.blocks_home.len(), self.levels.len_bytes() / 2];
        [0, 1].map(|i| (self.index_home[i] as usize).min(room[i]))
    }

    /// Enqueues what is missing; whether anything was.
    fn rest(&mut self, device: &Arc<Device>, stream: &Stream) -> Result<bool, Error> {
        let counts = self.counts();
        let [mut have_blocks, mut have_levels] = self.expected;
        if counts[1] > self.levels_home.len() {
            self.levels_home = PinnedBuffer::zeroed(device, counts[1] + counts[1] / 2)?;
            have_levels = 0;
        }
        have_blocks = have_blocks.min(counts[0]);
        have_levels = have_levels.min(counts[1]);
        let missing = have_blocks < counts[0] || have_levels < counts[1];
        if missing {
            self.blocks.download_part(stream, &mut self.blocks_home, have_blocks..counts[0])?;
            self.levels.download_part(stream, &mut self.levels_home, have_levels..counts[1])?;
        }
        let most = [self.blocks_home.len(), self.levels_home.len().min(self.levels.len_bytes() / 2)];
        self.expected = [0, 1].map(|i| (counts[i] + counts[i] / 4 + 64).min(most[i]));
        Ok(missing)
    }

    fn coded(&self, size: Size) -> Coded<'_> {
        let [blocks, levels] = self.counts();
        let (blocks, levels) = (&self.blocks_home[..blocks], &self.levels_home[..levels]);
        Coded { size, index: &self.index_home[COUNTS..], blocks, levels }
    }
}

/// Room for one frame under way.
pub struct Output {
    device: Arc<Device>,
    size: Size,
    pub(super) halves: [Half; 2],
    done: Event,
}

/// A frame that has come home.
pub struct Fetched<'a> {
    /// Colour, then matte.
    pub streams: [Coded<'a>; 2],
    /// The device ran out of room for levels and left some off. What is here can be written and decoded, but the
    /// encoder's picture is no longer the decoder's: the next frame must be a key point.
    pub overflow: bool,
}

impl Drop for Output {
    fn drop(&mut self) {
        // As in `wait`: what is under way must not outlive its memory. A device that fails copies no more.
        let _ = self.done.synchronize();
    }
}

impl Output {
    /// Room for frames of `size`: on the device 8 bytes a pixel in small ones and 2 in large ones, of pinned
    /// memory half a byte.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn new(device: &Arc<Device>, size: Size) -> Result<Self, Error> {
        let cells = Coded::cells(size).area();
        let halves = [Half::new(device, cells)?, Half::new(device, cells)?];
        Ok(Self { device: device.clone(), size, halves, done: Event::new(device)? })
    }

    /// Size of its frames.
    pub fn size(&self) -> Size {
        self.size
    }

    pub(super) fn enqueue(&mut self, stream: &Stream) -> Result<(), Error> {
        for half in &mut self.halves {
            half.enqueue(stream)?;
        }
        self.done.record(stream)
    }

    /// Waits for the frame that was last enqueued into this output. `stream` serves where more must be fetched
    /// than was expected.
    ///
    /// # Errors
    /// When the driver fails, or the kernels did.
    pub fn wait(&mut self, stream: &Stream) -> Result<Fetched<'_>, Error> {
        self.done.synchronize()?;
        let mut missing = false;
        for half in &mut self.halves {
            missing |= half.rest(&self.device, stream)?;
        }
        if missing {
            self.done.record(stream)?;
            self.done.synchronize()?;
        }
        let overflow = self.halves.iter().any(|half| half.index_home[2] != 0);
        Ok(Fetched { streams: self.halves.each_ref().map(|half| half.coded(self.size)), overflow })
    }
}
