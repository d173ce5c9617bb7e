//! The muxer's own rules: what it refuses, where clusters begin, what a full disk does.
#![forbid(unsafe_code)]

use super::{Error, Frame, Header, Muxer};
use crate::frame::Size;
use crate::layout::Packing;
use crate::webm::reader::Reader;
use crate::webm::tests::header;
use std::io::{self, Cursor, Seek, SeekFrom, Write};

fn frame(pts_ms: i64, key: bool, colour: &[u8]) -> Frame<'_> {
    Frame { pts_ms, key, colour, alpha: Some(&[1]) }
}

fn muxer(header: &Header) -> Muxer<Cursor<Vec<u8>>> {
    Muxer::create(Cursor::new(Vec::new()), header).unwrap()
}

#[test]
fn frames_that_break_a_rule_are_refused() {
    let mut new = muxer(&header(true, 1));
    assert!(matches!(new.write_frame(frame(-1, true, &[1])), Err(Error::NegativePts { pts_ms: -1 })));
    assert!(matches!(new.write_frame(frame(0, false, &[1])), Err(Error::FirstNotKey { pts_ms: 0 })));
    assert!(matches!(new.write_frame(frame(0, true, &[])), Err(Error::EmptyFrame { what: "colour", .. })));
    let no_alpha = Frame { alpha: None, ..frame(0, true, &[1]) };
    assert!(matches!(new.write_frame(no_alpha), Err(Error::Alpha { expected: true, .. })));
    let empty_alpha = Frame { alpha: Some(&[]), ..frame(0, true, &[1]) };
    assert!(matches!(new.write_frame(empty_alpha), Err(Error::EmptyFrame { what: "alpha", .. })));
    new.write_frame(frame(7, true, &[1])).unwrap();
    for pts_ms in [7, 6] {
        let refused = new.write_frame(frame(pts_ms, false, &[1]));
        assert!(matches!(refused, Err(Error::PtsNotIncreasing { previous_ms: 7, .. })));
    }
    assert!(matches!(new.finish(7), Err(Error::EndNotAfterLastFrame { last_ms: 7, end_ms: 7 })));
    assert!(matches!(muxer(&header(true, 1)).finish(9), Err(Error::NoFrames)));
    let alpha = muxer(&header(false, 1)).write_frame(frame(0, true, &[1]));
    assert!(matches!(alpha, Err(Error::Alpha { expected: false, .. })));
    for size in [Size::new(0, 8), Size::new(8, 65537)] {
        let mut bad = header(true, 1);
        bad.video.size = size;
        assert!(matches!(Muxer::create(Cursor::new(Vec::new()), &bad), Err(Error::BadSize { .. })));
    }
}

/// (time, bytes of the frame, key) of each frame; times at which clusters begin.
fn clusters(frames: &[(i64, usize, bool)]) -> Vec<u64> {
    let mut muxer = muxer(&header(true, 10));
    for &(pts_ms, length, key) in frames {
        muxer.write_frame(frame(pts_ms, key, &vec![7; length])).unwrap();
    }
    let bytes = muxer.finish(1 << 40).unwrap().into_inner();
    let mut starts = Vec::new();
    let mut parser = crate::webm::ebml::Parser::new(&bytes[..], crate::webm::ebml::Limits::default());
    while let Some(event) = parser.next().unwrap() {
        if let crate::webm::ebml::Event::Leaf(leaf) = event
            && leaf.id() == crate::webm::ids::TIMESTAMP
        {
            starts.push(leaf.uint().unwrap());
        }
    }
    starts
}

#[test]
fn clusters_begin_at_key_frames_and_before_they_grow_too_long_or_large() {
    assert_eq!(clusters(&[(0, 9, true), (40, 9, false), (80, 9, true), (120, 9, true)]), [0, 80, 120]);
    assert_eq!(clusters(&[(0, 9, true), (4999, 9, false), (5000, 9, false), (9000, 9, false)]), [0, 5000]);
    let mib = 1 << 20;
    assert_eq!(
        clusters(&[(0, 2 * mib, true), (1, 2 * mib, false), (2, 2 * mib, false), (3, 9, false)]),
        [0, 2]
    );
    assert_eq!(clusters(&[(0, 6 * mib, true), (1, 9, false)]), [0, 1]);
    // A gap that no 16-bit relative time can span, and a time that needs more than 32 bits.
    assert_eq!(clusters(&[(0, 9, true), (40_000, 9, false), (1 << 33, 9, false)]), [0, 40_000, 1 << 33]);
}

#[test]
fn a_file_may_begin_in_the_middle_of_its_output() {
    let write = |out: Cursor<Vec<u8>>| {
        let mut muxer = Muxer::create(out, &header(true, 1)).unwrap();
        muxer.write_frame(frame(0, true, &[1])).unwrap();
        muxer.finish(40).unwrap()
    };
    let alone = write(Cursor::new(Vec::new())).into_inner();
    let mut out = Cursor::new(vec![9; 5]);
    out.seek(SeekFrom::End(0)).unwrap();
    let out = write(out);
    assert_eq!(out.position(), out.get_ref().len() as u64);
    assert_eq!(out.get_ref()[5..], alone);
}

#[test]
fn what_the_header_says_is_what_is_read() {
    let mut said = header(false, 0);
    said.title = Some("Titel \u{e4}".to_owned());
    said.video.display_size = Some(Size::new(128, 48));
    said.video.packing = Packing::TopBottomSwapped;
    said.video.frame_duration_ns = None;
    let mut muxer = muxer(&said);
    muxer.write_frame(Frame { alpha: None, ..frame(0, true, &[1]) }).unwrap();
    let reader = Reader::open(muxer.finish(40).unwrap()).unwrap();
    let read = reader.header();
    assert_eq!(read.info.title, said.title);
    assert_eq!(read.tracks[0].frame_duration_ns, None);
    assert_eq!(read.tracks[0].max_block_addition_id, 0);
    let video = read.tracks[0].video.as_ref().unwrap();
    assert_eq!(video.display, (Some(128), Some(48)));
    assert_eq!((video.stereo_mode, video.alpha_mode), (2, 0));
}

/// A disk with room for so many bytes.
struct Disk(Cursor<Vec<u8>>, usize);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.1.saturating_sub(self.0.position() as usize);
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.write(&bytes[..room.min(bytes.len())])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_full_disk_is_an_error_wherever_it_happens() {
    let write = |room| {
        let mut muxer = Muxer::create(Disk(Cursor::new(Vec::new()), room), &header(true, 0))?;
        for i in 0..6 {
            muxer.write_frame(frame(i * 40, i % 2 == 0, &[1, 2, 3]))?;
        }
        muxer.finish(240)
    };
    let whole = write(usize::MAX).unwrap().0.into_inner().len();
    for room in 0..whole {
        match write(room) {
            Err(Error::Io { source, at_byte, .. }) => {
                assert_eq!(source.kind(), io::ErrorKind::StorageFull);
                assert!(at_byte <= room as u64);
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{whole} bytes went into {room}"),
        }
    }
}
