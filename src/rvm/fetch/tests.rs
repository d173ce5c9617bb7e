//! Downloads from a server on this machine that misbehaves in every way we know how to survive.
#![forbid(unsafe_code)]

use super::server::{Behaviour, Server};
use super::{Error, Fetched, Fetcher, Progress, PublishedFile};
use sha2::{Digest, Sha256};
use std::fs::{File, read, write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const LENGTH: usize = 300_007;

struct Scene {
    body: Vec<u8>,
    file: PublishedFile,
    folder: tempfile::TempDir,
    server: Server,
}

impl Scene {
    fn new(behaviour: Behaviour) -> Self {
        let body: Vec<u8> = (0..LENGTH as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let hash: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        let file = PublishedFile { name: "model.onnx", bytes: Some(LENGTH as u64), sha256: hash.leak() };
        let server = Server::start(body.clone(), behaviour);
        Self { body, file, folder: tempfile::tempdir().unwrap(), server }
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().join("engines")
    }

    fn part(&self) -> PathBuf {
        self.folder().join("model.onnx.part")
    }

    fn fetcher(&self) -> Fetcher {
        Fetcher { base_url: self.server.base_url.clone(), stall: Duration::from_secs(5) }
    }

    fn fetch(&self) -> Result<Fetched, Error> {
        self.fetcher().fetch(&self.file, &self.folder(), &mut |_| {})
    }

    fn leave_part(&self, bytes: &[u8]) {
        std::fs::create_dir_all(self.folder()).unwrap();
        write(self.part(), bytes).unwrap();
    }

    fn assert_whole(&self, was_there: bool, fetched: Result<Fetched, Error>) {
        let path = self.folder().join("model.onnx");
        assert_eq!(fetched.unwrap(), Fetched { path: path.clone(), was_there });
        assert!(read(path).unwrap() == self.body, "content differs");
        assert!(!self.part().exists());
    }
}

#[test]
fn a_whole_file_comes_once_and_reports_progress() {
    let scene = Scene::new(Behaviour::Proper);
    let mut seen: Vec<Progress> = Vec::new();
    let fetched = scene.fetcher().fetch(&scene.file, &scene.folder(), &mut |at| seen.push(at));
    scene.assert_whole(false, fetched);
    assert!(seen.is_sorted_by_key(|at| at.have));
    let total = Some(LENGTH as u64);
    assert_eq!(seen.last(), Some(&Progress { have: LENGTH as u64, total }));
    scene.assert_whole(true, scene.fetch());
    assert_eq!(scene.server.ranges(), [None]);
    // Damaged since: replaced.
    write(scene.folder().join("model.onnx"), "damaged").unwrap();
    scene.assert_whole(false, scene.fetch());
}

#[test]
fn an_unfinished_file_is_resumed() {
    let scene = Scene::new(Behaviour::Proper);
    scene.leave_part(&scene.body[..100_000]);
    scene.assert_whole(false, scene.fetch());
    assert_eq!(scene.server.ranges(), [Some(100_000)]);
}

#[test]
fn a_finished_part_needs_no_server() {
    let scene = Scene::new(Behaviour::NotFound);
    scene.leave_part(&scene.body);
    scene.assert_whole(false, scene.fetch());
    assert!(scene.server.ranges().is_empty());
}

#[test]
fn a_server_that_ignores_ranges_starts_the_file_again() {
    let scene = Scene::new(Behaviour::IgnoresRange);
    scene.leave_part(&[7; 1000]);
    scene.assert_whole(false, scene.fetch());
    assert_eq!(scene.server.ranges(), [Some(1000)]);
}

#[test]
fn a_wrong_range_is_an_error() {
    let scene = Scene::new(Behaviour::WrongRange);
    scene.leave_part(&scene.body[..10]);
    let error = scene.fetch().unwrap_err();
    assert!(matches!(&error, Error::Range { expected: 10, .. }), "{error:?}");
    assert_eq!(read(scene.part()).unwrap().len(), 10);
}

#[test]
fn a_range_past_the_end_means_whole_or_wrong() {
    let mut scene = Scene::new(Behaviour::Proper);
    scene.file.bytes = None;
    scene.leave_part(&scene.body);
    scene.assert_whole(false, scene.fetch());
    assert_eq!(scene.server.ranges(), [Some(LENGTH)]);

    let mut scene = Scene::new(Behaviour::Proper);
    scene.file.bytes = None;
    scene.leave_part(&vec![1; LENGTH + 5]);
    scene.assert_whole(false, scene.fetch());
    assert_eq!(scene.server.ranges(), [Some(LENGTH + 5), None]);
}

#[test]
fn a_wrong_hash_removes_the_download() {
    let mut scene = Scene::new(Behaviour::Proper);
    scene.file.sha256 = "00";
    let error = scene.fetch().unwrap_err();
    assert!(matches!(&error, Error::Hash { expected, .. } if expected == "00"), "{error:?}");
    assert!(!scene.part().exists());
    assert!(!scene.folder().join("model.onnx").exists());
}

#[test]
fn wrong_bytes_of_an_earlier_attempt_are_found_out() {
    let scene = Scene::new(Behaviour::Proper);
    scene.leave_part(&[9; 5000]);
    assert!(matches!(scene.fetch(), Err(Error::Hash { .. })));
    scene.assert_whole(false, scene.fetch());
}

#[test]
fn a_dropped_connection_is_resumed_by_the_next_call() {
    let scene = Scene::new(Behaviour::DropsAfter(120_000));
    let error = scene.fetch().unwrap_err();
    assert!(matches!(error, Error::Interrupted { have: 120_000, .. }), "{error:?}");
    assert_eq!(read(scene.part()).unwrap(), scene.body[..120_000]);
    scene.server.behave(Behaviour::Proper);
    scene.assert_whole(false, scene.fetch());
    assert_eq!(scene.server.ranges(), [None, Some(120_000)]);
}

#[test]
fn a_stalled_connection_is_given_up() {
    let scene = Scene::new(Behaviour::StallsAfter(50_000));
    let fetcher = Fetcher { stall: Duration::from_millis(300), ..scene.fetcher() };
    let start = Instant::now();
    let error = fetcher.fetch(&scene.file, &scene.folder(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Interrupted { have: 50_000, .. }), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_longer_file_is_refused() {
    let mut scene = Scene::new(Behaviour::Proper);
    scene.file.bytes = Some(1000);
    assert!(matches!(scene.fetch(), Err(Error::TooLong { expected: 1000, .. })));
}

#[test]
fn absence_and_silence_are_told_apart() {
    let scene = Scene::new(Behaviour::NotFound);
    let error = scene.fetch().unwrap_err();
    assert!(matches!(error, Error::Status { status: 404, .. }), "{error:?}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let fetcher = Fetcher { base_url: format!("http://{closed}"), ..scene.fetcher() };
    let error = fetcher.fetch(&scene.file, &scene.folder(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Request { .. }), "{error:?}");
}

#[test]
fn a_file_being_written_is_busy() {
    let scene = Scene::new(Behaviour::Proper);
    scene.leave_part(b"");
    let other = File::options().write(true).open(scene.part()).unwrap();
    other.try_lock().unwrap();
    assert!(matches!(scene.fetch(), Err(Error::Busy { .. })));
    drop(other);
    scene.assert_whole(false, scene.fetch());
}

#[test]
fn downloads_at_once_do_not_mix() {
    let scene = Scene::new(Behaviour::Proper);
    for round in 0..20 {
        let folder: &Path = &scene.folder().join(round.to_string());
        let results: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| scene.fetcher().fetch(&scene.file, folder, &mut |_| {})))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let fetched = results.iter().flatten().filter(|fetched| !fetched.was_there).count();
        assert_eq!(fetched, 1, "{results:?}");
        assert!(results.iter().flatten().all(|fetched| read(&fetched.path).unwrap() == scene.body));
        let others = results.iter().filter_map(|result| result.as_ref().err());
        others.for_each(|error| assert!(matches!(error, Error::Busy { .. }), "{error:?}"));
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
    }
}
