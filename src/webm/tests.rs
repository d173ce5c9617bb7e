//! Muxer and reader together: a file spelled out by hand, round trips, files cut and damaged.
#![forbid(unsafe_code)]

use super::ids;
use super::muxer::{Frame, Header, Muxer, VideoTrack};
use super::reader::{Block, Cue, Error, Reader, TrackKind};
use crate::frame::{Colour, Matrix, Range, Size};
use crate::layout::Packing;
use proptest::prelude::*;
use std::io::Cursor;

/// A header for small tests: 64x48 side by side at 25 frames per second.
pub(super) fn header(alpha: bool, expected_key_frames: u64) -> Header {
    let colour = Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 };
    Header {
        video: VideoTrack {
            size: Size::new(64, 48),
            display_size: None,
            colour,
            packing: Packing::SideBySide,
            projection: None,
            light: None,
            frame_duration_ns: Some(40_000_000),
            alpha,
        },
        expected_key_frames,
        chapters: Vec::new(),
        title: None,
        writing_app: "t".to_owned(),
        tags: Vec::new(),
    }
}

/// What the muxer must write for two frames, from RFC 8794 and RFC 9559. `xx*n`: n times xx.
const SPELLED_OUT: &str = "
1A45DFA3 9F                 | EBML, 31 bytes
  4286 81 01                |   EBMLVersion
  42F7 81 01                |   EBMLReadVersion
  42F2 81 04                |   EBMLMaxIDLength
  42F3 81 08                |   EBMLMaxSizeLength
  4282 84 7765626D          |   DocType webm
  4287 81 04                |   DocTypeVersion
  4285 81 02                |   DocTypeReadVersion
18538067 0100000000000132   | Segment, 306 bytes from byte 48 on
  114D9B74 AA               |   SeekHead, 42 bytes
    4DBB 8B                 |     Seek
      53AB 84 1549A966      |       Info
      53AC 81 46            |       at 70
    4DBB 8B                 |     Seek
      53AB 84 1654AE6B      |       Tracks
      53AC 81 6A            |       at 106
    4DBB 8B                 |     Seek
      53AB 84 1C53BB6B      |       Cues
      53AC 81 D9            |       at 217
  EC 010000000000000E 00*14 |   Void, up to 70
  1549A966 9F               |   Info, 31 bytes
    2AD7B1 83 0F4240        |     TimestampScale 1 000 000
    4489 88 4054000000000000|     Duration 80.0
    4D80 86 767270697065    |     MuxingApp vrpipe
    5741 81 74              |     WritingApp t
  1654AE6B EA               |   Tracks, 106 bytes
    AE E8                   |     TrackEntry, 104 bytes
      D7 81 01              |       TrackNumber
      73C5 81 01            |       TrackUID
      83 81 01              |       TrackType video
      9C 81 00              |       FlagLacing
      22B59C 83 756E64      |       Language und
      23E383 84 02625A00    |       DefaultDuration 40 ms
      86 85 565F565039      |       CodecID V_VP9
      63A2 8C 010100 02010A 030108 040100 | CodecPrivate: profile 0, level 1, 8 bits, 4:2:0
      55EE 81 01            |       MaxBlockAdditionID
      E0 B0                 |       Video, 48 bytes
        B0 81 40            |         PixelWidth 64
        BA 81 30            |         PixelHeight 48
        9A 81 02            |         FlagInterlaced: progressive
        53B8 81 01          |         StereoMode side by side, left first
        53C0 81 01          |         AlphaMode
        55B0 9C             |         Colour, 28 bytes
          55B1 81 01        |           MatrixCoefficients BT.709
          55B2 81 08        |           BitsPerChannel
          55B3 81 01        |           ChromaSubsamplingHorz
          55B4 81 01        |           ChromaSubsamplingVert
          55B9 81 01        |           Range limited
          55BA 81 01        |           TransferCharacteristics BT.709
          55BB 81 01        |           Primaries BT.709
  1C53BB6B 90               |   Cues, 16 bytes
    BB 8E                   |     CuePoint
      B3 81 00              |       CueTime 0
      B7 89                 |       CueTrackPositions
        F7 81 01            |         CueTrack
        F1 81 FB            |         CueClusterPosition 251
        F0 81 03            |         CueRelativePosition 3
  EC 0100000000000004 00*4  |   Void, up to 251
  1F43B675 B2               |   Cluster, 50 bytes
    E7 81 00                |     Timestamp 0
    A0 95                   |     BlockGroup: key frame at 0
      A1 87 81 0000 00 C0C1C2 |     Block
      75A1 89               |       BlockAdditions
        A6 87               |         BlockMore
          EE 81 01          |           BlockAddID
          A5 82 A0A1        |           BlockAdditional
    A0 96                   |     BlockGroup: frame at 40
      A1 85 81 0028 00 D0   |       Block
      75A1 89               |       BlockAdditions
        A6 87               |         BlockMore
          EE 81 01          |           BlockAddID
          A5 82 B0B1        |           BlockAdditional
      FB 81 D8              |       ReferenceBlock -40
";

fn bytes_of(annotated: &str) -> Vec<u8> {
    let words = annotated.lines().flat_map(|line| line.split('|').next().unwrap().split_whitespace());
    let mut out = Vec::new();
    for word in words {
        let (hex, times) = word.split_once('*').unwrap_or((word, "1"));
        for _ in 0..times.parse().unwrap() {
            out.extend((0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()));
        }
    }
    out
}

fn two_frames() -> Vec<u8> {
    let mut muxer = Muxer::create(Cursor::new(Vec::new()), &header(true, 1)).unwrap();
    let frame = |pts_ms, key, colour, alpha| Frame { pts_ms, key, colour, alpha: Some(alpha) };
    muxer.write_frame(frame(0, true, &[0xC0, 0xC1, 0xC2], &[0xA0, 0xA1])).unwrap();
    muxer.write_frame(frame(40, false, &[0xD0], &[0xB0, 0xB1])).unwrap();
    muxer.finish(80).unwrap().into_inner()
}

#[test]
fn a_small_file_has_the_bytes_spelled_out_by_hand() {
    let expected = bytes_of(SPELLED_OUT);
    let written = two_frames();
    let differs = expected.iter().zip(&written).position(|(a, b)| a != b);
    assert_eq!((differs, written.len()), (None, expected.len()));
}

#[test]
fn the_reader_reads_the_bytes_spelled_out_by_hand() {
    let mut reader = Reader::open(Cursor::new(bytes_of(SPELLED_OUT))).unwrap();
    reader.check_index().unwrap();
    let read = reader.header();
    assert_eq!(read.tags, []);
    assert_eq!((read.doc_type.as_str(), read.segment.data_at_byte), ("webm", 48));
    assert_eq!((read.info.timestamp_scale_ns, read.info.duration_ticks), (1_000_000, Some(80.0)));
    assert_eq!((read.info.muxing_app.as_str(), read.info.writing_app.as_str()), ("vrpipe", "t"));
    assert_eq!(read.cues, [Cue { time_ticks: 0, track: 1, cluster: 251, block: Some(3) }]);
    assert!(read.cues_at.unwrap() < read.first_cluster.unwrap());
    let [track] = &read.tracks[..] else { panic!("one track") };
    assert_eq!((track.number, track.uid, track.kind, track.lacing), (1, 1, TrackKind::Video, false));
    assert_eq!((track.codec_id.as_str(), track.max_block_addition_id), ("V_VP9", 1));
    assert_eq!(track.frame_duration_ns, Some(40_000_000));
    let video = track.video.as_ref().unwrap();
    assert_eq!((video.size, video.stereo_mode, video.alpha_mode), (Size::new(64, 48), 1, 1));
    assert_eq!(video.display, (None, None));
    let colour = video.colour.unwrap();
    assert_eq!((colour.matrix, colour.range, colour.bits), (Some(1), Some(1), Some(8)));

    let block = |pts_ticks, key, data: &[u8], additional: &[u8], at_byte| Block {
        track: 1,
        pts_ticks,
        key,
        data: data.to_vec(),
        additional: Some(additional.to_vec()),
        duration_ticks: None,
        at_byte,
    };
    assert_eq!(reader.next_block().unwrap(), Some(block(0, true, &[0xC0, 0xC1, 0xC2], &[0xA0, 0xA1], 307)));
    assert_eq!(reader.next_block().unwrap(), Some(block(40, false, &[0xD0], &[0xB0, 0xB1], 330)));
    assert_eq!(reader.next_block().unwrap(), None);
}

#[test]
fn tags_come_back_and_move_what_follows_them() {
    let tags = [("A", "1"), ("B", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let header = Header { tags: tags.to_vec(), ..header(false, 1) };
    let mut muxer = Muxer::create(Cursor::new(Vec::new()), &header).unwrap();
    muxer.write_frame(Frame { pts_ms: 0, key: true, colour: &[1], alpha: None }).unwrap();
    let mut reader = Reader::open(Cursor::new(muxer.finish(40).unwrap().into_inner())).unwrap();
    assert_eq!(reader.header().tags, tags);
    reader.check_index().unwrap();
}

/// Reads a file to its end, index included.
fn read_all(bytes: &[u8]) -> Result<Vec<Block>, Error> {
    let mut reader = Reader::open(Cursor::new(bytes))?;
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block()? {
        blocks.push(block);
        assert!(blocks.len() <= bytes.len(), "more blocks than bytes");
    }
    reader.check_index()?;
    Ok(blocks)
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let bytes = two_frames();
    assert_eq!(read_all(&bytes).unwrap().len(), 2);
    for end in 0..bytes.len() {
        assert!(read_all(&bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_live_file_cut_anywhere_gives_the_whole_frames_before_the_cut() {
    let mut bytes = two_frames();
    // Segment and Cluster of unknown size, as in a stream.
    bytes[40..48].copy_from_slice(&super::ebml::vint::UNKNOWN_SIZE);
    bytes[303] = 0xFF;
    for end in 0..=bytes.len() {
        let mut reader = match Reader::open(Cursor::new(&bytes[..end])) {
            Ok(reader) => reader,
            Err(_) => {
                // All up to the first Cluster is read, and SeekHead promises Cues.
                assert!(end < 304 && ![286, 299].contains(&end), "cut at {end}");
                continue;
            }
        };
        let mut blocks = 0;
        let result = loop {
            match reader.next_block() {
                Ok(Some(_)) => blocks += 1,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        assert_eq!(blocks, [330, 354].iter().filter(|&&whole| end >= whole).count(), "cut at {end}");
        assert_eq!(result.is_ok(), [286, 299, 304, 307, 330, 354].contains(&end), "cut at {end}: {result:?}");
    }
}

#[test]
fn a_file_with_any_byte_changed_ends_in_an_error_or_an_end() {
    let bytes = two_frames();
    let mut errors = 0;
    for at in 0..bytes.len() {
        for mask in [0x01, 0x02, 0x10, 0x40, 0x80, 0xFF] {
            let mut damaged = bytes.clone();
            damaged[at] ^= mask;
            errors += usize::from(read_all(&damaged).is_err());
        }
    }
    assert!(errors > bytes.len(), "{errors} of {} changes were noticed", 6 * bytes.len());
}

/// A frame as proptest makes it up: milliseconds since the one before, key, sizes.
type Made = (i64, bool, Vec<u8>, Vec<u8>);

fn made() -> impl Strategy<Value = Vec<Made>> {
    let bytes = || proptest::collection::vec(any::<u8>(), 1..300);
    proptest::collection::vec((1i64..7000, proptest::bool::weighted(0.2), bytes(), bytes()), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_muxed_is_read(frames in made(), start in 0i64..100_000, alpha: bool, expected in 0u64..20) {
        let mut muxer = Muxer::create(Cursor::new(Vec::new()), &header(alpha, expected)).unwrap();
        let mut pts_ms = start - 1;
        let mut put = Vec::new();
        for (i, (gap, key, colour, opacity)) in frames.iter().enumerate() {
            pts_ms += if i == 0 { 1 } else { *gap };
            let frame = Frame { pts_ms, key: *key || i == 0, colour, alpha: alpha.then_some(&opacity[..]) };
            muxer.write_frame(frame).unwrap();
            put.push((pts_ms, frame.key, colour.clone(), alpha.then(|| opacity.clone())));
        }
        let bytes = muxer.finish(pts_ms + 5).unwrap().into_inner();

        let mut reader = Reader::open(Cursor::new(&bytes[..])).unwrap();
        reader.check_index().unwrap();
        let head = reader.header().clone();
        prop_assert_eq!(head.segment.data_at_byte + head.segment.size_bytes.unwrap(), bytes.len() as u64);
        prop_assert_eq!(head.info.duration_ticks, Some((pts_ms + 5) as f64));
        let keys: Vec<i64> = put.iter().filter(|frame| frame.1).map(|frame| frame.0).collect();
        prop_assert_eq!(head.cues.iter().map(|cue| cue.time_ticks).collect::<Vec<_>>(), &keys[..]);
        let in_front = head.cues_at.unwrap() < head.first_cluster.unwrap();
        prop_assert!(in_front || keys.len() as u64 > expected);
        prop_assert!(!in_front || expected > 0);
        prop_assert_eq!(head.seeks.iter().map(|seek| seek.id).collect::<Vec<_>>(), [ids::INFO, ids::TRACKS, ids::CUES]);

        let mut got = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            got.push((block.pts_ticks, block.key, block.data, block.additional));
        }
        prop_assert_eq!(got, put);
    }

    #[test]
    fn damage_never_panics(at in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let mut bytes = two_frames();
        for (index, value) in at {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        let _ = read_all(&bytes);
    }
}
