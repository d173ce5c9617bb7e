//! The link between a decoder's threads and its user: a bounded queue, a pulse that says when
//! something last moved, and waits that end.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::{Error, Feed, Tally};
use crate::frame::Picture;
use crate::packet::Packet;

/// Pictures between the decoding thread and the user: one being used, two ready.
pub(super) const QUEUE_PICTURES: usize = 3;

/// How often a wait looks up; also bounds how late a stop is seen.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// What a decoding thread has to say.
pub(super) enum Message {
    Picture(Picture),
    Failed(Error),
    /// The last picture has been sent.
    End,
}

/// What all threads of one decoder share.
pub(super) struct Pulse {
    start: Instant,
    last_move_ms: AtomicU64,
    stop: AtomicBool,
    in_feed: AtomicBool,
    packets: AtomicU64,
    unseen: AtomicU64,
    complaints: AtomicU64,
    feed_error: Mutex<Option<Error>>,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            last_move_ms: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            in_feed: AtomicBool::new(false),
            packets: AtomicU64::new(0),
            unseen: AtomicU64::new(0),
            complaints: AtomicU64::new(0),
            feed_error: Mutex::new(None),
        }
    }

    /// Something moved.
    pub(super) fn beat(&self) {
        self.last_move_ms.store(self.start.elapsed().as_millis() as u64, Relaxed);
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    pub(super) fn count_unseen(&self, packets: u64) {
        self.unseen.fetch_add(packets, Relaxed);
    }

    pub(super) fn count_complaint(&self) {
        self.complaints.fetch_add(1, Relaxed);
    }

    pub(super) fn tally(&self, pictures: u64) -> Tally {
        Tally {
            packets: self.packets.load(Relaxed),
            pictures,
            unseen: self.unseen.load(Relaxed),
            complaints: self.complaints.load(Relaxed),
        }
    }

    /// Calls the feed. An error, or a panic in it, is kept as the root cause and ends the packets.
    pub(super) fn pull(&self, feed: &mut Feed) -> Option<Packet> {
        self.in_feed.store(true, Relaxed);
        let pulled = catch_unwind(AssertUnwindSafe(feed));
        self.in_feed.store(false, Relaxed);
        self.beat();
        let cause = match pulled {
            Ok(Ok(Some(packet))) => {
                self.packets.fetch_add(1, Relaxed);
                return Some(packet);
            }
            Ok(Ok(None)) => return None,
            Ok(Err(cause)) => cause,
            Err(_) => "the source panicked".into(),
        };
        self.keep_cause(Error::Feed(cause));
        None
    }

    /// Keeps the first error of the feeding side.
    pub(super) fn keep_cause(&self, error: Error) {
        self.feed_error.lock().unwrap_or_else(|held| held.into_inner()).get_or_insert(error);
    }

    /// The error kept, which outranks what followed from it.
    pub(super) fn cause(&self) -> Option<Error> {
        self.feed_error.lock().unwrap_or_else(|held| held.into_inner()).take()
    }

    /// Waits for a message, or until nothing has moved for `stall` while waiting.
    pub(super) fn wait(&self, queue: &Receiver<Message>, stall: Duration) -> Result<Message, Silence> {
        let began_ms = self.start.elapsed().as_millis() as u64;
        loop {
            match queue.recv_timeout(TICK.min(stall)) {
                Ok(message) => return Ok(message),
                Err(RecvTimeoutError::Disconnected) => return Err(Silence::Gone),
                Err(RecvTimeoutError::Timeout) => {}
            }
            let now_ms = self.start.elapsed().as_millis() as u64;
            // While nobody waits the queue is full and nothing moves: that is no stall.
            let still_ms = now_ms.saturating_sub(self.last_move_ms.load(Relaxed).max(began_ms));
            if u128::from(still_ms) >= stall.as_millis() {
                let waiting_on = if self.in_feed.load(Relaxed) { "the source" } else { "the decoder" };
                return Err(Silence::Stalled { seconds: still_ms.div_ceil(1000), waiting_on });
            }
        }
    }
}

/// Why no message came.
pub(super) enum Silence {
    Stalled {
        seconds: u64,
        waiting_on: &'static str,
    },
    /// The decoding thread ended without a last word.
    Gone,
}

/// Joins a thread that was told to stop; one that hangs in somebody else's code is left behind.
pub(super) fn join_within(handle: JoinHandle<()>, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while !handle.is_finished() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    // The threads here catch what can panic; a panic all the same has reached the hook.
    drop(handle.join());
    true
}
