//! Files built element by element: what is read of them, and what is refused.

use crate::frame::{Matrix, Range};
use crate::layout::{Packing, Projection};
use crate::media::tests::{drain, open, refusal, vp8_frame};
use crate::media::{Container, Error};
use crate::units::Rational;

use super::made::*;
use super::tracks;

fn seen(bytes: &[u8]) -> Vec<(i64, bool, u8)> {
    let (packets, error) = drain(&mut open(bytes).unwrap());
    assert!(error.is_none(), "{error:?}");
    packets.iter().map(|p| (p.pts, p.key, p.data[10])).collect()
}

#[test]
fn blocks_of_every_kind() {
    let inter = [0x11; 11];
    let clusters = [
        cluster(0, &[&simple(0, 0x80, &vp8_frame(0)), &simple(33, 0, &vp8_frame(1))]),
        cluster(100, &[&group(-33, &vp8_frame(2)), &group(0, &inter)]),
    ];
    let bytes = file(&[&info(), &vp8_tracks(), &clusters.concat()]);
    // Key by the flag of a SimpleBlock, by the frame itself in a group.
    let expected = [(0, true, 0), (33, false, 1), (67, true, 2), (100, false, 0x11)];
    assert_eq!(seen(&bytes), expected);
    let source = open(&bytes).unwrap();
    assert_eq!(source.info().container, Container::WebM);
    assert_eq!((source.info().duration_s, source.video().duration_ticks), (Some(0.2), Some(200)));
}

#[test]
fn clusters_and_segments_of_unknown_size() {
    for live in [false, true] {
        let one = open_ended(0x1F43B675, live, &[&el(0xE7, &[&[0]]), &simple(0, 0x80, &vp8_frame(0))]);
        let two = open_ended(0x1F43B675, live, &[&el(0xE7, &[&[50]]), &simple(0, 0, &vp8_frame(1))]);
        let bytes =
            [ebml("matroska"), open_ended(0x18538067, live, &[&info(), &vp8_tracks(), &one, &two])].concat();
        assert_eq!(seen(&bytes), [(0, true, 0), (50, false, 1)]);
    }
}

#[test]
fn lacing_of_every_kind() {
    let frames = [vp8_frame(0), [vp8_frame(1), vec![0; 300]].concat(), vp8_frame(2)];
    let sizes = frames.each_ref().map(Vec::len);
    assert_eq!(sizes, [11, 311, 11]);
    let xiph = [&[2, 11, 255, 56][..], &frames.concat()].concat();
    // EBML lacing: 11, then +300 in two bytes with bias 8191.
    let ebml = [&[2, 0x8b][..], &(0x4000u16 + 8191 + 300).to_be_bytes(), &frames.concat()].concat();
    let equal = [&[1][..], &vp8_frame(0), &vp8_frame(1)].concat();
    for (flags, data, count) in [(0x82, xiph, 3), (0x86, ebml, 3), (0x84, equal, 2)] {
        let bytes = file(&[&info(), &vp8_tracks(), &cluster(0, &[&simple(7, flags, &data)])]);
        let expected: Vec<_> = (0..count).map(|i| (7, true, i as u8)).collect();
        assert_eq!(seen(&bytes), expected, "{flags:#x}");
    }
}

#[test]
fn what_is_not_needed_is_not_believed() {
    // A SeekHead that names itself, Cues that point nowhere, Tags cut short: none of it is read.
    let seek = el(0x4DBB, &[&el(0x53AB, &[&[0x11, 0x4D, 0x9B, 0x74]]), &el(0x53AC, &[&[0]])]);
    let head = el(0x114D9B74, &[&seek]);
    let crc = el(0xBF, &[&[1, 2, 3, 4]]);
    let cues = el(0x1C53BB6B, &[&[0x55; 40]]);
    let one = cluster(0, &[&simple(0, 0x80, &vp8_frame(0))]);
    let bytes = file(&[&crc, &head, &cues, &info(), &vp8_tracks(), &one, &cues]);
    assert_eq!(seen(&bytes), [(0, true, 0)]);
}

#[test]
fn stripped_headers_are_put_back() {
    let whole = vp8_frame(9);
    let compression = el(0x5034, &[&el(0x4254, &[&[3]]), &el(0x4255, &[&whole[..6]])]);
    let encodings = el(0x6D80, &[&el(0x6240, &[&compression])]);
    let tracks = tracks_element("V_VP8", &[], &encodings);
    let bytes = file(&[&info(), &tracks, &cluster(0, &[&simple(0, 0x80, &whole[6..])])]);
    assert_eq!(seen(&bytes), [(0, true, 9)]);
    let zlib = el(0x6D80, &[&el(0x6240, &[&el(0x5034, &[&el(0x4254, &[&[0]])])])]);
    let refused = refusal(&file(&[&info(), &tracks_element("V_VP8", &[], &zlib), &cluster(0, &[])]));
    assert_eq!(refused.to_string(), "unsupported track encoding: Zlib compression");
}

#[test]
fn the_video_element_is_read() {
    let colour = el(
        0x55B0,
        &[&el(0x55B1, &[&[9]]), &el(0x55B9, &[&[2]]), &el(0x55BA, &[&[18]]), &el(0x55BB, &[&[9]])],
    );
    let display = [el(0x54B0, &[&[16]]), el(0x54BA, &[&[8]])].concat();
    let stereo = el(0x53B8, &[&[1]]);
    let rate = el(0x23E383, &[&33_366_667u32.to_be_bytes()]);
    let one = cluster(0, &[&simple(0, 0x80, &vp8_frame(0))]);
    let tracks = tracks_element("V_VP8", &[&stereo[..], &display, &colour].concat(), &rate);
    let source = open(&file(&[&info(), &tracks, &one])).unwrap();
    let video = source.video();
    assert_eq!((video.colour.matrix, video.colour.range), (Matrix::Bt2020, Range::Full));
    assert_eq!((video.colour.primaries, video.colour.transfer), (9, 18));
    assert_eq!(
        video.layout.packing,
        Some((Packing::SideBySide, "element StereoMode: 1, side-by-side".to_owned()))
    );
    // Display size of one eye: 16x8 per eye of 8x8 pixels is 2:1.
    assert_eq!(video.pixel_aspect, Rational::new(2, 1));
    assert_eq!(video.frame_rate, Rational::new(30_000, 1001));
    let tracks = tracks_element("V_VP8", &el(0x53B8, &[&[6]]), &[]);
    let source = open(&file(&[&info(), &tracks, &one])).unwrap();
    assert_eq!((source.video().layout.packing.as_ref(), source.video().notes.len()), (None, 1));
}

#[test]
fn common_rates_are_recognised_in_rounded_durations() {
    for (ns, num, den) in [
        (41_666_667, 24, 1),
        (41_708_333, 24_000, 1001),
        (33_333_333, 30, 1),
        (33_366_666, 30_000, 1001),
        (16_683_333, 60_000, 1001),
        (11_111_111, 90, 1),
        (40_000_000, 25, 1),
        (50_000_000, 20, 1),
    ] {
        assert_eq!(tracks::frame_rate(ns), Rational::new(num, den), "{ns}");
    }
    assert_eq!(tracks::frame_rate(u64::MAX), None);
}

#[test]
fn what_a_file_lacks_is_named() {
    let message = |bytes: &[u8]| refusal(bytes).to_string();
    let one = cluster(0, &[&simple(0, 0x80, &vp8_frame(0))]);
    let realvideo = tracks_element("V_REAL/RV40", &[], &[]);
    assert_eq!(message(&file(&[&info(), &realvideo, &one])), "unsupported video codec: V_REAL/RV40");
    let audio =
        el(0xAE, &[&el(0xD7, &[&[1]]), &el(0x73C5, &[&[1]]), &el(0x83, &[&[2]]), &el(0x86, &[b"A_OPUS"])]);
    let audio = el(0x1654AE6B, &[&audio]);
    assert_eq!(message(&file(&[&info(), &audio, &one])), "the file has no video track (found: A_OPUS)");
    assert!(message(&file(&[&info(), &one])).contains("no Tracks element"));
    assert!(message(&file(&[&info(), &vp8_tracks()])).contains("no Cluster element"));
    let subtitles = [ebml("subtitles"), vec![0; 40]].concat();
    assert_eq!(message(&subtitles), "unsupported EBML document type: \"subtitles\"");
}

#[test]
fn sizes_that_lie_are_bounded_and_overflow_is_contained() {
    let good = simple(0, 0x80, &vp8_frame(0));
    let head = [ebml("webm"), open_ended(0x18538067, false, &[&info(), &vp8_tracks()])].concat();
    let with = |tail: &[u8]| {
        [&head[..], &open_ended(0x1F43B675, false, &[&el(0xE7, &[&[0]]), &good, tail])].concat()
    };
    // A block of 2^40 bytes, of 2^56 - 2 bytes, and one that is only cut.
    for (size, limit) in [(1u64 << 40, true), ((1 << 56) - 2, true), (1000, false)] {
        let block = [&[0xA3][..], &(size | 1 << 56).to_be_bytes(), &[0x81, 0, 1, 0x80, 1, 2, 3]].concat();
        let (packets, error) = drain(&mut open(&with(&block)).unwrap());
        assert_eq!(packets.len(), 1);
        match error {
            Some(Error::Limit { .. }) => assert!(limit),
            Some(Error::Truncated { need: 996, have: 3, .. }) => assert!(!limit),
            other => panic!("{other:?}"),
        }
    }
    // Relative time -32768, and a group of unknown size: both overflow inside the crate.
    let lowest = simple(i16::MIN, 0x80, &vp8_frame(1));
    for bad in [lowest, [&[0xA0, 0xFF][..], &simple(1, 0x80, &vp8_frame(1))].concat()] {
        let (packets, error) = drain(&mut open(&with(&bad)).unwrap());
        assert!(packets.len() <= 2 && (packets.len() == 2 || error.is_some()), "{error:?}");
    }
}

#[test]
fn a_reserved_but_never_written_rest_is_not_searched() {
    let live_cluster = open_ended(0x1F43B675, true, &[&el(0xE7, &[&[0]]), &simple(0, 0x80, &vp8_frame(0))]);
    let head =
        [ebml("webm"), open_ended(0x18538067, true, &[&info(), &vp8_tracks(), &live_cluster])].concat();
    for (zeros, fine) in [(1000, true), (1 << 20, false)] {
        let (packets, error) = drain(&mut open(&[&head[..], &vec![0; zeros]].concat()).unwrap());
        assert_eq!((packets.len(), error.is_none()), (1, fine), "{error:?}");
    }
}

#[test]
fn every_cut_gives_the_packets_ahead_of_it() {
    let blocks: Vec<Vec<u8>> = (0..3).map(|i| simple(33 * i, 0x80, &vp8_frame(i as u8))).collect();
    let blocks: Vec<&[u8]> = blocks.iter().map(Vec::as_slice).collect();
    let sized = file(&[&info(), &vp8_tracks(), &cluster(0, &blocks), &cluster(200, &blocks)]);
    let live_cluster = open_ended(0x1F43B675, true, &[&el(0xE7, &[&[0]]), &blocks.concat()]);
    let live =
        [ebml("webm"), open_ended(0x18538067, true, &[&info(), &vp8_tracks(), &live_cluster])].concat();
    let mut clean_ends = Vec::new();
    for (bytes, is_live) in [(sized, false), (live, true)] {
        let whole = drain(&mut open(&bytes).unwrap()).0;
        for cut in 0..bytes.len() {
            let (packets, error) = match open(&bytes[..cut]) {
                Ok(mut source) => drain(&mut source),
                Err(error) => (Vec::new(), Some(error)),
            };
            assert_eq!(packets[..], whole[..packets.len()]);
            match error {
                Some(
                    Error::Truncated { .. }
                    | Error::Empty
                    | Error::UnknownContainer { .. }
                    | Error::Missing { .. },
                ) => {}
                None if is_live => clean_ends.push(packets.len()),
                other => panic!("cut at {cut}: {other:?}"),
            }
        }
    }
    // Without sizes, a cut right behind a block cannot be told from the end.
    assert_eq!(clean_ends, [1, 2]);
}

#[test]
fn projections_and_poses() {
    let float = |value: f64| value.to_be_bytes();
    let element = |kind: u8, private: &[u8], angles: [f64; 3]| {
        let private = if private.is_empty() { vec![] } else { el(0x7672, &[private]) };
        let [yaw, pitch, roll] = angles.map(float);
        let pose = [el(0x7673, &[&yaw]), el(0x7674, &[&pitch]), el(0x7675, &[&roll])].concat();
        el(0x7670, &[&el(0x7671, &[&[kind]]), &private, &pose])
    };
    let half = [[0; 12], [0x40, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0]].concat();
    let half = [&half[..8], &half[8..12], &half[12..20]].concat();
    for (video, projection, turn, notes) in [
        (element(1, &[], [0.0; 3]), Some(Projection::SPHERE), 0, 0),
        (element(1, &half, [10.0, -5.5, 0.0]), Some(Projection::HALF), 0, 0),
        (element(1, &half[..7], [0.0; 3]), None, 0, 1),
        (element(2, &[0; 12], [0.0; 3]), Some(Projection::Cubemap { padding: 0 }), 0, 0),
        (element(0, &[], [0.0, 0.0, -90.0]), Some(Projection::Rectilinear), 90, 0),
        (element(0, &[], [0.0, 0.0, 90.0]), Some(Projection::Rectilinear), 270, 0),
        (element(0, &[], [0.0, 0.0, f64::NAN]), Some(Projection::Rectilinear), 0, 1),
        (element(9, &[], [0.0; 3]), None, 0, 1),
        (el(0x7670, &[]), Some(Projection::Rectilinear), 0, 0),
        (el(0x7670, &[&el(0x7673, &[&[1, 2, 3]])]), Some(Projection::Rectilinear), 0, 1),
    ] {
        let tracks = tracks_element("V_VP8", &video, &[]);
        let bytes = file(&[&info(), &tracks, &cluster(0, &[&simple(0, 0x80, &vp8_frame(0))])]);
        let source = open(&bytes).unwrap();
        let track = source.video();
        let found = track.layout.projection.as_ref().map(|stated| stated.projection.clone());
        assert_eq!(
            (found, track.rotation_degrees, track.notes.len()),
            (projection, turn, notes),
            "{video:x?}"
        );
    }
}
