//! What is finished of an output, on disk, so that a run that died goes on where it was.
#![forbid(unsafe_code)]

mod folder;
mod identity;
mod journal;
#[cfg(test)]
mod tests;

pub use folder::{Form, Found, Store};
pub use identity::{Identity, SourceIdentity};
pub use journal::{Done, Finished, done_for_all};

use sha2::{Digest, Sha256};
use std::ffi::OsStr;

/// Eight hex digits that tell two names apart.
fn short_hash(name: &OsStr) -> String {
    Sha256::digest(name.as_encoded_bytes()).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
