//! Which `ffmpeg` is run, and how it wants to be asked.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::child::Child;
use super::pipe::Pipe;
use super::tail::Tail;
use crate::software::watch::Pulse;
use crate::software::{Error, Options};

/// `ffmpeg -version` writes about 2 KB.
const MAX_ANSWER_BYTES: u64 = 1 << 16;

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// libavcodec of ffmpeg 5.1, the first to know `-fps_mode`; `-vsync`, its older name, went in 9.0.
const FPS_MODE_SINCE: (u32, u32) = (59, 37);

/// A program that has answered.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    /// The option that sets how frames are timed.
    pub(super) sync_option: &'static str,
}

/// Answers so far: a run opens a decoder for each segment, and asking takes a tenth of a second.
static ASKED: Mutex<BTreeMap<PathBuf, Program>> = Mutex::new(BTreeMap::new());

impl Program {
    /// Finds the program and asks for its version.
    pub(super) fn find(options: &Options) -> Result<Self, Error> {
        let path = choose(options);
        if let Some(known) = ASKED.lock().unwrap_or_else(|held| held.into_inner()).get(&path) {
            return Ok(known.clone());
        }
        let answer = ask(&path, options.stall.min(PATIENCE))?;
        let fps_mode = libavcodec(&answer).is_none_or(|version| version >= FPS_MODE_SINCE);
        let program = Self { path: path.clone(), sync_option: if fps_mode { "-fps_mode" } else { "-vsync" } };
        ASKED.lock().unwrap_or_else(|held| held.into_inner()).insert(path, program.clone());
        Ok(program)
    }

    /// The command that turns Matroska on stdin into NUT on stdout.
    pub(super) fn command(&self, threads: usize) -> Command {
        let mut command = Command::new(&self.path);
        command.args(["-hide_banner", "-nostdin", "-v", "error"]);
        // No rotation, and times as they are, however large the steps between them.
        command.args(["-noautorotate", "-copyts", "-dts_error_threshold", "1e15"]);
        if threads > 0 {
            command.args(["-threads", &threads.to_string()]);
        }
        // Without this flag a picture that is cropped on the left by no whole number of its words comes out wider.
        command.args(["-flags", "unaligned"]);
        command.args(["-f", "matroska", "-i", "pipe:0", "-map", "0:v:0"]);
        // A change of size is not hidden by scaling; every frame goes through as it is timed.
        command.args(["-noautoscale", self.sync_option, "passthrough", "-enc_time_base", "1:1000"]);
        command.args(["-c:v", "rawvideo", "-f", "nut", "pipe:1"]);
        quiet(command)
    }

    /// The command that turns Matroska with sound on stdin into floats on stdout, in `container`.
    pub(super) fn sound_command(&self, container: &str) -> Command {
        let mut command = Command::new(&self.path);
        command.args(["-hide_banner", "-nostdin", "-v", "error", "-copyts", "-dts_error_threshold", "1e15"]);
        command.args(["-threads", "1", "-f", "matroska", "-i", "pipe:0", "-map", "0:a:0"]);
        command.args(["-c:a", "pcm_f32le", "-f", container, "pipe:1"]);
        quiet(command)
    }
}

/// The same without a report file in the working directory and colour codes.
fn quiet(mut command: Command) -> Command {
    command.env_remove("FFREPORT").env("AV_LOG_FORCE_NOCOLOR", "1");
    command
}

/// The first line that the `ffmpeg` in use says of its version.
///
/// # Errors
/// [`Error::Missing`] when there is none, others when it does not answer.
pub fn version(options: &Options) -> Result<String, Error> {
    let answer = ask(&choose(options), options.stall.min(PATIENCE))?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

/// The one that is named, else the one in `PATH`.
fn choose(options: &Options) -> PathBuf {
    let named = || std::env::var_os("VRPIPE_FFMPEG").filter(|name| !name.is_empty()).map(PathBuf::from);
    options.ffmpeg.clone().or_else(named).unwrap_or_else(|| "ffmpeg".into())
}

fn ask(path: &Path, patience: Duration) -> Result<String, Error> {
    let missing = |source| Error::Missing { program: path.to_owned(), source };
    let io = |source| Error::Io { what: "asking ffmpeg for its version", source };
    let mut child = Child::spawn(Command::new(path).arg("-version")).map_err(missing)?;
    let pulse = Arc::new(Pulse::new());
    let deadline = Instant::now() + patience;
    let mut answer = Vec::new();
    let tail = Tail::default();
    drop(child.pipes().stdin.take());
    if let Some(stdout) = child.pipes().stdout.take() {
        let pipe = Pipe::new(stdout, &pulse).map_err(io)?.until(deadline);
        match pipe.take(MAX_ANSWER_BYTES).read_to_end(&mut answer) {
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                let seconds = patience.as_secs_f64().ceil() as u64;
                return Err(Error::Stalled { seconds, waiting_on: "ffmpeg -version", stderr: tail.text() });
            }
            read => read.map_err(io)?,
        };
    }
    let status = child.wait_within(deadline.saturating_duration_since(Instant::now()));
    if status.is_none_or(|status| !status.success()) {
        if let Some(stderr) = child.pipes().stderr.take() {
            tail.collect(Pipe::new(stderr, &pulse).map_err(io)?.until(Instant::now()), &pulse);
        }
        let status = status.map_or("no exit".into(), |status| status.to_string());
        return Err(Error::Child { status, stderr: tail.text() });
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Major and minor version in a line like `libavcodec     59. 37.100 / 59. 37.100`.
fn libavcodec(answer: &str) -> Option<(u32, u32)> {
    let line = answer.lines().find_map(|line| line.strip_prefix("libavcodec"))?;
    let mut numbers = line.split(['.', '/']).map(|number| number.trim().parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_versions_as_ffmpeg_writes_them() {
        let answer = "ffmpeg version n4.4\nlibavutil      56. 70.100 / 56. 70.100\nlibavcodec     58.134.100 / 58.134.100\n";
        assert_eq!(libavcodec(answer), Some((58, 134)));
        assert_eq!(libavcodec("libavcodec     59. 37.100 / 59. 37.100"), Some((59, 37)));
        assert_eq!(libavcodec("libavcodec twelve"), None);
        assert_eq!(libavcodec(""), None);
    }

    #[test]
    fn a_program_that_is_not_there_is_missing() {
        let options = Options { ffmpeg: Some("/nowhere/ffmpeg".into()), ..Options::default() };
        let error = Program::find(&options).unwrap_err();
        assert!(matches!(&error, Error::Missing { program, .. } if program.ends_with("ffmpeg")), "{error}");
        assert!(error.to_string().contains("VRPIPE_FFMPEG"));
    }
}
