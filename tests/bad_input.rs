//! Bad input, as a user meets it: one clear message naming file and cause, the documented exit
//! code, and nothing left under the final name.
#![allow(missing_docs)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// As [`fails`], with the chroma key: for inputs that are refused before any matte is needed, so
/// that a machine without weights can show it too.
fn refused(input: &Path, words: &[&str]) {
    fails_with(support::vrpipe(), input, &["--matte", "chroma"], 3, words);
}

/// Runs on `input` and demands `code` and all of `words` in the message; nothing may be left.
fn fails(command: Command, input: &Path, code: i32, words: &[&str]) {
    fails_with(command, input, &["--detail", "96"], code, words);
}

fn fails_with(mut command: Command, input: &Path, options: &[&str], code: i32, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.webm");
    command.arg("run").arg(input).arg("-o").arg(&out).args(options);
    let (result, stderr) = support::output(&mut command);
    let name = input.file_name().unwrap().to_string_lossy();
    assert_eq!(result.status.code(), Some(code), "{name}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{name}: no '{word}' in: {stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{name}: left behind {left:?}");
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn files_that_are_no_video() {
    let folder = tempfile::tempdir().unwrap();
    let empty = written(folder.path(), "empty.mp4", b"");
    refused(&empty, &["empty.mp4", "empty"]);
    let text = written(folder.path(), "notes.mp4", b"These are notes, not a video.\n".repeat(50).as_slice());
    refused(&text, &["notes.mp4"]);
    refused(&folder.path().join("absent.mp4"), &["absent.mp4", "No such file"]);
    refused(Path::new("/dev/null"), &["/dev/null", "not a regular file"]);
    // Opening a pipe would wait for its writer, who never comes.
    let pipe = folder.path().join("pipe.mp4");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    refused(&pipe, &["pipe.mp4", "not a regular file"]);
}

#[test]
fn files_with_nothing_to_matte() {
    let test = "files_with_nothing_to_matte";
    if !support::has(test, "ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, args: &[&str]| {
        let path = folder.path().join(name);
        let status =
            Command::new("ffmpeg").args(["-v", "error", "-y"]).args(args).arg(&path).status().unwrap();
        assert!(status.success());
        path
    };
    let sound = make("sound.mp4", &["-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac"]);
    refused(&sound, &["sound.mp4", "no video track"]);
    let mpeg4 = make("old.mp4", &["-f", "lavfi", "-i", "testsrc=d=1:s=64x64", "-c:v", "mpeg4"]);
    refused(&mpeg4, &["old.mp4", "mp4v"]);
    let full = make(
        "full.mp4",
        &["-f", "lavfi", "-i", "testsrc=d=1:s=64x64", "-pix_fmt", "yuv444p", "-c:v", "libx264"],
    );
    refused(&full, &["full.mp4", "4:4:4"]);
}

#[test]
fn truncated_files_fail_cleanly_wherever_they_are_cut() {
    let test = "truncated_files_fail_cleanly_wherever_they_are_cut";
    let Some(clips) = support::clips(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    for name in ["person_h264_aac_sbs.mp4", "person_hevc_sbs.mp4", "person_av1_10bit_sbs.mkv"] {
        let whole = fs::read(clips.join(name)).unwrap();
        for percent in [1, 30, 97] {
            let cut = &whole[..whole.len() * percent / 100];
            let path = written(folder.path(), &format!("cut{percent}_{name}"), cut);
            fails(support::vrpipe(), &path, 3, &[path.file_name().unwrap().to_str().unwrap()]);
        }
    }
}

#[test]
fn models_that_are_none() {
    let test = "models_that_are_none";
    let Some(clips) = support::clips(test) else { return };
    let clip = clips.join("person_mono.mp4");
    let folder = tempfile::tempdir().unwrap();
    let mut command = support::vrpipe();
    command.env("VRPIPE_MODELS", folder.path()).current_dir(folder.path());
    fails(command, &clip, 7, &["mobilenetv3", "vrpipe model fetch mobilenetv3"]);

    let wrong = written(folder.path(), "wrong.onnx", b"not a protobuf at all, really");
    let mut command = support::vrpipe();
    command.arg("run").arg(&clip).arg("-o").arg(folder.path().join("o.webm")).arg("--model").arg(&wrong);
    let (result, stderr) = support::output(&mut command);
    assert_eq!(result.status.code(), Some(7), "{stderr}");
    assert!(stderr.contains("wrong.onnx"), "{stderr}");
}

#[test]
fn outputs_that_cannot_be_written() {
    let test = "outputs_that_cannot_be_written";
    let Some(clips) = support::clips(test) else { return };
    let clip = clips.join("person_mono.mp4");
    let folder = tempfile::tempdir().unwrap();
    let run = |out: &Path| {
        let mut command = support::vrpipe();
        command.arg("run").arg(&clip).arg("-o").arg(out).args(["--detail", "96"]);
        let (result, stderr) = support::output(&mut command);
        (result.status.code(), stderr)
    };
    let (code, stderr) = run(&folder.path().join("no/such/folder/o.webm"));
    assert_eq!(code, Some(6), "{stderr}");
    assert!(stderr.contains("no/such/folder"), "{stderr}");
    let taken = written(folder.path(), "taken.webm", b"mine");
    let (code, stderr) = run(&taken);
    assert_eq!(code, Some(6), "{stderr}");
    assert!(stderr.contains("--overwrite"), "{stderr}");
    assert_eq!(fs::read(&taken).unwrap(), b"mine");
    let (code, stderr) = run(&clip);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("input itself"), "{stderr}");
}

#[test]
fn a_full_disk_leaves_nothing() {
    let test = "a_full_disk_leaves_nothing";
    let Some(clips) = support::clips(test) else { return };
    // A file system of 64 KiB, seen by this one command alone.
    let script = "mount -t tmpfs -o size=64k tmpfs \"$1\" || exit 99; shift; out=$1; shift; \"$@\"; code=$?; \
        ls -A \"$(dirname \"$out\")\"; exit $code";
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.webm");
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, "sh"]).arg(folder.path()).arg(&out);
    command.arg(env!("CARGO_BIN_EXE_vrpipe")).arg("run").arg(clips.join("person_mono.mp4"));
    command.arg("-o").arg(&out).args(["--detail", "96", "--quality", "fast", "--crf", "4"]);
    command.env("VRPIPE_MODELS", Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/models"));
    let result = command.output();
    if !result.as_ref().is_ok_and(|r| !matches!(r.status.code(), Some(99) | Some(1) | None)) {
        return support::skip(test, &format!("no private mounts on this machine: {result:?}"));
    }
    let result = result.unwrap();
    let stderr = String::from_utf8_lossy(&result.stderr);
    assert_eq!(result.status.code(), Some(6), "{stderr}");
    assert!(stderr.contains("No space left"), "{stderr}");
    assert!(result.stdout.is_empty(), "left behind: {}", String::from_utf8_lossy(&result.stdout));
}

#[test]
fn a_missing_ffmpeg_is_named() {
    let test = "a_missing_ffmpeg_is_named";
    let Some(clips) = support::clips(test) else { return };
    let mut command = support::vrpipe();
    command.env("VRPIPE_FFMPEG", "/nonexistent/ffmpeg");
    fails(command, &clips.join("person_mono.mp4"), 7, &["/nonexistent/ffmpeg", "ffmpeg"]);
}

#[test]
fn a_stalled_ffmpeg_is_killed() {
    let test = "a_stalled_ffmpeg_is_killed";
    let Some(clips) = support::clips(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    // Answers when asked for its version, and then says no more.
    let script = "#!/bin/sh\nif [ \"$1\" = -version ]; then echo ffmpeg version 6.1; exit; fi\necho still thinking >&2\nsleep 600\n";
    let fake = written(folder.path(), "ffmpeg", script.as_bytes());
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    let out = folder.path().join("out.webm");
    let mut command = support::vrpipe();
    command.env("VRPIPE_FFMPEG", &fake).arg("run").arg(clips.join("person_mono.mp4"));
    command.arg("-o").arg(&out).args(["--stall", "2"]);
    let start = Instant::now();
    let (result, stderr) = support::output(&mut command);
    assert_eq!(result.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("person_mono.mp4") && stderr.contains("no progress for"), "{stderr}");
    assert!(stderr.contains("still thinking"), "the child's words are in the message: {stderr}");
    assert!(start.elapsed() < Duration::from_secs(30), "took {:?}", start.elapsed());
    assert!(!out.exists());
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let test = "one_bad_file_does_not_stop_the_others";
    let Some(clips) = support::clips(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let bad = written(folder.path(), "bad.mp4", b"no video");
    let out = folder.path().join("out");
    let report = folder.path().join("report.json");
    let mut command = support::vrpipe();
    command.arg("run").arg(&bad).arg(clips.join("person_mono.mp4")).arg("--out-dir").arg(&out);
    command.args(["--detail", "96", "--quality", "fast", "--report"]).arg(&report);
    let (result, stderr) = support::output(&mut command);
    assert_eq!(result.status.code(), Some(3), "{stderr}");
    assert!(out.join("person_mono.webm").exists() && !out.join("bad.webm").exists(), "{stderr}");
    let report: serde_json::Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
    assert_eq!(report["exit_code"], 3);
    assert_eq!(report["files"][0]["exit_code"], 3);
    assert!(report["files"][0]["error"].as_str().unwrap().contains("bad.mp4"), "{report}");
    assert_eq!(report["files"][1]["frames"], 120);
    assert_eq!(report["files"][1]["exit_code"], 0);
}
