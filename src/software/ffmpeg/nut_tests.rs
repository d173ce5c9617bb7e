//! The NUT reader on a hand-made stream, cut and damaged at every byte, and against ffprobe.

use std::process::Command;

use super::nut::{Frame, Reader};
use super::nut_input::Fault;

fn number(out: &mut Vec<u8>, value: u64) {
    let groups = (64 - value.leading_zeros()).div_ceil(7).max(1);
    for group in (0..groups).rev() {
        out.push((value >> (7 * group)) as u8 & 0x7f | if group > 0 { 0x80 } else { 0 });
    }
}

fn packet(out: &mut Vec<u8>, startcode: u64, payload: &[u64], fourcc_after: Option<usize>) {
    let mut body = Vec::new();
    for (index, value) in payload.iter().enumerate() {
        number(&mut body, *value);
        if fourcc_after == Some(index) {
            body.extend_from_slice(b"I420");
        }
    }
    out.extend_from_slice(&startcode.to_be_bytes());
    number(out, body.len() as u64 + 4);
    out.extend_from_slice(&body);
    out.extend_from_slice(&[0; 4]); // checksum
}

/// Four frames of 4x2 pixels: two with their times coded, two a delta from the one before.
fn stream() -> Vec<u8> {
    let mut out = b"nut/multimedia container\0".to_vec();
    // Version 3, one stream, max_distance, two time bases: 1/25 and 1/2000; then the frame codes.
    let mut main = vec![3, 1, 65536, 2, 1, 25, 1, 2000];
    // Code 0 is invalid: flags, one field past `count`.
    main.extend([1 << 13, 6, 0, 1, 0, 0, 0, 1]);
    // Code 1: key, time and size coded.
    main.extend([1 | 1 << 3 | 1 << 5, 6, 0, 1, 0, 0, 0, 1]);
    // Codes 2 to 100, past `N`: a step of 80 ticks (signed: 159), sizes 5 to 102.
    main.extend([1, 6, 159, 200, 0, 5, 0, 98]);
    // The rest is invalid.
    main.extend([1 << 13, 6, 0, 200, 0, 0, 0, 155]);
    main.push(0); // no elision headers
    packet(&mut out, 0x4E4D_7A56_1F5F_04AD, &main, None);
    // Stream 0, video, fourcc, time base 1, shift 8, distance, delay, flags, no private data, 4x2, 1:1, 0.
    packet(&mut out, 0x4E53_1140_5BF2_F9DB, &[0, 0, 4, 1, 8, 2000, 0, 0, 0, 4, 2, 1, 1, 0], Some(2));
    // Info, which is skipped.
    packet(&mut out, 0x4E49_AB68_B596_BA78, &[1, 2, 3, 4, 5], None);
    // Syncpoint: time 25 of base 0 (1 s), so 2000 ticks.
    packet(&mut out, 0x4E4B_E4AD_EECA_4569, &[25 * 2, 0], None);
    // A whole time: 4000 + 2^8. Then the low bits of 4080.
    for coded in [4000 + 256, 4080 & 255] {
        out.push(1);
        number(&mut out, coded);
        number(&mut out, 12);
        out.extend(10..22);
    }
    // Size 12 is code 2 + (12 - 5); `N` (78) lies behind.
    for _ in 0..2 {
        out.push(9);
        out.extend(10..22);
    }
    out
}

fn read_all(bytes: &[u8]) -> (Vec<Frame>, Result<(), Fault>) {
    let mut reader = Reader::new(bytes);
    let mut frames = Vec::new();
    let end = loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                let mut body = vec![0; frame.bytes.min(1000) as usize];
                frames.push(frame);
                if let Err(fault) = reader.fill(&mut body) {
                    break Err(fault);
                }
            }
            Ok(None) => break Ok(()),
            Err(fault) => break Err(fault),
        }
    };
    (frames, end)
}

#[test]
fn a_stream_made_by_hand_is_read() {
    let bytes = stream();
    let (frames, end) = read_all(&bytes);
    assert!(end.is_ok(), "{end:?}");
    let expected = [2000, 2040, 2080, 2120].map(|stamp_ms| Frame { stamp_ms, bytes: 12 });
    assert_eq!(frames, expected);
    let mut reader = Reader::new(&bytes[..]);
    reader.next_frame().unwrap();
    let video = reader.video().unwrap();
    assert_eq!((&video.fourcc, video.width, video.height), (b"I420", 4, 2));
}

#[test]
fn a_stream_cut_anywhere_ends_with_what_was_whole() {
    let bytes = stream();
    let mut clean = 0;
    for cut in 0..bytes.len() {
        let (frames, end) = read_all(&bytes[..cut]);
        assert!(frames.len() <= 4);
        match end {
            Ok(()) => clean += 1,
            Err(Fault::Cut { at_byte }) => assert!(at_byte <= cut as u64),
            Err(other) => panic!("cut at {cut}: {other:?}"),
        }
    }
    // Nothing at all, after each of 5 heads, after each of the first 3 frames.
    assert_eq!(clean, 1 + 5 + 3);
}

#[test]
fn a_damaged_stream_ends_or_fails() {
    let bytes = stream();
    for place in 0..bytes.len() {
        for value in [0, 1, 0x4e, 0x7f, 0x80, 0xff, bytes[place] ^ 1, bytes[place] ^ 0x40] {
            let mut bytes = bytes.clone();
            bytes[place] = value;
            assert!(read_all(&bytes).0.len() < bytes.len());
        }
    }
}

#[test]
fn a_stream_of_ffmpegs_is_read_as_ffprobe_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("raw.nut");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc=s=322x242:r=25,format=yuv420p10le"])
        .args(["-frames:v", "40", "-vf", "setpts=PTS*(1+mod(N\\,7)/8)+40000"])
        .args(["-enc_time_base", "1:1000", "-c:v", "rawvideo", "-f", "nut"])
        .arg(&path)
        .status();
    let probed = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "packet=pts_time,size", "-of", "csv=p=0"])
        .arg(&path)
        .output();
    let (Ok(_), Ok(probed)) = (made, probed) else {
        eprintln!("skipped: a_stream_of_ffmpegs_is_read_as_ffprobe_reads_it: no ffmpeg on this machine");
        return;
    };
    let expected: Vec<Frame> = String::from_utf8(probed.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let mut fields = line.split(',');
            let seconds: f64 = fields.next().unwrap().parse().unwrap();
            let stamp_ms = (seconds * 1000.0).round() as i64;
            Frame { stamp_ms, bytes: fields.next().unwrap().parse().unwrap() }
        })
        .collect();
    assert!(expected.len() > 30, "{expected:?}");
    let file = std::fs::File::open(&path).unwrap();
    let mut reader = Reader::new(file);
    for frame in expected {
        assert_eq!(reader.next_frame().unwrap(), Some(frame));
        reader.fill(&mut vec![0; frame.bytes as usize]).unwrap();
    }
    assert_eq!(reader.next_frame().unwrap(), None);
}
