//! Keeps a panic inside rav1d from ending the process.
//!
//! rav1d's entry points and its inner function tables are `extern "C"`, and a panic that unwinds
//! out of such a function aborts: `catch_unwind` round the call never sees it. The panic hook
//! does, before unwinding starts. So the hook, for threads that are inside rav1d, reports the
//! panic and never returns: the thread is parked for good, with what it holds. That leaks one
//! decoder; the alternative is to lose every other file of the run.
//!
//! The hook is installed once, before the first decoder starts, in front of the one it finds.
//! While a thread is parked in it, `std::panic::set_hook` would block, as std reads the hook under
//! a lock; nothing in this program sets it later.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::{Mutex, Once};
use std::thread;

type Report = Box<dyn FnOnce(String)>;

thread_local! {
    static INSIDE: RefCell<Option<Report>> = const { RefCell::new(None) };
}

/// Text of the last panic on one of rav1d's own threads, which nobody can be told of directly.
static WORKER_PANIC: Mutex<String> = Mutex::new(String::new());

/// While this lives, a panic on this thread calls the report and stops the thread for good.
pub(super) struct Inside(());

/// Marks this thread as being inside rav1d.
pub(super) fn enter(report: impl FnOnce(String) + 'static) -> Inside {
    INSIDE.set(Some(Box::new(report)));
    Inside(())
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(None);
    }
}

/// Puts the hook in place; later calls do nothing.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if let Some(report) = taken_report() {
                report(text(info));
            } else if thread::current().name().is_some_and(|name| name.starts_with("rav1d-worker-")) {
                // The decoder that waits for this thread will be found stalled.
                *WORKER_PANIC.lock().unwrap_or_else(|held| held.into_inner()) = text(info);
            } else {
                return previous(info);
            }
            loop {
                thread::park();
            }
        }));
    });
}

/// The text of the last panic on a thread of rav1d's, empty if there was none.
pub(super) fn worker_panic() -> String {
    WORKER_PANIC.lock().unwrap_or_else(|held| held.into_inner()).clone()
}

fn taken_report() -> Option<Report> {
    INSIDE.try_with(|inside| inside.try_borrow_mut().ok()?.take()).ok()?
}

fn text(info: &PanicHookInfo<'_>) -> String {
    let what = info.payload_as_str().unwrap_or("no message");
    match info.location() {
        Some(place) => format!("{what} ({}:{})", place.file(), place.line()),
        None => what.to_owned(),
    }
}
