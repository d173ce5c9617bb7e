//! Every packet's timestamp and key flag without its bytes, and places to start reading at.
//!
//! Made by one pass over the tables of an MP4 file, or over the block headers of a Matroska file, whose
//! payloads are jumped over. This is what a video is cut into segments by. Memory: 16 bytes a packet.
#![forbid(unsafe_code)]

use super::Error;

/// More packets than a day at 120 frames a second.
pub(super) const MAX_PACKETS: usize = 1 << 24;

/// One packet, in decode order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexedPacket {
    /// Presentation time in ticks of the track.
    pub pts: i64,
    /// Whether decoding can start here.
    pub key: bool,
}

/// A key packet and where in the file it is; valid for the file that it was found in, unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SeekPoint {
    /// Packets of the track before it.
    pub ordinal: usize,
    /// Its presentation time in ticks of the track.
    pub pts: i64,
    pub(super) place: Place,
}

/// Where a demuxer goes on from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// A sample of the table of an MP4 file.
    Sample(u32),
    /// A sample of a movie fragment: the offset of its moof or a box before it, the decoding time at
    /// which that starts if it does not say, and the samples in it to pass over.
    Fragment { box_at: u64, time: i64, skip: u32 },
    /// A block: the offset of its Cluster, and the packets of the track in it to pass over.
    Cluster { at: u64, skip: u32 },
}

/// The packets of a video track.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Index {
    /// All packets, in decode order.
    pub packets: Vec<IndexedPacket>,
    /// The key packets, in decode order.
    pub keys: Vec<SeekPoint>,
}

impl Index {
    /// An index of samples that lie in no file, for tests of what is made from one.
    #[cfg(test)]
    pub(crate) fn imagined(packets: &[(i64, bool)]) -> Self {
        let mut index = Self::default();
        for (&(pts, key), number) in packets.iter().zip(0..) {
            index.push(pts, key, Place::Sample(number)).expect("few packets");
        }
        index
    }

    /// Adds the next packet.
    pub(super) fn push(&mut self, pts: i64, key: bool, place: Place) -> Result<(), Error> {
        let ordinal = self.packets.len();
        if ordinal >= MAX_PACKETS {
            let got = ordinal as u64 + 1;
            return Err(Error::Limit { what: "number of packets", got, max: MAX_PACKETS as u64 });
        }
        self.packets.push(IndexedPacket { pts, key });
        if key {
            self.keys.push(SeekPoint { ordinal, pts, place });
        }
        Ok(())
    }
}
