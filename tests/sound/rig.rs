//! Makes clips by ffmpeg and puts their sound, with their video as it is, into a WebM file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use vrpipe::layout::Packing;
use vrpipe::media::Source;
use vrpipe::sound::{self, AudioChoice, Interleave, Options, Span, Tally, TrackPlan};
use vrpipe::units::TimeBase;
use vrpipe::webm::muxer::{Frame, Header, Muxer, VideoTrack};

/// A burst of 1 kHz, 10 ms long, its middle half a second behind every full one.
pub const CLICKS: &str =
    "if(lt(abs(mod(t,1)-0.5),0.005),0.8*cos(PI*(mod(t,1)-0.5)/0.01)^2*cos(2*PI*1000*(mod(t,1)-0.5)),0)";

/// Runs ffmpeg on small VP9 pictures of so many seconds and what `inputs` adds, into `name`.
pub fn make(folder: &Path, name: &str, seconds: u32, inputs: &[&str], outputs: &[&str]) -> PathBuf {
    let path = folder.join(name);
    let video = format!("testsrc=s=64x64:r=10:d={seconds}");
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-v", "error", "-y", "-f", "lavfi", "-i", &video]).args(inputs);
    command.args(["-map", "0:v", "-map", "1:a"]);
    // QuickTime takes no VP9; only the times of the pictures matter here.
    command.args(if name.ends_with(".mov") {
        &["-c:v", "libx264", "-bf", "0", "-preset", "ultrafast"][..]
    } else {
        &["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"]
    });
    command
        .args(["-pix_fmt", "yuv420p", "-g", "20", "-b:v", "50k", "-shortest", "-strict", "-2"])
        .args(outputs)
        .arg(&path);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    path
}

/// A clip with a click each second.
pub fn clicking(folder: &Path, name: &str, seconds: u32, rate_hz: u32, outputs: &[&str]) -> PathBuf {
    let clicks = format!("aevalsrc='{CLICKS}':s={rate_hz}:d={seconds}");
    make(folder, name, seconds, &["-f", "lavfi", "-i", &clicks], outputs)
}

pub struct Made {
    pub path: PathBuf,
    pub plans: Vec<TrackPlan>,
    pub tallies: Vec<Tally>,
}

/// The plans for a file.
pub fn plans(input: &Path) -> Vec<TrackPlan> {
    let source = Source::open(input).unwrap();
    sound::plan(input, source.info(), AudioChoice::Auto, &Options::default())
}

/// Copies the VP9 video of `input` and adds its sound.
pub fn convert(input: &Path, span: Span) -> Made {
    let mut source = Source::open(input).unwrap();
    let options = Options::default();
    let plans = sound::plan(input, source.info(), AudioChoice::Auto, &options);
    let mut sound = Interleave::open(input, &plans, span, &options).unwrap();
    let video = source.video().clone();
    let header = Header {
        video: VideoTrack {
            size: video.size,
            display_size: None,
            colour: video.colour,
            packing: Packing::Mono,
            projection: None,
            light: None,
            frame_duration_ns: None,
            alpha: false,
        },
        expected_key_frames: 1000,
        chapters: Vec::new(),
        title: None,
        tags: Vec::new(),
        writing_app: "test".to_owned(),
    };
    let path = input.with_file_name(format!("{}.out.webm", input.file_name().unwrap().display()));
    let mut file = Muxer::create_with_audio(File::create(&path).unwrap(), &header, &sound.headers()).unwrap();
    let (mut last_ms, mut begun) = (-1, false);
    while let Some(packet) = source.next_packet().unwrap() {
        let ns = video.time_base.convert(packet.pts, TimeBase::NANOSECOND) - span.start_ns;
        let pts_ms = TimeBase::NANOSECOND.convert(ns, TimeBase::MILLISECOND);
        begun |= packet.key && pts_ms >= 0;
        if !begun || span.end_ns.is_some_and(|end| ns + span.start_ns >= end) {
            continue;
        }
        while let Some(block) = sound.next_until(pts_ms).unwrap() {
            file.write_audio(block).unwrap();
        }
        file.write_frame(Frame { pts_ms, key: packet.key, colour: &packet.data, alpha: None }).unwrap();
        last_ms = pts_ms;
    }
    while let Some(block) = sound.next_until(i64::MAX).unwrap() {
        file.write_audio(block).unwrap();
    }
    file.finish(last_ms + 100).unwrap();
    Made { path, plans, tallies: sound.tallies() }
}
