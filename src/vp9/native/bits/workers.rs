//! Threads that share out the tiles of a frame, kept from frame to frame: a frame's two passes take less
//! than starting threads for them would.
//!
//! Tiles depend on nothing of each other but the frame's probabilities, so any thread may take any of
//! them and the bytes are the same for every number of threads.
#![forbid(unsafe_code)]

use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Threads beside the one that has work for them.
#[derive(Default)]
pub(super) struct Workers {
    pool: Option<ThreadPool>,
}

impl Workers {
    /// Has threads enough for work on `threads` of them, the caller's among them. Where the system gives
    /// none, work is done on those that there are.
    pub(super) fn hire(&mut self, threads: usize) {
        let hired = self.pool.as_ref().map_or(1, |pool| pool.current_num_threads() + 1);
        if threads > hired {
            self.pool = ThreadPoolBuilder::new().num_threads(threads - 1).build().ok();
        }
    }

    /// Does something to each, on up to `threads` threads, this one among them.
    pub(super) fn each<T: Send>(&self, all: Vec<T>, threads: usize, act: impl Fn(T) + Sync) {
        let threads = threads.min(all.len());
        let Some(pool) = self.pool.as_ref().filter(|_| threads > 1) else {
            return all.into_iter().for_each(act);
        };
        let queue = Mutex::new(all.into_iter());
        // A panic of a thread goes on in the scope, so a poisoned queue is never read wrongly.
        let take = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || {
            while let Some(next) = take() {
                act(next);
            }
        };
        pool.in_place_scope(|scope| {
            (1..threads).for_each(|_| scope.spawn(|_| work()));
            work();
        });
    }
}
