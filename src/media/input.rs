//! A file read at positions: bounds are checked against its length before anything is allocated.
//!
//! Small reads go through one window that survives jumps inside it, so headers that are read a few
//! bytes at a time cost no system calls; large ones go straight into the caller's buffer.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::Error;

/// Bytes read ahead; a few sample headers, small against one 8K frame.
const WINDOW_BYTES: usize = 128 * 1024;

/// A regular file and a window of it.
pub(crate) struct Input {
    file: File,
    len: u64,
    window: Vec<u8>,
    window_at: u64,
    /// Where the system's file position is.
    file_at: u64,
    window_bytes: usize,
}

impl Input {
    /// Opens a regular, non-empty file.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Open { path: path.to_owned(), source };
        // Asked before opening: opening a pipe would wait for its writer.
        let metadata = std::fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::NotAFile { path: path.to_owned() });
        }
        let file = File::open(path).map_err(failed)?;
        if metadata.len() == 0 {
            return Err(Error::Empty);
        }
        Ok(Self {
            file,
            len: metadata.len(),
            window: Vec::new(),
            window_at: 0,
            file_at: 0,
            window_bytes: WINDOW_BYTES,
        })
    }

    /// The same, reading ahead by so many bytes.
    pub(crate) fn with_window(mut self, bytes: usize) -> Self {
        self.window_bytes = bytes;
        self
    }

    /// File size in bytes, as it was on opening.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Fills `out` with the bytes from `at` on.
    pub(crate) fn read_at(&mut self, at: u64, out: &mut [u8], what: &'static str) -> Result<(), Error> {
        self.check(at, out.len() as u64, what)?;
        if out.len() >= self.window_bytes {
            return self.read_file(at, out, what);
        }
        let mut done = 0;
        while done < out.len() {
            let from = at + done as u64;
            let held = self.window_at..self.window_at + self.window.len() as u64;
            if !held.contains(&from) {
                self.fill(from, what)?;
                continue;
            }
            let start = (from - self.window_at) as usize;
            let n = (self.window.len() - start).min(out.len() - done);
            out[done..done + n].copy_from_slice(&self.window[start..start + n]);
            done += n;
        }
        Ok(())
    }

    /// `count` bytes from `at` on; refuses more than `max` or more than the file has.
    pub(crate) fn read_vec(
        &mut self,
        at: u64,
        count: u64,
        max: u64,
        what: &'static str,
    ) -> Result<Vec<u8>, Error> {
        if count > max {
            return Err(Error::Limit { what, got: count, max });
        }
        self.check(at, count, what)?;
        let mut out = vec![0; count as usize];
        self.read_at(at, &mut out, what)?;
        Ok(out)
    }

    fn check(&self, at: u64, count: u64, what: &'static str) -> Result<(), Error> {
        let have = self.len.saturating_sub(at);
        if count > have {
            return Err(Error::Truncated { what, at_byte: at, need: count, have });
        }
        Ok(())
    }

    /// Moves the window so that it starts at `at`, which lies inside the file.
    fn fill(&mut self, at: u64, what: &'static str) -> Result<(), Error> {
        let count = (self.len - at).min(self.window_bytes as u64) as usize;
        let mut window = std::mem::take(&mut self.window);
        window.resize(count, 0);
        self.read_file(at, &mut window, what)?;
        (self.window, self.window_at) = (window, at);
        Ok(())
    }

    fn read_file(&mut self, at: u64, out: &mut [u8], what: &'static str) -> Result<(), Error> {
        let count = out.len() as u64;
        let failed = |source: std::io::Error| match source.kind() {
            // The file shrank after it was opened.
            std::io::ErrorKind::UnexpectedEof => Error::Truncated { what, at_byte: at, need: count, have: 0 },
            _ => Error::Io { what, at_byte: at, source },
        };
        if self.file_at != at {
            self.file.seek(SeekFrom::Start(at)).map_err(failed)?;
        }
        // Unknown until the read has succeeded, so that a failure makes the next read seek.
        self.file_at = u64::MAX;
        self.file.read_exact(out).map_err(failed)?;
        self.file_at = at + count;
        Ok(())
    }
}
