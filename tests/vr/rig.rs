//! Clips with metadata made for the tests, a run over them, and foreign readers of what comes out.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support;

/// A test picture that wanders over a green screen, with a tone: 4 s at 30 frames a second, a key frame each
/// half second, B-frames, AAC. Made once.
pub fn green(test: &str) -> Option<PathBuf> {
    if !support::has(test, "ffmpeg") {
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vr");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let path = folder.join("green.mp4");
    if !path.exists() {
        let graph = "color=c=0x00ff00:s=256x128:r=30:d=4[b];testsrc2=s=64x64:r=30:d=4[f];\
            [b][f]overlay=x='mod(40*t,192)':y=32[out0];sine=f=440:r=44100:d=4[out1]";
        let part = folder.join("part.mp4");
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-y", "-f", "lavfi", "-i", graph, "-c:v", "libx264", "-g", "15"]);
        command.args(["-bf", "3", "-preset", "veryfast", "-c:a", "aac", "-movflags", "+faststart"]);
        assert!(command.arg(&part).status().unwrap().success());
        fs::rename(part, &path).unwrap();
    }
    Some(path)
}

/// A run with the chroma key on the CPU; standard error comes back.
pub fn run(input: &Path, out: &Path, options: &[&str]) -> String {
    let mut command = support::vrpipe();
    command.arg("run").arg(input).arg("-o").arg(out);
    command.args(["--matte", "chroma", "--quality", "fast", "--device", "cpu"]).args(options);
    let (result, stderr) = support::output(&mut command);
    assert_eq!(result.status.code(), Some(0), "{stderr}");
    stderr
}

/// `vrpipe probe --json`.
pub fn probe(file: &Path) -> serde_json::Value {
    let (result, stderr) = support::output(support::vrpipe().args(["probe", "--json"]).arg(file));
    assert!(result.status.success(), "{stderr}");
    serde_json::from_slice(&result.stdout).unwrap()
}

/// `ffprobe -show_streams -show_format -show_chapters` as JSON.
pub fn ffprobe(file: &Path) -> serde_json::Value {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-of", "json", "-show_streams", "-show_format", "-show_chapters"]);
    let output = command.arg(file).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What mkvinfo says of a file, `None` where it is not installed.
pub fn mkvinfo(test: &str, file: &Path) -> Option<String> {
    if !support::has(test, "mkvinfo") {
        return None;
    }
    let output = Command::new("mkvinfo").arg("-v").arg(file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && !text.contains("rror"), "{text}");
    Some(text)
}

/// `file` with `boxes` put at the end of the video's sample entry and of its trak; sizes and offsets follow.
/// moov stands ahead of the data.
pub fn with_boxes(file: &Path, in_entry: &[u8], in_trak: &[u8]) -> Vec<u8> {
    let mut bytes = fs::read(file).unwrap();
    let added = in_entry.len() + in_trak.len();
    let path: [&[u8; 4]; 7] = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"];
    let (mut from, mut starts) = (0, Vec::new());
    for kind in path {
        let at = find_box(&bytes, from, kind).unwrap();
        starts.push(at);
        from = at + if kind == b"stsd" { 16 } else { 8 };
    }
    let end = |bytes: &[u8], at: usize| at + size(bytes, at);
    // Innermost first, so that positions ahead stay right.
    let (entry_end, trak_end) = (end(&bytes, starts[6]), end(&bytes, starts[1]));
    bytes.splice(trak_end..trak_end, in_trak.iter().copied());
    bytes.splice(entry_end..entry_end, in_entry.iter().copied());
    for (depth, at) in starts.iter().enumerate() {
        let grown = size(&bytes, *at) + if depth < 2 { added } else { in_entry.len() };
        bytes[*at..*at + 4].copy_from_slice(&(grown as u32).to_be_bytes());
    }
    shift_offsets(&mut bytes, added as u32);
    bytes
}

fn size(bytes: &[u8], at: usize) -> usize {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

fn find_box(bytes: &[u8], mut at: usize, kind: &[u8; 4]) -> Option<usize> {
    while at + 8 <= bytes.len() {
        if &bytes[at + 4..at + 8] == kind {
            return Some(at);
        }
        at += size(bytes, at).max(8);
    }
    None
}

/// Adds to every entry of every stco box.
fn shift_offsets(bytes: &mut [u8], by: u32) {
    let moov = find_box(bytes, 0, b"moov").unwrap();
    let end = moov + size(bytes, moov);
    let tables: Vec<usize> = (moov..end - 4).filter(|&at| &bytes[at..at + 4] == b"stco").collect();
    assert_eq!(tables.len(), 2, "a table for the video, one for the sound");
    for at in tables {
        for entry in 0..size(bytes, at + 8) {
            let place = at + 12 + 4 * entry;
            let offset = size(bytes, place) as u32 + by;
            bytes[place..place + 4].copy_from_slice(&offset.to_be_bytes());
        }
    }
}

/// A box.
pub fn bx(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, &body].concat()
}

/// Words as MP4 has them.
pub fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}
