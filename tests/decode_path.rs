//! Which way a file is decoded, and why: what `vrpipe probe` says, and streams whose visible part begins inside
//! the coded picture, which NVDEC is not given and software decodes exactly.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::path::Path;
use std::process::Command;

use vrpipe::frame::{Picture, Samples, Yuv420};
use vrpipe::media::Source;
use vrpipe::software::{self, Options, StreamInfo};

/// Left, right, top and bottom of each clip's crop.
const CROPS: [[usize; 4]; 4] = [[32, 6, 8, 4], [6, 0, 0, 0], [2, 2, 2, 2], [0, 10, 0, 6]];

fn ffmpeg(arguments: &[&str], out: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]).args(arguments).arg(out);
    let (output, stderr) = support::output(&mut command);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
}

fn pictures(path: &Path) -> Vec<Picture> {
    let mut source = Source::open(path).unwrap();
    let info = StreamInfo::from(source.video());
    let feed: software::Feed = Box::new(move || source.next_packet().map_err(Into::into));
    let mut decoder = software::open(info, feed, Options::default()).unwrap();
    std::iter::from_fn(|| decoder.next_picture().unwrap()).collect()
}

/// Codes of the three planes from `(left, top)` of luma on, as many as `like` has.
fn codes(picture: &Picture, [left, top]: [usize; 2], like: &Picture) -> Vec<u16> {
    fn of<T: vrpipe::frame::Sample>(yuv: &Yuv420<T>, [x, y]: [usize; 2], like: &Picture) -> Vec<u16> {
        let chroma = like.size.chroma();
        let planes =
            [(&yuv.y, x, y, like.size), (&yuv.u, x / 2, y / 2, chroma), (&yuv.v, x / 2, y / 2, chroma)];
        let rows = planes.into_iter().flat_map(|(plane, x, y, size)| {
            (0..size.height)
                .flat_map(move |row| plane.row(y + row)[x..x + size.width].iter().map(|s| s.code()))
        });
        rows.collect()
    }
    match &picture.samples {
        Samples::Eight(yuv) => of(yuv, [left, top], like),
        Samples::Sixteen(yuv) => of(yuv, [left, top], like),
    }
}

#[test]
fn a_crop_on_the_left_and_at_the_top_is_read_and_decoded_exactly() {
    let test = "a_crop_on_the_left_and_at_the_top_is_read_and_decoded_exactly";
    if !support::has(test, "ffmpeg") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let source = "testsrc2=size=320x176:rate=25:duration=0.4";
    for (codec, encoder, format) in [("h264", "libx264", "yuv420p"), ("hevc", "libx265", "yuv420p10le")] {
        let whole = folder.path().join(format!("{codec}.mkv"));
        let quiet = if codec == "hevc" { ["-x265-params", "log-level=error"] } else { ["-preset", "fast"] };
        let encode = ["-f", "lavfi", "-i", source, "-pix_fmt", format, "-c:v", encoder, quiet[0], quiet[1]];
        ffmpeg(&encode, &whole);
        let full = pictures(&whole);
        assert_eq!(full.len(), 10);
        for [left, right, top, bottom] in CROPS {
            let cut = folder.path().join(format!("{codec}_{left}_{top}.mkv"));
            let filter = format!(
                "{codec}_metadata=crop_left={left}:crop_right={right}:crop_top={top}:crop_bottom={bottom}"
            );
            ffmpeg(&["-i", whole.to_str().unwrap(), "-c:v", "copy", "-bsf:v", &filter], &cut);
            let video = Source::open(&cut).unwrap().video().clone();
            assert_eq!(video.crop, [left, top], "{}", cut.display());
            assert_eq!((video.size.width, video.size.height), (320 - left - right, 176 - top - bottom));
            let got = pictures(&cut);
            assert_eq!(got.len(), full.len());
            for (got, full) in got.iter().zip(&full) {
                assert_eq!(got.size, video.size);
                assert!(codes(got, [0, 0], got) == codes(full, [left, top], got), "{}", cut.display());
            }
        }
    }
}

#[test]
fn probe_tells_the_way_of_decoding_without_a_gpu_too() {
    let test = "probe_tells_the_way_of_decoding_without_a_gpu_too";
    let Some(clip) = support::shared(test, "media/carphone_pristine.mp4") else { return };
    let probe = |arguments: &[&str]| {
        let (output, stderr) = support::output(support::vrpipe().arg("probe").arg(&clip).args(arguments));
        assert!(output.status.success(), "{stderr}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = probe(&["--device", "cpu"]);
    assert!(text.contains("decoder    ffmpeg on the CPU: the CPU was asked for"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&probe(&["--json"])).unwrap();
    let (decoder, reason) =
        (&json["decode_path"]["decoder"], json["decode_path"]["reason"].as_str().unwrap());
    match decoder.as_str().unwrap() {
        // Where there is a GPU, it is named; where there is none, what is missing is.
        "NVDEC" => assert!(reason.starts_with("on ") && reason.len() > 3, "{reason}"),
        "ffmpeg" => {
            assert!(
                reason.starts_with("on the CPU") && reason.contains(':') && reason.len() > 20,
                "{reason}"
            );
        }
        other => panic!("{other}"),
    }
    if cfg!(feature = "gpu-tests") {
        assert_eq!(decoder, "NVDEC", "{reason}");
    }
}
