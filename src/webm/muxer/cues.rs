//! The index of a file: Cues (key frames) and SeekHead (where the other top-level elements are),
//! and how much room to keep for them. Positions count from the first byte of Segment's data.
#![forbid(unsafe_code)]

use super::header::VIDEO_TRACK;
use crate::webm::ebml::{vint, write};
use crate::webm::ids::{self, Id};

/// Largest CuePoint of a file of less than 2^48 bytes and 2^32 ms: headers of CuePoint and
/// CueTrackPositions 2 + 2, time 6, track 3, cluster 8, relative position 6.
const CUE_POINT_BYTES: u64 = 27;

/// No more than this is kept for Cues, enough for 38 000 key frames.
const MAX_CUES_BYTES: u64 = 1 << 20;

/// Room for SeekHead: its header 5, three Seeks of 21 bytes at most, and 2 because a Void of one
/// byte does not exist.
pub(super) const SEEK_HEAD_BYTES: u64 = 5 + 3 * 21 + 2;

/// A key frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cue {
    pub(super) time_ms: u64,
    /// First byte of the cluster's ID, from the start of Segment's data.
    pub(super) cluster: u64,
    /// First byte of the block, from the start of the cluster's data.
    pub(super) block: u64,
}

/// Bytes to keep for the Cues of `key_frames`; 0 keeps nothing.
pub(super) fn reservation(key_frames: u64) -> u64 {
    let points = key_frames.saturating_mul(CUE_POINT_BYTES).min(MAX_CUES_BYTES);
    // The 2 again for a Void behind.
    if points == 0 { 0 } else { 4 + vint::shortest(points) as u64 + points + 2 }
}

/// Cues.
pub(super) fn cues(points: &[Cue]) -> Vec<u8> {
    let mut out = Vec::new();
    write::master(&mut out, ids::CUES, |out| {
        for point in points {
            write::master(out, ids::CUE_POINT, |out| {
                write::uint(out, ids::CUE_TIME, point.time_ms);
                write::master(out, ids::CUE_TRACK_POSITIONS, |out| {
                    write::uint(out, ids::CUE_TRACK, VIDEO_TRACK.into());
                    write::uint(out, ids::CUE_CLUSTER_POSITION, point.cluster);
                    write::uint(out, ids::CUE_RELATIVE_POSITION, point.block);
                });
            });
        }
    });
    out
}

/// SeekHead for up to three elements, filled up with Void to [`SEEK_HEAD_BYTES`].
pub(super) fn seek_head(entries: &[(Id, u64)]) -> Vec<u8> {
    let mut out = Vec::new();
    write::master(&mut out, ids::SEEK_HEAD, |out| {
        for &(id, position) in entries {
            write::master(out, ids::SEEK, |out| {
                write::binary(out, ids::SEEK_ID, id.bytes().as_ref());
                write::uint(out, ids::SEEK_POSITION, position);
            });
        }
    });
    let filled = fill(&mut out, SEEK_HEAD_BYTES);
    debug_assert!(filled, "three entries fit");
    out
}

/// Fills `out` with Void to exactly `total_bytes`; `false` and nothing done where it does not fit.
pub(super) fn fill(out: &mut Vec<u8>, total_bytes: u64) -> bool {
    match total_bytes.checked_sub(out.len() as u64) {
        Some(0) => true,
        Some(rest) => write::void(out, rest),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_index_of_its_kind_fills_its_reservation_exactly() {
        for count in [1, 2, 4, 5, 100, 700] {
            let point = Cue { time_ms: (1 << 32) - 1, cluster: (1 << 48) - 1, block: (1 << 32) - 1 };
            let mut bytes = cues(&vec![point; count]);
            assert_eq!(bytes.len() as u64 + 2, reservation(count as u64));
            assert!(fill(&mut bytes, reservation(count as u64)));
        }
        assert_eq!(reservation(0), 0);
        assert!(reservation(u64::MAX) < MAX_CUES_BYTES + 16);
        let far = [(ids::INFO, u64::MAX), (ids::TRACKS, u64::MAX), (ids::CUES, u64::MAX)];
        assert_eq!(seek_head(&far).len() as u64, SEEK_HEAD_BYTES);
    }
}
