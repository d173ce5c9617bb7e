//! Foreign readers on files of our muxer, and our reader on foreign files: mkvinfo, ffprobe, ffmpeg
//! and the crates `matroska` and `matroska-demuxer`. Frames are real VP9 with alpha, made by
//! ffmpeg's libvpx. A program that is missing skips its test by name.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failed helper is a failed test")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use vrpipe::frame::{Colour, Matrix, Range, Size};
use vrpipe::layout::Packing;
use vrpipe::webm::muxer::{Frame, Header, Muxer, VideoTrack};
use vrpipe::webm::reader::{Block, Reader};

/// Frames, and key frames, of the clip that all tests use: 128x96, 25 frames per second.
const FRAMES: usize = 50;
const KEY_EVERY: usize = 10;

/// What `program` prints, after it has succeeded.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    assert_eq!(errors, "", "{program} {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether all programs can be run; says which test is skipped if not.
fn can_run(test: &str, programs: &[&str]) -> bool {
    let runs = |program: &str| {
        let version = if program == "mkvinfo" { "--version" } else { "-version" };
        Command::new(program).arg(version).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    for program in programs {
        if !runs(program) {
            eprintln!("skipped: {test}: no {program}");
            return false;
        }
    }
    if programs.contains(&"ffmpeg") && !output("ffmpeg", &["-v", "error", "-encoders"]).contains("libvpx-vp9")
    {
        eprintln!("skipped: {test}: ffmpeg has no libvpx-vp9");
        return false;
    }
    true
}

/// Has ffmpeg encode the clip into `name` (its extension says which container).
fn encode(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    let key_every = KEY_EVERY.to_string();
    let source = "testsrc=size=128x96:rate=25:duration=2,format=yuva420p,\
                  geq=lum='p(X,Y)':cb='p(X,Y)':cr='p(X,Y)':a='mod(X*2+N*4,256)'";
    let mut arguments = vec!["-v", "error", "-y", "-f", "lavfi", "-i", source, "-c:v", "libvpx-vp9"];
    arguments.extend([
        "-deadline",
        "realtime",
        "-cpu-used",
        "8",
        "-b:v",
        "300k",
        "-auto-alt-ref",
        "0",
        "-colorspace",
        "smpte170m",
    ]);
    arguments.extend(["-g", &key_every, "-pix_fmt", "yuva420p", path.to_str().unwrap()]);
    output("ffmpeg", &arguments);
    path
}

fn blocks(path: &Path) -> Vec<Block> {
    let mut reader = Reader::open(File::open(path).unwrap()).unwrap();
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block().unwrap() {
        blocks.push(block);
    }
    blocks
}

fn header(alpha: bool, expected_key_frames: u64) -> Header {
    Header {
        video: VideoTrack {
            size: Size::new(128, 96),
            display_size: None,
            colour: Colour { matrix: Matrix::Bt601, range: Range::Limited, primaries: 6, transfer: 6 },
            packing: Packing::Mono,
            projection: None,
            light: None,
            frame_duration_ns: Some(40_000_000),
            alpha,
        },
        expected_key_frames,
        chapters: Vec::new(),
        title: Some("a title".to_owned()),
        writing_app: "vrpipe test".to_owned(),
        tags: vec![("COMMENT".to_owned(), "a tag".to_owned())],
    }
}

/// A header that says side by side.
fn packed() -> Header {
    let header = header(true, 5);
    Header { video: VideoTrack { packing: Packing::SideBySide, ..header.video }, ..header }
}

/// Writes the frames of `original` again, with our muxer.
fn remux(original: &Path, header: &Header, name: &str) -> PathBuf {
    let path = original.with_file_name(name);
    let mut muxer = Muxer::create(File::create(&path).unwrap(), header).unwrap();
    for block in blocks(original) {
        let alpha = block.additional.as_deref().filter(|_| header.video.alpha);
        muxer
            .write_frame(Frame { pts_ms: block.pts_ticks, key: block.key, colour: &block.data, alpha })
            .unwrap();
    }
    muxer.finish(FRAMES as i64 * 40).unwrap();
    path
}

/// The clip and our copy of it, in a directory that lives as long as the first value.
fn clip(expected_key_frames: u64) -> (tempfile::TempDir, PathBuf, PathBuf) {
    static ORIGINAL: OnceLock<Vec<u8>> = OnceLock::new();
    let directory = tempfile::tempdir().unwrap();
    let original = directory.path().join("original.webm");
    let bytes = ORIGINAL.get_or_init(|| std::fs::read(encode(directory.path(), "original.webm")).unwrap());
    std::fs::write(&original, bytes).unwrap();
    let ours = remux(&original, &header(true, expected_key_frames), "ours.webm");
    (directory, original, ours)
}

/// Decodes colour and alpha with libvpx through ffmpeg: a checksum for each frame.
fn decoded(path: &Path, pix_fmt: &str) -> String {
    let path = path.to_str().unwrap();
    let decode =
        ["-v", "error", "-c:v", "libvpx-vp9", "-i", path, "-pix_fmt", pix_fmt, "-f", "framemd5", "-"];
    output("ffmpeg", &decode)
}

#[test]
fn ffmpeg_decodes_the_same_frames_and_alpha_as_from_the_original() {
    if !can_run("ffmpeg_decodes_the_same_frames_and_alpha_as_from_the_original", &["ffmpeg"]) {
        return;
    }
    for expected_key_frames in [5, 0] {
        let (_directory, original, ours) = clip(expected_key_frames);
        let theirs = decoded(&original, "yuva420p");
        let frames: Vec<&str> = theirs.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(frames.len(), FRAMES);
        // Four planes each, and no frame like another: the comparison has something to tell.
        assert!(frames.iter().all(|line| line.contains(&format!(" {},", 128 * 96 * 5 / 2))), "{theirs}");
        assert_eq!(decoded(&ours, "yuva420p"), theirs);
        assert_ne!(decoded(&ours, "yuv420p"), theirs);
        // ffmpeg takes DisplayWidth for that of one eye and hence the pixels of a packed frame for
        // twice as wide as high (`sar 2:1`); the frames are the same.
        let packed = decoded(&remux(&original, &packed(), "packed.webm"), "yuva420p");
        assert_eq!(packed.replace("#sar 0: 2/1", "#sar 0: 1/1"), theirs);
    }
}

#[test]
fn ffmpeg_finds_the_alpha_after_a_seek() {
    if !can_run("ffmpeg_finds_the_alpha_after_a_seek", &["ffmpeg"]) {
        return;
    }
    let (_directory, original, ours) = clip(5);
    let from = |path: &Path| {
        let path = path.to_str().unwrap();
        let seek = ["-v", "error", "-c:v", "libvpx-vp9", "-ss", "1.24", "-i", path, "-f", "framemd5", "-"];
        let text = output("ffmpeg", &seek);
        let hashes = text.lines().filter(|line| !line.starts_with('#'));
        hashes.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect::<Vec<_>>()
    };
    let all = decoded(&ours, "yuva420p");
    let last = all.lines().last().unwrap().rsplit(',').next().unwrap().trim().to_owned();
    let sought = from(&ours);
    assert_eq!(sought.len(), FRAMES - 31);
    assert_eq!(sought.last(), Some(&last));
    assert_eq!(sought, from(&original));
}

/// `(pts_ms, key, bytes)` of every packet, by ffprobe, which must print no error.
fn probed(path: &Path) -> Vec<(i64, bool, usize)> {
    let entries = ["-show_packets", "-show_entries", "packet=pts,flags,size", "-of", "csv=p=0"];
    let text = output("ffprobe", &[&["-v", "error"], &entries[..], &[path.to_str().unwrap()]].concat());
    let packets = text.lines().filter(|line| !line.is_empty()).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        (fields[0].parse().unwrap(), fields[2].starts_with('K'), fields[1].parse().unwrap())
    });
    packets.collect()
}

#[test]
fn ffprobe_agrees_on_every_packet_of_ours_and_of_its_own() {
    let test = "ffprobe_agrees_on_every_packet_of_ours_and_of_its_own";
    if !can_run(test, &["ffmpeg", "ffprobe"]) {
        return;
    }
    let (directory, original, ours) = clip(5);
    let no_alpha = remux(&original, &header(false, 5), "no-alpha.webm");
    let matroska = encode(directory.path(), "original.mkv");
    // To a pipe ffmpeg leaves sizes unknown and writes no index.
    let live = directory.path().join("live.webm");
    let arguments = ["-v", "error", "-i", original.to_str().unwrap(), "-c", "copy", "-f", "webm", "pipe:1"];
    let piped = Command::new("ffmpeg").args(arguments).output().unwrap();
    assert!(piped.status.success());
    std::fs::write(&live, piped.stdout).unwrap();

    for path in [&ours, &no_alpha, &original, &matroska, &live] {
        let read = blocks(path);
        assert_eq!(read.len(), FRAMES, "{path:?}");
        let read: Vec<_> = read.iter().map(|block| (block.pts_ticks, block.key, block.data.len())).collect();
        assert_eq!(probed(path), read, "{path:?}");
    }
    assert!(blocks(&ours).iter().all(|block| block.additional.is_some()));
    assert_eq!(
        blocks(&live).iter().map(|block| &block.additional).collect::<Vec<_>>(),
        blocks(&ours).iter().map(|block| &block.additional).collect::<Vec<_>>()
    );
    assert!(Reader::open(File::open(&live).unwrap()).unwrap().header().segment.size_bytes.is_none());
    assert!(blocks(&no_alpha).iter().all(|block| block.additional.is_none()));
}

#[test]
fn ffprobe_reads_what_the_header_says() {
    if !can_run("ffprobe_reads_what_the_header_says", &["ffmpeg", "ffprobe"]) {
        return;
    }
    let (_directory, original, _) = clip(5);
    let ours = remux(&original, &packed(), "packed.webm");
    let entries = "stream=codec_name,width,height,color_range,color_space,color_transfer,color_primaries,\
                   r_frame_rate,field_order:stream_tags=alpha_mode,stereo_mode:format=duration:format_tags=title,COMMENT";
    let arguments = ["-v", "error", "-show_entries", entries, "-of", "flat", ours.to_str().unwrap()];
    let text = output("ffprobe", &arguments);
    for line in [
        "streams.stream.0.codec_name=\"vp9\"",
        "streams.stream.0.width=128",
        "streams.stream.0.height=96",
        "streams.stream.0.color_range=\"tv\"",
        "streams.stream.0.color_space=\"smpte170m\"",
        "streams.stream.0.color_transfer=\"smpte170m\"",
        "streams.stream.0.color_primaries=\"smpte170m\"",
        "streams.stream.0.r_frame_rate=\"25/1\"",
        "streams.stream.0.field_order=\"progressive\"",
        "streams.stream.0.tags.alpha_mode=\"1\"",
        "streams.stream.0.tags.stereo_mode=\"left_right\"",
        "format.duration=\"2.000000\"",
        "format.tags.title=\"a title\"",
        "format.tags.COMMENT=\"a tag\"",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[test]
fn mkvinfo_knows_every_element_but_alpha_mode() {
    if !can_run("mkvinfo_knows_every_element_but_alpha_mode", &["ffmpeg", "mkvinfo"]) {
        return;
    }
    for expected_key_frames in [5, 0] {
        let (_directory, _, ours) = clip(expected_key_frames);
        let path = ours.to_str().unwrap();
        let summary = output("mkvinfo", &["--ui-language", "en_US", path]);
        assert!(summary.contains("Codec ID: V_VP9") && summary.contains("Duration: 00:00:02"), "{summary}");

        let text = output("mkvinfo", &["--ui-language", "en_US", "--all", "-v", path]);
        let unknown: Vec<&str> = text.lines().filter(|line| line.contains("nknown element")).collect();
        assert!(matches!(unknown[..], [alpha_mode] if alpha_mode.contains("0x53c0")), "{unknown:?}");
        let count = |what: &str| text.lines().filter(|line| line.contains(what)).count();
        assert_eq!(count("Block additional ID: 1"), FRAMES);
        assert_eq!(count("Reference block: -00:00:00.040000000"), FRAMES - FRAMES / KEY_EVERY);
        assert_eq!(count("+ Cue point"), FRAMES / KEY_EVERY);
        assert_eq!(count("|+ Cluster"), FRAMES / KEY_EVERY);
        let line = |what: &str| text.lines().position(|line| line.contains(what)).unwrap();
        assert_eq!(line("+ Cues") < line("|+ Cluster"), expected_key_frames > 0);
    }
}

#[test]
fn the_matroska_crate_agrees_on_tracks_duration_and_dimensions() {
    if !can_run("the_matroska_crate_agrees_on_tracks_duration_and_dimensions", &["ffmpeg"]) {
        return;
    }
    let (_directory, original, _) = clip(5);
    let ours = remux(&original, &packed(), "packed.webm");
    let read = matroska::open(&ours).unwrap();
    assert_eq!(read.info.duration, Some(std::time::Duration::from_secs(2)));
    assert_eq!(read.info.title.as_deref(), Some("a title"));
    assert_eq!((read.info.muxing_app.as_str(), read.info.writing_app.as_str()), ("vrpipe", "vrpipe test"));
    let [track] = &read.tracks[..] else { panic!("one track") };
    assert_eq!((track.number, track.uid, track.codec_id.as_str()), (1, 1, "V_VP9"));
    assert_eq!(track.default_duration, Some(std::time::Duration::from_millis(40)));
    let matroska::Settings::Video(video) = &track.settings else { panic!("a video track") };
    assert_eq!((video.pixel_width, video.pixel_height), (128, 96));
    assert_eq!(video.stereo, Some(matroska::StereoMode::SideBySide(matroska::EyeOrder::LeftFirst)));
}

#[test]
fn the_matroska_demuxer_crate_reads_the_same_frames() {
    if !can_run("the_matroska_demuxer_crate_reads_the_same_frames", &["ffmpeg"]) {
        return;
    }
    let (_directory, original, _) = clip(5);
    let ours = remux(&original, &packed(), "packed.webm");
    let mut file = matroska_demuxer::MatroskaFile::open(File::open(&ours).unwrap()).unwrap();
    assert_eq!(file.ebml_header().doc_type(), "webm");
    assert_eq!(file.info().duration(), Some(2000.0));
    let video = file.tracks()[0].video().unwrap();
    assert_eq!((video.pixel_width().get(), video.pixel_height().get()), (128, 96));
    assert_eq!(video.alpha_mode(), Some(1));
    assert_eq!(video.stereo_mode(), Some(matroska_demuxer::StereoMode::SideBySideLeftEyeFirst));
    assert_eq!(video.colour().unwrap().bits_per_channel(), Some(8));
    let mut frame = matroska_demuxer::Frame::default();
    for block in blocks(&ours) {
        assert!(file.next_frame(&mut frame).unwrap());
        assert_eq!((frame.timestamp, &frame.data), (block.pts_ticks as u64, &block.data));
    }
    assert!(!file.next_frame(&mut frame).unwrap());
    // Version 0.8.1 counts CueRelativePosition from the first cluster, so only the first cue helps.
    file.seek(0).unwrap();
    assert!(file.next_frame(&mut frame).unwrap());
    assert_eq!(frame.timestamp, 0);
}

#[test]
fn the_index_is_right_in_our_files_and_in_those_of_ffmpeg() {
    if !can_run("the_index_is_right_in_our_files_and_in_those_of_ffmpeg", &["ffmpeg"]) {
        return;
    }
    let (directory, original, ours) = clip(5);
    let behind = remux(&original, &header(true, 2), "behind.webm");
    let matroska = encode(directory.path(), "original.mkv");
    for (path, in_front) in [(&ours, true), (&behind, false), (&original, false), (&matroska, false)] {
        let mut reader = Reader::open(File::open(path).unwrap()).unwrap();
        reader.check_index().unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let header = reader.header();
        assert_eq!(header.cues.len(), FRAMES / KEY_EVERY, "{path:?}");
        assert_eq!(header.cues_at < header.first_cluster, in_front, "{path:?}");
    }
}
