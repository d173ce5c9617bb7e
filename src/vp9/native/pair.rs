//! Colour and matte of one video, written frame by frame: the counterpart of libvpx's pair of encoders.
#![forbid(unsafe_code)]

use super::bits::{Error, Writer};
use super::pixels::{Kind, Tuning};
use super::{Coded, Parameters};
use crate::frame::{Colour, Size};
use crate::vp9::{Content, EncodedPair};

/// Quantiser indices of a colour stream and its matte, 1 to 255.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PairLevels {
    /// `base_q_idx` of the colour stream.
    pub colour: u8,
    /// `base_q_idx` of the matte.
    pub matte: u8,
}

impl PairLevels {
    /// What the pixel half is told, colour first.
    pub fn tunings(self) -> [Tuning; 2] {
        [Tuning::new(Kind::Colour, self.colour), Tuning::new(Kind::Matte, self.matte)]
    }
}

/// Writes the packets of both streams.
pub struct PairWriter {
    writers: [Writer; 2],
    levels: PairLevels,
    threads: usize,
}

impl PairWriter {
    /// Writers for frames of `size`, with up to `threads` threads. The bytes do not depend on these.
    ///
    /// # Errors
    /// A side that VP9 does not have.
    pub fn new(size: Size, colour: Colour, levels: PairLevels, threads: usize) -> Result<Self, Error> {
        let writers = [Writer::new(size, Content::Colour(colour))?, Writer::new(size, Content::Matte)?];
        Ok(Self { writers, levels, threads })
    }

    /// The packets of a frame; `key` as the pixel half was told.
    ///
    /// # Errors
    /// When a frame says what cannot be.
    pub fn write(&mut self, streams: &[Coded<'_>; 2], key: bool, pts: i64) -> Result<EncodedPair, Error> {
        let threads = self.threads;
        let packet = |writer: &mut Writer, coded: &Coded<'_>, base_q_index| {
            if coded.blocks.is_empty() && !key {
                return Ok(writer.repeat());
            }
            writer.write(coded, &Parameters { base_q_index, filter_level: 0, key }, threads)
        };
        let [colour, matte] = &mut self.writers;
        let colour = packet(colour, &streams[0], self.levels.colour)?;
        let alpha = packet(matte, &streams[1], self.levels.matte)?;
        Ok(EncodedPair { pts, key, colour, alpha })
    }
}
