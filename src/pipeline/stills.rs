//! An output of PNG files: a folder of `000001.png`, `000002.png`, ... and a note of which work it is.
//!
//! ```text
//! OUTPUT.vrpipe/00003.frames/000001.png ...   a finished segment, numbered from 1
//! OUTPUT.vrpipe-part/                         the whole in the making: links to the files of all segments
//! OUTPUT/                                     renamed when all are there
//! ```
//! Segments are numbered by themselves and put together at the end, by hard links where the file system has them
//! (else by copies), so that numbers follow one another whatever a decoder made of damaged packets, and a run that
//! dies in between loses nothing. A folder is only ever emptied of files that are named like ours.
#![forbid(unsafe_code)]

use super::current::Output;
use super::output::{PART_ENDING, sync_folder_of};
use super::plan::OutputPlan;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The note beside the frames.
const NOTE: &str = "vrpipe.json";
/// Ending of the name of a folder that is about to be removed. `NAME.old` may be what somebody keeps.
const OLD_ENDING: &str = ".vrpipe-old";

/// What an output says of itself.
#[derive(PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
struct Note {
    /// Name of the work.
    work: String,
    /// Frames of it.
    frames: u64,
    /// Bytes of them.
    bytes: u64,
}

/// A folder of frames that is not complete: `NAME.vrpipe-part` until it is.
pub(super) struct PendingFrames {
    target: PathBuf,
    part: PathBuf,
    count: u64,
    bytes: u64,
    committed: bool,
}

fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = target.file_name().map_or_else(OsString::new, OsString::from);
    name.push(ending);
    target.with_file_name(name)
}

fn frame_name(number: u64) -> String {
    format!("{number:06}.png")
}

/// Whether a file may be removed: a frame or a note by its name.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_frame = |digits: &str| digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit());
    name == NOTE || name.strip_suffix(".png").is_some_and(is_frame)
}

/// Removes a folder of frames, if it is there.
///
/// # Errors
/// When something cannot be removed, or somebody else put something there.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if is_ours(&path) {
            fs::remove_file(&path)?;
        }
    }
    fs::remove_dir(folder)
}

/// Frames in a folder, and their bytes; `None` where that cannot be told.
pub(super) fn measure(folder: &Path) -> Option<(u64, u64)> {
    let (mut count, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder).ok()? {
        let entry = entry.ok()?;
        if is_ours(&entry.path()) && entry.file_name() != NOTE {
            count += 1;
            bytes += entry.metadata().ok()?.len();
        }
    }
    Some((count, bytes))
}

impl PendingFrames {
    /// Begins the folder that will be `target`; what an earlier run has left of it is removed.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn create(target: &Path) -> io::Result<Self> {
        let part = beside(target, PART_ENDING);
        remove(&part)?;
        fs::create_dir(&part)?;
        Ok(Self { target: target.to_path_buf(), part, count: 0, bytes: 0, committed: false })
    }

    /// Writes the next frame.
    ///
    /// # Errors
    /// When it cannot be written or synced.
    pub(super) fn write(&mut self, png: &[u8]) -> io::Result<()> {
        let mut file = File::create(self.part.join(frame_name(self.count + 1)))?;
        file.write_all(png)?;
        file.sync_all()?;
        self.count += 1;
        self.bytes += png.len() as u64;
        Ok(())
    }

    /// Puts a frame that is a file already behind the others.
    fn link(&mut self, file: &Path) -> io::Result<()> {
        let to = self.part.join(frame_name(self.count + 1));
        if fs::hard_link(file, &to).is_err() {
            fs::copy(file, &to)?;
            File::open(&to)?.sync_all()?;
        }
        self.count += 1;
        self.bytes += fs::metadata(&to)?.len();
        Ok(())
    }

    /// Gives the folder its name, in place of one of ours that has it; bytes of all frames.
    ///
    /// # Errors
    /// When it cannot be renamed, or what has its name is not ours.
    pub(super) fn commit(mut self) -> io::Result<u64> {
        File::open(&self.part)?.sync_all()?;
        let old = beside(&self.target, OLD_ENDING);
        if self.target.exists() {
            remove(&old)?;
            fs::rename(&self.target, &old)?;
        }
        fs::rename(&self.part, &self.target)?;
        self.committed = true;
        remove(&old)?;
        sync_folder_of(&self.target)?;
        Ok(self.bytes)
    }
}

impl Drop for PendingFrames {
    fn drop(&mut self) {
        if !self.committed {
            // As with a file: nothing can be done here, and the next run begins with removing it.
            let _ = remove(&self.part);
        }
    }
}

/// Puts the segments in `folders`, each with so many frames, together as `output`. Gives bytes of all.
///
/// # Errors
/// When a segment is not as it was left or the output cannot be written.
pub(super) fn join(output: &OutputPlan, folders: &[(PathBuf, u64)]) -> io::Result<u64> {
    let target = &output.target.path;
    if target.exists() && !target.join(NOTE).is_file() && fs::read_dir(target)?.next().is_some() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the folder holds other files"));
    }
    let mut pending = PendingFrames::create(target)?;
    for (folder, frames) in folders {
        (1..=*frames).try_for_each(|number| pending.link(&folder.join(frame_name(number))))?;
    }
    let note = Note { work: output.work_name.clone(), frames: pending.count, bytes: pending.bytes };
    let mut file = File::create(pending.part.join(NOTE))?;
    let mut text = serde_json::to_vec_pretty(&note)?;
    text.push(b'\n');
    file.write_all(&text)?;
    file.sync_all()?;
    pending.commit()
}

/// Looks at the folder of an output.
pub(super) fn state(output: &OutputPlan) -> Output {
    let path = &output.target.path;
    if !path.exists() {
        return Output::Absent;
    }
    let other = |why: &str| Output::Other(why.to_owned());
    if !path.is_dir() {
        return other("it is not a folder");
    }
    let note = fs::read(path.join(NOTE)).ok().and_then(|text| serde_json::from_slice::<Note>(&text).ok());
    match (note, measure(path)) {
        (None, Some((0, _))) if fs::read_dir(path).is_ok_and(|mut all| all.next().is_none()) => {
            Output::Absent
        }
        (None, _) => other("it was not made by this program"),
        (Some(note), _) if note.work != output.work_name => {
            other("it was made of another source or with other settings")
        }
        (Some(note), found) if found != Some((note.frames, note.bytes)) => {
            other("frames of it are gone or changed")
        }
        (Some(note), _) => Output::Current { frames: note.frames, bytes: note.bytes },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_its_name_when_it_is_whole_and_only_ours_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let target = root.path().join("x_png");
        let mut pending = PendingFrames::create(&target).unwrap();
        pending.write(b"one").unwrap();
        pending.write(b"three").unwrap();
        assert!(!target.exists());
        assert_eq!(pending.commit().unwrap(), 8);
        assert_eq!(measure(&target), Some((2, 8)));
        assert_eq!(fs::read(target.join("000002.png")).unwrap(), b"three");
        // Dropped: the old one stays.
        let mut pending = PendingFrames::create(&target).unwrap();
        pending.write(b"half").unwrap();
        drop(pending);
        assert_eq!((measure(&target), fs::read_dir(root.path()).unwrap().count()), (Some((2, 8)), 1));
        // Replaced as a whole; what is called after it is somebody's.
        for name in ["x_png.part", "x_png.old"].map(|name| root.path().join(name)) {
            fs::create_dir(&name).unwrap();
            fs::write(name.join("000001.png"), b"kept").unwrap();
        }
        let mut pending = PendingFrames::create(&target).unwrap();
        pending.write(b"new").unwrap();
        pending.commit().unwrap();
        assert_eq!((measure(&target), fs::read_dir(root.path()).unwrap().count()), (Some((1, 3)), 3));
        assert_eq!(fs::read(root.path().join("x_png.old/000001.png")).unwrap(), b"kept");
        assert_eq!(fs::read(root.path().join("x_png.part/000001.png")).unwrap(), b"kept");
        fs::write(target.join("mine.txt"), b"a user's").unwrap();
        assert!(remove(&target).is_err());
        assert!(target.join("mine.txt").exists() && !target.join("000001.png").exists());
    }
}
