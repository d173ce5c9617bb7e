//! The folder of one output in the making: the journal, a lock, and a WebM file for each finished segment; of an
//! output of PNG files a folder for each, `00000.frames`.
//!
//! ```text
//! OUTPUT.webm.vrpipe/   lock   journal.json   00000.webm   00001.webm   00002.webm.vrpipe-part
//! ```
//!
//! One process holds the lock. A segment is there when its file is and the journal says so with the same
//! size; anything else is done again. The folder goes when the output is in place.
#![forbid(unsafe_code)]

use super::identity::Identity;
use super::journal::{Done, Finished, Journal};
use crate::pipeline::output::{PART_ENDING, sync_folder_of};
use crate::pipeline::stills;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Ending of the folder's name.
const FOLDER_ENDING: &str = ".vrpipe";
const JOURNAL: &str = "journal.json";
const LOCK: &str = "lock";

/// What a finished segment lies in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A WebM file.
    WebM,
    /// A folder of PNG files.
    Frames,
}

impl Form {
    fn ending(self) -> &'static str {
        match self {
            Self::WebM => ".webm",
            Self::Frames => ".frames",
        }
    }

    /// Whether a segment is there as the journal has it.
    fn is_there(self, path: &Path, done: &Finished) -> bool {
        match self {
            Self::WebM => fs::metadata(path).is_ok_and(|m| m.len() == done.bytes),
            Self::Frames => stills::measure(path) == Some((done.frames, done.bytes)),
        }
    }
}

/// How the folder was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// Nothing was there.
    Nothing,
    /// Work goes on where it was left.
    Same,
    /// What was there is of no use; a run removes it.
    Other {
        /// For this reason.
        why: String,
        /// Segments that were there.
        segments: usize,
    },
}

/// The folder, opened and locked.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    form: Form,
    /// Held for as long as this lives; the system lets it go when the process dies.
    _lock: File,
    journal: Mutex<Journal>,
}

impl Store {
    /// The folder for an output: beside it, or in `temp_dir`.
    pub fn folder_for(output: &Path, temp_dir: Option<&Path>) -> PathBuf {
        let mut name = output.file_name().unwrap_or_default().to_os_string();
        name.push(FOLDER_ENDING);
        match temp_dir {
            // Outputs of one name in two folders must not share: the folder's path tells them apart.
            Some(dir) => {
                let parent = output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
                let parent = parent.canonicalize().unwrap_or_else(|_| parent.to_path_buf());
                let mut marked = std::ffi::OsString::from(super::short_hash(parent.as_os_str()));
                marked.push("-");
                marked.push(name);
                dir.join(marked)
            }
            None => output.with_file_name(name),
        }
    }

    /// Opens or makes the folder for this work, with `segments` segments that lie in what `form` says.
    ///
    /// # Errors
    /// When it cannot be written, or another process works in it (`WouldBlock`).
    pub fn open(
        folder: PathBuf,
        identity: &Identity,
        segments: u32,
        form: Form,
    ) -> io::Result<(Self, Found)> {
        // Not its parents: a path that was mistyped is to be told, not made.
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::WouldBlock, "another process is working on this output")
            }
            TryLockError::Error(error) => error,
        })?;
        let (journal, found) = read(&folder, identity, segments, form)?;
        journal.write(&folder.join(JOURNAL))?;
        let keep: BTreeSet<PathBuf> = journal.finished.keys().map(|&n| piece_in(&folder, n, form)).collect();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let ours = path.file_name().is_some_and(|name| name == JOURNAL || name == LOCK);
            if !ours && !keep.contains(&path) && is_segment(&path) {
                remove_segment(&path)?;
            }
        }
        Ok((Self { folder, form, _lock: lock, journal: Mutex::new(journal) }, found))
    }

    /// What [`Store::open`] would find, and the segments that would be finished; nothing is changed.
    ///
    /// # Errors
    /// When the journal is there and cannot be read.
    pub fn look(folder: &Path, identity: &Identity, segments: u32, form: Form) -> io::Result<(Found, Done)> {
        let (journal, found) = read(folder, identity, segments, form)?;
        Ok((found, journal.finished))
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        // Changed only after the file was: a panic in between leaves the two agreeing.
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of each finished segment, by number.
    pub fn finished(&self) -> Done {
        self.journal().finished.clone()
    }

    /// Whether a segment is finished.
    pub fn has(&self, number: u32) -> bool {
        self.journal().finished.contains_key(&number)
    }

    /// The file or folder of a finished segment.
    pub fn piece(&self, number: u32) -> PathBuf {
        piece_in(&self.folder, number, self.form)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Enters a segment as finished; what it lies in, if it has frames, is in place.
    ///
    /// # Errors
    /// When the journal cannot be replaced.
    pub fn finish(&self, number: u32, done: Finished) -> io::Result<()> {
        let mut journal = self.journal();
        let mut next = journal.clone();
        next.finished.insert(number, done);
        next.write(&self.folder.join(JOURNAL))?;
        *journal = next;
        Ok(())
    }

    /// Takes a segment for unfinished again, and removes what it lies in.
    ///
    /// # Errors
    /// When the journal cannot be replaced, or the segment not be removed.
    pub fn forget(&self, number: u32) -> io::Result<()> {
        let mut journal = self.journal();
        let mut next = journal.clone();
        next.finished.remove(&number);
        next.write(&self.folder.join(JOURNAL))?;
        *journal = next;
        remove_segment(&self.piece(number))
    }

    /// Removes the folder with all that this program put there.
    ///
    /// # Errors
    /// When something cannot be removed, or somebody else put something there.
    pub fn remove(self) -> io::Result<()> {
        // The journal first: without it nothing that is left can be taken for work that is done.
        fs::remove_file(self.folder.join(JOURNAL))?;
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if is_segment(&path) || path.ends_with(LOCK) {
                remove_segment(&path)?;
            }
        }
        fs::remove_dir(&self.folder)?;
        sync_folder_of(&self.folder)
    }
}

/// The journal to go on with, new where there is none of this work, with the segments that are there; and how the
/// folder was found.
fn read(folder: &Path, identity: &Identity, segments: u32, form: Form) -> io::Result<(Journal, Found)> {
    let anew = || Journal::new(identity.clone());
    let is_there = |&number: &u32, done: &mut Finished| {
        done.frames == 0 || form.is_there(&piece_in(folder, number, form), done)
    };
    let mut journal = match Journal::read(&folder.join(JOURNAL))? {
        Some(Ok(journal)) => journal,
        Some(Err(why)) => return Ok((anew(), Found::Other { why, segments: 0 })),
        None => return Ok((anew(), Found::Nothing)),
    };
    journal.finished.retain(is_there);
    if let Some(why) = identity.difference(&journal.identity) {
        return Ok((anew(), Found::Other { why, segments: journal.finished.len() }));
    }
    journal.finished.retain(|&number, _| number < segments);
    Ok((journal, Found::Same))
}

fn piece_in(folder: &Path, number: u32, form: Form) -> PathBuf {
    folder.join(format!("{number:05}{}", form.ending()))
}

fn remove_segment(path: &Path) -> io::Result<()> {
    if path.is_dir() { stills::remove(path) } else { fs::remove_file(path) }
}

/// Whether a file is one of ours by its name: digits, `.webm` or `.frames`, perhaps with the ending of a part.
fn is_segment(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.strip_suffix(PART_ENDING) == Some(JOURNAL) {
        return true;
    }
    let name = name.strip_suffix(PART_ENDING).unwrap_or(name);
    let number = [Form::WebM, Form::Frames].into_iter().find_map(|form| name.strip_suffix(form.ending()));
    number.is_some_and(|n| n.len() >= 5 && n.bytes().all(|b| b.is_ascii_digit()))
}
