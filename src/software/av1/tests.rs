//! Panics contained, silence ended.

use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use super::{Av1, containment};
use crate::frame::{Colour, Size};
use crate::packet::{Codec, Packet};
use crate::software::{Decoder, Error, Feed, Options, StreamInfo};
use crate::units::TimeBase;

fn info() -> StreamInfo {
    let size = Size::new(64, 48);
    StreamInfo {
        codec: Codec::Av1,
        size,
        depth: 8,
        colour: Colour::resolve(None, None, 2, 2, size),
        time_base: TimeBase::MILLISECOND,
        configuration: Vec::new(),
    }
}

#[test]
fn packets_that_make_no_sense_are_named() {
    for data in [vec![], vec![0xff; 50], vec![0x12, 0x00], vec![0x32, 0x03, 1, 2, 3]] {
        let mut packets = vec![Packet { pts: 77, key: true, data: data.clone() }].into_iter();
        let feed: Feed = Box::new(move || Ok(packets.next()));
        let mut decoder = Av1::open(info(), feed, &Options::default()).unwrap();
        match decoder.next_picture() {
            Err(Error::Av1 { packet: 0, pts: 77, .. }) => {
                assert!(matches!(decoder.next_picture(), Err(Error::Over)));
            }
            // A lone temporal delimiter is no picture, and nothing wrong either.
            Ok(None) => assert_eq!(data, [0x12, 0x00]),
            other => panic!("{data:02x?}: {other:?}"),
        }
    }
}

#[test]
fn a_source_that_hangs_or_fails_is_the_cause() {
    let options = Options { stall: Duration::from_millis(300), ..Options::default() };
    let hanging: Feed = Box::new(|| {
        std::thread::sleep(Duration::from_secs(1000));
        Ok(None)
    });
    let mut decoder = Av1::open(info(), hanging, &options).unwrap();
    let end = decoder.next_picture();
    assert!(matches!(end, Err(Error::Stalled { waiting_on: "the source", .. })), "{end:?}");
    let failing: Feed = Box::new(|| Err("disk on fire".into()));
    let end = Av1::open(info(), failing, &options).unwrap().next_picture();
    assert!(matches!(&end, Err(Error::Feed(cause)) if cause.to_string() == "disk on fire"), "{end:?}");
}

/// Set in the processes that the test below starts.
const PANIC: &str = "VRPIPE_TEST_PANIC_IN_C";

extern "C" fn breaks_down() {
    panic!("as rav1d might");
}

/// Not a test of itself: what the processes of the test below do.
#[test]
fn panic_in_an_extern_c_function() {
    let Some(how) = std::env::var_os(PANIC) else { return };
    containment::install();
    let (sender, receiver) = mpsc::channel();
    let keep = sender.clone();
    let name = if how == "on a worker" { "rav1d-worker-3" } else { "av1" };
    let thread = std::thread::Builder::new().name(name.into());
    thread
        .spawn(move || {
            let _inside = (how == "inside").then(|| containment::enter(move |text| drop(sender.send(text))));
            let caught = std::panic::catch_unwind(|| breaks_down());
            println!("not reached: {caught:?}");
        })
        .unwrap();
    match receiver.recv_timeout(Duration::from_millis(500)) {
        Ok(text) => println!("told: {text}"),
        Err(_) => println!("noted: {}", containment::worker_panic()),
    }
    drop(keep);
    // The test harness takes the panic hook when it is done, and would wait for the parked thread.
    std::process::exit(0);
}

#[test]
fn a_panic_in_the_decoder_leaves_the_process_alive() {
    let run = |how: &str| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "software::av1::tests::panic_in_an_extern_c_function", "--nocapture"])
            .env(PANIC, how)
            .output()
            .unwrap()
    };
    let bare = run("outside");
    assert!(!bare.status.success(), "without the hook catch_unwind is not reached: the process aborts");
    for (how, expected) in [("inside", "told: as rav1d might ("), ("on a worker", "noted: as rav1d might (")]
    {
        let run = run(how);
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(run.status.success() && said.contains(expected), "{how}: {said}");
    }
}
