//! Drawn pictures made a video, so that demuxing and decoding are measured, too: VP9 by this program's own
//! encoder, other codecs by an `ffmpeg` that has an encoder for them.
#![forbid(unsafe_code)]

use super::drawn::{self, to_and_fro};
use super::encoders::video_muxer;
use super::scene::PICTURES;
use crate::frame::{Colour, Picture, Plane, Rect, Samples, Size};
use crate::pipeline::error::Error;
use crate::pipeline::stop::Stop;
use crate::vp9::{Content, Encoder, EncoderConfig, PlaneRef, Planes};
use crate::webm::muxer;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Frames from one key frame to the next: two seconds, as cameras and players of VR have it.
const KEY_INTERVAL: u64 = 60;

/// A codec that drawn pictures are encoded with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DrawnCodec {
    /// H.264, 8 bit.
    H264,
    /// HEVC, 8 bit.
    Hevc,
    /// HEVC, 10 bit.
    Hevc10,
    /// VP9, 8 bit.
    Vp9,
    /// AV1, 8 bit.
    Av1,
}

impl DrawnCodec {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::Hevc => "HEVC",
            Self::Hevc10 => "HEVC 10 bit",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
        }
    }

    /// What ffmpeg is asked for: the fastest settings, since only decoding counts.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::H264 => &["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
            Self::Hevc => &["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
            Self::Hevc10 => &["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"],
            Self::Av1 => &["-c:v", "libsvtav1", "-preset", "12", "-pix_fmt", "yuv420p"],
            Self::Vp9 => &[],
        }
    }
}

/// Draws `frames` pictures of `size` and encodes them to a file in `folder`.
///
/// # Errors
/// [`Error::Usage`] when there is no ffmpeg with such an encoder, in its words.
pub(super) fn make(
    (size, frames, codec): (Size, u64, DrawnCodec),
    eyes: &[Rect],
    colour: Colour,
    folder: &Path,
    stop: &Stop,
) -> Result<PathBuf, Error> {
    let pictures = drawn::pictures(size, eyes, colour, PICTURES);
    let next = |t: u64| {
        if stop.is_draining() {
            Err(Error::Interrupted)
        } else {
            Ok(&pictures[to_and_fro(t, pictures.len())])
        }
    };
    if codec == DrawnCodec::Vp9 {
        let path = folder.join("drawn.webm");
        by_libvpx(&path, size, colour, frames, next)?;
        return Ok(path);
    }
    let path = folder.join("drawn.mkv");
    by_ffmpeg(&path, (size, codec), frames, folder, next)?;
    Ok(path)
}

fn planes(picture: &Picture) -> [&Plane<u8>; 3] {
    match &picture.samples {
        Samples::Eight(planes) => [&planes.y, &planes.u, &planes.v],
        Samples::Sixteen(_) => unreachable!("drawn pictures have 8 bits"),
    }
}

fn by_libvpx<'a>(
    path: &Path,
    size: Size,
    colour: Colour,
    frames: u64,
    next: impl Fn(u64) -> Result<&'a Picture, Error>,
) -> Result<(), Error> {
    let encoding = |source| Error::Encode { path: path.to_path_buf(), source };
    let muxing = |source| Error::Mux { path: path.to_path_buf(), source };
    let config = EncoderConfig {
        threads: std::thread::available_parallelism().map_or(1, usize::from).min(64),
        ..EncoderConfig::new(size, Content::Colour(colour))
    };
    let mut encoder = Encoder::new(config).map_err(encoding)?;
    let mut muxer = video_muxer(path, size, colour)?;
    let mut end_ms = 0;
    for t in 0..frames {
        let [y, u, v] = planes(next(t)?).map(PlaneRef::from);
        for packet in
            encoder.encode(&Planes { y, u, v }, t as i64, t % KEY_INTERVAL == 0).map_err(encoding)?
        {
            let pts_ms = packet.pts * 1000 / 30;
            end_ms = pts_ms + 33;
            let frame = muxer::Frame { pts_ms, key: packet.key, colour: &packet.data, alpha: None };
            muxer.write_frame(frame).map_err(muxing)?;
        }
    }
    muxer.finish(end_ms).map_err(muxing).map(drop)
}

fn by_ffmpeg<'a>(
    path: &Path,
    (size, codec): (Size, DrawnCodec),
    frames: u64,
    folder: &Path,
    next: impl Fn(u64) -> Result<&'a Picture, Error>,
) -> Result<(), Error> {
    // To a file: nobody reads a pipe while the pictures are written.
    let log = folder.join("ffmpeg.log");
    let writing = |source| Error::Output { path: log.clone(), source };
    let program = std::env::var_os("VRPIPE_FFMPEG").filter(|name| !name.is_empty());
    let mut command = Command::new(program.unwrap_or_else(|| "ffmpeg".into()));
    command.args(["-hide_banner", "-nostdin", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p"]);
    command.args(["-s", &size.to_string(), "-r", "30", "-i", "pipe:0"]).args(codec.options());
    command.args(["-g", &KEY_INTERVAL.to_string()]).arg(path);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(File::create(&log).map_err(writing)?);
    let refused = |why: String| {
        Error::Usage(format!(
            "{} needs an ffmpeg with an encoder for it (or --codec vp9): {why}",
            codec.name()
        ))
    };
    let mut child = command.spawn().map_err(|error| refused(error.to_string()))?;
    let mut sent = Ok(());
    if let Some(mut pipe) = child.stdin.take() {
        for t in 0..frames {
            let picture = next(t).inspect_err(|_| drop(child.kill()))?;
            sent = planes(picture).into_iter().try_for_each(|plane| pipe.write_all(&plane.data));
            if sent.is_err() {
                break;
            }
        }
    }
    let status = child.wait().map_err(|error| refused(error.to_string()))?;
    match sent {
        Ok(()) if status.success() => Ok(()),
        _ => Err(refused(last_words(&log).unwrap_or_else(|_| status.to_string()))),
    }
}

/// The last line that is not empty.
fn last_words(log: &Path) -> io::Result<String> {
    let text = std::fs::read_to_string(log)?;
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned);
    line.ok_or_else(|| io::Error::other("nothing was said"))
}
