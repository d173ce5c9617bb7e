//! The software decoders against ffmpeg's own decode of whole clips: every sample, every time.
//!
//! Packets, expected times and expected hashes all come from ffprobe and ffmpeg, never from the
//! code under test. Needs both programs; the clips are made from the test data beside the checkout.
#![expect(clippy::unwrap_used, reason = "helpers of tests: clippy only excuses the test functions")]

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};
use vrpipe::frame::{Colour, Picture, Samples, Size, Yuv420};
use vrpipe::media::Source;
use vrpipe::packet::{Codec, Packet};
use vrpipe::software::{Decoder, Error, Feed, Options, StreamInfo, ffmpeg, open};
use vrpipe::testing;
use vrpipe::units::TimeBase;

/// A clip as ffprobe sees it.
struct Clip {
    info: StreamInfo,
    packets: Vec<Packet>,
    /// Shown frames: time and SHA-256 of the raw picture.
    frames: Vec<(i64, String)>,
}

#[test]
fn every_clip_decodes_to_what_ffmpeg_decodes() {
    let Some(folder) = clips("every_clip_decodes_to_what_ffmpeg_decodes") else { return };
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let clip = Clip::read(&path);
        assert_eq!(clip.frames.len(), clip.packets.len(), "{}: one picture a packet", path.display());
        let decoder = open(clip.info.clone(), feed(&clip.packets), Options::default()).unwrap();
        clip.check(decoder, &path.display().to_string());
        seen += 1;
    }
    assert!(seen >= 10, "{seen} clips");
}

/// From the file to pictures with nothing of ffmpeg's but the decoder, as the program does it.
#[test]
fn clips_opened_by_our_own_demuxer_decode_alike() {
    let Some(folder) = clips("clips_opened_by_our_own_demuxer_decode_alike") else { return };
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let clip = Clip::read(&path);
        let mut source = Source::open(&path).unwrap();
        let info = StreamInfo::from(source.video());
        assert_eq!(
            (info.size, info.depth, info.time_base),
            (clip.info.size, clip.info.depth, clip.info.time_base)
        );
        let feed: Feed = Box::new(move || Ok(source.next_packet()?));
        clip.check(open(info, feed, Options::default()).unwrap(), &path.display().to_string());
    }
}

#[test]
fn av1_decodes_alike_with_any_number_of_threads_and_in_a_child() {
    let Some(folder) = clips("av1_decodes_alike_with_any_number_of_threads_and_in_a_child") else { return };
    for name in ["person_av1_sbs.mp4", "person_av1_10bit_sbs.mkv"] {
        let clip = Clip::read(&folder.join(name));
        for threads in [1, 2, 7] {
            let options = Options { threads, ..Options::default() };
            clip.check(open(clip.info.clone(), feed(&clip.packets), options).unwrap(), name);
        }
        let child = ffmpeg::Ffmpeg::open(clip.info.clone(), feed(&clip.packets), &Options::default());
        clip.check(Box::new(child.unwrap()), name);
    }
}

#[test]
fn times_come_back_exactly_however_they_lie() {
    let Some(folder) = clips("times_come_back_exactly_however_they_lie") else { return };
    let clip = Clip::read(&folder.join("person_h264_aac_sbs.mp4"));
    let middle = clip.frames[60].0;
    // Name, time of a packet that was at `t`.
    type Warp = Box<dyn Fn(i64) -> i64>;
    let warps: [(&str, Warp); 8] = [
        ("negative", Box::new(|t| t - 50_000)),
        ("far from zero", Box::new(|t| t + (1 << 60))),
        ("nanoseconds", Box::new(|t| t * 33_333)),
        (
            "nanoseconds and a gap of hours",
            Box::new(move |t| t * 33_333 + i64::from(t >= middle) * 30_000_000_000_000),
        ),
        (
            "ninety kilohertz and a gap of days",
            Box::new(move |t| 3 * t + i64::from(t >= middle) * (90_000 * 86_400 * 5)),
        ),
        ("consecutive ticks", Box::new(|t| t / 1001)),
        ("two packets to a time", Box::new(|t| t / 2002 * 7)),
        ("one odd step", Box::new(move |t| t - i64::from(t >= middle) * 1000)),
    ];
    for (name, warp) in warps {
        let mut packets = clip.packets.clone();
        packets.iter_mut().for_each(|packet| packet.pts = warp(packet.pts));
        let frames = clip.frames.iter().map(|(pts, hash)| (warp(*pts), hash.clone())).collect();
        let warped = Clip { info: clip.info.clone(), packets, frames };
        warped.check(open(warped.info.clone(), feed(&warped.packets), Options::default()).unwrap(), name);
    }
}

#[test]
fn damaged_streams_end_without_a_hang_or_a_panic() {
    let Some(folder) = clips("damaged_streams_end_without_a_hang_or_a_panic") else { return };
    let mut report = Vec::new();
    for name in [
        "person_h264_tb.mkv",
        "person_hevc10_sbs.mkv",
        "person_vp9_opus_sbs.webm",
        "person_av1_sbs.mp4",
        "person_av1_10bit_sbs.mkv",
    ] {
        let clip = Clip::read(&folder.join(name));
        let (count, mut random) = (30, 0x9E37_79B9_7F4A_7C15_u64);
        for damage in ["cut short", "bits flipped", "packets lost", "first packet lost", "noise"] {
            let mut packets = clip.packets[..count].to_vec();
            match damage {
                "packets lost" => {
                    packets =
                        packets.into_iter().enumerate().filter(|(i, _)| i % 5 != 3).map(|(_, p)| p).collect()
                }
                "first packet lost" => drop(packets.remove(0)),
                _ => {}
            }
            for (index, packet) in packets.iter_mut().enumerate() {
                match damage {
                    "cut short" if index % 4 == 2 => packet.data.truncate(packet.data.len() / 2),
                    "bits flipped" if index % 3 == 1 => {
                        let place = (next(&mut random) % packet.data.len() as u64) as usize;
                        packet.data[place] ^= 1 << (next(&mut random) % 8);
                    }
                    "noise" if index >= 5 => {
                        packet.data.iter_mut().for_each(|byte| *byte = next(&mut random) as u8)
                    }
                    _ => {}
                }
            }
            let began = Instant::now();
            // One thread: rav1d 1.1.0 by itself would then panic on each of these.
            let options = Options { stall: Duration::from_secs(20), threads: 1, ..Options::default() };
            let mut decoder = open(clip.info.clone(), feed(&packets), options).unwrap();
            let (mut pictures, mut last) = (0, i64::MIN);
            let end = loop {
                match decoder.next_picture() {
                    Ok(Some(picture)) => {
                        assert!(picture.pts > last && packets.iter().any(|packet| packet.pts == picture.pts));
                        (pictures, last) = (pictures + 1, picture.pts);
                    }
                    Ok(None) => break "end".to_owned(),
                    Err(error) => break error.to_string(),
                }
            };
            assert!(!end.contains("panicked") && !end.contains("no progress"), "{name}, {damage}: {end}");
            assert!(
                pictures <= packets.len() && began.elapsed() < Duration::from_secs(20),
                "{name}, {damage}"
            );
            let tally = decoder.tally();
            assert_eq!(tally.pictures, pictures as u64);
            report.push(format!(
                "{name}, {damage}: {pictures} pictures of {} packets, {tally:?}, {end}",
                packets.len()
            ));
        }
    }
    eprintln!("{}", report.join("\n"));
}

#[test]
fn a_stream_unlike_its_container_is_refused() {
    let Some(folder) = clips("a_stream_unlike_its_container_is_refused") else { return };
    for name in
        ["person_h264_aac_sbs.mp4", "person_av1_sbs.mp4", "person_hevc10_sbs.mkv", "person_av1_10bit_sbs.mkv"]
    {
        let clip = Clip::read(&folder.join(name));
        // Not 703 or so: ffmpeg takes an H.264 width a little below the coded one as a crop.
        let wrong = StreamInfo { size: Size::new(640, 288), ..clip.info.clone() };
        let error = first_error(open(wrong, feed(&clip.packets), Options::default()).unwrap());
        assert!(matches!(error, Error::Size { picture: 0, .. }), "{name}: {error}");
        let wrong = StreamInfo { depth: 18 - clip.info.depth, ..clip.info.clone() };
        let error = first_error(open(wrong, feed(&clip.packets), Options::default()).unwrap());
        assert!(matches!(error, Error::Format { picture: 0, .. }), "{name}: {error}");
        let wrong = StreamInfo { depth: 12, ..clip.info.clone() };
        assert!(matches!(
            open(wrong, feed(&clip.packets), Options::default()),
            Err(Error::Unsupported { .. })
        ));
    }
}

#[test]
fn dropping_a_decoder_at_any_moment_is_quick() {
    let Some(folder) = clips("dropping_a_decoder_at_any_moment_is_quick") else { return };
    for name in ["person_h264_aac_sbs.mp4", "person_av1_sbs.mp4"] {
        let clip = Clip::read(&folder.join(name));
        for pictures in [0, 1, 7, 119, 120] {
            let mut decoder = open(clip.info.clone(), feed(&clip.packets), Options::default()).unwrap();
            for _ in 0..pictures {
                assert!(decoder.next_picture().unwrap().is_some());
            }
            let began = Instant::now();
            drop(decoder);
            assert!(
                began.elapsed() < Duration::from_secs(2),
                "{name} after {pictures}: {:?}",
                began.elapsed()
            );
        }
    }
}

impl Clip {
    fn read(path: &Path) -> Self {
        let probe = |what: &[&str]| -> Value {
            let out = Command::new("ffprobe")
                .args(["-v", "error", "-select_streams", "v:0", "-of", "json"])
                .args(what)
                .arg(path)
                .output()
                .unwrap();
            assert!(out.status.success(), "ffprobe {}", path.display());
            serde_json::from_slice(&out.stdout).unwrap()
        };
        let all = probe(&["-show_streams", "-show_packets", "-show_data"]);
        let stream = &all["streams"][0];
        let number = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("{value}"));
        let (num, den) = stream["time_base"].as_str().unwrap().split_once('/').unwrap();
        let size = Size::new(number(&stream["width"]) as usize, number(&stream["height"]) as usize);
        let info = StreamInfo {
            codec: match stream["codec_name"].as_str().unwrap() {
                "h264" => Codec::H264,
                "hevc" => Codec::Hevc,
                "vp8" => Codec::Vp8,
                "vp9" => Codec::Vp9,
                "av1" => Codec::Av1,
                other => panic!("{other}"),
            },
            size,
            depth: if stream["pix_fmt"].as_str().unwrap().ends_with("10le") { 10 } else { 8 },
            colour: Colour::resolve(None, None, 2, 2, size),
            time_base: TimeBase::new(num.parse().unwrap(), den.parse().unwrap()).unwrap(),
            configuration: stream["extradata"].as_str().map(unhex).unwrap_or_default(),
        };
        let packets = all["packets"].as_array().unwrap().iter().map(|packet| Packet {
            pts: number(&packet["pts"]),
            key: packet["flags"].as_str().unwrap().contains('K'),
            data: unhex(packet["data"].as_str().unwrap()),
        });
        let packets = packets.collect();
        let times = probe(&["-show_entries", "frame=pts"]);
        let times = times["frames"].as_array().unwrap().iter().map(|frame| number(&frame["pts"]));
        // `-1`: the source's time base, so that no two frames meet.
        let hashes = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-i"])
            .arg(path)
            .args([
                "-map",
                "0:v:0",
                "-copyts",
                "-enc_time_base",
                "1:1000000",
                "-f",
                "framehash",
                "-hash",
                "sha256",
                "-",
            ])
            .output()
            .unwrap();
        let hashes = String::from_utf8(hashes.stdout).unwrap();
        let hashes = hashes.lines().filter(|line| !line.starts_with('#'));
        let hashes = hashes.map(|line| line.rsplit(',').next().unwrap().trim().to_owned());
        let (times, hashes): (Vec<_>, Vec<_>) = (times.collect(), hashes.collect());
        assert_eq!(times.len(), hashes.len(), "{}", path.display());
        Self { info, packets, frames: times.into_iter().zip(hashes).collect() }
    }

    /// Decodes to the end and compares every picture.
    fn check(&self, mut decoder: Box<dyn Decoder>, name: &str) {
        for (index, (pts, hash)) in self.frames.iter().enumerate() {
            let picture = decoder.next_picture().unwrap_or_else(|error| panic!("{name}, {index}: {error}"));
            let picture = picture.unwrap_or_else(|| panic!("{name}: ends before picture {index}"));
            assert_eq!(picture.pts, *pts, "{name}: time of picture {index}");
            assert_eq!((picture.size, picture.depth), (self.info.size, self.info.depth), "{name}");
            assert_eq!(hash_of(&picture), *hash, "{name}: samples of picture {index}");
        }
        assert!(decoder.next_picture().unwrap().is_none(), "{name}: more pictures than expected");
        assert!(decoder.next_picture().unwrap().is_none(), "{name}: it stays over");
        let tally = decoder.tally();
        assert_eq!(
            (tally.packets, tally.pictures),
            (self.packets.len() as u64, self.frames.len() as u64),
            "{name}"
        );
        assert_eq!((tally.unseen, tally.complaints), (0, 0), "{name}");
    }
}

fn hash_of(picture: &Picture) -> String {
    let mut hash = Sha256::new();
    match &picture.samples {
        Samples::Eight(Yuv420 { y, u, v }) => {
            for plane in [y, u, v] {
                assert_eq!(plane.data.len(), plane.size.area());
                hash.update(&plane.data);
            }
        }
        Samples::Sixteen(Yuv420 { y, u, v }) => {
            for plane in [y, u, v] {
                assert_eq!(plane.data.len(), plane.size.area());
                hash.update(plane.data.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>());
            }
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn feed(packets: &[Packet]) -> Feed {
    let mut packets: VecDeque<Packet> = packets.to_vec().into();
    Box::new(move || Ok(packets.pop_front()))
}

fn first_error(mut decoder: Box<dyn Decoder>) -> Error {
    loop {
        match decoder.next_picture() {
            Ok(picture) => assert!(picture.is_some(), "ended without an error"),
            Err(error) => {
                assert!(matches!(decoder.next_picture(), Err(Error::Over)));
                return error;
            }
        }
    }
}

/// Bytes of ffprobe's hex dump: an offset, ten columns of hex, the text.
fn unhex(dump: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in dump.lines().filter(|line| line.len() > 10) {
        let digits: Vec<u8> = line.bytes().skip(10).take(40).filter(|digit| *digit != b' ').collect();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        bytes.extend(digits.chunks_exact(2).map(pair));
    }
    bytes
}

fn next(state: &mut u64) -> u64 {
    // xorshift64: any fixed sequence does.
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// The folder of small clips, made once; `None` where the test data or ffmpeg is absent.
fn clips(test: &str) -> Option<PathBuf> {
    static MAKE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let script = testing::shared(test, "media/make_clips.sh")?;
    if Command::new("ffprobe").arg("-version").output().is_err() {
        eprintln!("skipped: {test}: no ffprobe on this machine");
        return None;
    }
    let _one_at_a_time = MAKE.lock().unwrap_or_else(|held| held.into_inner());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("software_clips");
    if !folder.exists() {
        let making = folder.with_extension(std::process::id().to_string());
        assert!(
            Command::new("bash").arg(script).arg(&making).arg("small").output().unwrap().status.success()
        );
        // Another process may have been quicker, whose clips are as good.
        if std::fs::rename(&making, &folder).is_err() {
            std::fs::remove_dir_all(&making).unwrap();
        }
    }
    Some(folder)
}
