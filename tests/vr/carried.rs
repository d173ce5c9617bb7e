//! What is carried beside picture and sound: chapters, tags, rotation, HDR and its metadata; what is not.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::rig::{bx, ffprobe, green, mkvinfo, probe, run, with_boxes, words};
use crate::support;
use serde_json::json;

/// `clip` with chapters and tags, copied by ffmpeg into `out`; of a MOV the chapters are a track and nothing else.
fn described(clip: &Path, out: &Path) {
    let told = out.with_extension("txt");
    let chapter =
        |start, end, title| format!("[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}\n");
    let text = [
        ";FFMETADATA1\ntitle=A film\nartist=Somebody\ncomment=äöü\n".to_owned(),
        chapter(0, 1000, "One"),
        chapter(1000, 2500, "Two"),
        chapter(2500, 4000, "Three"),
    ];
    fs::write(&told, text.concat()).unwrap();
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-i"]).arg(clip).arg("-i").arg(&told);
    command.args(["-map", "0:v", "-map", "0:a", "-map_metadata", "1", "-map_chapters", "1", "-c", "copy"]);
    if out.extension().is_some_and(|ending| ending == "mov") {
        command.args(["-movflags", "disable_chpl"]);
    }
    assert!(command.arg(out).status().unwrap().success());
}

fn chapters(told: &serde_json::Value) -> Vec<(f64, f64, String)> {
    let chapters = told["chapters"].as_array().unwrap();
    let seconds = |value: &serde_json::Value| value.as_str().unwrap().parse::<f64>().unwrap();
    let title = |chapter: &serde_json::Value| chapter["tags"]["title"].as_str().unwrap().to_owned();
    chapters.iter().map(|c| (seconds(&c["start_time"]), seconds(&c["end_time"]), title(c))).collect()
}

#[test]
fn chapters_and_tags_come_along() {
    let test = "chapters_and_tags_come_along";
    let Some(clip) = green(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    for kind in ["mp4", "mov", "mkv"] {
        let input = folder.path().join(format!("in.{kind}"));
        described(&clip, &input);
        let bytes = fs::read(&input).unwrap();
        let has = |name: &[u8]| bytes.windows(4).any(|w| w == name);
        assert_eq!((has(b"chap"), has(b"chpl")), (kind != "mkv", kind == "mp4"), "{kind}");
        assert_eq!(probe(&input)["info"]["other_tracks"], 0, "{kind}");
        let out = folder.path().join(format!("{kind}.webm"));
        run(&input, &out, &[]);
        let told = ffprobe(&out);
        let found = chapters(&told);
        let expected = [(0.0, 1.0, "One"), (1.0, 2.5, "Two"), (2.5, 4.0, "Three")];
        assert_eq!(found.len(), 3, "{kind}: {told}");
        for ((start, end, title), (s, e, t)) in found.iter().zip(expected) {
            assert_eq!((*start, title.as_str()), (s, t), "{kind}");
            assert!((end - e).abs() < 0.1, "{kind}: {end} for {e}");
        }
        let tags = &told["format"]["tags"];
        assert_eq!(
            (&tags["title"], &tags["ARTIST"]),
            (&json!("A film"), &json!("Somebody")),
            "{kind}: {tags}"
        );
        assert_eq!(tags["COMMENT"], "äöü", "{kind}");
        assert!(tags["ENCODER"].as_str().is_none_or(|encoder| !encoder.contains("Lavf")), "{tags}");
        if let Some(text) = mkvinfo(test, &out) {
            assert!(text.contains("Three") && text.contains("Chapter"), "{text}");
        }
        // The output as an input: nothing doubles, nothing is lost.
        let again = folder.path().join(format!("{kind}_again.webm"));
        run(&out, &again, &["--key-colour", "#00ff00"]);
        assert_eq!(chapters(&ffprobe(&again)), found, "{kind}");
        assert_eq!(ffprobe(&again)["format"]["tags"]["title"], "A film");
        // A part has its chapters, counted from its own start.
        let part = folder.path().join(format!("{kind}_part.webm"));
        run(&input, &part, &["--start", "1.5", "--end", "3"]);
        let found = chapters(&ffprobe(&part));
        assert_eq!(found.len(), 2, "{kind}: {found:?}");
        // The frames of the MKV lie 23 ms later: its first in the part is at 1.523.
        for ((start, _, title), (s, t)) in found.iter().zip([(0.0, "Two"), (1.0, "Three")]) {
            assert!((start - s).abs() < 0.034 && title == t, "{kind}: {title} at {start}");
        }
    }
}

#[test]
fn a_turned_picture_says_so() {
    let Some(clip) = green("a_turned_picture_says_so") else { return };
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("turned.mp4");
    let mut bytes = fs::read(&clip).unwrap();
    // The matrix of the first tkhd: a quarter clockwise.
    let at = bytes.windows(4).position(|w| w == b"tkhd").unwrap() + 4 + 40;
    let turned = words(&[0, 0x10000, 0, -0x10000i32 as u32, 0, 0, 0, 0, 0x4000_0000]);
    bytes[at..at + 36].copy_from_slice(&turned);
    fs::write(&input, bytes).unwrap();
    let out = folder.path().join("out.webm");
    run(&input, &out, &["--sample", "0.2"]);
    for file in [&input, &out] {
        assert_eq!(probe(file)["info"]["video"]["rotation_degrees"], 90, "{}", file.display());
    }
    assert_eq!(probe(&out)["layout"]["pose"], json!({"yaw": 0, "pitch": 0, "roll": -(90 << 16)}));
}

/// A PQ clip in 10 bits with mdcv and clli.
fn hdr(clip: &Path, out: &Path) {
    let colour = bx(b"colr", &[b"nclx", &[0, 9, 0, 16, 0, 9, 0]]);
    let points: [u16; 8] = [8500, 39850, 6550, 2300, 35400, 14600, 15635, 16450];
    let points: Vec<u8> = points.iter().flat_map(|v| v.to_be_bytes()).collect();
    let mdcv = bx(b"mdcv", &[&points, &words(&[10_000_000, 50])]);
    let clli = bx(b"clli", &[&[0x03, 0xe8, 0x01, 0x90]]);
    fs::write(out, with_boxes(clip, &[colour, mdcv, clli].concat(), &[])).unwrap();
}

#[test]
fn hdr_is_mapped_or_kept_with_its_metadata() {
    let test = "hdr_is_mapped_or_kept_with_its_metadata";
    let Some(clip) = green(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("hdr.mp4");
    hdr(&clip, &input);
    let light = probe(&input)["info"]["video"]["light"].clone();
    assert_eq!((&light["max_cll"], &light["max_fall"]), (&json!(1000), &json!(400)), "{light}");
    let [mapped, kept] = ["mapped.webm", "kept.webm"].map(|name| folder.path().join(name));
    let options = ["--sample", "0.2", "--key-colour", "#00ff00"];
    let stderr = run(&input, &mapped, &options);
    assert!(stderr.contains("is mapped to SDR"), "{stderr}");
    let stderr = run(&input, &kept, &[&options[..], &["--hdr", "keep"]].concat());
    assert!(stderr.contains("kept in 8 bits"), "{stderr}");
    let colour = |file: &Path| {
        let told = ffprobe(file)["streams"][0].clone();
        ["color_transfer", "color_primaries", "color_space"].map(|key| told[key].as_str().unwrap().to_owned())
    };
    assert_eq!(colour(&mapped), ["bt709", "bt709", "bt709"]);
    assert_eq!(colour(&kept), ["smpte2084", "bt2020", "bt2020nc"]);
    assert_eq!(probe(&kept)["info"]["video"]["light"], light, "as it was");
    assert_eq!(probe(&mapped)["info"]["video"]["light"], json!(null));
    if let Some(text) = mkvinfo(test, &kept) {
        assert!(text.contains("uminance") && text.contains("1000"), "{text}");
    }
    for out in [&mapped, &kept] {
        let mut verify = support::vrpipe();
        let (result, stderr) = support::output(verify.arg("verify").arg(out).arg("--against").arg(&input));
        let text = String::from_utf8_lossy(&result.stdout);
        assert_eq!(result.status.code(), Some(0), "{text} {stderr}");
    }
}
