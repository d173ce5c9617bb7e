//! What the decoding thread and its user share: when something last moved, what the thread is
//! waiting for, the wish to stop, and counts.
#![forbid(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::Error;

/// How often a wait looks up.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// What the decoding thread is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Activity {
    Parser,
    Source,
    Decoder,
    Surfaces,
    /// Destroying the decoder, after the last word.
    Freeing,
    /// The last word is said; only surfaces that the user holds are waited for.
    Closing,
}

impl Activity {
    fn words(self) -> &'static str {
        match self {
            Self::Parser => "the parser",
            Self::Source => "the next packet of the source",
            Self::Decoder => "the hardware decoder",
            Self::Surfaces => "a surface to be given back",
            Self::Freeing => "the decoder to be freed",
            Self::Closing => "the last surfaces to be given back",
        }
    }

    fn from_number(number: u8) -> Self {
        [Self::Parser, Self::Source, Self::Decoder, Self::Surfaces, Self::Freeing]
            .into_iter()
            .find(|a| *a as u8 == number)
            .unwrap_or(Self::Closing)
    }
}

/// What went through a decoder so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
pub struct Tally {
    /// Packets taken from the feed.
    pub packets: u64,
    /// Surfaces given out.
    pub surfaces: u64,
    /// Of these, decoded with an error that shows (H.264 and HEVC only; NVDEC does not say for others).
    pub damaged: u64,
    /// Of these, decoded with an error that the hardware concealed.
    pub concealed: u64,
    /// Surfaces that the decoder works in.
    pub decode_surfaces: u64,
    /// Surfaces that can be out at once.
    pub output_surfaces: u64,
    /// Bytes of device memory for both kinds, without the driver's padding.
    pub memory_bytes: u64,
}

/// The shared part.
pub(super) struct Watch {
    start: Instant,
    last_move_ms: AtomicU64,
    activity: AtomicU8,
    stop: AtomicBool,
    tally: Mutex<Tally>,
    /// What went wrong after the last word.
    closing: Mutex<Option<Error>>,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            last_move_ms: AtomicU64::new(0),
            activity: AtomicU8::new(Activity::Parser as u8),
            stop: AtomicBool::new(false),
            tally: Mutex::new(Tally::default()),
            closing: Mutex::new(None),
        }
    }

    fn now_ms(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    /// Something moved, and the thread now does `activity`.
    pub(super) fn moved(&self, activity: Activity) {
        self.activity.store(activity as u8, Relaxed);
        self.last_move_ms.store(self.now_ms(), Relaxed);
    }

    pub(super) fn activity(&self) -> Activity {
        Activity::from_number(self.activity.load(Relaxed))
    }

    pub(super) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().unwrap_or_else(|held| held.into_inner()));
    }

    pub(super) fn tally(&self) -> Tally {
        *self.tally.lock().unwrap_or_else(|held| held.into_inner())
    }

    /// Keeps the first error that nobody waits for any more.
    pub(super) fn keep_closing(&self, outcome: Result<(), Error>) {
        if let Err(error) = outcome {
            self.closing.lock().unwrap_or_else(|held| held.into_inner()).get_or_insert(error);
        }
    }

    pub(super) fn closing_error(&self) -> Option<Error> {
        self.closing.lock().unwrap_or_else(|held| held.into_inner()).take()
    }

    /// Waits for a message, at most until nothing has moved for `stall` during the wait.
    pub(super) fn wait<T>(&self, queue: &Receiver<T>, stall: Duration) -> Result<T, Error> {
        let began_ms = self.now_ms();
        loop {
            match queue.recv_timeout(TICK.min(stall)) {
                Ok(message) => return Ok(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::Panicked { message: "it ended without a last word".to_owned() });
                }
            }
            // While nobody waits the queue is full and nothing moves: that is no stall.
            let still_ms = self.now_ms().saturating_sub(self.last_move_ms.load(Relaxed).max(began_ms));
            if u128::from(still_ms) >= stall.as_millis() {
                let waiting_for = self.activity().words();
                return Err(Error::Stalled { seconds: still_ms.div_ceil(1000), waiting_for });
            }
        }
    }

    /// Waits for the thread's end, at most `patience`; shorter when only surfaces in the user's hands keep
    /// it. A thread that does not end is left behind: it sits in a call that nothing can interrupt. Leaving one that
    /// is freeing its decoder would be unwise: a process that ends meanwhile was seen to hang in the driver.
    pub(super) fn join(&self, thread: JoinHandle<()>, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let short = Instant::now() + patience.min(Duration::from_millis(200));
        while !thread.is_finished() {
            let now = Instant::now();
            if now >= deadline || now >= short && self.activity() == Activity::Closing {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // It contains its panics; one all the same has reached the panic hook.
        drop(thread.join());
        true
    }
}
