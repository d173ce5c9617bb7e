//! From what the user named - files, folders, patterns - to the videos that are meant.
//!
//! A folder stands for all videos in it and below, in the order of their names; a pattern, which the shell may
//! have left alone, for what it matches. Both leave out what this program has made, so that a run whose results lie
//! among its inputs can be repeated. A file is taken as it is, whatever its name ends in.
#![forbid(unsafe_code)]

use super::error::Error;
use super::timeline::IDENTITY_TAG;
use crate::webm::reader::Reader;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Endings of video files that are looked for in folders.
const ENDINGS: [&str; 6] = ["mp4", "m4v", "mov", "mkv", "webm", "mk3d"];

/// A video that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Named {
    /// The file.
    pub path: PathBuf,
    /// Folders between the one that was named and the file; empty for a file that was named itself.
    pub below: PathBuf,
}

/// Finds all inputs. `outputs` is a folder that results go to: what lies in it is no input.
///
/// # Errors
/// A pattern that is none or matches nothing, a folder that cannot be read or holds no video.
pub fn find_inputs(names: &[PathBuf], outputs: Option<&Path>) -> Result<Vec<Named>, Error> {
    let outputs = outputs.and_then(|folder| folder.canonicalize().ok());
    let mut found = Vec::new();
    for name in names {
        if name.is_dir() && names.len() > 1 && is_same(name, outputs.as_deref()) {
            // `run work/* --out-dir work/out`: the shell names the results' folder, too.
            continue;
        }
        if name.is_dir() {
            found.extend(folder(name, outputs.as_deref())?);
        } else if name.exists() || !is_pattern(name) {
            found.push(Named { path: name.clone(), below: PathBuf::new() });
        } else {
            found.extend(matches(name, outputs.as_deref())?);
        }
    }
    // Named twice, by a folder and by itself: once is enough.
    let mut seen = BTreeSet::new();
    found.retain(|named| seen.insert(named.path.canonicalize().unwrap_or_else(|_| named.path.clone())));
    Ok(found)
}

fn is_same(folder: &Path, outputs: Option<&Path>) -> bool {
    outputs.is_some_and(|outputs| folder.canonicalize().is_ok_and(|path| path == outputs))
}

fn is_pattern(name: &Path) -> bool {
    name.to_str().is_some_and(|name| name.contains(['*', '?', '[']))
}

fn matches(pattern: &Path, outputs: Option<&Path>) -> Result<Vec<Named>, Error> {
    let text = pattern.to_str().unwrap_or_default();
    let paths = glob::glob(text).map_err(|e| Error::Usage(format!("{text} is no pattern: {e}")))?;
    let mut found = Vec::new();
    for path in paths {
        let path = path.map_err(|e| Error::Usage(format!("{text}: {e}")))?;
        if path.is_dir() {
            if !is_same(&path, outputs) {
                found.extend(folder(&path, outputs)?);
            }
        } else if !is_output(&path) {
            found.push(Named { path, below: PathBuf::new() });
        }
    }
    if found.is_empty() {
        return Err(Error::Usage(format!("nothing matches {text} (outputs of this program are left out)")));
    }
    Ok(found)
}

/// Whether a file says that this program has made it.
fn is_output(path: &Path) -> bool {
    let is_webm = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("webm"));
    // Looked at only where it is a file: a pipe would wait for its writer.
    let file = (is_webm && path.is_file()).then(|| File::open(path).ok()).flatten();
    let reader = file.and_then(|file| Reader::open(file).ok());
    reader.is_some_and(|reader| reader.header().tags.iter().any(|(name, _)| name == IDENTITY_TAG))
}

fn folder(root: &Path, outputs: Option<&Path>) -> Result<Vec<Named>, Error> {
    let mut found = Vec::new();
    let entries = WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter();
    // Hidden folders and folders of unfinished work hold no inputs.
    let entries = entries.filter_entry(|entry| {
        let name = entry.file_name().to_string_lossy();
        let skipped = entry.depth() > 0 && (name.starts_with('.') || name.ends_with(".vrpipe"));
        let is_output = outputs.is_some_and(|outputs| {
            entry.depth() > 0 && entry.path().canonicalize().is_ok_and(|path| path == outputs)
        });
        !skipped && !is_output
    });
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            // A dangling link or a folder of somebody else's stops nobody from doing the rest.
            Err(error) if error.depth() > 0 => continue,
            Err(error) => return Err(Error::Usage(format!("{}: {error}", root.display()))),
        };
        let path = entry.path();
        let ending = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        let is_video = ending.is_some_and(|e| ENDINGS.contains(&e.as_str()));
        if entry.file_type().is_file() && is_video && !is_output(path) {
            let below = path.parent().and_then(|parent| parent.strip_prefix(root).ok());
            found.push(Named {
                path: path.to_path_buf(),
                below: below.unwrap_or(Path::new("")).to_path_buf(),
            });
        }
    }
    if found.is_empty() {
        let endings = ENDINGS.join(", ");
        return Err(Error::Usage(format!("{} holds no video ({endings})", root.display())));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names(found: &[Named], root: &Path) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        found.iter().map(|n| (text(n.path.strip_prefix(root).unwrap()), text(&n.below))).collect()
    }

    #[test]
    fn folders_are_searched_and_patterns_matched() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for file in [
            "b.mp4",
            "a.MKV",
            "notes.txt",
            "deep/er/c.webm",
            ".hidden/d.mp4",
            "x.webm.vrpipe/00000.webm",
            "out/e.webm",
        ] {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        let find = |inputs: &[&str], out: Option<&str>| {
            let inputs: Vec<PathBuf> = inputs.iter().map(|i| root.join(i)).collect();
            find_inputs(&inputs, out.map(|out| root.join(out)).as_deref())
        };
        let pair = |path: &str, below: &str| (path.to_owned(), below.to_owned());
        assert_eq!(
            names(&find(&[""], Some("out")).unwrap(), root),
            [pair("a.MKV", ""), pair("b.mp4", ""), pair("deep/er/c.webm", "deep/er")]
        );
        assert_eq!(names(&find(&["", "b.mp4"], None).unwrap(), root).len(), 4, "named twice, done once");
        assert_eq!(
            names(&find(&["*.mp4", "notes.txt"], None).unwrap(), root),
            [pair("b.mp4", ""), pair("notes.txt", "")]
        );
        let message = |r: Result<Vec<Named>, Error>| r.unwrap_err().to_string();
        assert!(message(find(&["*.avi"], None)).contains("nothing matches"));
        assert!(message(find(&[".hidden/x[.mp4"], None)).contains("no pattern"));
        fs::create_dir(root.join("empty")).unwrap();
        assert!(message(find(&["empty"], None)).contains("holds no video"));
        // The results' folder among several is none of the inputs; a link to nowhere is passed over.
        std::os::unix::fs::symlink(root.join("nowhere.mp4"), root.join("dangling.mp4")).unwrap();
        assert_eq!(names(&find(&["b.mp4", "out"], Some("out")).unwrap(), root), [pair("b.mp4", "")]);
        assert_eq!(names(&find(&["ou*"], None).unwrap(), root), [pair("out/e.webm", "")]);
        assert!(message(find(&["ou*"], Some("out"))).contains("nothing matches"));
        assert_eq!(find(&[""], Some("out")).unwrap().len(), 3);
        // A file that is not there is the business of whoever opens it.
        assert_eq!(find(&["none.mp4"], None).unwrap().len(), 1);
    }
}
