//! Each channel arrives where it belongs; sound fields stay sound fields; every track is there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::measure::{decode, probe, tone};
use crate::rig::{convert, make, plans};
use crate::support::has;
use vrpipe::media::Source;
use vrpipe::sound::{self, Action, AudioChoice, Decoding, Family, Options, Span};

/// The tone of a channel: 300 Hz, 400 Hz, ...; the fourth, low frequencies in most layouts, 60 Hz.
fn hz(channel: usize) -> usize {
    if channel == 3 { 60 } else { 300 + 100 * channel }
}

/// A clip whose channels are tones, in the order of `layout`.
fn tones(folder: &Path, name: &str, channels: usize, layout: &str, options: &[&str]) -> PathBuf {
    let tones: Vec<String> = (0..channels).map(|c| format!("0.3*sin(2*PI*{}*t)", hz(c))).collect();
    let source = format!("aevalsrc='{}':s=48000:d=3:c={layout}", tones.join("|"));
    make(folder, name, 3, &["-f", "lavfi", "-i", &source], options)
}

/// Which tone is loudest in each channel of the output, as its number, by ffmpeg's order.
fn heard(path: &Path, channels: usize) -> Vec<Option<usize>> {
    let samples = decode(path, 0);
    let loudest = |channel| {
        let strength = |number: usize| tone(&samples, channels, channel, hz(number) as f64);
        let best = (0..channels).max_by(|a, b| strength(*a).total_cmp(&strength(*b))).unwrap();
        (strength(best) > 0.1).then_some(best)
    };
    (0..channels).map(loudest).collect()
}

#[test]
fn surround_keeps_its_channels() {
    let test = "surround_keeps_its_channels";
    if !has(test, "ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, channels, layout, options) in [
        ("flac51.mkv", 6, "5.1", &["-c:a", "flac"][..]),
        ("aac51.mp4", 6, "5.1", &["-c:a", "aac", "-b:a", "384k"]),
        ("ac3.mkv", 6, "5.1", &["-c:a", "ac3", "-b:a", "448k"]),
        ("pcm71.mov", 8, "7.1", &["-c:a", "pcm_s16le"]),
        ("flac71.mp4", 8, "7.1", &["-c:a", "flac"]),
        ("mono.mp4", 1, "mono", &["-c:a", "aac"]),
        ("stereo.mkv", 2, "stereo", &["-c:a", "libmp3lame"]),
    ] {
        let input = tones(folder.path(), name, channels, layout, options);
        let made = convert(&input, Span::default());
        let expected: Vec<Option<usize>> = (0..channels).map(Some).collect();
        assert_eq!(heard(&made.path, channels), expected, "{name}: {:?}", made.plans);
    }
}

/// Puts a box behind the children of the first audio sample entry `kind` of a file whose moov lies
/// behind its data.
fn insert_box(path: &Path, kind: &[u8; 4], inserted: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    let find = |bytes: &[u8], from: usize, kind: &[u8]| {
        from + bytes[from..].windows(4).position(|w| w == kind).unwrap() - 4
    };
    let moov = find(&bytes, 0, b"moov");
    let sound = find(&bytes, moov, b"soun");
    let entry = find(&bytes, sound, kind);
    let size = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let end = entry + size(&bytes, entry) as usize;
    // Every box that begins ahead of the entry and ends behind it holds it.
    for name in [&b"moov"[..], b"trak", b"mdia", b"minf", b"stbl", b"stsd", kind] {
        let holder = (moov..=entry).rev().find(|at| &bytes[at + 4..at + 8] == name).unwrap();
        let grown = size(&bytes, holder) + inserted.len() as u32;
        bytes[holder..holder + 4].copy_from_slice(&grown.to_be_bytes());
    }
    bytes.splice(end..end, inserted.iter().copied());
    fs::write(path, bytes).unwrap();
}

/// SA3D of first order, components in ACN order at these channels.
fn sa3d(map: [u8; 4]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 36];
    bytes.extend(b"SA3D\0\0\0\0\0\x01\0\0\0\0\0\x04");
    bytes.extend(map.iter().flat_map(|channel| [0, 0, 0, *channel]));
    bytes
}

#[test]
fn a_sound_field_keeps_its_components() {
    let test = "a_sound_field_keeps_its_components";
    if !has(test, "ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, kind, coding, map, expected) in [
        ("field.mp4", b"fLaC", "flac", [0, 1, 2, 3], [0, 1, 2, 3]),
        ("aac.mp4", b"mp4a", "aac", [0, 1, 2, 3], [0, 1, 2, 3]),
        ("turned.mp4", b"fLaC", "flac", [0, 2, 3, 1], [0, 2, 3, 1]),
    ] {
        let input = tones(folder.path(), name, 4, "4.0", &["-c:a", coding, "-b:a", "320k"]);
        insert_box(&input, kind, &sa3d(map));
        let made = convert(&input, Span::default());
        let Action::Transcode { routing, .. } = &made.plans[0].action else { panic!("{:?}", made.plans) };
        assert_eq!((routing.family, routing.outputs()), (Family::Ambisonic, 4), "{:?}", made.plans);
        assert!(made.plans[0].notes[0].contains("sound field"));
        let bytes = fs::read(&made.path).unwrap();
        let head = bytes.windows(8).position(|w| w == b"OpusHead").unwrap();
        assert_eq!((bytes[head + 9], bytes[head + 18]), (4, 2), "{name}: 4 channels of family 2");
        assert_eq!(heard(&made.path, 4), expected.map(Some), "{name}");
    }
    // Without the box the same four channels are loudspeakers, said to be so.
    let input = tones(folder.path(), "plain.mp4", 4, "quad", &["-c:a", "flac"]);
    let Action::Transcode { routing, .. } = &plans(&input)[0].action else { panic!() };
    assert_eq!(routing.family, Family::Surround);
}

#[test]
fn every_track_is_kept_with_its_name_and_language() {
    let test = "every_track_is_kept";
    if !has(test, "ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let inputs = ["-f", "lavfi", "-i", "sine=440:d=3", "-f", "lavfi", "-i", "sine=550:d=3"];
    let options = [
        "-map",
        "2:a",
        "-map",
        "1:a",
        "-c:a:0",
        "libvorbis",
        "-c:a:1",
        "flac",
        "-c:a:2",
        "libopus",
        "-metadata:s:a:0",
        "language=ger",
        "-metadata:s:a:1",
        "language=fre",
        "-metadata:s:a:1",
        "title=Deux",
        "-disposition:a:0",
        "0",
        "-disposition:a:1",
        "default",
        "-disposition:a:2",
        "0",
    ];
    let input = make(folder.path(), "three.mkv", 3, &inputs, &options);
    let made = convert(&input, Span::default());
    let copied: Vec<bool> = made.plans.iter().map(|p| p.action == Action::Copy).collect();
    assert_eq!(copied, [true, false, true], "{:?}", made.plans);
    let streams =
        probe(&made.path, "stream=codec_name,channels:stream_disposition=default:stream_tags=language,title");
    assert_eq!(streams, ["vorbis,1,0,ger", "opus,1,1,fre,Deux", "opus,1,0"]);
    let tones: Vec<bool> = [440.0, 550.0, 440.0]
        .iter()
        .enumerate()
        .map(|(track, hz)| tone(&decode(&made.path, track), 1, 0, *hz) > 0.05)
        .collect();
    assert_eq!(tones, [true; 3]);
    // No time goes back, whichever track it is of.
    let output = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "packet=pos,stream_index", "-of", "csv=p=0"])
        .arg(&made.path)
        .output()
        .unwrap();
    let places: Vec<u64> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split(',').nth(1)?.parse().ok())
        .collect();
    assert!(places.len() > 300 && places.is_sorted(), "{} packets", places.len());
}

#[test]
fn what_cannot_be_kept_is_said_beforehand() {
    let test = "what_cannot_be_kept_is_said";
    if !has(test, "ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let input = tones(folder.path(), "ac3.mkv", 2, "stereo", &["-c:a", "ac3"]);
    let source = Source::open(&input).unwrap();
    let plan = |choice, options: &Options| sound::plan(&input, source.info(), choice, options).remove(0);
    let nowhere = Options { ffmpeg: Some("/nowhere/ffmpeg".into()), ..Options::default() };
    let why = |choice, options: &Options| match plan(choice, options).action {
        Action::LeaveOut { why } => why,
        other => panic!("{other:?}"),
    };
    assert!(why(AudioChoice::Auto, &nowhere).contains("install ffmpeg"));
    assert!(why(AudioChoice::Copy, &Options::default()).contains("AC-3 would have to be transcoded"));
    assert!(why(AudioChoice::None, &Options::default()).contains("no sound was asked for"));
    let kept = plan(AudioChoice::Auto, &Options::default());
    assert!(matches!(kept.action, Action::Transcode { decoding: Decoding::Program(_), .. }));
    assert_eq!(kept.describe(), "audio 2 (AC-3, 2 channels): transcoded to Opus (decoded by ffmpeg)");
    // AAC needs no ffmpeg.
    let aac = tones(folder.path(), "aac.mp4", 2, "stereo", &["-c:a", "aac"]);
    let source = Source::open(&aac).unwrap();
    let plans = sound::plan(&aac, source.info(), AudioChoice::Auto, &nowhere);
    assert!(matches!(plans[0].action, Action::Transcode { decoding: Decoding::Library, .. }), "{plans:?}");
}
