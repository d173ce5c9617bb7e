//! The unfinished file: locked while it is written, so that two downloads cannot mix.
//!
//! The lock is on the open file, and the file is renamed or removed under it. Whoever gets the lock
//! of a file that has lost its name meanwhile lets go and opens the name anew.
#![forbid(unsafe_code)]

use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How often the name may change hands before we call the file busy.
const MAX_OPENS: usize = 8;

/// An exclusively locked, unfinished file.
pub(super) struct Part {
    file: File,
    path: PathBuf,
}

impl Part {
    /// Opens or creates the file; `None` when someone else is writing it.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        for _ in 0..MAX_OPENS {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            let ours = file.metadata()?;
            match std::fs::metadata(path) {
                Ok(named) if (named.dev(), named.ino()) == (ours.dev(), ours.ino()) => {
                    return Ok(Some(Self { file, path: path.to_owned() }));
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Starts again from nothing.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)
    }

    /// Writing goes on at the end.
    pub(super) fn append(&mut self) -> io::Result<&mut impl Write> {
        self.file.seek(SeekFrom::End(0))?;
        Ok(&mut self.file)
    }

    /// SHA-256 of what is on disk, in hex.
    pub(super) fn sha256(&mut self) -> io::Result<String> {
        self.file.seek(SeekFrom::Start(0))?;
        sha256(&mut self.file)
    }

    /// On disk for good, under its final name.
    pub(super) fn finish(self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.path, target)?;
        // The rename itself is safe once the folder is.
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// Gone.
    pub(super) fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// SHA-256 of the rest of a stream, in hex.
pub(super) fn sha256(stream: &mut impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hasher.update(&buffer[..count]),
        }
    }
}
