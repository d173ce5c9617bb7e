//! Download of the published models, which are GPL-3.0 and so never part of this program.
//!
//! To `NAME.part` under a lock, resumed where an earlier one stopped, and renamed only once its
//! SHA-256 is right: a file with the final name is whole.

mod download;
mod part;
mod published;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;

pub use download::{Error, Fetched, Fetcher, Progress};
pub use published::{BASE_URL, PublishedFile};
