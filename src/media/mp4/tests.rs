//! Files built box by box: what is read of them, and what is refused.

use shiguredo_mp4::FixedPointNumber;
use shiguredo_mp4::boxes::ElstEntry;

use super::edits::{self, Edit};
use super::made::{File, bx, words};
use crate::frame::{Matrix, Range};
use crate::layout::Packing;
use crate::media::tests::{drain, open, refusal, vp8_frame};
use crate::media::{Container, Error};
use crate::units::Rational;

fn times(file: &File) -> Vec<i64> {
    let (packets, error) = drain(&mut open(&file.bytes()).unwrap());
    assert!(error.is_none(), "{error:?}");
    packets.iter().map(|p| p.pts).collect()
}

#[test]
fn a_plain_file_with_moov_at_either_end() {
    for (front, long_offsets, quicktime) in [(true, false, false), (false, true, true)] {
        let file = File { front, long_offsets, quicktime, ..File::default() };
        let mut source = open(&file.bytes()).unwrap();
        let info = source.info().clone();
        assert_eq!(info.container, if quicktime { Container::Mov } else { Container::Mp4 });
        assert_eq!((info.video.frame_count, info.video.duration_ticks), (Some(4), Some(12_000)));
        assert_eq!(info.video.frame_rate, Rational::new(30, 1));
        assert_eq!(info.duration_s, Some(0.133));
        assert_eq!((info.video.size.width, info.video.size.height, info.video.id), (16, 8, 7));
        let (packets, error) = drain(&mut source);
        assert!(error.is_none());
        assert_eq!(packets.iter().map(|p| p.data.clone()).collect::<Vec<_>>(), file.frames);
        assert_eq!(packets.iter().map(|p| p.key).collect::<Vec<_>>(), [true, false, true, false]);
        assert_eq!(packets.iter().map(|p| p.pts).collect::<Vec<_>>(), [0, 3000, 6000, 9000]);
    }
}

#[test]
fn composition_offsets_may_be_negative_in_both_versions() {
    let entries = vec![1, 3000, 1, 6000, 1, 0, 1, -3000i32 as u32];
    for version in [0, 1] {
        let file = File { ctts: Some((version, entries.clone())), ..File::default() };
        assert_eq!(times(&file), [3000, 9000, 6000, 6000]);
    }
}

#[test]
fn edit_lists_shift_and_bound_what_is_shown() {
    let file = File { elst: vec![(500, -1), (67, 3000)], ..File::default() };
    assert_eq!(times(&file), [42_000, 45_000, 48_000, 51_000]);
    let source = open(&file.bytes()).unwrap();
    assert_eq!((source.video().shown_from_ticks, source.video().shown_until_ticks), (45_000, Some(51_030)));
    // An end that is only rounded cuts nothing off.
    let file = File { elst: vec![(133, 0)], ..File::default() };
    assert_eq!(open(&file.bytes()).unwrap().video().shown_until_ticks, None);
}

#[test]
fn edit_lists_of_several_parts() {
    let entry = |edit_duration, media_time, rate| ElstEntry {
        edit_duration,
        media_time,
        media_rate: FixedPointNumber { integer: rate, fraction: 0 },
    };
    let read = |entries: &[ElstEntry]| edits::read(entries, 1000, 90_000);
    assert_eq!(read(&[]).unwrap(), Edit::default());
    let whole = Edit { shift: -9000, from: 0, until: Some(90_000) };
    assert_eq!(read(&[entry(500, 9000, 1), entry(500, 54_000, 1)]).unwrap(), whole);
    assert_eq!(read(&[entry(0, 9000, 1)]).unwrap(), Edit { until: None, ..whole });
    for bad in
        [vec![entry(500, 9000, 1), entry(500, 0, 1)], vec![entry(500, 9000, 2)], vec![entry(500, 9000, 0)]]
    {
        assert!(matches!(read(&bad), Err(Error::Unsupported { what: "edit list", .. })));
    }
    // The largest numbers do not overflow.
    let _ = read(&[entry(u64::MAX, -1, 1), entry(u64::MAX, i64::MAX, 1), entry(u64::MAX, i64::MAX, 1)]);
}

#[test]
fn stereo_boxes_become_packings() {
    let st3d = |mode| bx(b"st3d", &[&words(&[0]), &[mode]]);
    let vexu = |views, form: Option<&[u8; 4]>| {
        let stri = bx(b"stri", &[&words(&[0]), &[views]]);
        let pack = form.map(|f| bx(b"pack", &[&bx(b"pkin", &[&words(&[0]), f])])).unwrap_or_default();
        bx(b"vexu", &[&bx(b"eyes", &[&stri]), &pack])
    };
    let xml = b"<rdf><GSpherical:StereoMode>top-bottom</GSpherical:StereoMode></rdf>";
    let id = [0xff, 0xcc, 0x82, 0x63, 0xf8, 0x55, 0x4a, 0x93, 0x88, 0x14, 0x58, 0x7a, 0x02, 0x52, 0x1f, 0xdd];
    let v1 = bx(b"uuid", &[&id, xml]);
    use Packing::*;
    for (entry, trak, packing, notes) in [
        (vec![], vec![], None, 0),
        (st3d(0), vec![], Some(Mono), 0),
        (st3d(1), vec![], Some(TopBottom), 0),
        (st3d(2), v1.clone(), Some(SideBySide), 0),
        (st3d(4), vec![], Some(SideBySideSwapped), 0),
        (st3d(3), vec![], None, 1),
        (vec![], v1.clone(), Some(TopBottom), 0),
        (vexu(3, Some(b"side")), vec![], Some(SideBySide), 0),
        (vexu(11, Some(b"side")), vec![], Some(SideBySideSwapped), 0),
        (vexu(11, Some(b"over")), vec![], Some(TopBottomSwapped), 0),
        (vexu(1, None), vec![], Some(Mono), 0),
        (vexu(3, None), vec![], None, 1),
        ([vexu(3, None), bx(b"lhvC", &[])].concat(), vec![], Some(Mono), 1),
        // A box that leads out of the entry ends the list, what came before counts.
        ([st3d(1), words(&[4000])].concat(), vec![], Some(TopBottom), 0),
    ] {
        let file = File { entry: entry.clone(), trak, ..File::default() };
        let source = open(&file.bytes()).unwrap();
        let video = source.video();
        assert_eq!(video.layout.packing.as_ref().map(|(p, _)| *p), packing, "{entry:x?} {:?}", video.layout);
        assert_eq!(video.notes.len(), notes, "{:?}", video.notes);
    }
}

#[test]
fn colour_aspect_and_rotation() {
    let nclx = bx(b"colr", &[b"nclx", &[0, 9, 0, 16, 0, 9, 0x80]]);
    let pasp = bx(b"pasp", &[&words(&[4, 2])]);
    let quarter = [0, 0x10000, 0, -0x10000i32 as u32, 0, 0, 0, 0, 0x4000_0000];
    let file = File { entry: [nclx, pasp].concat(), matrix: quarter, ..File::default() };
    let source = open(&file.bytes()).unwrap();
    let video = source.video();
    assert_eq!((video.colour.matrix, video.colour.range), (Matrix::Bt2020, Range::Full));
    assert_eq!((video.colour.primaries, video.colour.transfer), (9, 16));
    assert_eq!((video.pixel_aspect, video.rotation_degrees), (Rational::new(2, 1), 90));
    let identity = bx(b"colr", &[b"nclx", &[0, 1, 0, 13, 0, 0, 0x80]]);
    let refused = refusal(&File { entry: identity, ..File::default() }.bytes());
    assert!(matches!(refused, Error::Unsupported { what: "colour matrix", .. }), "{refused}");
}

#[test]
fn what_a_file_lacks_is_named() {
    let error = |file: &File| refusal(&file.bytes()).to_string();
    let sound = File { handler: b"soun", coding: b"mp4a", ..File::default() };
    assert_eq!(error(&sound), "the file has no video track (found: soun mp4a)");
    let other = File { coding: b"encv", ..File::default() };
    assert_eq!(error(&other), "unsupported video codec: encv");
    let empty = File { frames: vec![], stts: vec![], stss: None, ..File::default() };
    assert!(error(&empty).contains("no video packets"));
    let contradicting = File { stts: vec![9, 3000], ..File::default() };
    assert!(matches!(refusal(&contradicting.bytes()), Error::SampleTable { .. }));
    let no_moov = [bx(b"ftyp", &[b"isom"]), bx(b"free", &[])].concat();
    assert_eq!(refusal(&no_moov).to_string(), "the file has no moov box: its boxes are ftyp, free");
}

#[test]
fn counts_and_sizes_without_end_are_refused() {
    // Any number of samples of one size fits in 20 bytes.
    let mut bytes = File { stts: vec![u32::MAX, 3000], ..File::default() }.bytes();
    let at = bytes.windows(4).position(|w| w == b"stsz").unwrap() + 8;
    bytes[at..at + 8].copy_from_slice(&words(&[1, u32::MAX]));
    assert!(matches!(refusal(&bytes), Error::Limit { what: "number of samples", .. }));
    let huge = [bx(b"ftyp", &[b"isom"]), words(&[1]), b"moov".to_vec(), words(&[0x7fff, 0])].concat();
    assert!(matches!(refusal(&huge), Error::Limit { what: "movie header (moov)", .. }));
    let cut = [bx(b"ftyp", &[b"isom"]), words(&[4000]), b"moov".to_vec()].concat();
    assert!(matches!(refusal(&cut), Error::Truncated { need: 4000, have: 8, at_byte: 12, .. }));
    let tracks = File { moov: bx(b"trak", &[]).repeat(300), ..File::default() };
    assert!(refusal(&tracks.bytes()).to_string().contains("tkhd"));
}

#[test]
fn every_cut_gives_the_packets_ahead_of_it() {
    let file = File::default().bytes();
    let data_at = file.len() - 44;
    for cut in 0..file.len() {
        match open(&file[..cut]) {
            Ok(mut source) => {
                let (packets, error) = drain(&mut source);
                assert_eq!(packets.len(), (cut - data_at) / 11);
                let Some(Error::Truncated { what, at_byte, need, have }) = error else { panic!("{error:?}") };
                let start = data_at + 11 * packets.len();
                assert_eq!((what, at_byte, need), ("video sample", start as u64, 11));
                assert_eq!(have, (cut - start) as u64);
            }
            Err(error) => assert!(
                matches!(
                    error,
                    Error::Truncated { .. }
                        | Error::Missing { .. }
                        | Error::Empty
                        | Error::UnknownContainer { .. }
                ),
                "{cut}: {error:?}"
            ),
        }
    }
}

#[test]
fn fragments_find_their_data_without_offsets() {
    let trex = |track| bx(b"trex", &[&words(&[0, track, 1, 3000, 11, 0x10000])]);
    let movie = File {
        frames: vec![],
        stts: vec![],
        stss: None,
        moov: bx(b"mvex", &[&trex(7), &trex(8)]),
        ..File::default()
    };
    let ftyp = bx(b"ftyp", &[b"iso5", &words(&[0])]);
    // Track 8 first, with 5 bytes of its own; track 7 follows where that ends.
    let other = |offset| {
        let tfhd = bx(b"tfhd", &[&words(&[0, 8])]);
        bx(b"traf", &[&tfhd, &bx(b"trun", &[&words(&[0x201, 1, offset, 5])])])
    };
    let tfhd = bx(b"tfhd", &[&words(&[0, 7])]);
    let tfdt = bx(b"tfdt", &[&words(&[0, 90_000])]);
    // First sample flags: a key; composition offsets, signed.
    let run = bx(b"trun", &[&words(&[0x0100_0804, 2, 0, 3000, -3000i32 as u32])]);
    let moof = |offset, tfdt: &[u8]| {
        bx(b"moof", &[&bx(b"mfhd", &[&words(&[0, 1])]), &other(offset), &bx(b"traf", &[&tfhd, tfdt, &run])])
    };
    let fragment = |tfdt: &[u8], tags: [u8; 2]| {
        let offset = moof(0, tfdt).len() as u32 + 8;
        let data = [&[1; 5][..], &vp8_frame(tags[0]), &vp8_frame(tags[1])].concat();
        [moof(offset, tfdt), bx(b"mdat", &[&data])].concat()
    };
    let file = [ftyp, movie.moov(0), fragment(&tfdt, [0, 1]), fragment(&[], [2, 3])].concat();
    let mut source = open(&file).unwrap();
    assert_eq!(source.info().container, Container::FragmentedMp4);
    assert_eq!((source.video().frame_count, source.video().frame_rate), (None, Rational::new(30, 1)));
    let (packets, error) = drain(&mut source);
    assert!(error.is_none(), "{error:?}");
    let seen: Vec<_> = packets.iter().map(|p| (p.pts, p.key, p.data[10])).collect();
    assert_eq!(seen, [(93_000, true, 0), (90_000, false, 1), (99_000, true, 2), (96_000, false, 3)]);
    // A run may claim any number of samples that take no bytes.
    let at = file.windows(4).rposition(|w| w == b"trun").unwrap() + 4;
    let mut claimed = file.clone();
    claimed[at..at + 8].copy_from_slice(&words(&[0, u32::MAX]));
    let (packets, error) = drain(&mut open(&claimed).unwrap());
    assert_eq!(packets.len(), 2);
    assert!(matches!(error, Some(Error::Limit { .. })), "{error:?}");
    let (packets, error) = drain(&mut open(&file[..file.len() - 3]).unwrap());
    assert_eq!(packets.len(), 3);
    assert!(matches!(error, Some(Error::Truncated { need: 11, have: 8, .. })), "{error:?}");
}
