//! Keeps the root cause while an error travels through C, and panics out of C.
//!
//! A callback can only answer "failed"; the C function around it then answers with a code of its
//! own, or with success. So the first error is kept here and outranks whatever follows from it.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Error;

/// What a failing callback answers: 0 for all callbacks of the parser.
const FAILED: c_int = 0;

/// The first error of a run of callbacks.
#[derive(Default)]
pub(super) struct FirstError(RefCell<Option<Error>>);

impl FirstError {
    /// Runs the body of a callback. Once one has failed the others do nothing but fail.
    pub(super) fn guard(&self, body: impl FnOnce() -> Result<c_int, Error>) -> c_int {
        if self.0.borrow().is_some() {
            return FAILED;
        }
        let error = match catch_unwind(AssertUnwindSafe(body)) {
            Ok(Ok(answer)) => return answer,
            Ok(Err(error)) => error,
            Err(payload) => Error::from_panic(&*payload),
        };
        self.0.borrow_mut().get_or_insert(error);
        FAILED
    }

    /// The kept error if there is one, else the outcome of the C call around the callbacks.
    pub(super) fn settle(&self, outcome: Result<(), Error>) -> Result<(), Error> {
        self.0.borrow_mut().take().map_or(outcome, Err)
    }
}
