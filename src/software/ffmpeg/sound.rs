//! Sound decoded by an `ffmpeg` child: packets in, interleaved floats with their times out.
//!
//! A thread feeds, a thread listens to stderr, and whoever asks for sound reads. Every wait ends:
//! a child that does nothing for [`Options::stall`] is [`Error::Stalled`]. Memory: what is in the
//! pipes and one chunk.
#![forbid(unsafe_code)]

use std::io::{ErrorKind, Read, Write};
use std::process::ChildStdout;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::child::Child;
use super::nut;
use super::nut_headers::Shape;
use super::nut_input::Fault;
use super::pipe::Pipe;
use super::program::Program;
use super::sound_input::{MAX_WAVE_HEADER_BYTES, cluster, header, wave_format};
use super::tail::Tail;
use crate::software::watch::{Pulse, join_within};
use crate::software::{Error, Options};

const PATIENCE: Duration = Duration::from_secs(2);
const LAST_WORDS: Duration = Duration::from_millis(300);
/// A second of 16 channels at 192 kHz; ffmpeg's frames are far smaller.
const MAX_CHUNK_BYTES: u64 = 16 << 20;

/// What the container says of the stream, in Matroska's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SoundStream {
    /// CodecID, `A_AC3` for one.
    pub codec_id: String,
    /// CodecPrivate; may be empty.
    pub configuration: Vec<u8>,
    /// Samples per second; 0 when unknown.
    pub rate_hz: u32,
    /// Channels; 0 when unknown.
    pub channels: u16,
}

/// A packet for the child.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SoundPacket {
    /// Its time in microseconds, not below zero, not below that of the packet before.
    pub pts_us: u64,
    /// The bytes.
    pub data: Vec<u8>,
}

/// Gives the next packet, `None` after the last; called from a thread of the decoder's own.
pub type SoundFeed =
    Box<dyn FnMut() -> Result<Option<SoundPacket>, Box<dyn std::error::Error + Send + Sync>> + Send>;

/// What the child makes of the stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SoundFormat {
    /// Samples per second.
    pub rate_hz: u32,
    /// Channels.
    pub channels: u16,
    /// WAVE channel mask; 0 when it says nothing.
    pub mask: u32,
}

/// Decoded sound.
#[derive(Clone, PartialEq, Debug)]
pub struct SoundChunk {
    /// Time of the first sample in microseconds, on the clock of the packets.
    pub pts_us: i64,
    /// Samples, interleaved.
    pub samples: Vec<f32>,
}

/// A decoder that is an `ffmpeg` child.
pub struct FfmpegSound {
    child: Child,
    nut: Option<nut::Reader<Pipe<ChildStdout>>>,
    pulse: Arc<Pulse>,
    cause: Arc<Mutex<Option<Error>>>,
    threads: Vec<JoinHandle<()>>,
    tail: Tail,
    stall: Duration,
    format: SoundFormat,
    chunks: u64,
    over: bool,
}

impl FfmpegSound {
    /// Starts the child; `format` is what [`FfmpegSound::ask`] found.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Io`].
    pub fn open(
        stream: &SoundStream,
        format: SoundFormat,
        feed: SoundFeed,
        options: &Options,
    ) -> Result<Self, Error> {
        let (mut decoder, stdout) = Self::start(stream, "nut", feed, options)?;
        decoder.format = format;
        decoder.nut = Some(nut::Reader::new(stdout));
        Ok(decoder)
    }

    /// Decodes a few packets to learn what comes out.
    ///
    /// # Errors
    /// [`Error::Missing`], or why this stream cannot be decoded.
    pub fn ask(stream: &SoundStream, feed: SoundFeed, options: &Options) -> Result<SoundFormat, Error> {
        let (mut decoder, mut stdout) = Self::start(stream, "wav", feed, options)?;
        let (mut said, mut part) = (Vec::new(), [0; 512]);
        loop {
            match stdout.read(&mut part) {
                Ok(0) => break,
                Ok(read) => said.extend_from_slice(&part[..read]),
                Err(source) => return Err(decoder.failed(Fault::Io(source))),
            }
            // A header alone is written even where nothing could be decoded.
            let format = wave_format(&said).filter(|f| f.rate_hz > 0 && f.channels > 0);
            if let Some(format) = format.filter(|_| said.len() > MAX_WAVE_HEADER_BYTES) {
                return Ok(format);
            }
            if said.len() > 16 * MAX_WAVE_HEADER_BYTES {
                break;
            }
        }
        // Little was decoded, if anything; the header is some 100 bytes of it.
        match wave_format(&said).filter(|f| f.rate_hz > 0 && f.channels > 0 && said.len() > 512) {
            Some(format) => Ok(format),
            None => Err(decoder.verdict().unwrap_or_else(|| decoder.nothing())),
        }
    }

    fn start(
        stream: &SoundStream,
        container: &str,
        feed: SoundFeed,
        options: &Options,
    ) -> Result<(Self, Pipe<ChildStdout>), Error> {
        let program = Program::find(options)?;
        let mut child = Child::spawn(&mut program.sound_command(container))
            .map_err(|source| Error::Missing { program: program.path.clone(), source })?;
        let pulse = Arc::new(Pulse::new());
        let pipes = child.pipes();
        let (stdin, stdout, stderr) = (pipes.stdin.take(), pipes.stdout.take(), pipes.stderr.take());
        let io = |source| Error::Io { what: "setting up ffmpeg's pipes", source };
        let absent = || io(ErrorKind::BrokenPipe.into());
        let stdin = Pipe::new(stdin.ok_or_else(absent)?, &pulse).map_err(io)?;
        let stdout = Pipe::new(stdout.ok_or_else(absent)?, &pulse).map_err(io)?.within(options.stall);
        let stderr = Pipe::new(stderr.ok_or_else(absent)?, &pulse).map_err(io)?.quiet();
        let mut decoder = Self {
            child,
            nut: None,
            pulse: Arc::clone(&pulse),
            cause: Arc::default(),
            threads: Vec::new(),
            tail: Tail::default(),
            stall: options.stall,
            format: SoundFormat { rate_hz: 0, channels: 0, mask: 0 },
            chunks: 0,
            over: false,
        };
        let (head, cause) = (header(stream), Arc::clone(&decoder.cause));
        decoder.thread("sound-feed", move || {
            if let Err(error) = feed_all(&head, feed, stdin) {
                cause.lock().unwrap_or_else(|held| held.into_inner()).get_or_insert(error);
            }
        })?;
        let tail = decoder.tail.clone();
        decoder.thread("sound-said", move || tail.collect(stderr, &pulse))?;
        Ok((decoder, stdout))
    }

    fn thread(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let thread = std::thread::Builder::new().name(name.into()).spawn(run);
        self.threads.push(thread.map_err(|source| Error::Io { what: "starting ffmpeg's threads", source })?);
        Ok(())
    }

    /// The next decoded sound, `None` after the last.
    ///
    /// # Errors
    /// The root cause of the first failure; afterwards [`Error::Over`].
    pub fn next_chunk(&mut self) -> Result<Option<SoundChunk>, Error> {
        let Some(nut) = self.nut.as_mut().filter(|_| !self.over) else { return Err(Error::Over) };
        let result = read_chunk(nut, self.format);
        let error = match result {
            Ok(Some(chunk)) => {
                self.chunks += 1;
                return Ok(Some(chunk));
            }
            Ok(None) => self.verdict(),
            Err(fault) => Some(self.failed(fault)),
        };
        self.over = true;
        error.map_or(Ok(None), Err)
    }

    /// Lines that the child complained with.
    pub fn complaints(&self) -> u64 {
        self.pulse.tally(0).complaints
    }

    /// What a read that failed means.
    fn failed(&mut self, fault: Fault) -> Error {
        if let Fault::Io(source) = &fault
            && source.kind() == ErrorKind::TimedOut
        {
            let seconds = self.stall.as_secs_f64().ceil() as u64;
            self.wind_up();
            return Error::Stalled { seconds, waiting_on: "ffmpeg", stderr: self.tail.text() };
        }
        if let Some(error) = self.verdict() {
            return error;
        }
        let stderr = self.tail.text();
        match fault {
            Fault::Cut { at_byte } => Error::Malformed { what: "cut off", at_byte, stderr },
            Fault::Malformed { what, at_byte } => Error::Malformed { what, at_byte, stderr },
            Fault::Io(source) => Error::Io { what: "reading from ffmpeg", source },
            Fault::Wrong(error) => error,
        }
    }

    /// Why a run that has ended did not end well: the source first, then the child's own words.
    fn verdict(&mut self) -> Option<Error> {
        let status = self.child.wait_within(LAST_WORDS);
        self.wind_up();
        if let Some(cause) = self.cause.lock().unwrap_or_else(|held| held.into_inner()).take() {
            return Some(cause);
        }
        let status = status.filter(|status| !status.success())?;
        Some(Error::Child { status: status.to_string(), stderr: self.tail.text() })
    }

    fn nothing(&self) -> Error {
        Error::Malformed { what: "no sound in it", at_byte: 0, stderr: self.tail.text() }
    }

    /// Ends child and threads.
    fn wind_up(&mut self) {
        self.child.kill();
        // What is still in the pipe of a dead child is read to its end first, briefly.
        if let Some(said) = self.threads.pop() {
            join_within(said, LAST_WORDS);
        }
        self.pulse.stop();
        for thread in self.threads.drain(..) {
            join_within(thread, PATIENCE);
        }
    }
}

impl Drop for FfmpegSound {
    fn drop(&mut self) {
        self.wind_up();
    }
}

/// The feeding thread. Closing stdin, at its end, is the end of the stream for the child.
fn feed_all(
    head: &[u8],
    mut feed: SoundFeed,
    mut stdin: Pipe<impl Write + std::os::fd::AsFd>,
) -> Result<(), Error> {
    let mut out = head.to_vec();
    loop {
        // A child that stops reading says why by its exit status.
        if stdin.write_all(&out).is_err() {
            return Ok(());
        }
        match feed().map_err(Error::Feed)? {
            Some(packet) => cluster(&mut out, packet.pts_us, &packet),
            None => return Ok(()),
        }
    }
}

fn read_chunk(
    nut: &mut nut::Reader<Pipe<ChildStdout>>,
    format: SoundFormat,
) -> Result<Option<SoundChunk>, Fault> {
    let malformed = |what| Fault::Malformed { what, at_byte: 0 };
    let Some(frame) = nut.next_frame()? else { return Ok(None) };
    let expected = Shape::Sound { rate_hz: format.rate_hz.into(), channels: format.channels.into() };
    if nut.stream().is_none_or(|stream| stream.shape != expected) {
        return Err(malformed("rate or channels changed"));
    }
    if frame.bytes > MAX_CHUNK_BYTES || frame.bytes % (4 * u64::from(format.channels.max(1))) != 0 {
        return Err(malformed("size of a chunk"));
    }
    let pts_us = nut.stamp_us()?;
    let mut bytes = vec![0; frame.bytes as usize];
    nut.fill(&mut bytes)?;
    let samples = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    Ok(Some(SoundChunk { pts_us, samples }))
}
