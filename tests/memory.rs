//! Memory does not grow with the length of a video: the peak of a ten-minute clip against a one-minute one.
#![allow(missing_docs)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A picture that moves over a green screen, so many seconds at 10 frames a second.
fn make(path: &Path, seconds: u32) {
    let graph = format!(
        "color=c=0x00ff00:s=192x96:r=10:d={seconds}[b];testsrc2=s=48x48:r=10:d={seconds}[f];\
         [b][f]overlay=x='mod(20*t,144)':y=24"
    );
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i", &graph, "-c:v", "libx264", "-g", "40"]);
    let status = command.args(["-preset", "ultrafast"]).arg(path).status().unwrap();
    assert!(status.success());
}

/// Peak resident memory of a run, in KiB; of the program alone, not of the decoder's child.
fn peak(clip: &Path, out: &Path) -> u64 {
    let mut command = support::vrpipe();
    command.arg("run").arg(clip).arg("-o").arg(out).args(["--matte", "chroma", "--quality", "fast"]);
    command.args(["--device", "cpu", "--lanes", "2", "--progress", "none"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    // The high-water mark only rises; it is gone with the process, so it is asked for until then.
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let mark = mark.and_then(|mark| mark.trim().strip_suffix(" kB")?.parse().ok());
        peak = mark.unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(child.wait().unwrap().success());
    peak
}

#[test]
fn ten_minutes_take_as_much_as_one() {
    let test = "ten_minutes_take_as_much_as_one";
    if !support::has(test, "ffmpeg") || !Path::new("/proc/self/status").exists() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // How the work of two lanes falls together is chance, of which a longer run has more: a minute may try ten times.
    let peaks = [(1, 10), (10, 1)].map(|(minutes, times)| {
        let clip = folder.path().join(format!("{minutes}_sbs.mp4"));
        make(&clip, 60 * minutes);
        let runs = (0..times).map(|run| peak(&clip, &folder.path().join(format!("{minutes}_{run}.webm"))));
        runs.max().unwrap()
    });
    eprintln!("{test}: {} KiB and {} KiB", peaks[0], peaks[1]);
    assert!(peaks[0] > 10_000, "{peaks:?}");
    assert!(peaks[1] as f64 <= peaks[0] as f64 * 1.05, "{peaks:?}");
}
