//! The block headers of one track, Cluster by Cluster; payloads are jumped over.
//!
//! A flat walk: a Cluster or BlockGroup is entered, anything else passed by its size. So Clusters of
//! unknown size, as live recordings have them, need no special care. Spec: RFC 9559 §5.1.3, §10.
#![forbid(unsafe_code)]

use crate::media::Error;
use crate::media::index::{Index, Place};
use crate::media::input::Input;

use super::ebml::{self, Header};

/// A Cluster's Timestamp.
const TIMESTAMP: u32 = 0xE7;
/// A SimpleBlock, in a Cluster.
const SIMPLE_BLOCK: u32 = 0xA3;
/// A Block, in a BlockGroup.
const BLOCK: u32 = 0xA1;
/// A ReferenceBlock, in a BlockGroup: the block is no key frame.
const REFERENCE_BLOCK: u32 = 0xFB;
/// Longest head of a block: track number, relative time, flags.
const MAX_BLOCK_HEAD_BYTES: u64 = 11;

/// What is being walked.
pub(super) struct Scan<'a> {
    pub(super) input: &'a mut Input,
    /// TrackNumber.
    pub(super) track: u64,
    /// Whether a block of the track without bytes is a packet (its bytes were stripped).
    pub(super) empty_counts: bool,
    /// File offset behind the data.
    pub(super) end: u64,
}

/// The block of a BlockGroup until the group ends, which tells whether it is a key frame.
struct Grouped {
    pts: i64,
    key: bool,
}

impl Scan<'_> {
    /// Reads all block headers from the Cluster at `at` on. `is_key` is asked about the bytes of a
    /// block whose group names no reference.
    pub(super) fn index(
        &mut self,
        mut at: u64,
        is_key: impl Fn(&[u8]) -> bool,
        max_packet: u64,
    ) -> Result<Index, Error> {
        let mut index = Index::default();
        let (mut cluster_at, mut in_cluster, mut cluster_time) = (at, 0, 0i64);
        let (mut grouped, mut group_end): (Option<Grouped>, u64) = (None, 0);
        loop {
            if let Some(block) = grouped.take_if(|_| at >= group_end) {
                index.push(block.pts, block.key, Place::Cluster { at: cluster_at, skip: in_cluster })?;
                in_cluster += 1;
            }
            if at >= self.end {
                return Ok(index);
            }
            let header = Header::read(self.input, at, self.end)?;
            let body = at + header.bytes as u64;
            if header.id == ebml::CLUSTER {
                (cluster_at, in_cluster, cluster_time) = (at, 0, 0);
                at = body;
                continue;
            }
            let size = header.size.ok_or_else(|| Error::Malformed {
                what: "Matroska element",
                at_byte: at,
                expected: "a known size",
                got: format!("unknown size in element {:X}", header.id),
            })?;
            let have = self.end - body;
            if size > have {
                return Err(Error::Truncated { what: "Matroska element", at_byte: at, need: size, have });
            }
            match header.id {
                ebml::BLOCK_GROUP => {
                    (at, group_end) = (body, body + size);
                    continue;
                }
                TIMESTAMP => {
                    let value = ebml::unsigned(&self.input.read_vec(body, size, 8, "Cluster timestamp")?);
                    cluster_time = value.and_then(|v| i64::try_from(v).ok()).unwrap_or(0);
                }
                SIMPLE_BLOCK | BLOCK => {
                    if let Some(block) = self.block(body, size)? {
                        let pts = cluster_time.saturating_add(block.relative.into());
                        if header.id == SIMPLE_BLOCK {
                            let place = Place::Cluster { at: cluster_at, skip: in_cluster };
                            index.push(pts, block.flags & 0x80 != 0, place)?;
                            in_cluster += 1;
                        } else {
                            let bytes = size - block.head_bytes;
                            let data = self.input.read_vec(
                                body + block.head_bytes,
                                bytes,
                                max_packet,
                                "Matroska block",
                            )?;
                            grouped = Some(Grouped { pts, key: is_key(&data) });
                        }
                    }
                }
                REFERENCE_BLOCK => {
                    if let Some(block) = &mut grouped {
                        block.key = false;
                    }
                }
                _ => {}
            }
            at = body + size;
        }
    }

    /// The head of a block if it is of the track; `None` for others and for packets without bytes.
    fn block(&mut self, body: u64, size: u64) -> Result<Option<BlockHead>, Error> {
        let head = self.input.read_vec(body, size.min(MAX_BLOCK_HEAD_BYTES), size, "Matroska block")?;
        let malformed = || Error::Malformed {
            what: "Matroska block",
            at_byte: body,
            expected: "a track number, a time and flags",
            got: format!("{} bytes", head.len()),
        };
        let number_bytes = head.first().map_or(9, |b| b.leading_zeros() as usize + 1);
        if number_bytes > 8 || head.len() < number_bytes + 3 {
            return Err(malformed());
        }
        let mask = (1u64 << (7 * number_bytes)) - 1;
        let number = head[..number_bytes].iter().fold(0u64, |n, &b| n << 8 | u64::from(b)) & mask;
        let (time, flags) = (&head[number_bytes..number_bytes + 2], head[number_bytes + 2]);
        let head_bytes = number_bytes as u64 + 3;
        if number != self.track || (size == head_bytes && !self.empty_counts) {
            return Ok(None);
        }
        if flags & 0x06 != 0 {
            let got = format!("laced video (block at byte {body})");
            return Err(Error::Unsupported { what: "Matroska feature", got });
        }
        Ok(Some(BlockHead { relative: i16::from_be_bytes([time[0], time[1]]), flags, head_bytes }))
    }
}

struct BlockHead {
    relative: i16,
    flags: u8,
    head_bytes: u64,
}
