//! Headers written by x264, x265, SVT-AV1 and libvpx, with the values those were told to write;
//! and the same cut at every byte.

use proptest::prelude::*;

use super::vp9::{Broken, Start};
use super::*;
use crate::frame::{Range, Size};
use crate::media::info::{Chroma, DeclaredColour};
use crate::packet::Codec;

/// avcC by x264: 96x64, full range, BT.709.
const AVCC: &str =
    "0164000affe1001a6764000aacd94626c05b808080a000007d20001d4c01e244b2c001000668ebe3cb22c0fdf8f800";
/// avcC by x264: 90x50 (cropped), no colour.
const AVCC_ODD: &str =
    "0164000affe1001a6764000aacd946279223011000000300100000030320f122596001000768ebe3cb3002c0fdf8f800";
/// hvcC by x265, less its SEI: 90x50, 10 bits, BT.2020 primaries, PQ.
const HVCC: &str = "0102200000009000000000001ef000fcfdfafa00000f02a00001001840010c01ffff02200000030090000003000003001e959809a10001002e42010102200000030090000003000003001ea030839c92365959ae4caf016a12201208000003000800000300c840";
/// avcC by x264 and hvcC by x265, less its SEI, for 96x64, changed by ffmpeg's filters to lose 6 columns on the left,
/// 2 on the right, 4 rows at the top and 2 at the bottom.
const AVCC_CROP: &str = "0142c00affe100176742c00ada189c89ac0440000003004000000c83c489a801000468ce0fc8";
const HVCC_CROP: &str = "0101600000009000000000001ef000fcfdf8f800000f03200001001840010c01ffff01600000030090000003000003001e959809210001002b4201010160000003009000000300000\
    3001ea030810644d65959a4932bc05a02000003000200000300321022000100074401c172b42240";
/// av1C by SVT-AV1: 96x64, BT.709.
const AV1C: &str = "81000c000a0d000000032dffc02f8101010104";
/// Start of a VP9 key frame by libvpx: 96x64, 10 bits, SMPTE 170M.
const VP9_KEY: &str = "924983423002f801fb031c120e0c2c0003";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn header(size: (usize, usize), depth: u8, codes: [u8; 3], range: Option<Range>) -> StreamHeader {
    let colour = DeclaredColour::from_codes(codes[0], codes[1], codes[2], range);
    StreamHeader { size: Size::new(size.0, size.1), crop: [0; 2], depth, chroma: Chroma::Yuv420, colour }
}

#[test]
fn records_hold_what_the_encoders_were_told() {
    let read = |codec, hex| from_configuration(codec, &bytes(hex)).unwrap().unwrap();
    let limited = Some(Range::Limited);
    assert_eq!(read(Codec::H264, AVCC), header((96, 64), 8, [1, 1, 1], Some(Range::Full)));
    assert_eq!(read(Codec::H264, AVCC_ODD), header((90, 50), 8, [2, 2, 2], None));
    assert_eq!(read(Codec::Hevc, HVCC), header((90, 50), 10, [9, 16, 9], limited));
    assert_eq!(read(Codec::Av1, AV1C), header((96, 64), 8, [1, 1, 1], limited));
}

#[test]
fn crops_on_the_left_and_at_the_top_are_told() {
    for (codec, hex) in [(Codec::H264, AVCC_CROP), (Codec::Hevc, HVCC_CROP)] {
        let found = from_configuration(codec, &bytes(hex)).unwrap().unwrap();
        assert_eq!((found.size, found.crop), (Size::new(88, 58), [6, 4]), "{codec}");
    }
}

#[test]
fn key_frames_of_vp8_and_vp9_hold_their_size() {
    let key = bytes(VP9_KEY);
    let found = from_packet(Codec::Vp9, &[], &key).unwrap().unwrap();
    assert_eq!(found, header((96, 64), 10, [2, 2, 6], Some(Range::Limited)));
    assert!(is_key(Codec::Vp9, &[], &key));
    // Frame type bit of profile 2: inter; then show_existing_frame.
    assert!(!is_key(Codec::Vp9, &[], &[0x96]));
    assert!(!is_key(Codec::Vp9, &[], &[0x98]));
    // RFC 6386 9.1: 320x240 with upscaling bits that do not count.
    let vp8 = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 0x41, 0xf0, 0x80];
    let found = from_packet(Codec::Vp8, &[], &vp8).unwrap().unwrap();
    assert_eq!((found.size, found.depth), (Size::new(320, 240), 8));
    assert!(from_packet(Codec::Vp8, &[], &[0x11; 10]).is_err());
}

/// What is behind the part that is asked for may be cut or wrong.
#[test]
fn a_vp9_header_is_read_as_far_as_it_is_asked_for() {
    let key = bytes(VP9_KEY);
    let start = Start::read(&key[..1]).unwrap();
    assert_eq!((start.profile, start.key, start.shown, start.show_existing), (2, true, true, None));
    assert_eq!(start.body().err(), Some(Broken::Cut));
    // Five bytes hold the colour, the size takes four more and some bits.
    let body = Start::read(&key[..5]).unwrap().body().unwrap();
    assert_eq!((body.refreshes, body.colour.unwrap().depth, body.size()), (0xff, 10, Err(Broken::Cut)));
    let mut other = key.clone();
    other[1] ^= 1;
    assert!(is_key(Codec::Vp9, &[], &other) && from_packet(Codec::Vp9, &[], &other).is_err());
    let wrong = Broken::Wrong { what: "sync code", got: 0x48_83_42 };
    assert_eq!(Start::read(&other).unwrap().body().err(), Some(wrong));
    assert_eq!(Start::read(&[0x40]).err(), Some(Broken::Wrong { what: "frame marker", got: 1 }));
}

#[test]
fn cut_headers_are_errors_or_absent() {
    for (codec, hex) in [(Codec::H264, AVCC), (Codec::Hevc, HVCC), (Codec::Av1, AV1C)] {
        let whole = bytes(hex);
        let good = from_configuration(codec, &whole).unwrap();
        for cut in 0..whole.len() {
            let found = from_configuration(codec, &whole[..cut]);
            assert!(found.is_err() || found.unwrap() != good || cut + 5 >= whole.len(), "{codec} {cut}");
        }
    }
    let key = bytes(VP9_KEY);
    for cut in 0..9 {
        assert!(from_packet(Codec::Vp9, &[], &key[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn annex_b_puts_parameter_sets_ahead_of_key_frames() {
    // A record with 2-byte lengths, one SPS (67 aa) and one PPS (68 bb).
    let record = [1, 100, 0, 10, 0xfd, 0xe1, 0, 2, 0x67, 0xaa, 1, 0, 2, 0x68, 0xbb];
    let converter = AnnexB::new(Codec::H264, &record).unwrap().unwrap();
    let sample = [0, 3, 0x65, 1, 2, 0, 0, 0, 1, 0x06];
    let mut out = vec![9; 3];
    converter.convert(&sample, true, &mut out).unwrap();
    let sets = [0, 0, 0, 1, 0x67, 0xaa, 0, 0, 0, 1, 0x68, 0xbb];
    let units = [0, 0, 0, 1, 0x65, 1, 2, 0, 0, 0, 1, 0x06];
    assert_eq!(out, [sets, units].concat());
    assert_eq!(converter.parameter_sets(), sets);
    converter.convert(&sample, false, &mut out).unwrap();
    assert_eq!(out, units);
    // A length that leads out of the sample, and half a length.
    for bad in [&[0, 3, 0x65, 1][..], &[0, 1, 0x65, 0]] {
        assert!(converter.convert(bad, false, &mut out).is_err());
    }
    assert!(AnnexB::new(Codec::H264, &record[..12]).is_err());
    assert!(AnnexB::new(Codec::Vp9, &record).unwrap().is_none());
    assert!(AnnexB::new(Codec::Hevc, &[]).unwrap().is_none());
}

#[test]
fn key_pictures_by_unit_type() {
    let record = bytes(AVCC);
    assert!(is_key(Codec::H264, &record, &[0, 0, 0, 1, 6, 0, 0, 0, 1, 0x65]));
    assert!(!is_key(Codec::H264, &record, &[0, 0, 0, 1, 0x41]));
    let record = bytes(HVCC);
    assert!(is_key(Codec::Hevc, &record, &[0, 0, 0, 2, 19 << 1, 1]));
    assert!(is_key(Codec::Hevc, &record, &[0, 0, 0, 2, 21 << 1, 1]));
    assert!(!is_key(Codec::Hevc, &record, &[0, 0, 0, 2, 1 << 1, 1]));
    // OBU_FRAME with a size: frame type key, then inter, then show_existing_frame.
    for (byte, key) in [(0x10, true), (0x30, false), (0x80, false)] {
        assert_eq!(is_key(Codec::Av1, &[], &[0x12, 0, 0x32, 1, byte]), key, "{byte:#x}");
    }
    assert_eq!(config_obus(&[0x81, 0, 0, 0, 7, 8]), [7, 8]);
    assert!(config_obus(&[0x81]).is_empty());
}

#[test]
fn sequence_headers_are_found_where_they_are() {
    // Unit headers: type in bits 3..7, bit 2 extension, bit 1 size field (spec 5.3.2).
    let cases: [(&[u8], bool); 9] = [
        (&[], false),
        (&[0x0a, 0x01, 0x00], true),
        (&[0x12, 0x00, 0x0a, 0x01, 0x00], true),
        (&[0x12, 0x00, 0x32, 0x02, 0, 0], false),
        (&[0x16, 0x00, 0x01, 0xff, 0x0a, 0x01, 0x00], true),
        (&[0x12, 0x05, 0x0a], false),
        (&[0x10, 0x0a], false),
        (&[0x8a, 0x00], false),
        (&[0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], false),
    ];
    for (data, expected) in cases {
        assert_eq!(has_sequence_header(data), expected, "{data:02x?}");
        for cut in 0..data.len() {
            has_sequence_header(&data[..cut]);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_survived(codec in 0usize..5, data in prop::collection::vec(any::<u8>(), 0..200)) {
        let codec = [Codec::H264, Codec::Hevc, Codec::Vp8, Codec::Vp9, Codec::Av1][codec];
        let _ = from_configuration(codec, &data);
        let _ = from_packet(codec, &[], &data);
        let _ = is_key(codec, &data, &data);
        let _ = AnnexB::new(codec, &data);
    }

    #[test]
    fn changed_records_are_survived(at in 0usize..90, value in any::<u8>()) {
        for (codec, hex) in [(Codec::H264, AVCC), (Codec::Hevc, HVCC), (Codec::Av1, AV1C)] {
            let mut changed = bytes(hex);
            let at = at % changed.len();
            changed[at] = value;
            if let Ok(Some(header)) = from_configuration(codec, &changed) {
                prop_assert!(header.size.width <= 1 << 16 && header.size.height <= 1 << 16);
            }
        }
    }
}
