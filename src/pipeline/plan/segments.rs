//! Cuts a video into segments: pure data, from the index of its packets.
//!
//! ```text
//! packets   K . . . . . . . K . . . . . . . K . . . . . . .
//! segment            decoded ├───────────────┤
//!                        matted    ├──┼──────┤     the first frames for the sake of the state only
//!                       encoded       ├──────┤
//! ```
//!
//! Segments tile what is shown: every frame is encoded in exactly one. They begin at key packets
//! where those come often enough, else inside a group of pictures, which is then decoded again from
//! its key packet. A decoder that starts at a key packet may lose pictures that are shown before it
//! and lean on earlier ones (leading pictures); none of them is matted, because a segment starts at a
//! key packet whose time is not after its first matted frame.
#![forbid(unsafe_code)]

use crate::media::{Index, SeekPoint};
use std::num::NonZeroU32;
use std::ops::Range;

/// Most segments that one group of pictures is cut into: the last of them decodes the group for
/// nothing but itself, and decoding is about ten times as fast as encoding.
const MAX_PIECES: usize = 4;

/// How to cut.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// Wanted length in ticks, above 0; `None`: one segment.
    pub length: Option<i64>,
    /// Frames matted ahead of a segment, so that the state of the network is what it would be.
    pub warm_up: u32,
    /// Whether the first segment begins inside the video, and is warmed up as the others are.
    pub begins_inside: bool,
    /// Timestamps that are shown, in ticks.
    pub shown: Range<i64>,
    /// Most frames from one key frame of the output to the next.
    pub key_interval: NonZeroU32,
}

/// One segment. Times are in ticks of the track.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Place in the video, from 0.
    pub number: u32,
    /// Where decoding starts; `None`: at the start of the stream.
    pub decode_from: Option<SeekPoint>,
    /// Frames before this are decoded only.
    pub matted_from: i64,
    /// Frames in here are encoded.
    pub shown: Range<i64>,
    /// Frames that are encoded, by the index; a decoder may give fewer.
    pub frames: u64,
    /// Frames from one key frame to the next: the segment's length in equal parts.
    pub key_interval: NonZeroU32,
}

/// A video that cannot be indexed, as one segment.
pub fn whole(shown: Range<i64>, frames: u64, key_interval: NonZeroU32) -> Segment {
    Segment { number: 0, decode_from: None, matted_from: i64::MIN, shown, frames, key_interval }
}

/// Cuts a video. No frame that is shown: no segment.
pub fn cut(index: &Index, cut: &Cut) -> Vec<Segment> {
    let mut times: Vec<i64> = index.packets.iter().map(|packet| packet.pts).collect();
    times.sort_unstable();
    let first_shown = times.partition_point(|&pts| pts < cut.shown.start);
    let behind_shown = times.partition_point(|&pts| pts < cut.shown.end);
    if first_shown >= behind_shown {
        return Vec::new();
    }
    let keys = rising(&index.keys);
    let starts = match cut.length {
        Some(length) => starts(&times[first_shown..behind_shown], &keys, length.max(1)),
        None => vec![times[first_shown]],
    };
    let mut segments = Vec::with_capacity(starts.len());
    for (number, &start) in (0..).zip(&starts) {
        let end = starts.get(number as usize + 1).copied().unwrap_or(cut.shown.end);
        let from = times.partition_point(|&pts| pts < start);
        let frames = times.partition_point(|&pts| pts < end) - from;
        // The first segment, and any other whose warm-up would reach the start, does as it does.
        let follows = number > 0 || cut.begins_inside;
        let warm = from.checked_sub(cut.warm_up as usize).filter(|_| follows).map(|at| times[at]);
        let decode_from = warm.and_then(|warm| keys.iter().rev().find(|key| key.pts <= warm)).copied();
        segments.push(Segment {
            number,
            matted_from: warm.unwrap_or(i64::MIN),
            decode_from: decode_from.filter(|key| key.ordinal > 0),
            shown: if number == 0 { cut.shown.start..end } else { start..end },
            frames: frames as u64,
            key_interval: even(frames, cut.key_interval),
        });
    }
    segments
}

/// The key packets whose times rise; one that is shown before an earlier one cannot be started at.
fn rising(keys: &[SeekPoint]) -> Vec<SeekPoint> {
    let mut rising: Vec<SeekPoint> = Vec::with_capacity(keys.len());
    for key in keys {
        if rising.last().is_none_or(|last| last.pts < key.pts) {
            rising.push(*key);
        }
    }
    rising
}

/// The times at which segments begin.
fn starts(times: &[i64], keys: &[SeekPoint], length: i64) -> Vec<i64> {
    let mut starts = vec![times[0]];
    let behind = times[times.len() - 1].saturating_add(1);
    let ends = keys.iter().map(|key| key.pts).filter(|&pts| pts > times[0] && pts < behind);
    // The last piece ends with the video, and is not cut off only to be very short.
    for (end, is_key) in ends.map(|end| (end, true)).chain([(behind, false)]) {
        let start = starts[starts.len() - 1];
        let got = end.saturating_sub(start);
        if got >= length.saturating_mul(2) {
            let [from, to] = [start, end].map(|at| times.partition_point(|&pts| pts < at));
            let pieces = ((got / length) as usize).min(MAX_PIECES).min(to - from).max(1);
            starts.extend((1..pieces).map(|piece| times[from + (to - from) * piece / pieces]));
        }
        if is_key && got >= length && behind.saturating_sub(end) >= length / 2 {
            starts.push(end);
        }
    }
    starts.dedup();
    starts
}

/// `frames` in equal parts of at most `interval`.
fn even(frames: usize, interval: NonZeroU32) -> NonZeroU32 {
    let parts = frames.div_ceil(interval.get() as usize).max(1);
    u32::try_from(frames.div_ceil(parts)).ok().and_then(NonZeroU32::new).unwrap_or(interval)
}
