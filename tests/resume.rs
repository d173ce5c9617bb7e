//! The same bytes whatever happens on the way: any number of lanes, kills, a drained run, a full disk, a
//! decoder that fails now and then.
#![allow(missing_docs)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// A person stands in for by a test picture that wanders over a green screen: 16 s at 30 frames a second, a key
/// frame each half second, B-frames. Made once.
fn clip(test: &str) -> Option<PathBuf> {
    if !support::has(test, "ffmpeg") {
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("resume");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let path = folder.join("green_sbs.mp4");
    if !path.exists() {
        let graph = "color=c=0x00ff00:s=384x192:r=30:d=16[b];testsrc2=s=96x96:r=30:d=16[f];\
            [b][f]overlay=x='mod(40*t,288)':y='48+40*sin(t)'";
        let part = folder.join("part.mp4");
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-y", "-f", "lavfi", "-i", graph, "-c:v", "libx264", "-g", "15"]);
        let status = command.args(["-bf", "3", "-preset", "veryfast"]).arg(&part).status().unwrap();
        assert!(status.success());
        fs::rename(part, &path).unwrap();
    }
    Some(path)
}

/// A run of the clip in segments of half a second.
fn run(clip: &Path, out: &Path, options: &[&str]) -> Command {
    let mut command = support::vrpipe();
    command.arg("run").arg(clip).arg("-o").arg(out);
    command.args(["--matte", "chroma", "--quality", "fast", "--segment", "0.5", "--device", "cpu"]);
    command.args(options).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn done(command: &mut Command) -> String {
    let (result, stderr) = support::output(command);
    assert_eq!(result.status.code(), Some(0), "{stderr}");
    stderr
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What `plan` says with the options of such a run.
fn plan(clip: &Path, out: &Path, options: &[&str]) -> String {
    let run = run(clip, out, options);
    let mut command = support::vrpipe();
    let (result, stderr) = support::output(command.arg("plan").args(run.get_args().skip(1)));
    assert_eq!(result.status.code(), Some(0), "{stderr}");
    String::from_utf8(result.stdout).unwrap()
}

/// All below a folder: names, times of the last change, bytes of files.
fn everything(folder: &Path) -> Vec<(PathBuf, SystemTime, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, metadata) = (entry.path(), entry.metadata().unwrap());
        let bytes = if metadata.is_dir() { Vec::new() } else { fs::read(&path).unwrap() };
        found.extend(metadata.is_dir().then(|| everything(&path)).into_iter().flatten());
        found.push((path, metadata.modified().unwrap(), bytes));
    }
    found.sort();
    found
}

#[test]
fn a_plan_writes_nothing_and_leaves_what_a_run_clears_away() {
    let Some(clip) = clip("a_plan_writes_nothing_and_leaves_what_a_run_clears_away") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.webm");
    let options = ["--end", "2", "--output", "alpha,png"];
    let told = plan(&clip, &out, &options);
    assert!(told.contains("60 frames in 4 segments") && names(folder.path()).is_empty(), "{told}");
    done(&mut run(&clip, &out, &options));
    // As a run leaves it that dies when all is in place but its folders are not removed.
    for (name, piece) in [("out.webm.vrpipe", "00000.webm"), ("out_png.vrpipe", "00000.frames/000001.png")] {
        let left = folder.path().join(name).join(piece);
        fs::create_dir_all(left.parent().unwrap()).unwrap();
        fs::write(left, b"left").unwrap();
        fs::write(folder.path().join(name).join("lock"), b"").unwrap();
    }
    let before = everything(folder.path());
    let told = plan(&clip, &out, &options);
    assert!(told.contains("complete and current: nothing to do"), "{told}");
    assert!(told.contains("out_png.vrpipe, which an earlier run has left, is removed"), "{told}");
    plan(&clip, &out, &[&options[..], &["--overwrite"]].concat());
    assert_eq!(everything(folder.path()), before);
    done(&mut run(&clip, &out, &options));
    assert_eq!(names(folder.path()), ["out.webm", "out_png"]);
}

#[test]
fn any_number_of_lanes_gives_the_same_bytes() {
    let Some(clip) = clip("any_number_of_lanes_gives_the_same_bytes") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut first: Option<Vec<u8>> = None;
    for lanes in ["1", "2", "5"] {
        let out = folder.path().join(format!("{lanes}.webm"));
        let stderr = done(&mut run(&clip, &out, &["--lanes", lanes]));
        assert!(stderr.contains(&format!("in {lanes} lane")), "{stderr}");
        let bytes = fs::read(&out).unwrap();
        assert!(first.get_or_insert_with(|| bytes.clone()) == &bytes, "{lanes} lanes");
    }
    assert_eq!(names(folder.path()), ["1.webm", "2.webm", "5.webm"], "no folder is left");
}

#[test]
fn twenty_kills_change_nothing() {
    let Some(clip) = clip("twenty_kills_change_nothing") else { return };
    let folder = tempfile::tempdir().unwrap();
    let reference = folder.path().join("reference.webm");
    let start = Instant::now();
    done(&mut run(&clip, &reference, &["--lanes", "2"]));
    let whole = start.elapsed();
    let expected = fs::read(&reference).unwrap();

    let out = folder.path().join("out.webm");
    let (mut kills, mut rounds, mut kept) = (0, 0, 0);
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    while kills < 20 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Up to a quarter of the time that all of it takes, so that a round has several kills.
        let wait = whole.mul_f64((random >> 40) as f64 / (1u64 << 24) as f64 / 4.0);
        let mut child: Child = run(&clip, &out, &["--lanes", "2"]).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(wait);
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
        let journal = folder.path().join("out.webm.vrpipe/journal.json");
        if let Ok(text) = fs::read(&journal) {
            let journal: serde_json::Value = serde_json::from_slice(&text).expect("whole at any moment");
            kept = journal["finished"].as_object().unwrap().len().max(kept);
        }
        if out.exists() {
            assert!(fs::read(&out).unwrap() == expected, "round {rounds}");
            fs::remove_file(&out).unwrap();
            rounds += 1;
        }
    }
    let stderr = done(&mut run(&clip, &out, &["--lanes", "1"]));
    assert!(fs::read(&out).unwrap() == expected, "{stderr}");
    assert!(kept > 3, "kills left at most {kept} finished segments: they hit nothing");
    assert_eq!(names(folder.path()), ["out.webm", "reference.webm"]);
}

/// Two outputs at once, of which one is a folder of files: each as if nothing had happened.
#[test]
fn kills_spoil_none_of_two_outputs() {
    let Some(clip) = clip("kills_spoil_none_of_two_outputs") else { return };
    let folder = tempfile::tempdir().unwrap();
    let [reference, out] = ["reference", "out"].map(|name| folder.path().join(name));
    [&reference, &out].into_iter().for_each(|folder| fs::create_dir(folder).unwrap());
    let options = ["--lanes", "2", "--output", "matte,png", "--end", "6"];
    let start = Instant::now();
    done(&mut run(&clip, &reference.join("x.webm"), &options));
    let whole = start.elapsed();
    for kill in 1..5 {
        let mut child = run(&clip, &out.join("x.webm"), &options).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(f64::from(kill) / 8.0));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let stderr = done(&mut run(&clip, &out.join("x.webm"), &options));
    assert!(
        stderr.contains("went on where it was left") || stderr.contains("complete and current"),
        "{stderr}"
    );
    assert_eq!(names(&out), ["x_matte.webm", "x_png"]);
    let frames = names(&reference.join("x_png"));
    assert_eq!((names(&out.join("x_png")), frames.len()), (frames.clone(), 181));
    for name in frames.into_iter().map(|name| format!("x_png/{name}")).chain(["x_matte.webm".to_owned()]) {
        assert!(fs::read(out.join(&name)).unwrap() == fs::read(reference.join(&name)).unwrap(), "{name}");
    }
}

fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").arg(signal).arg(child.id().to_string()).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_drained_run_goes_on_and_other_settings_begin_anew() {
    let Some(clip) = clip("a_drained_run_goes_on") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.webm");
    let mut child = run(&clip, &out, &["--lanes", "1"]).stderr(Stdio::piped()).spawn().unwrap();
    // Until the first segments are there.
    let start = Instant::now();
    while !folder.path().join("out.webm.vrpipe/00001.webm").exists() {
        assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&child, "-INT");
    let result = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&result.stderr);
    assert_eq!(result.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("finishing the segments at work"), "{stderr}");
    let left = names(&folder.path().join("out.webm.vrpipe"));
    assert!(!left.iter().any(|name| name.ends_with("-part")), "{left:?}");

    // What `plan` says of it, without a change to it; with other settings it would be of no use.
    let before = everything(folder.path());
    let told = plan(&clip, &out, &[]);
    let pieces = left.iter().filter(|name| name.ends_with(".webm")).count();
    let there = format!("goes on where an earlier run was left: {pieces} of 31 segments are there and kept");
    assert!(told.contains(&there) && !told.contains("anew"), "{told}");
    let told = plan(&clip, &out, &["--crf", "50"]);
    let anew = format!("made anew: {pieces} segment");
    assert!(told.contains(&anew) && told.contains("of no use: crf was "), "{told}");
    assert!(!told.contains("goes on where"), "{told}");
    let told = plan(&clip, &out, &["--output", "alpha,matte"]);
    assert!(
        told.contains("there and kept for some of the outputs") && !told.contains("goes on where"),
        "{told}"
    );
    // And how long it takes: as much less as there are frames.
    let [rest, whole] = ["out", "other"].map(|name| -> serde_json::Value {
        let out = folder.path().join(name).with_extension("webm");
        serde_json::from_str(&plan(&clip, &out, &["--json"])).unwrap()
    });
    let of = |json: &serde_json::Value, name: &str| json["files"][0][name].as_u64().unwrap();
    assert_eq!((of(&rest, "segments_there"), of(&whole, "frames_there")), (pieces as u64, 0));
    let [rest_s, whole_s] = [&rest, &whole].map(|json| json["seconds"].as_f64().unwrap());
    let share = of(&rest, "frames_there") as f64 / of(&rest, "frames") as f64;
    assert!(share > 0.02 && (rest_s / whole_s - (1.0 - share)).abs() < 1e-9, "{rest_s} {whole_s} {share}");
    assert_eq!(rest["output_bytes"], whole["output_bytes"]);
    assert_eq!(everything(folder.path()), before);

    let stderr = done(&mut run(&clip, &out, &[]));
    assert!(stderr.contains("went on where it was left"), "{stderr}");
    let stderr = done(&mut run(&clip, &out, &[]));
    assert!(stderr.contains("complete and current"), "{stderr}");

    let (result, stderr) = support::output(&mut run(&clip, &out, &["--crf", "50"]));
    assert_eq!(result.status.code(), Some(6), "{stderr}");
    assert!(stderr.contains("with other settings") && stderr.contains("--overwrite"), "{stderr}");
}

#[test]
fn an_output_that_was_cut_off_is_not_taken_for_whole() {
    let Some(clip) = clip("an_output_that_was_cut_off_is_not_taken_for_whole") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.webm");
    done(&mut run(&clip, &out, &[]));
    let link = folder.path().join("link.webm");
    std::os::unix::fs::symlink(&out, &link).unwrap();
    assert!(done(&mut run(&clip, &link, &[])).contains("complete and current"));
    let file = fs::OpenOptions::new().write(true).open(&out).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    let (result, stderr) = support::output(&mut run(&clip, &out, &[]));
    assert_eq!(result.status.code(), Some(6), "{stderr}");
    assert!(stderr.contains("no whole WebM file") && stderr.contains("--overwrite"), "{stderr}");
}

#[test]
fn what_was_made_with_other_settings_is_not_used() {
    let Some(clip) = clip("what_was_made_with_other_settings_is_not_used") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (out, reference) = (folder.path().join("out.webm"), folder.path().join("reference.webm"));
    let mut child = run(&clip, &out, &["--lanes", "1"]).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !folder.path().join("out.webm.vrpipe/00002.webm").exists() {
        assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    // Nobody else may work on it meanwhile.
    let (result, stderr) = support::output(&mut run(&clip, &out, &[]));
    assert_eq!(result.status.code(), Some(6), "{stderr}");
    assert!(stderr.contains("another process"), "{stderr}");
    child.kill().unwrap();
    child.wait().unwrap();
    let stderr = done(&mut run(&clip, &out, &["--crf", "50"]));
    assert!(stderr.contains("begun anew") && stderr.contains("crf was the preset's and is 50"), "{stderr}");
    done(&mut run(&clip, &reference, &["--crf", "50"]));
    assert!(fs::read(&out).unwrap() == fs::read(&reference).unwrap());
}

#[test]
fn a_decoder_that_fails_now_and_then_is_tried_again() {
    let test = "a_decoder_that_fails_now_and_then_is_tried_again";
    let Some(clip) = clip(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let expected = folder.path().join("expected.webm");
    done(&mut run(&clip, &expected, &["--key-colour", "#00ff00"]));
    // Every third time it is asked to decode, it dies.
    let fake = folder.path().join("ffmpeg");
    let script = "#!/bin/sh\n[ \"$1\" = -version ] && exec ffmpeg \"$@\"\n\
        n=$(cat \"$0.count\" 2>/dev/null || echo 0)\necho $((n + 1)) > \"$0.count\"\n\
        [ $((n % 3)) = 2 ] && { echo dying as told >&2; exit 9; }\nexec ffmpeg \"$@\"\n";
    fs::write(&fake, script).unwrap();
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).unwrap();
    let out = folder.path().join("out.webm");
    let options = ["--key-colour", "#00ff00", "--lanes", "1"];
    let stderr = done(run(&clip, &out, &options).env("VRPIPE_FFMPEG", &fake));
    assert!(stderr.contains("is tried again (attempt 2)") && stderr.contains("dying as told"), "{stderr}");
    assert!(fs::read(&out).unwrap() == fs::read(&expected).unwrap());

    // Without retries the file fails, and what was finished stays for the next run.
    fs::write(fake.with_extension("count"), "0").unwrap();
    let second = folder.path().join("second.webm");
    let options = [&options[..], &["--retries", "0"]].concat();
    let (result, stderr) = support::output(run(&clip, &second, &options).env("VRPIPE_FFMPEG", &fake));
    assert_eq!(result.status.code(), Some(3), "{stderr}");
    assert!(folder.path().join("second.webm.vrpipe/00000.webm").exists(), "{stderr}");
    done(&mut run(&clip, &second, &options));
    assert!(fs::read(&second).unwrap() == fs::read(&expected).unwrap());
}

#[test]
fn a_disk_that_was_full_costs_what_was_not_finished() {
    let test = "a_disk_that_was_full_costs_what_was_not_finished";
    let Some(clip) = clip(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let expected = folder.path().join("expected.webm");
    done(&mut run(&clip, &expected, &[]));
    let size = fs::metadata(&expected).unwrap().len();
    let mount = folder.path().join("mount");
    fs::create_dir(&mount).unwrap();
    // A file system with room for half the segments, seen by these commands alone; then it grows.
    let script = "mount -t tmpfs -o size=$2 tmpfs \"$1\" || exit 99; m=$1; more=$3; e=$4; shift 4; \"$@\"; first=$?; \
        [ $first = 6 ] || exit 98; ls \"$m/out.webm.vrpipe\" >&2; mount -o remount,size=$more \"$m\" || exit 99; \
        \"$@\" && cmp \"$m/out.webm\" \"$e\"";
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", script, "sh"]).arg(&mount);
    command.arg((size / 2).to_string()).arg((4 * size + (1 << 20)).to_string()).arg(&expected);
    let run = run(&clip, &mount.join("out.webm"), &[]);
    command.arg(run.get_program()).args(run.get_args());
    let result = command.output();
    if !result.as_ref().is_ok_and(|r| !matches!(r.status.code(), Some(99) | None)) {
        return support::skip(test, &format!("no private mounts on this machine: {result:?}"));
    }
    let result = result.unwrap();
    let stderr = String::from_utf8_lossy(&result.stderr);
    assert_eq!(result.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("No space left") && stderr.contains("00000.webm"), "{stderr}");
    assert!(stderr.contains("went on where it was left"), "{stderr}");
}

#[test]
fn folders_and_patterns_are_inputs() {
    let Some(clip) = clip("folders_and_patterns_are_inputs") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (inputs, out) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir_all(inputs.join("deep")).unwrap();
    for name in ["a.mp4", "deep/b.mp4"] {
        fs::copy(&clip, inputs.join(name)).unwrap();
    }
    let mut command = support::vrpipe();
    command.arg("run").arg(&inputs).arg("--out-dir").arg(&out).args([
        "--matte",
        "chroma",
        "--quality",
        "fast",
    ]);
    let (result, stderr) = support::output(command.args(["--device", "cpu", "--segment", "2"]));
    assert_eq!(result.status.code(), Some(0), "{stderr}");
    let [a, b] = ["a.webm", "deep/b.webm"].map(|name| fs::read(out.join(name)).unwrap());
    assert!(a == b, "the same video, the same settings, the same bytes");

    // An output among the inputs is none of them.
    fs::copy(out.join("a.webm"), inputs.join("a.webm")).unwrap();
    let mut plan = support::vrpipe();
    plan.arg("plan").arg(inputs.join("*")).arg("--out-dir").arg(&out).args(["--matte", "chroma", "--json"]);
    let (result, stderr) =
        support::output(plan.args(["--device", "cpu", "--quality", "fast", "--segment", "2"]));
    assert_eq!(result.status.code(), Some(0), "{stderr}");
    let plan: serde_json::Value = serde_json::from_slice(&result.stdout).unwrap();
    assert_eq!(plan["files"].as_array().unwrap().len(), 2);
    assert_eq!((&plan["files"][0]["is_current"], &plan["files"][0]["frames"]), (&true.into(), &480.into()));
}
