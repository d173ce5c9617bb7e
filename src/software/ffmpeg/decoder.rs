//! The child, its three threads, and the user's end.
#![forbid(unsafe_code)]

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::child::Child;
use super::clock::Clock;
use super::nut_input::Fault;
use super::pipe::Pipe;
use super::program::Program;
use super::reader::Pictures;
use super::tail::Tail;
use super::{matroska, nut};
use crate::frame::Picture;
use crate::software::decoder::check_depth;
use crate::software::watch::{Message, Pulse, QUEUE_PICTURES, Silence, join_within};
use crate::software::{Decoder, Error, Feed, Options, StreamInfo, Tally};

/// How long threads may take to end once child and pipes are gone; only a feed that hangs takes
/// longer, and its thread is then left behind.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a child that broke off may take to say so by its exit status.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// A decoder that is an `ffmpeg` child.
pub struct Ffmpeg {
    name: String,
    pub(super) child: Child,
    queue: Option<Receiver<Message>>,
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
    tail: Tail,
    stall: Duration,
    pictures: u64,
    over: Option<bool>,
}

struct Shared {
    info: StreamInfo,
    pulse: Arc<Pulse>,
    clock: Mutex<Clock>,
    /// The child stopped reading before the packets were over.
    refused: AtomicBool,
    /// Set by the reader before its last message.
    fault: Mutex<Option<Fault>>,
}

impl Ffmpeg {
    /// Starts the child and its threads.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Unsupported`] for a depth other than 8 and 10, [`Error::Io`].
    pub fn open(info: StreamInfo, feed: Feed, options: &Options) -> Result<Self, Error> {
        check_depth(&info)?;
        let program = Program::find(options)?;
        let mut child = Child::spawn(&mut program.command(options.threads))
            .map_err(|source| Error::Missing { program: program.path.clone(), source })?;
        let pulse = Arc::new(Pulse::new());
        let shared = Arc::new(Shared {
            info,
            pulse: Arc::clone(&pulse),
            clock: Mutex::new(Clock::default()),
            refused: AtomicBool::new(false),
            fault: Mutex::new(None),
        });
        let tail = Tail::default();
        let (sender, queue) = bounded(QUEUE_PICTURES);
        let pipes = child.pipes();
        let (stdin, stdout, stderr) = (pipes.stdin.take(), pipes.stdout.take(), pipes.stderr.take());
        let mut decoder = Self {
            name: format!("ffmpeg ({})", program.path.display()),
            child,
            queue: Some(queue),
            threads: Vec::new(),
            shared: Arc::clone(&shared),
            tail: tail.clone(),
            stall: options.stall,
            pictures: 0,
            over: None,
        };
        let io = |source| Error::Io { what: "setting up ffmpeg's pipes", source };
        let absent = || io(std::io::ErrorKind::BrokenPipe.into());
        let stdin = Pipe::new(stdin.ok_or_else(absent)?, &pulse).map_err(io)?;
        let stdout = Pipe::new(stdout.ok_or_else(absent)?, &pulse).map_err(io)?;
        let stderr = Pipe::new(stderr.ok_or_else(absent)?, &pulse).map_err(io)?.quiet();
        let feeding = Arc::clone(&shared);
        decoder.start("ffmpeg-feed", move || feeding.feed(feed, stdin))?;
        decoder.start("ffmpeg-read", move || shared.read(stdout, &sender))?;
        decoder.start("ffmpeg-said", move || tail.collect(stderr, &pulse))?;
        Ok(decoder)
    }

    fn start(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Error> {
        let thread = std::thread::Builder::new().name(name.into()).spawn(run);
        self.threads.push(thread.map_err(|source| Error::Io { what: "starting ffmpeg's threads", source })?);
        Ok(())
    }

    /// The root cause of a run that did not end well, or nothing: first the source, then the
    /// child's own words, then what was found wrong with its output.
    fn verdict(&mut self) -> Option<Error> {
        let fault = self.shared.fault.lock().unwrap_or_else(|held| held.into_inner()).take();
        if let Some(Fault::Wrong(error)) = fault {
            return Some(error);
        }
        let patience = if fault.is_none() { self.stall } else { LAST_WORDS };
        let status = self.child.wait_within(patience);
        if status.is_none() && fault.is_none() {
            return Some(self.stalled(self.stall.as_secs_f64().ceil() as u64, "ffmpeg to exit"));
        }
        self.wind_up();
        if let Some(cause) = self.shared.pulse.cause() {
            return Some(cause);
        }
        let stderr = self.tail.text();
        match status {
            Some(status) if !status.success() => {
                return Some(Error::Child { status: status.to_string(), stderr });
            }
            Some(status) if self.shared.refused.load(Relaxed) => {
                return Some(Error::Child {
                    status: format!("{status}, before the end of the stream"),
                    stderr,
                });
            }
            _ => {}
        }
        match fault {
            Some(Fault::Cut { at_byte }) => Some(Error::Malformed { what: "cut off", at_byte, stderr }),
            Some(Fault::Malformed { what, at_byte }) => Some(Error::Malformed { what, at_byte, stderr }),
            Some(Fault::Io(source)) => Some(Error::Io { what: "reading from ffmpeg", source }),
            Some(Fault::Wrong(error)) => Some(error),
            None => {
                let unseen = self.shared.clock.lock().unwrap_or_else(|held| held.into_inner()).pending();
                self.shared.pulse.count_unseen(unseen);
                let packets = self.tally().packets;
                (packets > 0 && self.pictures == 0).then_some(Error::Nothing { packets, stderr })
            }
        }
    }

    fn stalled(&mut self, seconds: u64, waiting_on: &'static str) -> Error {
        self.wind_up();
        Error::Stalled { seconds, waiting_on, stderr: self.tail.text() }
    }

    /// Ends child and threads.
    fn wind_up(&mut self) {
        self.child.kill();
        // What is still in the pipe of a dead child is read to its end first, briefly.
        let last = self.threads.len().checked_sub(1);
        if let Some(said) = last.map(|last| self.threads.swap_remove(last)) {
            join_within(said, LAST_WORDS);
        }
        self.shared.pulse.stop();
        drop(self.queue.take());
        for thread in self.threads.drain(..) {
            join_within(thread, PATIENCE);
        }
    }
}

impl Decoder for Ffmpeg {
    fn next_picture(&mut self) -> Result<Option<Picture>, Error> {
        let queue = match (self.over, &self.queue) {
            (Some(true), _) => return Ok(None),
            (None, Some(queue)) => queue,
            _ => return Err(Error::Over),
        };
        let error = match self.shared.pulse.wait(queue, self.stall) {
            Ok(Message::Picture(picture)) => {
                self.pictures += 1;
                return Ok(Some(picture));
            }
            Ok(Message::Failed(error)) => Some(error),
            Ok(Message::End) | Err(Silence::Gone) => self.verdict(),
            Err(Silence::Stalled { seconds, waiting_on }) => Some(self.stalled(seconds, waiting_on)),
        };
        self.over = Some(error.is_none());
        self.wind_up();
        error.map_or(Ok(None), Err)
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn tally(&self) -> Tally {
        self.shared.pulse.tally(self.pictures)
    }
}

impl Drop for Ffmpeg {
    fn drop(&mut self) {
        self.wind_up();
    }
}

impl Shared {
    /// The feeding thread. Closing stdin, at its end, is the end of the stream for the child.
    fn feed(&self, mut feed: Feed, mut stdin: Pipe<impl Write + std::os::fd::AsFd>) {
        let mut head = matroska::header(&self.info);
        if stdin.write_all(&head).is_err() {
            return self.refused.store(true, Relaxed);
        }
        while let Some(packet) = self.pulse.pull(&mut feed) {
            let stamp = self.clock.lock().unwrap_or_else(|held| held.into_inner()).stamp(packet.pts);
            match stamp {
                Ok(stamp) => matroska::cluster_start(&mut head, stamp as u64, &packet),
                Err(error) => return self.pulse.keep_cause(error),
            }
            let written = stdin.write_all(&head).and_then(|()| stdin.write_all(&packet.data));
            if written.is_err() {
                // Its exit status, or its output, will say why.
                return self.refused.store(true, Relaxed);
            }
        }
    }

    /// The reading thread.
    fn read(&self, stdout: Pipe<impl std::io::Read + std::os::fd::AsFd>, queue: &Sender<Message>) {
        let (info, clock, pulse) = (&self.info, &self.clock, &*self.pulse);
        let mut pictures = Pictures { info, clock, pulse, nut: nut::Reader::new(stdout), count: 0 };
        if let Err(fault) = pictures.pump(queue) {
            *self.fault.lock().unwrap_or_else(|held| held.into_inner()) = Some(fault);
        }
        // An error means that the user has gone, who then needs no last word.
        let _gone = queue.send(Message::End);
        // A child whose output was refused may still have something to say, and should not get to
        // say that its pipe broke.
        pictures.nut.drain();
    }
}
