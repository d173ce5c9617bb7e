//! `--start`, `--end`, `--sample`: frames cut exactly, sound in sync, times from 0, resumed and verified.

use std::fs;
use std::path::Path;

use crate::rig::{ffprobe, green, run};
use crate::support::{self, ffprobe_times};
use vrpipe::pipeline::playback::Playback;

fn verified(out: &Path, input: &Path) {
    let (result, stderr) =
        support::output(support::vrpipe().arg("verify").arg(out).arg("--against").arg(input));
    let text = String::from_utf8_lossy(&result.stdout);
    assert_eq!(result.status.code(), Some(0), "{text} {stderr}");
}

#[test]
fn a_part_is_those_frames_of_the_whole() {
    let Some(clip) = green("a_part_is_those_frames_of_the_whole") else { return };
    let folder = tempfile::tempdir().unwrap();
    let [whole, part] = ["whole.webm", "part.webm"].map(|name| folder.path().join(name));
    run(&clip, &whole, &[]);
    // Frames 38 to 97: neither a key frame nor the start of a segment.
    let options = ["--start", "1.234", "--end", "0:03.250", "--segment", "0.5"];
    run(&clip, &part, &options);
    let (all, times) = (ffprobe_times(&whole), ffprobe_times(&part));
    assert_eq!((all.len(), times.len()), (120, 60));
    assert_eq!(times[0], 0.0);
    for (at, time) in times.iter().enumerate() {
        assert!((time - at as f64 / 30.0).abs() <= 0.001, "{at}: {time}");
    }
    verified(&part, &clip);
    // The key looks at each frame by itself, so the matte is that of the whole, but for the encoder.
    let frames = |file| Playback::open(file).unwrap().map(Result::unwrap);
    let pairs = frames(&whole).skip(38).zip(frames(&part));
    let mut compared = 0;
    for (ours, theirs) in pairs {
        let rows = (0..128).flat_map(|y| ours.alpha.row(y).iter().zip(theirs.alpha.row(y)));
        let far = rows.filter(|(a, b)| a.abs_diff(**b) > 64).count();
        assert!(far < 120, "frame {compared}: {far} pixels");
        compared += 1;
    }
    assert_eq!(compared, 60);
    // Sound: as long as the part, from 0.
    let told = ffprobe(&part);
    let seconds: f64 = told["format"]["duration"].as_str().unwrap().parse().unwrap();
    assert!((seconds - 60.0 / 30.0).abs() < 0.04, "{seconds}");
    let bytes = fs::read(&part).unwrap();
    fs::remove_file(&part).unwrap();
    run(&clip, &part, &[&options[..], &["--lanes", "2"]].concat());
    assert!(fs::read(&part).unwrap() == bytes, "the same for any number of lanes");
}

#[test]
fn samples_and_parts_that_are_not_there() {
    let Some(clip) = green("samples_and_parts_that_are_not_there") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.webm");
    run(&clip, &out, &["--sample", "0.5"]);
    assert_eq!(ffprobe_times(&out).len(), 15, "from the middle");
    verified(&out, &clip);
    // The same name, another part: not taken for the same work.
    let again = |options: &[&str]| {
        let mut command = support::vrpipe();
        command.arg("run").arg(&clip).arg("-o").arg(&out).args(["--matte", "chroma", "--quality", "fast"]);
        let (result, stderr) = support::output(command.args(["--device", "cpu"]).args(options));
        (result.status.code(), stderr)
    };
    let (code, stderr) = again(&["--sample", "0.5"]);
    assert!(code == Some(0) && stderr.contains("complete and current"), "{stderr}");
    let (code, stderr) = again(&["--start", "1", "--sample", "0.5"]);
    assert!(code == Some(6) && stderr.contains("other settings"), "{stderr}");
    let (code, stderr) = again(&["--start", "100", "--overwrite"]);
    assert!(code == Some(2) && stderr.contains("no frame lies in the part"), "{stderr}");
    let (code, _) = again(&["--end", "1", "--sample", "2"]);
    assert_eq!(code, Some(2));
    let (code, stderr) = again(&["--end", "0.2", "--overwrite"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(ffprobe_times(&out).len(), 6);
}
