//! What can go wrong while decoding on NVDEC, and the one place that names libnvcuvid's codes.
#![forbid(unsafe_code)]

use std::ffi::c_int;

use super::Reason;

/// A failure of the hardware decoder or of what feeds it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The library is not on this machine.
    #[error("no NVIDIA video decoder on this machine ({name} was not found; it comes with the driver)")]
    NoLibrary {
        /// The last name that was tried.
        name: &'static str,
        /// What the loader said.
        #[source]
        source: libloading::Error,
    },
    /// The library is too old, or is something else.
    #[error("{library} has no function {name}; a newer driver is needed")]
    Symbol {
        /// The file.
        library: &'static str,
        /// The function.
        name: &'static str,
        /// What the loader said.
        #[source]
        source: libloading::Error,
    },
    /// A call into libnvcuvid failed.
    #[error("{call} failed with CUDA error {code} ({name})")]
    Call {
        /// The call.
        call: &'static str,
        /// Its answer, a CUresult.
        code: i32,
        /// The answer's name.
        name: &'static str,
    },
    /// The CUDA runtime failed.
    #[error(transparent)]
    Gpu(#[from] crate::gpu::Error),
    /// This GPU cannot decode this stream.
    #[error(transparent)]
    Unsuitable(#[from] Reason),
    /// The stream is not what was announced, or changes on the way.
    #[error("{what}: expected {expected}, the stream has {got}")]
    Changed {
        /// What differs.
        what: &'static str,
        /// As announced, or as it was at first.
        expected: String,
        /// As the stream says now.
        got: String,
    },
    /// Configuration record or packet cannot be put into the form that the parser takes.
    #[error("a packet cannot be read")]
    Media(#[from] crate::media::Error),
    /// The feed failed. Surfaces of all packets ahead were given.
    #[error("reading the stream failed")]
    Feed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Nothing moved for too long.
    #[error("NVDEC made no progress for {seconds} s, waiting for {waiting_for}")]
    Stalled {
        /// How long nothing had moved.
        seconds: u64,
        /// What the decoding thread was waiting for.
        waiting_for: &'static str,
    },
    /// Code on the decoding thread panicked; the panic was contained.
    #[error("the decoding thread panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// The operating system refused a thread.
    #[error("the decoding thread cannot be started")]
    Thread(#[source] std::io::Error),
    /// The end, or an error, was given before; or the decoder is being dropped.
    #[error("the decoder has ended")]
    Over,
}

impl Error {
    /// From what a panic left.
    pub(super) fn from_panic(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Self::Panicked { message: text.unwrap_or_else(|| "no message".to_owned()) }
    }
}

/// Turns an answer of libnvcuvid into a result.
pub(super) fn check(call: &'static str, code: c_int) -> Result<(), Error> {
    // Names of cuda.h; those that this library is known to answer.
    let name = match code {
        0 => return Ok(()),
        1 => "invalid value",
        2 => "out of memory",
        3 => "not initialised",
        4 => "driver shutting down",
        100 => "no device",
        101 => "invalid device",
        200 => "invalid image",
        201 => "invalid context",
        205 => "map failed",
        206 => "unmap failed",
        208 => "already mapped",
        209 => "no binary for this GPU",
        219 => "invalid graphics context",
        400 => "invalid handle",
        700 => "illegal address",
        702 => "launch timed out",
        719 => "launch failed",
        801 => "not supported",
        999 => "unknown",
        _ => "unnamed",
    };
    Err(Error::Call { call, code, name })
}
