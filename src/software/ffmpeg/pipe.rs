//! One end of a pipe to or from the child. Waiting on it never lasts: it ends when the decoder is
//! stopped or a deadline passes, whoever may still hold the other end.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::software::watch::{Pulse, TICK};

/// Bytes a pipe is asked to hold; the kernel's 64 KiB would be switched through 1400 times for
/// one 8K picture. 1 MiB is what an ordinary user is granted.
const PIPE_BYTES: libc::c_int = 1 << 20;

pub(super) struct Pipe<T> {
    end: T,
    pulse: Arc<Pulse>,
    /// Whether bytes through this pipe are a sign of life.
    beats: bool,
    deadline: Option<Instant>,
    stall: Option<Duration>,
}

impl<T: AsFd> Pipe<T> {
    /// Takes over `end`. Bytes that pass are reported to `pulse`.
    pub(super) fn new(end: T, pulse: &Arc<Pulse>) -> Result<Self> {
        let fd = end.as_fd().as_raw_fd();
        // SAFETY: `end` owns the descriptor; the call takes no pointer.
        let flags = check(unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
        // SAFETY: as above. The flag is of this end only: the two ends of a pipe share none.
        check(unsafe { libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
        #[cfg(target_os = "linux")]
        // SAFETY: as above. Refused where the user's share is used up: then it stays small.
        unsafe {
            libc::fcntl(fd, libc::F_SETPIPE_SZ, PIPE_BYTES)
        };
        Ok(Self { end, pulse: Arc::clone(pulse), beats: true, deadline: None, stall: None })
    }

    /// The same, with bytes that are no sign of life.
    pub(super) fn quiet(mut self) -> Self {
        self.beats = false;
        self
    }

    /// The same, failing with `TimedOut` from `deadline` on.
    pub(super) fn until(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The same, failing with `TimedOut` when nothing moves for so long.
    pub(super) fn within(mut self, stall: Duration) -> Self {
        self.stall = Some(stall);
        self
    }

    /// Retries `act` until it does not block. `ConnectionAborted` once the decoder is stopped.
    fn patiently(
        &mut self,
        events: libc::c_short,
        mut act: impl FnMut(&mut T) -> Result<usize>,
    ) -> Result<usize> {
        let began = Instant::now();
        loop {
            if self.pulse.stopped() {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            match act(&mut self.end) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                done => {
                    if self.beats {
                        self.pulse.beat();
                    }
                    return done;
                }
            }
            if self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
                || self.stall.is_some_and(|stall| began.elapsed() >= stall)
            {
                return Err(ErrorKind::TimedOut.into());
            }
            let mut poll = libc::pollfd { fd: self.end.as_fd().as_raw_fd(), events, revents: 0 };
            // SAFETY: one live `pollfd`, and the count says one. A failure only shortens the wait.
            unsafe { libc::poll(&raw mut poll, 1, TICK.as_millis() as libc::c_int) };
        }
    }
}

impl<T: AsFd + Read> Read for Pipe<T> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        self.patiently(libc::POLLIN, |end| end.read(into))
    }
}

impl<T: AsFd + Write> Write for Pipe<T> {
    fn write(&mut self, from: &[u8]) -> Result<usize> {
        self.patiently(libc::POLLOUT, |end| end.write(from))
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Samples as the bytes they lie in, to be read into.
pub(super) fn bytes_of(samples: &mut [u16]) -> &mut [u8] {
    let (len, first) = (size_of_val(samples), samples.as_mut_ptr());
    // SAFETY: the same memory for the same borrow; any bytes make valid u16 and no byte is padding.
    unsafe { std::slice::from_raw_parts_mut(first.cast(), len) }
}

fn check(result: libc::c_int) -> Result<libc::c_int> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result) }
}
