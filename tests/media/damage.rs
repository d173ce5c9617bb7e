//! Damaged files: cut at every byte, with bytes changed, and files of other kinds.

use std::fs;
use std::path::Path;

use vrpipe::media::{Error, Source};
use vrpipe::packet::Packet;

use crate::inputs;

/// The packets up to the end or the first error.
fn read(path: &Path) -> (Vec<Packet>, Option<Error>) {
    let mut packets = Vec::new();
    let mut source = match Source::open(path) {
        Ok(source) => source,
        Err(error) => return (packets, Some(error)),
    };
    // Whatever it finds, it comes to an end and does not panic.
    if let Ok(index) = Source::open(path).and_then(Source::index) {
        assert!(index.keys.iter().all(|key| index.packets[key.ordinal].key));
    }
    loop {
        match source.next_packet() {
            Ok(Some(packet)) => packets.push(packet),
            Ok(None) => return (packets, None),
            Err(error) => {
                assert!(matches!(source.next_packet(), Ok(None)), "nothing follows an error");
                return (packets, Some(error));
            }
        }
    }
}

#[test]
fn files_of_other_kinds_are_refused_with_their_reason() {
    let Some(files) = inputs::refused("files_of_other_kinds_are_refused_with_their_reason") else { return };
    for (file, words) in files {
        let error = Source::open(&file).err().unwrap_or_else(|| panic!("{} opened", file.display()));
        let message = error.to_string();
        for word in words {
            assert!(message.contains(word), "{}: {message}", file.display());
        }
    }
}

/// A cut file gives a prefix of the packets, then an error that says that it is cut; where the cut
/// leaves all video packets, or falls between two fragments or clusters, it may end cleanly.
#[test]
fn files_cut_off_anywhere() {
    let Some(files) = inputs::made("files_cut_off_anywhere") else { return };
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "h264.mp4",
        "h264_front.mp4",
        "h264_fragments.mp4",
        "h264_fragments_separate.mp4",
        "vp9.webm",
        "live.webm",
        "groups.mkv",
    ] {
        let file = files.iter().find(|f| f.ends_with(name)).unwrap();
        let bytes = fs::read(file).unwrap();
        let whole = read(file).0;
        let cut_file = folder.path().join(name);
        fs::write(&cut_file, &bytes).unwrap();
        let cut_handle = fs::OpenOptions::new().write(true).open(&cut_file).unwrap();
        // Every byte of the headers at both ends, every 29th between them.
        let cuts = (0..bytes.len()).filter(|n| *n < 900 || bytes.len() - n < 400 || n % 29 == 0);
        let (mut clean, mut partial) = (0, 0);
        for cut in cuts.rev() {
            cut_handle.set_len(cut as u64).unwrap();
            let (packets, error) = read(&cut_file);
            assert!(
                packets.len() <= whole.len() && packets[..] == whole[..packets.len()],
                "{name} cut at {cut}"
            );
            partial += usize::from(!packets.is_empty() && packets.len() < whole.len());
            match error {
                Some(
                    Error::Truncated { .. }
                    | Error::Missing { .. }
                    | Error::Empty
                    | Error::UnknownContainer { .. },
                ) => {}
                Some(other) => panic!("{name} cut at {cut}: {other:?}"),
                None => {
                    clean += 1;
                    let whole_video = packets.len() == whole.len();
                    assert!(
                        whole_video || name.contains("fragments") || name == "live.webm",
                        "{name} cut at {cut}"
                    );
                }
            }
        }
        // moov at the end: nothing can be read without it.
        assert!(partial > 50 || name == "h264.mp4", "{name}: {partial} cuts gave a part of the packets");
        eprintln!("{name}: {partial} cuts gave a part of the packets, {clean} ended cleanly");
    }
}

/// Changed bytes never panic, hang or take more than a moment. A panic inside a demuxer crate is
/// contained and comes back as an error, which is counted here.
#[test]
fn files_with_changed_bytes() {
    let Some(files) = inputs::made("files_with_changed_bytes") else { return };
    let folder = tempfile::tempdir().unwrap();
    // A fixed linear congruential sequence: the same changes in every run.
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let changed_file = folder.path().join("changed");
    for name in [
        "h264.mp4",
        "h264_front.mp4",
        "h264_fragments.mp4",
        "hevc_hdr.mkv",
        "vp9.webm",
        "live.webm",
        "av1.mp4",
        "stereo.mkv",
    ] {
        let file = files.iter().find(|f| f.ends_with(name)).unwrap();
        let bytes = fs::read(file).unwrap();
        let headers = header_bytes(&bytes);
        let (mut refused, mut contained) = (0, 0);
        for _ in 0..600 {
            let mut changed = bytes.clone();
            for _ in 0..1 + random(3) {
                let at = headers[random(headers.len())];
                changed[at] = match random(4) {
                    0 => 0xff,
                    1 => 0,
                    2 => changed[at] ^ 1 << random(8),
                    _ => random(256) as u8,
                };
            }
            fs::write(&changed_file, &changed).unwrap();
            let (packets, error) = read(&changed_file);
            assert!(packets.iter().map(|p| p.data.len()).sum::<usize>() <= 64 * bytes.len(), "{name}");
            refused += usize::from(error.is_some());
            contained += usize::from(matches!(error, Some(Error::Demuxer { .. })));
        }
        eprintln!("{name}: of 600 changed files {refused} gave an error, {contained} by a contained panic");
        assert!(refused > 50, "{name}: the changes hit nothing");
    }
}

/// Positions worth changing: all but the inside of coded frames, roughly.
fn header_bytes(bytes: &[u8]) -> Vec<usize> {
    let find = |kind: &'static [u8]| {
        bytes.windows(kind.len()).enumerate().filter(move |(_, w)| *w == kind).map(|(i, _)| i)
    };
    let mut ranges: Vec<(usize, usize)> = vec![(0, 64)];
    ranges.extend(find(b"moov").map(|i| (i - 4, i + 2500)));
    ranges.extend(find(b"moof").map(|i| (i - 4, i + 300)));
    if bytes.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]) {
        ranges.push((0, 700));
        ranges.extend(find(&[0x1F, 0x43, 0xB6, 0x75]).map(|i| (i, i + 40)));
        ranges.extend(find(&[0xA3]).map(|i| (i, i + 8)));
    }
    ranges.into_iter().flat_map(|(from, to)| from..to.min(bytes.len())).collect()
}
