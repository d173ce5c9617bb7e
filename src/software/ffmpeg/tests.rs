//! The supervisor against children that misbehave, and the child against a parent that dies.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Ffmpeg;
use crate::frame::{Colour, Size};
use crate::packet::{Codec, Packet};
use crate::software::{Decoder, Error, Feed, Options, StreamInfo};
use crate::units::TimeBase;

/// Far below what the children sleep.
const SOON: Duration = Duration::from_secs(8);

fn info() -> StreamInfo {
    let size = Size::new(64, 48);
    StreamInfo {
        codec: Codec::Vp8,
        size,
        depth: 8,
        colour: Colour::resolve(None, None, 2, 2, size),
        time_base: TimeBase::MILLISECOND,
        configuration: Vec::new(),
    }
}

/// Sixty VP8 packets of a test picture, out of an IVF file; `None` without a working ffmpeg.
fn packets(test: &str) -> Option<Vec<Packet>> {
    let source = "testsrc=s=64x48:r=25,format=yuv420p";
    let ivf = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-f", "lavfi", "-i", source, "-frames:v", "60", "-g", "20"])
        .args(["-c:v", "libvpx", "-auto-alt-ref", "0", "-f", "ivf", "pipe:1"])
        .output();
    let Some(ivf) = ivf.ok().filter(|run| run.status.success()) else {
        eprintln!("skipped: {test}: no ffmpeg with libvpx on this machine");
        return None;
    };
    // IVF: 32 bytes of header; for each frame its size (u32) and time (u64), little endian.
    let mut rest = &ivf.stdout[32..];
    let mut packets = Vec::new();
    while let Some((head, body)) = rest.split_first_chunk::<12>() {
        let size = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let pts = 40 * packets.len() as i64 + 1000;
        packets.push(Packet { pts, key: packets.len() % 20 == 0, data: body[..size].to_vec() });
        rest = &body[size..];
    }
    assert_eq!(packets.len(), 60);
    Some(packets)
}

fn feed(packets: Vec<Packet>) -> Feed {
    let mut packets = packets.into_iter();
    Box::new(move || Ok(packets.next()))
}

fn dummies() -> Feed {
    feed((0..60).map(|pts| Packet { pts, key: pts == 0, data: vec![7; 100_000] }).collect())
}

/// Options that run the stand-in under the name of its misbehaviour.
fn fake(folder: &Path, mode: &str, stall: Duration) -> Options {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/software/ffmpeg/fake_ffmpeg.sh");
    let path: PathBuf = folder.join(mode);
    std::os::unix::fs::symlink(script, &path).unwrap();
    Options { stall, ffmpeg: Some(path), threads: 0 }
}

/// Decodes to the end; pictures and how it ended.
fn run(decoder: Result<Ffmpeg, Error>) -> (u64, Result<(), Error>) {
    let mut decoder = match decoder {
        Ok(decoder) => decoder,
        Err(error) => return (0, Err(error)),
    };
    loop {
        match decoder.next_picture() {
            Ok(Some(_)) => {}
            Ok(None) => return (decoder.tally().pictures, Ok(())),
            Err(error) => return (decoder.tally().pictures, Err(error)),
        }
    }
}

#[test]
fn children_that_hang_are_killed_and_named() {
    let folder = tempfile::tempdir().unwrap();
    for mode in ["sleeps", "stubborn", "chatters", "never_says_its_version"] {
        let began = Instant::now();
        let options = fake(folder.path(), mode, Duration::from_millis(400));
        let (_, end) = run(Ffmpeg::open(info(), dummies(), &options));
        let Err(Error::Stalled { seconds: 1, waiting_on, stderr }) = end else { panic!("{mode}: {end:?}") };
        assert!(!waiting_on.contains("source"), "{mode}");
        if mode == "chatters" {
            assert_eq!(stderr.matches("a complaint without end").count(), 20, "{stderr}");
        }
        assert!(began.elapsed() < SOON, "{mode}: {:?}", began.elapsed());
    }
}

#[test]
fn dropping_the_decoder_of_a_hanging_child_is_quick() {
    let folder = tempfile::tempdir().unwrap();
    for mode in ["sleeps", "stubborn", "garbage", "chatters", "fails"] {
        let decoder = Ffmpeg::open(info(), dummies(), &fake(folder.path(), mode, SOON)).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        let began = Instant::now();
        drop(decoder);
        assert!(began.elapsed() < Duration::from_secs(2), "{mode}: {:?}", began.elapsed());
    }
}

#[test]
fn children_that_fail_are_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let end = |mode| run(Ffmpeg::open(info(), dummies(), &fake(folder.path(), mode, SOON))).1;
    let Err(Error::Child { status, stderr }) = end("fails") else { panic!("no child error") };
    assert_eq!((status.as_str(), stderr.as_str()), ("exit status: 1", "no such decoder"));
    let Err(Error::Child { stderr, .. }) = end("has_no_version") else { panic!("no child error") };
    assert_eq!(stderr, "cannot load libavcodec");
    let Err(Error::Child { stderr, .. }) = end("old") else { panic!("no child error") };
    assert_eq!(stderr, "got -vsync", "ffmpeg before 5.1 knows no other name");
    assert!(matches!(end("garbage"), Err(Error::Malformed { what: "no NUT file", at_byte: 0, .. })));
}

#[test]
fn output_that_ends_early_is_never_taken_for_the_end() {
    let Some(packets) = packets("output_that_ends_early_is_never_taken_for_the_end") else { return };
    let folder = tempfile::tempdir().unwrap();
    let open = |mode, stall| Ffmpeg::open(info(), feed(packets.clone()), &fake(folder.path(), mode, stall));
    let (pictures, end) = run(open("dies_midway", SOON));
    assert!(matches!(&end, Err(Error::Child { status, .. }) if status == "exit status: 7"), "{end:?}");
    assert_eq!(pictures, 4, "4608 bytes each");
    let (pictures, end) = run(open("ends_midway", SOON));
    assert!(matches!(&end, Err(Error::Malformed { what: "cut off", .. })), "{end:?}");
    assert_eq!(pictures, 4);
    let (pictures, end) = run(open("lingers", Duration::from_millis(1500)));
    assert!(matches!(&end, Err(Error::Stalled { waiting_on: "ffmpeg to exit", .. })), "{end:?}");
    assert_eq!(pictures, 60);
}

#[test]
fn pictures_that_are_left_out_are_counted() {
    let Some(packets) = packets("pictures_that_are_left_out_are_counted") else { return };
    let folder = tempfile::tempdir().unwrap();
    let options = fake(folder.path(), "gives_every_second", SOON);
    let mut decoder = Ffmpeg::open(info(), feed(packets), &options).unwrap();
    let mut times = Vec::new();
    while let Some(picture) = decoder.next_picture().unwrap() {
        times.push(picture.pts);
    }
    assert_eq!(times, (0..30).map(|index| 1000 + 80 * index).collect::<Vec<_>>());
    let tally = decoder.tally();
    assert_eq!((tally.packets, tally.pictures, tally.unseen), (60, 30, 30));
}

#[test]
fn packets_that_are_no_video_give_nothing_but_an_error() {
    if packets("packets_that_are_no_video_give_nothing_but_an_error").is_none() {
        return;
    }
    let (pictures, end) =
        run(Ffmpeg::open(info(), dummies(), &Options { stall: SOON, ..Options::default() }));
    assert_eq!(pictures, 0);
    assert!(matches!(end, Err(Error::Child { .. } | Error::Nothing { packets: 60, .. })), "{end:?}");
    // A stream without packets has no pictures and nothing wrong with it, but ffmpeg says no.
    let (_, end) =
        run(Ffmpeg::open(info(), feed(Vec::new()), &Options { stall: SOON, ..Options::default() }));
    eprintln!("no packets: {end:?}");
}

#[test]
fn the_feed_is_the_root_cause_when_it_fails() {
    let Some(packets) = packets("the_feed_is_the_root_cause_when_it_fails") else { return };
    let options = Options { stall: Duration::from_millis(1500), ..Options::default() };
    let mut left = packets.clone().into_iter().take(20);
    let failing: Feed = Box::new(move || left.next().map(Some).ok_or_else(|| "disk on fire".into()));
    let (pictures, end) = run(Ffmpeg::open(info(), failing, &options));
    assert_eq!(pictures, 20, "what was read before is given back first");
    let Err(Error::Feed(cause)) = end else { panic!("{end:?}") };
    assert_eq!(cause.to_string(), "disk on fire");

    let mut left = packets.clone().into_iter().take(20);
    let hanging: Feed = Box::new(move || {
        Ok(left.next().or_else(|| {
            std::thread::sleep(Duration::from_secs(1000));
            None
        }))
    });
    let began = Instant::now();
    let (_, end) = run(Ffmpeg::open(info(), hanging, &options));
    assert!(matches!(end, Err(Error::Stalled { waiting_on: "the source", .. })), "{end:?}");
    assert!(began.elapsed() < SOON);

    let mut left = packets.into_iter().take(20);
    let panicking: Feed = Box::new(move || Ok(Some(left.next().expect("on purpose"))));
    let (_, end) = run(Ffmpeg::open(info(), panicking, &options));
    assert!(matches!(end, Err(Error::Feed(_))), "{end:?}");
}

#[test]
fn a_user_who_takes_a_break_is_no_stall() {
    let Some(packets) = packets("a_user_who_takes_a_break_is_no_stall") else { return };
    let options = Options { stall: Duration::from_millis(800), ..Options::default() };
    let mut decoder = Ffmpeg::open(info(), feed(packets), &options).unwrap();
    let mut pictures = 0;
    while decoder.next_picture().unwrap().is_some() {
        pictures += 1;
        if pictures % 25 == 0 {
            std::thread::sleep(Duration::from_millis(1200));
        }
    }
    assert_eq!(pictures, 60);
}

/// Set in the process that the test below kills.
const HOLD: &str = "VRPIPE_TEST_HOLD_A_CHILD";

/// Not a test of itself: the process to be killed.
#[test]
fn hold_a_child_to_be_orphaned() {
    let Some(how) = std::env::var_os(HOLD) else { return };
    let mut packets = packets("hold_a_child_to_be_orphaned").unwrap();
    // One that waits for packets, one that waits for its pictures to be taken.
    let endless = how == "on stdout";
    let mut next = 0;
    let size = packets.len();
    let feed: Feed = Box::new(move || {
        if next == size && !endless {
            std::thread::sleep(Duration::from_secs(1000));
        }
        let mut packet = std::mem::replace(&mut packets[next % size].pts, 0);
        packet += 40 * (next / size * size) as i64;
        packets[next % size].pts = 1000 + 40 * (next % size) as i64;
        let data = packets[next % size].data.clone();
        next += 1;
        Ok(Some(Packet { pts: packet, key: next % 20 == 1, data }))
    });
    let mut decoder = Ffmpeg::open(info(), feed, &Options::default()).unwrap();
    assert!(decoder.next_picture().unwrap().is_some());
    println!("child {}", decoder.child.pipes().id());
    std::thread::sleep(Duration::from_secs(1000));
}

#[test]
fn a_killed_parent_leaves_no_child_behind() {
    if packets("a_killed_parent_leaves_no_child_behind").is_none() || !Path::new("/proc/self/stat").exists() {
        return;
    }
    for how in ["on stdin", "on stdout"] {
        let mut parent = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "software::ffmpeg::tests::hold_a_child_to_be_orphaned", "--nocapture"])
            .env(HOLD, how)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(parent.stdout.take().unwrap());
        let child = said.lines().find_map(|line| line.unwrap().strip_prefix("child ").map(str::to_owned));
        let child = Path::new("/proc").join(child.unwrap());
        // Time for it to fill every pipe and buffer.
        std::thread::sleep(Duration::from_millis(500));
        assert!(child.exists());
        parent.kill().unwrap();
        parent.wait().unwrap();
        let deadline = Instant::now() + SOON;
        // An orphan that has ended may stay a zombie where nobody reaps: that is ended, too.
        while std::fs::read_to_string(child.join("stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(Instant::now() < deadline, "{how}: ffmpeg outlives its parent");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
