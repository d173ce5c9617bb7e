//! Packing, projection and pose: boxes of MP4 and elements of MKV through a run into WebM, read back by ffprobe,
//! mkvinfo and `probe`; options, names and edges.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::rig::{bx, ffprobe, green, mkvinfo, probe, run, with_boxes, words};
use crate::support;
use serde_json::json;
use vrpipe::pipeline::playback::Playback;

fn sv3d(kind: &[u8; 4], body: &[u8], pose: [i32; 3]) -> Vec<u8> {
    let svhd = bx(b"svhd", &[&words(&[0]), b"test\0"]);
    let prhd = bx(b"prhd", &[&words(&[0]), &words(&pose.map(|angle| angle as u32))]);
    bx(b"sv3d", &[&svhd, &bx(b"proj", &[&prhd, &bx(kind, &[body])])])
}

fn st3d(mode: u8) -> Vec<u8> {
    bx(b"st3d", &[&words(&[0]), &[mode]])
}

/// The side data of a kind that ffprobe tells of the video.
fn side(told: &serde_json::Value, kind: &str) -> serde_json::Value {
    let data = told["streams"][0]["side_data_list"].as_array().cloned().unwrap_or_default();
    data.into_iter().find(|data| data["side_data_type"] == kind).unwrap_or_default()
}

#[test]
fn boxes_of_mp4_come_out_as_elements_of_webm() {
    let test = "boxes_of_mp4_come_out_as_elements_of_webm";
    let Some(clip) = green(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let half = words(&[0, 0, 0, 1 << 30, 1 << 30]);
    let id = [0xff, 0xcc, 0x82, 0x63, 0xf8, 0x55, 0x4a, 0x93, 0x88, 0x14, 0x58, 0x7a, 0x02, 0x52, 0x1f, 0xdd];
    let xml = b"<r><GSpherical:Spherical>true</GSpherical:Spherical><GSpherical:StereoMode>top-bottom\
        </GSpherical:StereoMode><GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType></r>";
    let stri = bx(b"stri", &[&words(&[0]), &[3]]);
    let pkin = bx(b"pack", &[&bx(b"pkin", &[&words(&[0]), b"side"])]);
    let prji = bx(b"proj", &[&bx(b"prji", &[&words(&[0]), b"hequ"])]);
    let vexu = bx(b"vexu", &[&bx(b"eyes", &[&stri]), &pkin, &prji]);
    let mesh = [words(&[0, 7]), b"raw ".to_vec(), vec![5; 40]].concat();
    let turned = [&st3d(4)[..], &sv3d(b"equi", &half, [10 << 16, -(5 << 16), 1 << 15])].concat();
    // Boxes in the entry and in trak; packing and projection as probe tells them, what ffprobe calls them, what
    // mkvinfo prints.
    for (name, entry, trak, packing, projection, theirs, info) in [
        (
            "half",
            [&st3d(2)[..], &sv3d(b"equi", &half, [0; 3])].concat(),
            vec![],
            "side-by-side",
            json!({"equirect": {"top": 0, "bottom": 0, "left": 1 << 30, "right": 1 << 30}}),
            ("side by side", "tiled equirectangular"),
            "Stereo mode: 1",
        ),
        (
            "turned",
            turned,
            vec![],
            "side-by-side-swapped",
            json!({"equirect": {"top": 0, "bottom": 0, "left": 1 << 30, "right": 1 << 30}}),
            ("side by side", "tiled equirectangular"),
            "Stereo mode: 11",
        ),
        (
            "sphere",
            vec![],
            bx(b"uuid", &[&id, xml]),
            "top-bottom",
            json!({"equirect": {"top": 0, "bottom": 0, "left": 0, "right": 0}}),
            ("top and bottom", "equirectangular"),
            "Stereo mode: 3",
        ),
        (
            "vexu",
            vexu,
            vec![],
            "side-by-side",
            json!({"equirect": {"top": 0, "bottom": 0, "left": 1 << 30, "right": 1 << 30}}),
            ("side by side", "tiled equirectangular"),
            "Stereo mode: 1",
        ),
        (
            "cube",
            sv3d(b"cbmp", &words(&[0, 0, 4]), [0; 3]),
            vec![],
            "mono",
            json!({"cubemap": {"padding": 4}}),
            ("", "cubemap"),
            "Projection",
        ),
        (
            "mesh",
            sv3d(b"mshp", &mesh, [0; 3]),
            vec![],
            "mono",
            json!({"mesh": "52 bytes"}),
            ("", ""),
            "Projection",
        ),
    ] {
        let input = folder.path().join(format!("{name}.mp4"));
        fs::write(&input, with_boxes(&clip, &entry, &trak)).unwrap();
        let out = folder.path().join(format!("{name}.webm"));
        let stderr = run(&input, &out, &["--sample", "0.2"]);
        assert!(stderr.contains("projection"), "{stderr}");
        let (told_in, told) = (probe(&input), probe(&out));
        for told in [&told_in, &told] {
            assert_eq!(told["layout"]["packing"], packing, "{name}: {told}");
            assert_eq!(told["layout"]["projection"], projection, "{name}: {told}");
        }
        assert_eq!(told["layout"]["pose"], told_in["layout"]["pose"], "{name}");
        assert_eq!(told["layout"]["projection_basis"]["confidence"], "certain");
        let foreign = ffprobe(&out);
        let (stereo, spherical) = (side(&foreign, "Stereo 3D"), side(&foreign, "Spherical Mapping"));
        assert_eq!(stereo["type"].as_str().unwrap_or_default(), theirs.0, "{name}: {foreign}");
        assert_eq!(stereo["inverted"].as_i64().unwrap_or(0), i64::from(name == "turned"), "{name}");
        assert_eq!(spherical["projection"].as_str().unwrap_or_default(), theirs.1, "{name}: {foreign}");
        if name == "turned" {
            let angles = ["yaw", "pitch", "roll"].map(|angle| spherical[angle].as_i64().unwrap());
            assert_eq!(angles, [10, -5, 0], "whole degrees, as ffprobe prints them");
        }
        if let Some(text) = mkvinfo(test, &out) {
            assert!(text.contains(info) && text.contains("rojection"), "{name}: {text}");
        }
    }
}

#[test]
fn elements_of_mkv_survive() {
    let test = "elements_of_mkv_survive";
    let Some(clip) = green(test) else { return };
    if !support::has(test, "mkvmerge") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, options, packing, projection, pose) in [
        (
            "half",
            [
                "--stereo-mode",
                "0:1",
                "--projection-type",
                "0:1",
                "--projection-private",
                "0:0000000000000000000000004000000040000000",
                "--projection-pose-yaw",
                "0:12.5",
            ],
            "side-by-side",
            json!({"equirect": {"top": 0, "bottom": 0, "left": 1 << 30, "right": 1 << 30}}),
            [819_200, 0, 0],
        ),
        (
            "quarter",
            [
                "--stereo-mode",
                "0:0",
                "--projection-type",
                "0:0",
                "--projection-pose-roll",
                "0:-90",
                "--projection-pose-yaw",
                "0:0",
            ],
            "mono",
            json!("rectilinear"),
            [0, 0, -(90 << 16)],
        ),
    ] {
        let input = folder.path().join(format!("{name}.mkv"));
        let merged =
            Command::new("mkvmerge").arg("-q").arg("-o").arg(&input).args(options).arg(&clip).status();
        assert!(merged.unwrap().success());
        let out = folder.path().join(format!("{name}.webm"));
        run(&input, &out, &["--sample", "0.2"]);
        for file in [&input, &out] {
            let told = probe(file);
            assert_eq!(
                (&told["layout"]["packing"], &told["layout"]["projection"]),
                (&json!(packing), &projection),
                "{told}"
            );
            let expected = json!({"yaw": pose[0], "pitch": pose[1], "roll": pose[2]});
            assert_eq!(told["layout"]["pose"], expected, "{name}: {told}");
        }
    }
}

#[test]
fn options_win_and_names_tell() {
    let Some(clip) = green("options_win_and_names_tell") else { return };
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("My film_TB_360.mp4");
    fs::copy(&clip, &input).unwrap();
    let rename = |names: &str, options: &[&str]| {
        let out = folder.path().join(names);
        let mut command = support::vrpipe();
        command
            .arg("run")
            .arg(&input)
            .arg("--out-dir")
            .arg(&out)
            .args(["--names", names, "--matte", "chroma"]);
        command.args(["--quality", "fast", "--device", "cpu", "--sample", "0.2"]).args(options);
        let (result, stderr) = support::output(&mut command);
        assert_eq!(result.status.code(), Some(0), "{stderr}");
        let mut found = fs::read_dir(&out).unwrap().map(|e| e.unwrap().path());
        let path = found.next().unwrap();
        assert!(found.next().is_none());
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, probe(&path))
    };
    let (name, told) = rename("plain", &[]);
    assert_eq!(name, "My film_TB_360.webm");
    assert_eq!(
        told["layout"]["packing_basis"]["evidence"], "container",
        "the name was read, and written into the file"
    );
    let (name, told) = rename("deovr", &["--layout", "sbs", "--projection", "fisheye190"]);
    assert_eq!(name, "My film_LR_fisheye190.webm");
    assert_eq!(
        told["layout"]["projection"],
        json!({"fisheye": {"fov_degrees": 190}}),
        "by the name: WebM has no word"
    );
    let (name, told) = rename("skybox", &["--layout", "rl", "--projection", "180"]);
    assert_eq!(name, "My film_RL_180x180.webm");
    assert_eq!(told["layout"]["packing"], "side-by-side-swapped");
    let refused = support::output(support::vrpipe().args(["run", "x", "-o", "y", "--projection", "round"]));
    assert_eq!(refused.0.status.code(), Some(2));
}

/// Alpha of the first frame.
fn first_alpha(file: &Path) -> vrpipe::frame::Plane<u8> {
    Playback::open(file).unwrap().next().unwrap().unwrap().alpha
}

#[test]
fn nothing_is_seen_outside_the_circle_of_a_fisheye() {
    let Some(clip) = green("nothing_is_seen_outside_the_circle_of_a_fisheye") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.webm");
    // A blue screen: green is foreground, and above and below the test picture there is nothing else.
    run(
        &clip,
        &out,
        &["--sample", "0.2", "--layout", "sbs", "--projection", "fisheye", "--key-colour", "#0000ff"],
    );
    let alpha = first_alpha(&out);
    let radius = 64.0;
    for y in 0..128 {
        for x in 0..256 {
            let [across, down] = [(x % 128) as f64 + 0.5 - radius, f64::from(y) + 0.5 - radius];
            let outside = (across * across + down * down).sqrt() - radius;
            let seen = alpha.row(y as usize)[x];
            // VP9 blurs the rim by a few pixels.
            assert!(outside < 4.0 || seen < 16, "{x} {y}: {seen}");
            let is_green = !(24..104).contains(&y);
            assert!(outside > -6.0 || !is_green || seen > 239, "{x} {y}: {seen}");
        }
    }
}
