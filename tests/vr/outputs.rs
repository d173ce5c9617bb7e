//! Everything that can be made of a video, from one pass over it, read by foreign programs and compared with each
//! other; and what cannot be made, said before any work.

use crate::{rig, support};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use vrpipe::pipeline::playback::{Frame, Playback};

const SIDES: [usize; 2] = [256, 128];
/// The frame that is looked at closely.
const AT: usize = 50;

fn frame(file: &Path) -> Frame {
    Playback::open(file).unwrap().nth(AT).unwrap().unwrap()
}

/// Raw pixels of frame [`AT`] as ffmpeg shows them.
fn by_ffmpeg(file: &Path, format: &str, of_many: bool) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(file);
    if of_many {
        command.args(["-vf", &format!("select=eq(n\\,{AT})")]);
    }
    // Colours as exactly as it can, chroma repeated as ours is.
    command.args(["-frames:v", "1", "-sws_flags", "neighbor+accurate_rnd+full_chroma_int+full_chroma_inp"]);
    let output = command.args(["-f", "rawvideo", "-pix_fmt", format, "-"]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    output.stdout
}

fn mean_difference(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (sum, count) = pairs.fold((0.0, 0.0), |(sum, count), (a, b)| (sum + (a - b).abs(), count + 1.0));
    sum / count
}

#[test]
fn all_outputs_come_from_one_pass_and_tell_the_same() {
    let test = "all_outputs_come_from_one_pass_and_tell_the_same";
    let Some(clip) = rig::green(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let beach = folder.path().join("beach.png");
    let graph = "color=c=0x3366cc:s=64x64";
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-f", "lavfi", "-i", graph, "-frames:v", "1"]).arg(&beach);
    assert!(command.status().unwrap().success());
    let options = ["--layout", "sbs", "--projection", "180", "--segment", "1", "--crf", "10"];
    let all =
        ["--output", "alpha,packed,matte", "--output", "green,png", "--output", beach.to_str().unwrap()];
    let options = [&options[..], &all[..]].concat();
    let stderr = rig::run(&clip, &folder.path().join("x.webm"), &options);
    assert!(
        stderr.contains("packed alpha, 256x128, fisheye 180") && stderr.contains("hold no sound"),
        "{stderr}"
    );

    let names = [
        "x.webm",
        "x_LR_180_FISHEYE_F180_alpha.webm",
        "x_matte.webm",
        "x_green.webm",
        "x_beach.webm",
        "x_png",
    ];
    let [alpha, packed, matte, green, beach_file, png] = names.map(|name| folder.path().join(name));
    for file in [&alpha, &packed, &matte, &green, &beach_file] {
        let probe = rig::ffprobe(file);
        let kinds: Vec<&str> =
            probe["streams"].as_array().unwrap().iter().map(|s| s["codec_type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["video", "audio"], "{}", file.display());
        let video = &probe["streams"][0];
        assert_eq!((&video["width"], &video["height"]), (&SIDES[0].into(), &SIDES[1].into()));
        assert_eq!(video["color_range"], "tv", "{}", file.display());
        let mut decode = Command::new("ffmpeg");
        let output = decode.args(["-v", "error", "-i"]).arg(file).args(["-f", "null", "-"]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}: {output:?}", file.display());
    }
    for file in [&alpha, &packed, &matte, &green, &png] {
        let mut verify = support::vrpipe();
        verify.arg("verify").arg(file);
        if *file != png {
            verify.arg("--against").arg(&clip);
        }
        let (result, stderr) = support::output(&mut verify);
        let stdout = String::from_utf8_lossy(&result.stdout);
        assert_eq!(result.status.code(), Some(0), "{}: {stdout}{stderr}", file.display());
    }
    same_pictures(&[&alpha, &matte, &green, &beach_file, &png]);
    packed_picture(&alpha, &packed);

    // One that is missing is made alone, and comes out as it was.
    let (before, kept) = (fs::read(&matte).unwrap(), fs::metadata(&packed).unwrap().modified().unwrap());
    fs::remove_file(&matte).unwrap();
    let stderr = rig::run(&clip, &folder.path().join("x.webm"), &options);
    assert!(stderr.contains("x_png is there, complete and current"), "{stderr}");
    assert!(fs::read(&matte).unwrap() == before);
    assert_eq!(fs::metadata(&packed).unwrap().modified().unwrap(), kept);
    fs::remove_file(png.join("000007.png")).unwrap();
    let mut again = support::vrpipe();
    again.arg("run").arg(&clip).arg("-o").arg(folder.path().join("x.webm")).args(&options);
    again.args(["--matte", "chroma", "--quality", "fast", "--device", "cpu"]);
    let (result, stderr) = support::output(&mut again);
    assert_eq!(result.status.code(), Some(6), "{stderr}");
    assert!(stderr.contains("gone or changed") && stderr.contains("--overwrite"), "{stderr}");
    rig::run(&clip, &folder.path().join("x.webm"), &[&options[..], &["--overwrite"]].concat());
    assert_eq!(fs::read_dir(&png).unwrap().count(), 121, "120 frames and the note");
}

/// PNG, which has no loss, tells what the others must show, worked out in RGB by what alpha means.
fn same_pictures(files: &[&PathBuf; 5]) {
    let [alpha, matte, green, beach, png] = files;
    let straight = by_ffmpeg(&png.join(format!("{:06}.png", AT + 1)), "rgba", false);
    assert_eq!(straight.len(), 4 * SIDES[0] * SIDES[1]);
    let alphas = || straight.chunks_exact(4).map(|pixel| f64::from(pixel[3]));
    let seen = alphas().filter(|&a| a == 255.0).count();
    assert!(seen > 2000 && seen < 8000, "{seen}");
    let decoded = frame(alpha).alpha;
    let off = mean_difference(alphas().zip(decoded.data.iter().map(|&a| f64::from(a))));
    assert!(off < 1.0, "alpha {off}");
    let grey = by_ffmpeg(matte, "rgb24", true);
    let off = mean_difference(alphas().zip(grey.chunks_exact(3).map(|rgb| f64::from(rgb[0]))));
    assert!(off < 1.5, "matte {off}");
    assert!(grey.chunks_exact(3).all(|rgb| rgb[0].abs_diff(rgb[1]) < 5 && rgb[0].abs_diff(rgb[2]) < 5));
    for (file, back) in [(green, [0x2b, 0xe6, 0x40]), (beach, [0x33, 0x66, 0xcc])] {
        let shown = by_ffmpeg(file, "rgb24", true);
        let blended = straight.chunks_exact(4).flat_map(|pixel| {
            let share = f64::from(pixel[3]) / 255.0;
            (0..3).map(move |c| share * f64::from(pixel[c]) + (1.0 - share) * f64::from(back[c]))
        });
        let off = mean_difference(blended.zip(shown.iter().map(|&c| f64::from(c))));
        assert!(off < 3.0, "{}: {off}", file.display());
        // The background itself, away from the person.
        let clear = alphas().zip(shown.chunks_exact(3)).filter(|(a, _)| *a == 0.0).map(|(_, rgb)| rgb);
        let off =
            mean_difference(clear.flat_map(|rgb| (0..3).map(|c| (f64::from(rgb[c]), f64::from(back[c])))));
        assert!(off < 2.0, "{}: {off}", file.display());
    }
}

/// In the middle of an eye a packed frame shows what the source does; its matte is in the corners.
fn packed_picture(alpha: &Path, packed: &Path) {
    let (plain, packed) = (frame(alpha), frame(packed));
    let side = SIDES[1];
    for eye in 0..2 {
        let middle = |picture: &Frame| picture.colour.y.row(side / 2)[eye * side + side / 2];
        let off = middle(&plain).abs_diff(middle(&packed));
        assert!(off < 24, "eye {eye}: {off}");
    }
    let opaque = plain.alpha.data.iter().filter(|&&a| a > 127).count() as f64;
    // Of the mattes, two fifths as wide and as high, at (0, 0) and at (W/2, 0) all around.
    let small = (0..side).flat_map(|y| (0..2 * side).map(move |x| (x, y))).filter(|&(x, y)| {
        let from = |at: usize| (at as f64 + 0.5) - ((at as f64 + 0.5) / side as f64).round() * side as f64;
        from(x).hypot(from(y)) < side as f64 / 5.0 && packed.colour.y.row(y)[x] > 125
    });
    let small = small.count() as f64;
    // A square near the horizon keeps its area, nearly.
    assert!((0.10..0.20).contains(&(small / opaque)), "{small} of {opaque}");
}

#[test]
fn what_cannot_be_made_is_said_before_any_work() {
    let test = "what_cannot_be_made_is_said_before_any_work";
    let Some(clip) = rig::green(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let no_picture = folder.path().join("beach.jpg");
    fs::write(&no_picture, b"sand").unwrap();
    for (options, said) in [
        (vec!["--output", "packed"], "two eyes"),
        (vec!["--output", "alpha,packed", "--layout", "sbs", "--projection", "flat"], "rectilinear"),
        (vec!["--output", no_picture.to_str().unwrap()], "beach.jpg"),
        (vec!["--output", "matte", "--encoder", "native"], "native"),
    ] {
        let mut run = support::vrpipe();
        run.arg("run").arg(&clip).arg("-o").arg(folder.path().join("x.webm")).args(&options);
        let (result, stderr) = support::output(run.args(["--matte", "chroma", "--device", "cpu"]));
        assert_eq!(result.status.code(), Some(2), "{options:?}: {stderr}");
        assert!(stderr.contains(said), "{options:?}: {stderr}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{options:?}: nothing is left");
    }
}

/// Nobody on the screen, or a key of another colour: outputs that are right, of which `verify` says what they are.
#[test]
fn a_matte_of_one_value_is_noted_and_no_failure() {
    if !support::has("a_matte_of_one_value_is_noted_and_no_failure", "ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let screen = folder.path().join("screen.mp4");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-f", "lavfi", "-i", "color=c=0x00ff00:s=256x128:r=30:d=0.5"]);
    assert!(command.args(["-c:v", "libx264"]).arg(&screen).status().unwrap().success());
    for (key, word) in [("#00ff00", "nobody"), ("#0000ff", "solid")] {
        let out = folder.path().join(word);
        fs::create_dir(&out).unwrap();
        let options = ["--layout", "sbs", "--projection", "180", "--output", "alpha,packed,matte,png"];
        rig::run(&screen, &out.join("x.webm"), &[&options[..], &["--key-colour", key]].concat());
        for name in ["x.webm", "x_LR_180_FISHEYE_F180_alpha.webm", "x_matte.webm", "x_png"] {
            let mut verify = support::vrpipe();
            verify.arg("verify").arg(out.join(name));
            if name == "x.webm" {
                verify.arg("--against").arg(&screen);
            }
            let (result, stderr) = support::output(&mut verify);
            let text = String::from_utf8_lossy(&result.stdout);
            assert_eq!(result.status.code(), Some(0), "{key} {name}: {text} {stderr}");
            let noted = text.lines().any(|line| line.starts_with("  note") && line.contains(word));
            // In a packed frame a matte ends at its circle, so that a solid one varies.
            assert_eq!(noted, word == "nobody" || !name.contains("FISHEYE"), "{key} {name}: {text}");
        }
    }
}
