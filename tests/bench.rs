//! `vrpipe bench` from end to end on the CPU: over drawn pictures, over a clip, against an earlier report.
#![allow(missing_docs)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Short measurements with made-up weights on two threads.
fn bench(folder: &Path) -> Command {
    let mut command = support::vrpipe();
    command.args(["bench", "--device", "cpu", "--synthetic-weights", "--json", "--seconds", "0.05"]);
    command.args(["--quality", "fast", "--detail", "64", "--threads", "2", "--temp-dir"]).arg(folder);
    command
}

fn report(command: &mut Command) -> Value {
    let (result, stderr) = support::output(command);
    assert_eq!(result.status.code(), Some(0), "{stderr}");
    serde_json::from_slice(&result.stdout).unwrap()
}

fn names(report: &Value) -> Vec<&str> {
    let mut names: Vec<&str> =
        report["stages"].as_array().unwrap().iter().map(|row| row["stage"].as_str().unwrap()).collect();
    names.dedup();
    names
}

/// What holds for every report; `frames` is what the whole run wrote.
fn check(report: &Value, frames: u64) {
    let number = |value: &Value| value.as_f64().unwrap();
    for row in report["stages"].as_array().unwrap() {
        assert!(number(&row["fps"]) > 0.0 && row["frames"].as_u64().unwrap() > 0, "{row}");
        assert!(number(&row["p50_ms"]) <= number(&row["p99_ms"]), "{row}");
        // The demuxer has no clock of its own in a lane.
        if row["stage"] != "demux" {
            let shares = row["busy_share"].as_f64().unwrap();
            assert!((0.0..=1.5).contains(&shares), "{row}");
        }
    }
    let whole = &report["whole"];
    assert_eq!(whole["frames"].as_u64(), Some(frames));
    let (fps, seconds) = (number(&whole["fps"]), number(&whole["wall_seconds"]));
    assert!(fps > 0.0 && fps * seconds >= 0.9 * frames as f64, "{fps} frames/s for {seconds} s");
    let samples = whole["sampling"]["samples"].as_array().unwrap();
    assert_eq!(samples.last().unwrap()["frames"].as_u64(), Some(frames));
    if cfg!(target_os = "linux") && seconds > 0.5 {
        assert!(samples.iter().any(|sample| number(&sample["cpu_cores"]) > 0.1), "{samples:?}");
    }
    let limit = report["limit"].as_str().unwrap();
    assert!(limit.contains(" limits at ") && limit.contains("next is"), "{limit}");
}

#[test]
fn drawn_pictures_go_through_every_stage_but_the_first_two() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let report = report(bench(folder.path()).args(["--synthetic", "256x128:24", "--html"]).arg(&page));
    let expected = ["sample", "network", "compose", "colour encode", "alpha encode", "encode", "mux"];
    assert_eq!(names(&report), expected);
    check(&report, 24);
    assert_eq!((&report["device"], &report["engine"]), (&"on the CPU".into(), &"CPU".into()));
    let page = fs::read_to_string(page).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(page.contains(report["limit"].as_str().unwrap()));
    assert_eq!(page.matches("<rect").count(), expected.len());
    for foreign in ["<script", "http:", "https:", "NaN"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["page.html"], "what was written while measuring is gone");
}

#[test]
fn drawn_pictures_can_be_made_a_video_first() {
    let folder = tempfile::tempdir().unwrap();
    let drawn = |codec: &str| {
        let mut command = bench(folder.path());
        command.args(["--synthetic", "256x128:40", "--codec", codec]);
        command
    };
    let test = "drawn_pictures_can_be_made_a_video_first";
    if support::has(test, "ffmpeg") {
        for (codec, name) in [("vp9", "VP9"), ("h264", "H.264"), ("hevc10", "HEVC 10 bit")] {
            let report = report(&mut drawn(codec));
            assert_eq!(names(&report)[..2], ["demux", "decode"], "{codec}");
            assert!(report["input"].as_str().unwrap().contains(name), "{}", report["input"]);
            check(&report, 40);
        }
    }
    let (result, stderr) = support::output(drawn("hevc").env("VRPIPE_FFMPEG", "/no/such/ffmpeg"));
    assert_eq!(result.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("HEVC needs an ffmpeg") && stderr.contains("--codec vp9"), "{stderr}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn a_clip_goes_through_every_stage_and_is_compared() {
    let test = "a_clip_goes_through_every_stage_and_is_compared";
    if !support::has(test, "ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip_sbs.mp4");
    let mut make = Command::new("ffmpeg");
    make.args([
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=256x128:r=30:d=1",
        "-c:v",
        "libx264",
        "-g",
        "15",
    ]);
    assert!(make.arg(&clip).status().unwrap().success());
    let first = report(bench(folder.path()).arg(&clip));
    let expected =
        ["demux", "decode", "sample", "network", "compose", "colour encode", "alpha encode", "encode", "mux"];
    assert_eq!(names(&first), expected);
    check(&first, 30);
    assert!(first.get("comparison").is_none());

    let old = folder.path().join("old.json");
    fs::write(&old, first.to_string()).unwrap();
    let second = report(bench(folder.path()).arg(&clip).arg("--compare").arg(&old));
    let rows = second["comparison"].as_array().unwrap();
    assert_eq!(rows.len(), second["stages"].as_array().unwrap().len() + 1);
    for row in rows {
        let [old, new, ratio] = ["old_fps", "new_fps", "ratio"].map(|name| row[name].as_f64().unwrap());
        assert!((ratio - new / old).abs() < 1e-9, "{row}");
    }

    let table =
        support::output(bench(folder.path()).args(["--compare", "/no/such/file", "--synthetic", "64x64"]));
    assert_eq!(table.0.status.code(), Some(2), "{}", table.1);
}

#[test]
fn a_green_screen_has_no_network_to_measure() {
    let folder = tempfile::tempdir().unwrap();
    let report = report(bench(folder.path()).args(["--synthetic", "128x64:8", "--matte", "chroma"]));
    assert_eq!(names(&report), ["compose", "colour encode", "alpha encode", "encode", "mux"]);
    let visible = report["visible_share"].as_f64().unwrap();
    assert!((0.1..0.9).contains(&visible), "{visible}");
}

#[test]
fn an_engine_that_was_asked_for_and_cannot_be_had_is_not_replaced_by_another() {
    let folder = tempfile::tempdir().unwrap();
    for engine in ["tensorrt", "native"] {
        let mut command = bench(folder.path());
        let (result, stderr) = support::output(command.args(["--synthetic", "64x64:2", "--engine", engine]));
        assert_eq!(result.status.code(), Some(4), "{stderr}");
        assert!(stderr.contains(&format!("--engine {engine}")), "{stderr}");
    }
}
