//! What can go wrong between this program and TensorRT.
#![forbid(unsafe_code)]

use super::capability::Capability;
use super::library::VARIABLE;
use std::io;
use std::path::PathBuf;

/// Failure of a TensorRT engine, before or while it runs.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This program was built without TensorRT.
    #[error("this program was built without TensorRT (cargo feature `tensorrt`, which needs libclang)")]
    NotBuilt,
    /// No library in any of the places.
    #[error(
        "{product} was not found: no {}.so with {}.so beside it in {}; name its folder with --tensorrt-lib or {VARIABLE}",
        names.0,
        names.1,
        list(places)
    )]
    NoLibrary {
        /// What was looked for.
        product: &'static str,
        /// Names of the library and its parser, before `.so`.
        names: (&'static str, &'static str),
        /// Every file or folder that was looked at.
        places: Vec<PathBuf>,
    },
    /// The library is there and cannot be loaded.
    #[error("{}", path.display())]
    NotLoaded {
        /// The library.
        path: PathBuf,
        /// What the loader says.
        #[source]
        source: libloading::Error,
    },
    /// The library is of another version than the headers that this program was built on.
    #[error("{} is version {got}, this program was built for {expected}", path.display())]
    LibraryVersion {
        /// The library.
        path: PathBuf,
        /// Version of the headers.
        expected: String,
        /// Version of the library.
        got: String,
    },
    /// The GPU is of a kind that this flavour does not run on.
    #[error("{product} does not run on GPUs of compute capability {got}; it takes {served}")]
    NotServed {
        /// Which flavour.
        product: &'static str,
        /// The GPU's.
        got: Capability,
        /// What is taken.
        served: String,
    },
    /// A call failed.
    #[error("{product}: {call} failed: {said}")]
    Call {
        /// Which flavour.
        product: &'static str,
        /// The call.
        call: &'static str,
        /// What the library logged, or the binding says.
        said: String,
    },
    /// A file cannot be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file is no plan of ours.
    #[error("{}: not an engine plan of this program", path.display())]
    NotAPlan {
        /// The file.
        path: PathBuf,
    },
    /// The file ends before the plan does, or goes on after it.
    #[error("{}: the plan should take {expected} bytes, there are {got}", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// As its head says.
        expected: u64,
        /// As there are.
        got: u64,
    },
    /// The plan's bytes are not those that were written.
    #[error("{}: the plan is damaged (its SHA-256 is another)", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The plan is of something else than what is needed.
    #[error("{}: the plan is for {what} {got}, needed is {expected}", path.display())]
    OtherPlan {
        /// The file.
        path: PathBuf,
        /// In what it differs.
        what: &'static str,
        /// What is needed.
        expected: String,
        /// What the plan says of itself.
        got: String,
    },
    /// The engine's results are not those of the reference.
    #[error(
        "the engine's {what} differs from the CPU engine's by {got:.2e} (relative), at most {limit:.0e} is allowed: not used"
    )]
    Differs {
        /// A or b.
        what: &'static str,
        /// Relative L2 distance.
        got: f64,
        /// The most that is taken.
        limit: f64,
    },
    /// The engine was not compared with the reference on this machine.
    #[error("not yet compared with the CPU engine on this GPU: {plan}; `run --engine tensorrt` does that")]
    NotValidated {
        /// What it would run.
        plan: String,
    },
}

fn list(places: &[PathBuf]) -> String {
    places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ")
}
