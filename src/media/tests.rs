//! What the tests of both containers share, and files that are no videos.

use std::fs;
use std::path::Path;

use super::{Error, Source};
use crate::packet::Packet;

/// A VP8 key frame header for 16x8, then `tag` to tell frames apart.
pub(super) fn vp8_frame(tag: u8) -> Vec<u8> {
    vec![0x10, 0, 0, 0x9d, 0x01, 0x2a, 16, 0, 8, 0, tag]
}

/// Opens bytes as a file.
pub(super) fn open(bytes: &[u8]) -> Result<Source, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, bytes).unwrap();
    Source::open(path)
}

/// The error of opening bytes as a file.
pub(super) fn refusal(bytes: &[u8]) -> Error {
    open(bytes).err().expect("the file opened")
}

/// All packets up to the end or the first error.
pub(super) fn drain(source: &mut Source) -> (Vec<Packet>, Option<Error>) {
    let mut packets = Vec::new();
    loop {
        match source.next_packet() {
            Ok(Some(packet)) => packets.push(packet),
            Ok(None) => return (packets, None),
            Err(error) => return (packets, Some(error)),
        }
    }
}

#[test]
fn what_is_no_video_file_is_said() {
    assert!(matches!(refusal(b""), Error::Empty));
    let text = refusal(b"Dear reader,\nthis is a text.");
    assert_eq!(text.to_string(), "expected an MP4, MOV, MKV or WebM file, but it begins with \"Dear rea\"");
    assert!(refusal(&[0, 1, 2]).to_string().ends_with("00 01 02"));
    assert!(matches!(Source::open(std::env::temp_dir()).err(), Some(Error::NotAFile { .. })));
    let missing = Source::open(Path::new("/nowhere/film.mp4")).err().unwrap();
    assert_eq!(missing.to_string(), "cannot open /nowhere/film.mp4");
}

#[test]
fn a_source_can_move_to_another_thread() {
    fn check<T: Send>() {}
    check::<Source>();
}
