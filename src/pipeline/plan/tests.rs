//! Cuts by hand, and the property that segments tile the video whatever its groups of pictures are.

use super::segments::{Cut, Segment, cut};
use crate::media::Index;
use proptest::prelude::*;
use std::num::NonZeroU32;

fn options(length: Option<i64>, warm_up: u32, shown: std::ops::Range<i64>) -> Cut {
    Cut { length, warm_up, begins_inside: false, shown, key_interval: NonZeroU32::new(100).unwrap() }
}

/// Frames 10 ticks apart, a key packet every `gop`, no reordering.
fn regular(frames: i64, gop: i64) -> Index {
    Index::imagined(&(0..frames).map(|i| (10 * i, i % gop == 0)).collect::<Vec<_>>())
}

fn starts(segments: &[Segment]) -> Vec<i64> {
    segments.iter().map(|segment| segment.shown.start).collect()
}

#[test]
fn segments_begin_at_the_first_key_packet_after_their_length() {
    let segments = cut(&regular(100, 10), &options(Some(250), 4, 0..i64::MAX));
    assert_eq!(starts(&segments), [0, 300, 600]);
    assert_eq!(segments[1].matted_from, 260);
    assert_eq!(segments[1].decode_from.unwrap().ordinal, 20, "the key packet at or before the warm-up");
    assert_eq!(segments[2].shown, 600..i64::MAX, "900 would leave a rest of less than half a segment");
    assert_eq!(segments.iter().map(|s| s.frames).collect::<Vec<_>>(), [30, 30, 40]);
}

#[test]
fn a_long_group_of_pictures_is_cut_inside_and_decoded_again() {
    let segments = cut(&regular(1000, 1000), &options(Some(1000), 8, 0..i64::MAX));
    assert_eq!(starts(&segments), [0, 2500, 5000, 7500], "four pieces, not ten");
    assert!(segments.iter().all(|s| s.decode_from.is_none()), "the only key packet is the stream's first");
    assert_eq!(segments[3].matted_from, 7500 - 80);
}

#[test]
fn off_is_one_segment() {
    let segments = cut(&regular(50, 5), &options(None, 8, 0..i64::MAX));
    assert_eq!(segments.len(), 1);
    assert_eq!((segments[0].frames, segments[0].matted_from), (50, i64::MIN));
}

#[test]
fn what_an_edit_list_hides_is_matted_but_not_encoded() {
    let segments = cut(&regular(40, 10), &options(Some(100), 15, 50..350));
    assert_eq!(segments[0].shown.start, 50);
    assert_eq!(segments[0].matted_from, i64::MIN);
    assert_eq!(segments.iter().map(|s| s.frames).sum::<u64>(), 30);
    assert_eq!(segments.last().unwrap().shown.end, 350);
    assert!(cut(&regular(4, 2), &options(Some(10), 0, 500..600)).is_empty());
    assert!(cut(&Index::default(), &options(Some(10), 0, 0..600)).is_empty());
}

#[test]
fn a_part_is_warmed_up_from_a_key_packet_near_it() {
    let part = Cut { begins_inside: true, ..options(Some(80), 15, 305..455) };
    let segments = cut(&regular(100, 10), &part);
    assert_eq!((segments[0].shown.clone(), segments[0].frames), (305..400, 9));
    assert_eq!(segments[0].matted_from, 160, "15 frames ahead of the one at 310");
    assert_eq!(segments[0].decode_from.unwrap().ordinal, 10);
    assert_eq!(segments.iter().map(|s| s.frames).sum::<u64>(), 15);
    let near = Cut { begins_inside: true, ..options(Some(100), 15, 50..350) };
    assert_eq!(cut(&regular(40, 10), &near)[0].matted_from, i64::MIN, "its warm-up would reach the start");
}

#[test]
fn key_frames_divide_a_segment_evenly() {
    let segments = cut(&regular(250, 250), &options(None, 8, 0..i64::MAX));
    assert_eq!(segments[0].key_interval.get(), 84, "three parts of at most 100");
}

/// Groups of pictures of any length; within one, pictures in any order after the key packet, some of
/// them shown before it (leading pictures).
fn any_index() -> impl Strategy<Value = Index> {
    prop::collection::vec((1usize..40, any::<u64>(), 0usize..3), 0..20).prop_map(|groups| {
        let mut packets = Vec::new();
        let mut next = 0i64;
        for (length, seed, leading) in groups {
            let mut times: Vec<i64> = (0..length as i64).map(|i| 7 * (next + i)).collect();
            next += length as i64;
            // The key packet takes the time behind its leading pictures.
            let key = times.remove(leading.min(times.len() - 1));
            let mut state = seed | 1;
            for at in (1..times.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                times.swap(at, (state >> 33) as usize % (at + 1));
            }
            packets.push((key, true));
            packets.extend(times.into_iter().map(|time| (time, false)));
        }
        Index::imagined(&packets)
    })
}

proptest! {
    #[test]
    fn segments_tile_the_video(
        index in any_index(),
        length in prop::option::of(1i64..400),
        warm_up in 0u32..40,
        from in 0i64..600,
        to in 0i64..6000,
    ) {
        let segments = cut(&index, &options(length, warm_up, from..to));
        let mut times: Vec<i64> = index.packets.iter().map(|p| p.pts).collect();
        times.sort_unstable();
        let shown: Vec<i64> = times.iter().copied().filter(|pts| (from..to).contains(pts)).collect();
        prop_assert_eq!(segments.is_empty(), shown.is_empty());
        let Some(last) = segments.last() else { return Ok(()) };
        prop_assert_eq!((segments[0].shown.start, last.shown.end), (from, to));
        for (at, segment) in segments.iter().enumerate() {
            prop_assert_eq!(segment.number as usize, at);
            prop_assert!(at == 0 || segments[at - 1].shown.end == segment.shown.start);
            let inside = times.iter().filter(|pts| segment.shown.contains(pts)).count();
            prop_assert_eq!(segment.frames as usize, inside);
            prop_assert!(inside > 0, "an empty segment");
            let before = times.iter().filter(|&&pts| pts < segment.shown.start).count();
            let warm = times.iter().filter(|&&pts| pts >= segment.matted_from && pts < segment.shown.start);
            let expected = if at == 0 { before } else { before.min(warm_up as usize) };
            prop_assert_eq!(warm.count(), expected);
            if let Some(key) = segment.decode_from {
                prop_assert!(index.packets[key.ordinal].key && key.pts <= segment.matted_from);
                // Every packet that is matted comes at or behind the key packet in the file.
                for packet in &index.packets[..key.ordinal] {
                    prop_assert!(!segment.shown.contains(&packet.pts) || packet.pts < key.pts);
                }
            }
            prop_assert!(segment.key_interval.get() <= 100);
        }
    }
}
