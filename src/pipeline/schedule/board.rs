//! Which piece of work is next: pure bookkeeping behind one lock, no I/O.
//!
//! Files are in the order they are to be done in. A lane gets the next segment of the first file that has
//! one, so files finish one after the other; the lane that ends a file's last segment joins it while the others
//! go on. A segment that failed goes back to the front of its file until its attempts are used up; then
//! what is left of the file is dropped.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often a lane that waits looks whether it should stop.
const LOOK: Duration = Duration::from_millis(100);

/// A piece of work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    /// A segment of a file, by their places.
    Segment {
        /// The file.
        file: usize,
        /// The segment.
        segment: usize,
    },
    /// Ending a file: all its segments are finished, or it has failed and nothing of it is at work.
    End {
        /// The file.
        file: usize,
        /// Whether a segment has failed for good.
        failed: bool,
    },
}

/// What became of a segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// It is finished.
    Done,
    /// It failed and may be tried again.
    Failed,
    /// It failed, and so would any other of the file.
    Hopeless,
    /// It was stopped by a signal.
    Stopped,
}

/// What follows from an [`Outcome`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Consequence {
    /// Nothing to tell.
    None,
    /// The segment will be tried again; this is the attempt to come, from 2.
    Again(u32),
    /// The file has failed with this segment.
    FileFailed,
}

#[derive(Debug)]
struct File {
    waiting: VecDeque<usize>,
    /// Failures of each segment.
    failures: Vec<u32>,
    at_work: usize,
    failed: bool,
    ended: bool,
}

/// The work that is left.
#[derive(Debug)]
pub(super) struct Board {
    files: Mutex<Vec<File>>,
    changed: Condvar,
    retries: u32,
}

impl Board {
    /// A board with the segments that are to be done of each of `files`, which have so many in all.
    pub(super) fn new(files: Vec<(Vec<usize>, usize)>, retries: u32) -> Self {
        let files = files.into_iter().map(|(waiting, count)| File {
            waiting: waiting.into(),
            failures: vec![0; count],
            at_work: 0,
            failed: false,
            ended: false,
        });
        Self { files: Mutex::new(files.collect()), changed: Condvar::new(), retries }
    }

    fn files(&self) -> MutexGuard<'_, Vec<File>> {
        // Nothing in here panics between two changes that belong together.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece of work; waits while others may give some back. `None` when there is no more, or
    /// when `stopped` says so: then only files that are complete are still ended.
    pub(super) fn take(&self, stopped: impl Fn() -> bool) -> Option<Task> {
        let mut files = self.files();
        loop {
            let stop = stopped();
            for (number, file) in files.iter_mut().enumerate() {
                if file.waiting.is_empty() && file.at_work == 0 && !file.ended {
                    file.ended = true;
                    return Some(Task::End { file: number, failed: file.failed });
                }
                if let Some(segment) = if stop { None } else { file.waiting.pop_front() } {
                    file.at_work += 1;
                    return Some(Task::Segment { file: number, segment });
                }
            }
            if stop || files.iter().all(|file| file.ended) {
                return None;
            }
            files = self.changed.wait_timeout(files, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Gives a segment back.
    pub(super) fn give(&self, file: usize, segment: usize, outcome: Outcome) -> Consequence {
        let mut files = self.files();
        let file = &mut files[file];
        file.at_work -= 1;
        let consequence = match outcome {
            Outcome::Done => Consequence::None,
            // Another segment has failed for good meanwhile: nothing of the file is done any more.
            _ if file.failed => Consequence::None,
            Outcome::Stopped => {
                file.waiting.push_front(segment);
                Consequence::None
            }
            Outcome::Failed if file.failures[segment] < self.retries => {
                file.failures[segment] += 1;
                file.waiting.push_front(segment);
                Consequence::Again(file.failures[segment] + 1)
            }
            Outcome::Failed | Outcome::Hopeless => {
                file.waiting.clear();
                file.failed = true;
                Consequence::FileFailed
            }
        };
        drop(files);
        self.changed.notify_all();
        consequence
    }

    /// Segments that wait or are at work.
    pub(super) fn left(&self) -> usize {
        self.files().iter().map(|file| file.waiting.len() + file.at_work).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(file: usize, segment: usize) -> Option<Task> {
        Some(Task::Segment { file, segment })
    }

    #[test]
    fn files_are_done_in_order_and_ended_as_soon_as_they_are_complete() {
        let board = Board::new(vec![(vec![0, 1], 2), (vec![1], 2), (vec![], 1)], 0);
        let take = || board.take(|| false);
        assert_eq!((take(), take(), take()), (segment(0, 0), segment(0, 1), segment(1, 1)));
        assert_eq!(
            take(),
            Some(Task::End { file: 2, failed: false }),
            "a file with nothing left is ended at once"
        );
        board.give(0, 1, Outcome::Done);
        board.give(0, 0, Outcome::Done);
        assert_eq!(take(), Some(Task::End { file: 0, failed: false }));
        board.give(1, 1, Outcome::Done);
        assert_eq!((take(), take()), (Some(Task::End { file: 1, failed: false }), None));
    }

    #[test]
    fn a_failed_segment_is_tried_again_and_then_takes_its_file_with_it() {
        let board = Board::new(vec![(vec![0, 1, 2], 3), (vec![0], 1)], 1);
        let take = || board.take(|| false);
        assert_eq!(take(), segment(0, 0));
        assert_eq!(board.give(0, 0, Outcome::Failed), Consequence::Again(2));
        assert_eq!((take(), take()), (segment(0, 0), segment(0, 1)));
        assert_eq!(board.give(0, 0, Outcome::Failed), Consequence::FileFailed);
        assert_eq!(take(), segment(1, 0), "the rest goes on");
        board.give(0, 1, Outcome::Done);
        assert_eq!(
            take(),
            Some(Task::End { file: 0, failed: true }),
            "after the last segment at work is back"
        );
        assert_eq!(board.give(1, 0, Outcome::Hopeless), Consequence::FileFailed, "no second attempt");
        assert_eq!((take(), take()), (Some(Task::End { file: 1, failed: true }), None));
    }

    #[test]
    fn a_file_that_has_failed_tries_nothing_again() {
        let board = Board::new(vec![(vec![0, 1], 2)], 5);
        let take = || board.take(|| false);
        assert_eq!((take(), take()), (segment(0, 0), segment(0, 1)));
        assert_eq!(board.give(0, 0, Outcome::Hopeless), Consequence::FileFailed);
        assert_eq!(board.give(0, 1, Outcome::Failed), Consequence::None);
        assert_eq!((take(), take()), (Some(Task::End { file: 0, failed: true }), None));
    }

    #[test]
    fn a_stop_gives_out_no_more_segments() {
        let board = Board::new(vec![(vec![0, 1], 2)], 3);
        assert_eq!(board.take(|| false), segment(0, 0));
        assert_eq!(board.take(|| true), None);
        board.give(0, 0, Outcome::Stopped);
        assert_eq!(board.take(|| true), None, "nor ends a file that is not complete");
        assert_eq!(board.left(), 2);
    }

    #[test]
    fn a_lane_waits_for_what_another_may_give_back() {
        let board = Board::new(vec![(vec![0], 1)], 1);
        assert_eq!(board.take(|| false), segment(0, 0));
        std::thread::scope(|scope| {
            let other = scope.spawn(|| board.take(|| false));
            std::thread::sleep(Duration::from_millis(30));
            board.give(0, 0, Outcome::Failed);
            assert_eq!(other.join().unwrap(), segment(0, 0));
        });
    }
}
