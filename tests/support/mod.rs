//! What the end-to-end tests share: the program, the clips, and skipping by name.
#![allow(dead_code, missing_docs)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Prints the line that `make test` counts.
pub fn skip(test: &str, reason: &str) {
    eprintln!("skipped: {test}: {reason}");
}

/// Whether a program can be started; says so when not.
pub fn has(test: &str, program: &str) -> bool {
    let found = Command::new(program).arg("-version").output().is_ok();
    if !found {
        skip(test, &format!("{program} is not installed"));
    }
    found
}

/// The test data beside the checkout.
pub fn shared(test: &str, relative: &str) -> Option<PathBuf> {
    vrpipe::testing::shared(test, relative)
}

/// The built program, with the test weights in reach.
pub fn vrpipe() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vrpipe"));
    command.env("VRPIPE_MODELS", Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/models"));
    command.env_remove("VRPIPE_FFMPEG");
    command
}

/// Runs to the end; the output has standard error as text for messages.
pub fn output(command: &mut Command) -> (Output, String) {
    let output = command.output().expect("the program can be started");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, stderr)
}

/// The small clips of `../shared/media/make_clips.sh`, made once for all test programs.
pub fn clips(test: &str) -> Option<PathBuf> {
    let script = shared(test, "media/make_clips.sh")?;
    if !has(test, "ffmpeg") {
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clips");
    fs::create_dir_all(&folder).unwrap();
    // Test programs run at once in threads and, under some runners, in processes: one makes the
    // clips while the others wait on the lock.
    let lock = File::create(folder.join(".lock")).unwrap();
    lock.lock().unwrap();
    let made = folder.join(".made");
    if !made.exists() {
        let status = Command::new("bash").arg(script).arg(&folder).arg("small").status().unwrap();
        assert!(status.success(), "make_clips.sh failed: {status}");
        File::create(made).unwrap();
    }
    Some(folder)
}

/// The video files in a folder, sorted.
pub fn videos(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "mp4" || e == "mkv" || e == "webm"))
        .collect();
    found.sort();
    found
}

/// Presentation times of all video packets by ffprobe, in seconds, sorted.
pub fn ffprobe_times(path: &Path) -> Vec<f64> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time", "-of", "csv=p=0"])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "ffprobe {}: {output:?}", path.display());
    let mut times: Vec<f64> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.trim_end_matches(',').parse().ok())
        .collect();
    times.sort_by(f64::total_cmp);
    times
}
