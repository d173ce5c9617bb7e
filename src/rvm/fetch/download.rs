//! One download: what is there already, a request for the rest, the hash, the final name.
//!
//! Spec for resuming: RFC 9110 section 14 (Range, 206 with Content-Range, 416). A server may
//! ignore the range and answer 200, which starts the file again.
#![forbid(unsafe_code)]

use super::part::{Part, sha256};
use super::published::{BASE_URL, PublishedFile};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

/// Bound for a file whose size is not known beforehand; the largest has 108 MB.
const MAX_BYTES: u64 = 512 << 20;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server cannot be reached, or answers nothing that makes sense.
    #[error("cannot download {url}")]
    Request {
        /// What was asked for.
        url: String,
        /// Why.
        source: ureq::Error,
    },
    /// The server answers with an error.
    #[error("cannot download {url}: the server answers {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// HTTP status code.
        status: u16,
    },
    /// The server sends another part than the one asked for.
    #[error("asked {url} for bytes from {expected}, got {got:?}")]
    Range {
        /// What was asked for.
        url: String,
        /// First byte asked for.
        expected: u64,
        /// The server's Content-Range.
        got: String,
    },
    /// The connection broke or stalled. What has come so far is kept.
    #[error("download of {url} stopped after {have} bytes; run it again to go on from there")]
    Interrupted {
        /// What was asked for.
        url: String,
        /// Size of the unfinished file.
        have: u64,
        /// Why.
        source: io::Error,
    },
    /// More bytes come than the file has.
    #[error("{url} has more than the {expected} bytes expected")]
    TooLong {
        /// What was asked for.
        url: String,
        /// Largest size accepted.
        expected: u64,
    },
    /// The content is not the published one. The file has been removed.
    #[error("{url} has SHA-256 {got}, expected {expected}; the download was removed")]
    Hash {
        /// What was asked for.
        url: String,
        /// SHA-256 of the published file.
        expected: String,
        /// SHA-256 of what came.
        got: String,
    },
    /// Another download writes the same file.
    #[error("another download is writing {}", path.display())]
    Busy {
        /// The unfinished file.
        path: PathBuf,
    },
    /// The file system refuses.
    #[error("cannot write {}", path.display())]
    Io {
        /// The unfinished file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes on disk, those of an earlier attempt included.
    pub have: u64,
    /// Size of the file, where known.
    pub total: Option<u64>,
}

/// A complete file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where it lies.
    pub path: PathBuf,
    /// Whether it was there already.
    pub was_there: bool,
}

/// Downloads published files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetcher {
    /// What comes before a slash and the file's name.
    pub base_url: String,
    /// How long the server may be silent, and the longest wait for a connection.
    pub stall: Duration,
}

impl Default for Fetcher {
    fn default() -> Self {
        Self { base_url: BASE_URL.to_owned(), stall: Duration::from_secs(30) }
    }
}

impl Fetcher {
    /// Puts the file into `folder`, which is created; nothing is asked of the network when it is
    /// there and right. A file of that name with other content is replaced. `progress` is called
    /// after every 64 KiB or less.
    ///
    /// # Errors
    /// Any [`Error`]; after [`Error::Interrupted`] a later call resumes.
    pub fn fetch(
        &self,
        file: &PublishedFile,
        folder: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, Error> {
        let path = folder.join(file.name);
        let part_path = folder.join(format!("{}.part", file.name));
        let io = |source| Error::Io { path: part_path.clone(), source };
        if is_right(&path, file).map_err(io)? {
            return Ok(Fetched { path, was_there: true });
        }
        std::fs::create_dir_all(folder).map_err(io)?;
        let Some(mut part) = Part::open(&part_path).map_err(io)? else {
            return Err(Error::Busy { path: part_path });
        };
        // Whoever held the lock until now may have finished.
        if is_right(&path, file).map_err(io)? {
            part.remove().map_err(io)?;
            return Ok(Fetched { path, was_there: true });
        }

        let transfer = Transfer { url: format!("{}/{}", self.base_url, file.name), file, io: &io };
        let too_long = part.len().map_err(io)? > file.bytes.unwrap_or(MAX_BYTES);
        if too_long {
            part.clear().map_err(io)?;
        }
        if file.bytes != Some(part.len().map_err(io)?) {
            transfer.run(&self.agent(), &mut part, progress)?;
        }
        let got = part.sha256().map_err(io)?;
        if got != file.sha256 {
            part.remove().map_err(io)?;
            return Err(Error::Hash { url: transfer.url, expected: file.sha256.to_owned(), got });
        }
        part.finish(&path).map_err(io)?;
        Ok(Fetched { path, was_there: false })
    }

    fn agent(&self) -> Agent {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("vrpipe/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(self.stall))
            .timeout_connect(Some(self.stall))
            .timeout_send_request(Some(self.stall))
            .timeout_recv_response(Some(self.stall))
            // Not a limit for the whole body: a slow line is no stall.
            .timeout_per_read(Some(self.stall));
        config.build().new_agent()
    }
}

fn is_right(path: &Path, file: &PublishedFile) -> io::Result<bool> {
    match File::open(path) {
        Ok(mut found) => Ok(sha256(&mut found)? == file.sha256),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The part of a download that needs the network.
struct Transfer<'a> {
    url: String,
    file: &'a PublishedFile,
    io: &'a dyn Fn(io::Error) -> Error,
}

impl Transfer<'_> {
    fn run(&self, agent: &Agent, part: &mut Part, progress: &mut dyn FnMut(Progress)) -> Result<(), Error> {
        let mut have = part.len().map_err(self.io)?;
        let mut response = self.request(agent, have)?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE && have > 0 {
            // Nothing follows what is there: the file is whole, or is not this file.
            if part.sha256().map_err(self.io)? == self.file.sha256 {
                return Ok(());
            }
            part.clear().map_err(self.io)?;
            have = 0;
            response = self.request(agent, have)?;
        }
        match response.status() {
            StatusCode::OK => {
                part.clear().map_err(self.io)?;
                have = 0;
            }
            StatusCode::PARTIAL_CONTENT if have > 0 => self.check_range(&response, have)?,
            status => return Err(Error::Status { url: self.url.clone(), status: status.as_u16() }),
        }
        self.receive(response.body_mut(), part, have, progress)
    }

    fn request(&self, agent: &Agent, have: u64) -> Result<Response<Body>, Error> {
        // The hash is of the file as it is, and so are the offsets of ranges.
        let mut request = agent.get(&self.url).header(header::ACCEPT_ENCODING, "identity");
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        request.call().map_err(|source| Error::Request { url: self.url.clone(), source })
    }

    fn check_range(&self, response: &Response<Body>, have: u64) -> Result<(), Error> {
        let range = response.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let range = range.unwrap_or_default();
        let start = range.strip_prefix("bytes ").and_then(|rest| rest.split_once('-')?.0.parse().ok());
        if start == Some(have) {
            return Ok(());
        }
        Err(Error::Range { url: self.url.clone(), expected: have, got: range.to_owned() })
    }

    fn receive(
        &self,
        body: &mut Body,
        part: &mut Part,
        mut have: u64,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Error> {
        let interrupted = |have, source| Error::Interrupted { url: self.url.clone(), have, source };
        let announced = body.content_length().map(|length| have.saturating_add(length));
        let total = self.file.bytes.or(announced);
        let max = self.file.bytes.unwrap_or(MAX_BYTES);
        let mut reader = body.with_config().limit(MAX_BYTES + 1).reader();
        let mut buffer = vec![0; 1 << 16];
        let out = part.append().map_err(self.io)?;
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(interrupted(have, error)),
            };
            have += count as u64;
            if have > max {
                part.clear().map_err(self.io)?;
                return Err(Error::TooLong { url: self.url.clone(), expected: max });
            }
            out.write_all(&buffer[..count]).map_err(self.io)?;
            progress(Progress { have, total });
        }
        match announced {
            Some(announced) if have < announced => {
                Err(interrupted(have, io::ErrorKind::UnexpectedEof.into()))
            }
            _ => Ok(()),
        }
    }
}
