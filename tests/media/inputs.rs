//! Makes the input files: the clips of the shared script, and small synthetic ones.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a program to its end; its standard output, or `None` when it cannot start or fails.
fn output(program: &str, args: &[&str]) -> Option<Vec<u8>> {
    let result = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
    if !result.status.success() {
        eprintln!("{program} {args:?}: {}", String::from_utf8_lossy(&result.stderr));
        return None;
    }
    Some(result.stdout)
}

/// Whether ffmpeg and ffprobe are here; says that `test` is skipped when they are not.
fn have_ffmpeg(test: &str) -> bool {
    let have = ["ffmpeg", "ffprobe"].iter().all(|p| output(p, &["-version"]).is_some());
    if !have {
        eprintln!("skipped: {test}: no ffmpeg and ffprobe on this machine");
    }
    have
}

/// A folder under the target folder, filled by `make` once for all tests and processes.
fn filled(name: &str, make: impl FnOnce(&Path) -> bool) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let done = folder.join(".done");
    if !done.exists() {
        assert!(make(&folder), "making the files of {name} failed");
        fs::write(done, "").unwrap();
    }
    folder
}

/// The clips of the shared script, or `None` after saying that `test` is skipped.
pub fn clips(test: &str) -> Option<Vec<PathBuf>> {
    let script = vrpipe::testing::shared(test, "media/make_clips.sh")?;
    if !have_ffmpeg(test) {
        return None;
    }
    let folder = filled("clips", |folder| {
        let (script, folder) = (script.to_str().unwrap(), folder.to_str().unwrap());
        output("bash", &[script, folder, "small"]).is_some()
    });
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some());
    files.sort();
    Some(files)
}

/// Synthetic files: `(name, ffmpeg arguments)`, the name of a file made before stands for it.
/// 24 frames of 96x64 unless said otherwise, so that all of them take seconds to make.
const MADE: [(&str, &str); 27] = [
    ("h264.mp4", "SRC AUDIO -c:v libx264 -g 12 -bf 3 -c:a aac -shortest"),
    ("h264_front.mp4", "-i h264.mp4 -c copy -movflags +faststart"),
    ("h264.mov", "-i h264.mp4 -c copy"),
    (
        "h264_full.mp4",
        "SRC -c:v libx264 -color_range pc -colorspace bt709 -color_primaries bt709 -color_trc bt709",
    ),
    ("h264_odd.mkv", "ODD -c:v libx264 -profile:v high -x264-params cqm=jvt"),
    ("h264_interlaced.mp4", "SRC -c:v libx264 -flags +ildct+ilme"),
    ("h264_negative.mp4", "-i h264.mp4 -c copy -movflags +negative_cts_offsets"),
    ("h264_trimmed.mp4", "-ss 0.3 -i h264.mp4 -c copy"),
    ("h264_delayed.mp4", "-itsoffset 0.5 -i h264.mp4 -i h264.mp4 -map 0:v -map 1:a -c copy"),
    ("h264_fragments.mp4", "-i h264.mp4 -c copy -movflags +frag_keyframe+empty_moov+default_base_moof"),
    (
        "h264_fragments_old.mp4",
        "-i h264.mp4 -c copy -movflags +frag_keyframe+omit_tfhd_offset -frag_duration 100000",
    ),
    ("h264_fragments_delayed.mp4", "-i h264.mp4 -c copy -movflags +frag_every_frame+delay_moov"),
    ("h264_fragments_separate.mp4", "-i h264.mp4 -c copy -movflags +frag_keyframe+separate_moof+empty_moov"),
    ("hevc.mp4", "SRC -c:v libx265 -tag:v hvc1 -x265-params log-level=error:bframes=3:scaling-list=default"),
    ("hevc_inband.mp4", "-i hevc.mp4 -c copy -tag:v hev1 -bsf:v hevc_mp4toannexb"),
    (
        "hevc_hdr.mp4",
        "ODD -c:v libx265 -pix_fmt yuv420p10le -tag:v hvc1 -color_range tv -colorspace bt2020nc -color_primaries bt2020 -color_trc smpte2084 -x265-params log-level=error",
    ),
    ("hevc_hdr.mkv", "-i hevc_hdr.mp4 -c copy"),
    ("vp8.webm", "SRC -c:v libvpx -deadline realtime"),
    ("vp9.webm", "ODD -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -colorspace bt709 -color_range pc"),
    ("vp9.mp4", "-i vp9.webm -c copy"),
    (
        "vp9_10bit.mkv",
        "SRC -c:v libvpx-vp9 -pix_fmt yuv420p10le -deadline realtime -cpu-used 8 -colorspace smpte170m",
    ),
    ("vp9_altref.webm", "SRC -c:v libvpx-vp9 -deadline good -cpu-used 5 -auto-alt-ref 1 -lag-in-frames 16"),
    ("av1.mp4", "SRC -c:v libsvtav1 -preset 12 -colorspace bt709 -color_primaries bt709 -color_trc bt709"),
    ("av1_10bit.webm", "ODD2 -c:v libsvtav1 -preset 12 -pix_fmt yuv420p10le"),
    ("stereo.mkv", "-i h264.mp4 -c copy -metadata:s:v stereo_mode=right_left"),
    ("live.webm", "-i vp9.webm -c copy -live 1 -cluster_time_limit 200"),
    ("groups.mkv", "-i vp9.webm -c copy -cluster_time_limit 300 -reserve_index_space 2000"),
];

/// Files that must be refused: `(name, arguments, words that the error must hold)`.
const REFUSED: [(&str, &str, &[&str]); 8] = [
    ("mpeg4.mp4", "SRC -c:v mpeg4", &["video codec", "mp4v"]),
    ("mpeg4.mkv", "SRC -c:v mpeg4", &["video codec", "V_MPEG4/ISO/ASP"]),
    ("mjpeg.mov", "SRC -c:v mjpeg", &["video codec", "jpeg"]),
    ("sound.mp4", "AUDIO -t 1 -c:a aac", &["no video track", "soun mp4a"]),
    ("sound.webm", "AUDIO -t 1 -c:a libopus", &["no video track", "A_OPUS"]),
    ("h264_444.mp4", "SRC -c:v libx264 -pix_fmt yuv444p", &["chroma format", "4:4:4"]),
    (
        "hevc_12bit.mkv",
        "SRC -c:v libx265 -pix_fmt yuv420p12le -x265-params log-level=error",
        &["bit depth", "12 bits"],
    ),
    ("vp9_422.webm", "SRC -c:v libvpx-vp9 -pix_fmt yuv422p -deadline realtime", &["chroma format", "4:2:2"]),
];

/// Runs ffmpeg; words that name a file made before get its folder.
fn make(folder: &Path, name: &str, args: &str) -> bool {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let is_made = |word: &str| MADE.iter().any(|(made, _)| *made == word);
    let expanded = args
        .replace("SRC", "-f lavfi -i testsrc2=s=96x64:r=30000/1001:d=0.8")
        .replace("ODD2", "-f lavfi -i testsrc2=s=98x66:r=25:d=0.96")
        .replace("ODD", "-f lavfi -i testsrc2=s=90x50:r=25:d=0.96")
        .replace("AUDIO", "-f lavfi -i sine=frequency=440:sample_rate=48000:d=0.8");
    let mut words: Vec<String> = ["-v", "error", "-y"].map(str::to_owned).into();
    words.extend(expanded.split_whitespace().map(|w| if is_made(w) { path(w) } else { w.to_owned() }));
    words.push(path(name));
    output("ffmpeg", &words.iter().map(String::as_str).collect::<Vec<_>>()).is_some()
}

/// The synthetic files, or `None` after saying that `test` is skipped.
pub fn made(test: &str) -> Option<Vec<PathBuf>> {
    if !have_ffmpeg(test) {
        return None;
    }
    let folder = filled("made", |folder| {
        let refused = REFUSED.iter().map(|(name, args, _)| (name, args));
        MADE.iter()
            .map(|(name, args)| (name, args))
            .chain(refused)
            .all(|(name, args)| make(folder, name, args))
    });
    Some(MADE.iter().map(|(name, _)| folder.join(name)).collect())
}

/// The files that must be refused with the words that the message must hold.
pub fn refused(test: &str) -> Option<Vec<(PathBuf, &'static [&'static str])>> {
    let folder = made(test)?[0].parent().unwrap().to_owned();
    Some(REFUSED.iter().map(|(name, _, words)| (folder.join(name), *words)).collect())
}

/// ffprobe's description of the first video stream and its packets.
pub fn ffprobe(file: &Path) -> serde_json::Value {
    let args = ["-v", "error", "-select_streams", "v:0", "-show_streams", "-show_packets", "-show_data_hash"];
    let args = [&args[..], &["sha256", "-of", "json", file.to_str().unwrap()]].concat();
    serde_json::from_slice(&output("ffprobe", &args).unwrap()).unwrap()
}

/// The video of a file as ffmpeg's own bitstream filter turns it into Annex B.
pub fn annex_b(file: &Path, filter: &str, format: &str) -> Vec<u8> {
    let args = ["-v", "error", "-i", file.to_str().unwrap(), "-map", "0:v", "-c", "copy", "-bsf:v", filter];
    output("ffmpeg", &[&args[..], &["-f", format, "-"]].concat()).unwrap()
}
