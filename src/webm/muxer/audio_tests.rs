//! Sound among pictures: which cluster a block goes to, what is refused, what is written.
#![forbid(unsafe_code)]

use super::{AudioFrame, AudioTrack, Error, Frame, Muxer};
use crate::webm::reader::{Block, Reader, TrackKind};
use crate::webm::tests::header;
use std::io::Cursor;

fn track(default: bool) -> AudioTrack {
    AudioTrack {
        codec_id: "A_OPUS",
        codec_private: vec![7; 19],
        rate_hz: 48_000,
        channels: 2,
        codec_delay_ns: 7_000_000,
        seek_pre_roll_ns: 80_000_000,
        language: Some("deu".to_owned()),
        name: Some("Ton".to_owned()),
        default,
    }
}

fn sound(track: usize, pts_ms: i64, data: &[u8]) -> AudioFrame {
    AudioFrame { track, pts_ms, duration_ns: 20_000_000, discard_end_ns: 0, data: data.to_vec() }
}

fn muxer(tracks: usize) -> Muxer<Cursor<Vec<u8>>> {
    let tracks: Vec<AudioTrack> = (0..tracks).map(|i| track(i == 0)).collect();
    Muxer::create_with_audio(Cursor::new(Vec::new()), &header(false, 9), &tracks).unwrap()
}

fn picture(pts_ms: i64, key: bool) -> Frame<'static> {
    Frame { pts_ms, key, colour: &[1], alpha: None }
}

/// (track, time) of all blocks; times at which clusters begin.
fn read(bytes: Vec<u8>) -> (Vec<(u64, i64)>, Vec<u64>) {
    let mut reader = Reader::open(Cursor::new(bytes.clone())).unwrap();
    reader.check_index().unwrap();
    let mut blocks = Vec::new();
    while let Some(Block { track, pts_ticks, .. }) = reader.next_block().unwrap() {
        blocks.push((track, pts_ticks));
    }
    let mut starts = Vec::new();
    let mut parser = crate::webm::ebml::Parser::new(&bytes[..], crate::webm::ebml::Limits::default());
    while let Some(event) = parser.next().unwrap() {
        if let crate::webm::ebml::Event::Leaf(leaf) = event
            && leaf.id() == crate::webm::ids::TIMESTAMP
        {
            starts.push(leaf.uint().unwrap());
        }
    }
    (blocks, starts)
}

#[test]
fn sound_that_lasts_into_a_key_frame_goes_into_its_cluster() {
    let mut muxer = muxer(2);
    for pts_ms in [0, 20] {
        for track in 0..2 {
            muxer.write_audio(sound(track, pts_ms, &[pts_ms as u8 + 1])).unwrap();
        }
        muxer.write_frame(picture(pts_ms, pts_ms == 0)).unwrap();
    }
    for (track, pts_ms) in [(0, 40), (1, 40), (0, 60), (1, 65)] {
        muxer.write_audio(sound(track, pts_ms, &[9])).unwrap();
    }
    muxer.write_frame(picture(70, true)).unwrap();
    muxer.write_audio(sound(0, 80, &[9])).unwrap();
    let (blocks, clusters) = read(muxer.finish(90).unwrap().into_inner());
    let expected = [
        (2, 0),
        (3, 0),
        (1, 0),
        (2, 20),
        (3, 20),
        (1, 20),
        (2, 40),
        (3, 40),
        (2, 60),
        (3, 65),
        (1, 70),
        (2, 80),
    ];
    assert_eq!((blocks, clusters), (expected.to_vec(), vec![0, 60]));
}

#[test]
fn pictures_may_begin_long_after_the_sound() {
    let mut early = muxer(1);
    early.write_audio(sound(0, 0, &[1])).unwrap();
    early.write_frame(picture(40_000, true)).unwrap();
    let (blocks, clusters) = read(early.finish(40_040).unwrap().into_inner());
    assert_eq!((blocks, clusters), (vec![(2, 0), (1, 40_000)], vec![0, 40_000]));

    // A block that says that it lasts into the key frame, and far beyond.
    let mut long = muxer(1);
    long.write_frame(picture(0, true)).unwrap();
    long.write_audio(AudioFrame { duration_ns: 1 << 60, ..sound(0, 10, &[1]) }).unwrap();
    long.write_frame(picture(50_000, true)).unwrap();
    let (blocks, clusters) = read(long.finish(50_040).unwrap().into_inner());
    assert_eq!((blocks, clusters), (vec![(1, 0), (2, 10), (1, 50_000)], vec![0, 10, 50_000]));
}

#[test]
fn sound_alone_is_written_in_bounded_clusters_and_lengthens_the_file() {
    let mut muxer = muxer(1);
    muxer.write_frame(picture(0, true)).unwrap();
    for block in 0..600 {
        muxer.write_audio(sound(0, block * 20, &[3; 100])).unwrap();
    }
    let bytes = muxer.finish(40).unwrap().into_inner();
    let duration = Reader::open(Cursor::new(bytes.clone())).unwrap().header().info.duration_ticks;
    assert_eq!(duration, Some(12_000.0));
    assert_eq!(read(bytes).1, [0, 5000, 10_000]);
}

#[test]
fn a_track_and_its_padding_are_written_as_stated() {
    let mut muxer = muxer(1);
    muxer.write_frame(picture(0, true)).unwrap();
    muxer.write_audio(AudioFrame { discard_end_ns: 13_500_000, ..sound(0, 0, &[5, 6]) }).unwrap();
    let bytes = muxer.finish(40).unwrap().into_inner();
    let reader = Reader::open(Cursor::new(bytes.clone())).unwrap();
    let track = &reader.header().tracks[1];
    assert_eq!((track.number, track.kind, track.lacing), (2, TrackKind::Audio, false));
    assert_eq!(track.codec_private.as_deref(), Some(&[7; 19][..]));
    let holds = |hex: &[u8]| bytes.windows(hex.len()).any(|w| w == hex);
    assert!(holds(&[0x56, 0xAA, 0x83, 0x6A, 0xCF, 0xC0]), "CodecDelay 7 ms");
    assert!(holds(&[0x56, 0xBB, 0x84, 0x04, 0xC4, 0xB4, 0x00]), "SeekPreRoll 80 ms");
    assert!(holds(&[0x22, 0xB5, 0x9C, 0x83, b'd', b'e', b'u']), "Language");
    assert!(holds(&[0x53, 0x6E, 0x83, b'T', b'o', b'n']), "Name");
    let group = [0xA0, 0x8F, 0xA1, 0x86, 0x82, 0, 0, 0, 5, 6, 0x75, 0xA2, 0x84, 0x00, 0xCD, 0xFE, 0x60];
    assert!(holds(&group), "BlockGroup with DiscardPadding");
}

#[test]
fn blocks_that_break_a_rule_are_refused() {
    let mut muxer = muxer(1);
    assert!(matches!(muxer.write_audio(sound(1, 0, &[1])), Err(Error::NoSuchTrack { index: 1, count: 1 })));
    assert!(matches!(muxer.write_audio(sound(0, -1, &[1])), Err(Error::NegativePts { .. })));
    assert!(matches!(muxer.write_audio(sound(0, 0, &[])), Err(Error::EmptyFrame { what: "audio", .. })));
    muxer.write_audio(sound(0, 30, &[1])).unwrap();
    assert!(matches!(muxer.write_frame(picture(20, true)), Err(Error::OutOfOrder { what: "video", .. })));
    muxer.write_frame(picture(30, true)).unwrap();
    assert!(matches!(muxer.write_audio(sound(0, 29, &[1])), Err(Error::OutOfOrder { what: "audio", .. })));
    let many = vec![track(false); 126];
    let refused = Muxer::create_with_audio(Cursor::new(Vec::new()), &header(false, 1), &many);
    assert!(matches!(refused, Err(Error::TooManyTracks { count: 126 })));
}
