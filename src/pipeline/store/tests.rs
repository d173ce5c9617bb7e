//! The folder as runs leave it that ended well, were killed, had other settings, or are still at work.

use super::{Done, Finished, Form, Found, Identity, SourceIdentity, Store, done_for_all};
use crate::pipeline::output::PendingFile;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

fn identity(quality: &str) -> Identity {
    let source = SourceIdentity { bytes: 5, modified_ns: 1, ends_sha256: "ab".to_owned() };
    Identity::new(source, BTreeMap::from([("quality".to_owned(), quality.to_owned())]), &[])
}

fn write_segment(store: &Store, number: u32, bytes: &[u8]) {
    let (pending, mut file) = PendingFile::create(&store.piece(number)).unwrap();
    file.write_all(bytes).unwrap();
    pending.commit(&file).unwrap();
    let done = Finished { frames: 3, bytes: bytes.len() as u64, ..Finished::default() };
    store.finish(number, done).unwrap();
}

fn numbers(store: &Store) -> Vec<u32> {
    store.finished().into_keys().collect()
}

fn open(folder: &Path, quality: &str) -> (Store, Found) {
    Store::open(folder.to_path_buf(), &identity(quality), 10, Form::WebM).unwrap()
}

#[test]
fn work_goes_on_where_it_was_left() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("a.webm.vrpipe");
    let nothing = Store::look(&folder, &identity("fast"), 10, Form::WebM).unwrap();
    assert_eq!(nothing, (Found::Nothing, [].into()));
    let (store, found) = open(&folder, "fast");
    assert_eq!(found, Found::Nothing);
    write_segment(&store, 0, b"zero");
    write_segment(&store, 2, b"two");
    store.finish(4, Finished::default()).unwrap();
    // As a run that was killed leaves it: a part, and a whole file that the journal does not know.
    fs::write(folder.join("00003.webm.vrpipe-part"), b"half").unwrap();
    fs::write(folder.join("00005.webm"), b"whole").unwrap();
    fs::write(folder.join("notes.txt"), b"not ours").unwrap();
    drop(store);
    let before = fs::read_dir(&folder).unwrap().count();
    let look = |quality, segments| {
        let (found, there) = Store::look(&folder, &identity(quality), segments, Form::WebM).unwrap();
        (found, there.into_keys().collect::<Vec<_>>())
    };
    assert_eq!(look("fast", 10), (Found::Same, vec![0, 2, 4]));
    assert_eq!(look("fast", 2), (Found::Same, vec![0]));
    let why = "quality was fast and is best".to_owned();
    assert_eq!(look("best", 10), (Found::Other { why, segments: 3 }, Vec::new()));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), before, "a look changes nothing");

    let (store, found) = open(&folder, "fast");
    assert_eq!((found, numbers(&store)), (Found::Same, vec![0, 2, 4]));
    assert!(!folder.join("00003.webm.vrpipe-part").exists() && !folder.join("00005.webm").exists());
    assert!(folder.join("notes.txt").exists(), "what is not ours stays");
    assert_eq!(fs::read(store.piece(2)).unwrap(), b"two");
    assert!(store.remove().is_err(), "nor is a folder removed that holds it");
    assert!(folder.join("notes.txt").exists() && !folder.join("00000.webm").exists());
}

#[test]
fn a_segment_whose_file_is_cut_or_gone_is_done_again() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("w");
    let (store, _) = open(&folder, "fast");
    for number in 0..3 {
        write_segment(&store, number, b"bytes");
    }
    fs::write(store.piece(0), b"byte").unwrap();
    fs::remove_file(store.piece(1)).unwrap();
    drop(store);
    let (store, _) = open(&folder, "fast");
    assert_eq!(numbers(&store), [2]);
    // Whole by its size, and yet found to be damaged.
    write_segment(&store, 3, b"bytes");
    store.forget(3).unwrap();
    assert!(numbers(&store) == [2] && !store.piece(3).exists());
    drop(store);
    let (store, _) = open(&folder, "fast");
    assert_eq!(numbers(&store), [2]);
    store.remove().unwrap();
    assert!(!folder.exists());
}

#[test]
fn other_settings_begin_anew_and_say_why() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("w");
    let (store, _) = open(&folder, "fast");
    write_segment(&store, 0, b"bytes");
    drop(store);
    let (store, found) = open(&folder, "best");
    assert_eq!(found, Found::Other { why: "quality was fast and is best".to_owned(), segments: 1 });
    assert!(numbers(&store).is_empty() && !folder.join("00000.webm").exists());
    drop(store);
    fs::write(folder.join("journal.json"), b"{ \"format\": 1, ").unwrap();
    let (_store, found) = open(&folder, "best");
    assert!(matches!(found, Found::Other { why, segments: 0 } if why.contains("cannot be understood")));
}

#[test]
fn a_segment_is_done_when_every_output_has_it() {
    let done = |numbers: &[u32], frames| -> Done {
        numbers.iter().map(|&number| (number, Finished { frames, ..Finished::default() })).collect()
    };
    assert_eq!(done_for_all([]), Done::new());
    assert_eq!(done_for_all([done(&[0, 3], 5)]), done(&[0, 3], 5));
    assert_eq!(done_for_all([done(&[0, 1, 3], 5), done(&[1, 2, 3], 5), done(&[3], 5)]), done(&[3], 5));
    assert_eq!(done_for_all([done(&[0, 1], 5), Done::new()]), Done::new());
}

#[test]
fn two_processes_never_work_on_one_output() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("w");
    let _held = open(&folder, "fast");
    let error = Store::open(folder, &identity("fast"), 1, Form::WebM).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    assert!(error.to_string().contains("another process"));
}

#[test]
fn outputs_of_one_name_have_folders_of_their_own_in_a_common_place() {
    let beside = Store::folder_for(Path::new("out/x.webm"), None);
    assert_eq!(beside, PathBuf::from("out/x.webm.vrpipe"));
    let temp = Path::new("/tmp/t");
    let [a, b] = ["a/x.webm", "b/x.webm"].map(|output| Store::folder_for(Path::new(output), Some(temp)));
    assert_ne!(a, b);
    assert!(a.starts_with(temp) && a.to_str().unwrap().ends_with("-x.webm.vrpipe"));
}
