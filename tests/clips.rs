//! Every small clip, in each codec and container, through `run` and `verify --against`; counts
//! and timestamps against ffprobe, the decoded alpha against ffmpeg's, byte for byte.
#![allow(missing_docs)]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::path::Path;
use std::process::Command;

use vrpipe::pipeline::playback::Playback;

/// The alpha plane of every frame as ffmpeg decodes it.
fn ffmpeg_alpha(path: &Path) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-c:v", "libvpx-vp9", "-i"])
        .arg(path)
        .args(["-vf", "alphaextract", "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn every_clip_comes_out_whole() {
    let test = "every_clip_comes_out_whole";
    let Some(clips) = support::clips(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let inputs = support::videos(&clips);
    assert_eq!(inputs.len(), 10, "{inputs:?}");

    for input in &inputs {
        let name = input.file_name().unwrap().to_str().unwrap();
        let out = folder.path().join(name).with_extension("webm");
        let mut run = support::vrpipe();
        run.arg("run").arg(input).arg("-o").arg(&out).args(["--detail", "176", "--progress", "json"]);
        let (result, stderr) = support::output(&mut run);
        assert!(result.status.success(), "{name}: {stderr}");
        let lines = String::from_utf8(result.stdout).unwrap();
        let events: Vec<serde_json::Value> =
            lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!((&events[0]["event"], &events[1]["event"]), (&"plan".into(), &"start".into()), "{name}");
        let report = &events.last().unwrap()["report"];
        let packing = match name {
            n if n.contains("_sbs") => "side-by-side",
            n if n.contains("_tb") => "top-bottom",
            _ => "mono",
        };
        assert_eq!(report["source"]["layout"]["packing"], packing, "{name}: {report}");
        assert_eq!(report["source"]["depth"], if name.contains("10") { 10 } else { 8 }, "{name}");

        let mut verify = support::vrpipe();
        verify.arg("verify").arg(&out).arg("--against").arg(input).arg("--json");
        let (result, stderr) = support::output(&mut verify);
        let checks = String::from_utf8_lossy(&result.stdout).into_owned();
        assert_eq!(result.status.code(), Some(0), "{name}: {checks} {stderr}");

        let (want, got) = (support::ffprobe_times(input), support::ffprobe_times(&out));
        let expected = if name.contains("vfr") { 96 } else { 120 };
        assert_eq!((want.len(), got.len()), (expected, expected), "{name}");
        let worst = want.iter().zip(&got).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst <= 0.001 + 1e-9, "{name}: a timestamp is off by {worst} s");

        let theirs = ffmpeg_alpha(&out);
        let mut ours = Vec::new();
        for frame in Playback::open(&out).unwrap() {
            let alpha = frame.unwrap().alpha;
            (0..alpha.size.height).for_each(|y| ours.extend_from_slice(alpha.row(y)));
        }
        assert!(
            ours == theirs,
            "{name}: alpha differs from ffmpeg's ({} and {} bytes)",
            ours.len(),
            theirs.len()
        );
    }
}

#[test]
fn foreign_readers_agree_on_the_output() {
    let test = "foreign_readers_agree_on_the_output";
    let Some(clips) = support::clips(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.webm");
    let mut run = support::vrpipe();
    run.arg("run").arg(clips.join("person_vfr_sbs.mkv")).arg("-o").arg(&out).args(["--detail", "96"]);
    let (result, stderr) = support::output(&mut run);
    assert!(result.status.success(), "{stderr}");

    let file = matroska::open(&out).unwrap();
    assert_eq!(file.tracks.len(), 1);
    assert!(
        file.info.duration.is_some_and(|d| (d.as_secs_f64() - 4.004).abs() < 0.1),
        "{:?}",
        file.info.duration
    );
    let matroska::Settings::Video(video) = &file.tracks[0].settings else { panic!("no video track") };
    assert_eq!((video.pixel_width, video.pixel_height), (704, 288));
    assert_eq!(file.tracks[0].codec_id, "V_VP9");

    if support::has(test, "mkvinfo") {
        let output = Command::new("mkvinfo").arg("-v").arg(&out).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && !text.contains("rror"), "{text}");
        // mkvinfo 74 knows AlphaMode by number only.
        assert!(text.contains("0x53c0") || text.contains("Alpha mode"), "{text}");
        assert!(text.contains("Stereo mode: 1"), "{text}");
    }
}
