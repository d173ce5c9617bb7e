//! A file that appears under its final name only when it is whole: written beside it as `NAME.vrpipe-part`, synced,
//! renamed. Dropping it unfinished removes the part.
//!
//! What has such a name is ours: a run that was killed left it, and it is written over. So the ending is none that
//! others use; `NAME.part` is what browsers and downloaders call a file on its way.
#![forbid(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Ending of the name of what is in the making, a file or a folder.
pub const PART_ENDING: &str = ".vrpipe-part";

/// An output in the making.
#[derive(Debug)]
pub struct PendingFile {
    target: PathBuf,
    part: PathBuf,
    committed: bool,
}

impl PendingFile {
    /// Opens `target`.vrpipe-part for reading and writing, emptied and locked, so that two runs with
    /// the same output cannot write over one another.
    ///
    /// # Errors
    /// When the folder does not exist or cannot be written, or another process holds the part
    /// (`WouldBlock`).
    pub fn create(target: &Path) -> io::Result<(Self, File)> {
        let mut name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_os_string();
        name.push(PART_ENDING);
        let part = target.with_file_name(name);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&part)?;
        file.try_lock().map_err(|e| match e {
            fs::TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::WouldBlock, "another process is writing this file")
            }
            fs::TryLockError::Error(e) => e,
        })?;
        file.set_len(0)?;
        Ok((Self { target: target.to_path_buf(), part, committed: false }, file))
    }

    /// Syncs `file` (the one [`PendingFile::create`] gave) and moves it to the final name, then
    /// syncs the folder so that the name survives a power cut.
    ///
    /// # Errors
    /// When syncing or renaming fails; the part is then removed.
    pub fn commit(mut self, file: &File) -> io::Result<()> {
        file.sync_all()?;
        fs::rename(&self.part, &self.target)?;
        self.committed = true;
        sync_folder_of(&self.target)
    }
}

/// Syncs the folder that holds `path`, so that a new or removed name survives a power cut.
///
/// # Errors
/// When the folder cannot be opened or synced.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing can be done about a failure here, and a leftover part is overwritten by the
            // next run.
            let _ = fs::remove_file(&self.part);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_final_name_appears_only_on_commit() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.webm");
        let (pending, mut file) = PendingFile::create(&target).unwrap();
        file.write_all(b"whole").unwrap();
        assert!(!target.exists());
        pending.commit(&file).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn dropping_removes_the_part_and_keeps_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.webm");
        fs::write(&target, b"old").unwrap();
        let (pending, mut file) = PendingFile::create(&target).unwrap();
        file.write_all(b"half").unwrap();
        drop(pending);
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_part_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.webm");
        let download = folder.path().join("a.webm.part");
        fs::write(&download, b"half a download").unwrap();
        // Ours, as a run that was killed leaves it.
        fs::write(folder.path().join("a.webm.vrpipe-part"), b"longer than what comes now").unwrap();
        let (pending, mut file) = PendingFile::create(&target).unwrap();
        file.write_all(b"whole").unwrap();
        pending.commit(&file).unwrap();
        drop(PendingFile::create(&target).unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        assert_eq!(fs::read(&download).unwrap(), b"half a download");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn two_writers_of_one_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.webm");
        let (_pending, _file) = PendingFile::create(&target).unwrap();
        assert_eq!(PendingFile::create(&target).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
