//! Decoders that go on with another stream: the frames are those of a new one, and nothing is created twice.

use std::ffi::c_int;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::rig::*;
use crate::gpu::nvdec::{Decoder, Error, Options, Spare, abi};

type Create = unsafe extern "C" fn(*mut abi::Handle, *mut abi::CreateInfo) -> c_int;

static REAL: OnceLock<Create> = OnceLock::new();
static CREATED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn counting(handle: *mut abi::Handle, info: *mut abi::CreateInfo) -> c_int {
    CREATED.fetch_add(1, Ordering::Relaxed);
    let real = REAL.get().expect("set ahead of the first decoder");
    // SAFETY: the library's own function with its own arguments.
    unsafe { real(handle, info) }
}

/// Decodes up to `most` frames of a clip on what rests, compares them, and rests again.
fn decode_on(rig: &Rig, spare: Option<Spare>, name: &str, most: usize) -> Spare {
    let (info, packets) = clip(name);
    let want = expected(name, &packets);
    let opened = Decoder::open_on(spare, &rig.library, &rig.device, info, feed(packets), options());
    let mut decoder = opened.unwrap();
    let mut frames = Vec::new();
    while frames.len() < most
        && let Some(mut surface) = decoder.next_surface().unwrap()
    {
        frames.push((surface.pts(), hash(&surface.download(&rig.stream).unwrap())));
    }
    let most = most.min(want.len());
    assert_eq!(difference(&frames, &want[..most]), None, "{name}, {most} frames");
    decoder.rest().expect("nothing has failed")
}

/// The one test that counts, since the count is the process's.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn streams_alike_are_decoded_by_one_decoder() {
    let mut rig = rig();
    rig.library = rig.library.with(|api| {
        REAL.get_or_init(|| std::mem::replace(&mut api.create_decoder, counting));
    });
    for name in ["h264.mp4", "h264_open.mp4", "hevc.mp4", "hevc10.mkv", "vp9.webm", "vp9_10bit.webm"] {
        let before = CREATED.load(Ordering::Relaxed);
        let mut spare = None;
        // Left at the end, at once, in the middle, again and again.
        for most in [usize::MAX, 0, 1, 7, usize::MAX, 13, usize::MAX] {
            spare = Some(decode_on(&rig, spare, name, most));
        }
        assert_eq!(CREATED.load(Ordering::Relaxed) - before, 1, "{name}");
    }
    assert_eq!(rig.device.ledger().now().surfaces_bytes, 0, "the last was dropped");
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_stream_of_another_kind_gets_a_decoder_of_its_own() {
    let rig = rig();
    let mut spare = None;
    for name in ["hevc.mp4", "hevc10.mkv", "h264.mp4", "h264_180.mp4", "vp9.webm", "vp9_odd.webm", "hevc.mp4"]
    {
        spare = Some(decode_on(&rig, spare, name, 20));
        let held = rig.device.ledger().now().surfaces_bytes;
        drop(decode_on(&rig, None, name, usize::MAX));
        assert_eq!(rig.device.ledger().now().surfaces_bytes, held, "{name}: only its own are held");
    }
    drop(spare);
    assert_eq!(rig.device.ledger().now().surfaces_bytes, 0);
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn surfaces_that_are_held_delay_the_next_stream() {
    let rig = rig();
    let (info, packets) = clip("hevc.mp4");
    let want = expected("hevc.mp4", &packets);
    let open_on = |spare, stall| {
        let options = Options { stall, ..options() };
        Decoder::open_on(spare, &rig.library, &rig.device, info.clone(), feed(packets.clone()), options)
            .unwrap()
    };
    let mut decoder = open_on(None, Duration::from_secs(10));
    let mut held = decoder.next_surface().unwrap().unwrap();
    let spare = decoder.rest();
    // Given back in time by another thread.
    let reader = rig.device.clone();
    let late = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        let stream = crate::gpu::Stream::new(&reader).unwrap();
        (held.pts(), hash(&held.download(&stream).unwrap()))
    });
    let mut decoder = open_on(spare, Duration::from_secs(10));
    let mut next = decoder.next_surface().unwrap().unwrap();
    assert_eq!(late.join().unwrap(), want[0]);
    assert_eq!((next.pts(), hash(&next.download(&rig.stream).unwrap())), want[0]);
    // Never given back: told in time, and nothing hangs.
    let mut stuck = open_on(decoder.rest(), Duration::from_secs(1));
    assert!(matches!(stuck.next_surface(), Err(Error::Stalled { .. })));
    assert!(stuck.rest().is_none());
    drop(next);
}

/// The thread is ahead of its user: it may fail when that has all it wants, and is about to begin another stream.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_failure_that_nobody_saw_costs_the_next_stream_nothing() {
    let rig = rig();
    let (info, packets) = clip("hevc.mp4");
    let mut spare = None;
    for wait_ms in [0, 1, 3, 10, 30, 300] {
        let mut packets = packets.clone();
        packets[2].data.truncate(9);
        let (library, device) = (&rig.library, &rig.device);
        let opened = Decoder::open_on(spare, library, device, info.clone(), feed(packets), options());
        let mut decoder = opened.unwrap();
        drop(decoder.next_surface().unwrap().expect("two packets are whole"));
        std::thread::sleep(Duration::from_millis(wait_ms));
        let resting = decoder.rest();
        assert!(resting.is_some(), "nobody saw the failure");
        spare = Some(decode_on(&rig, resting, "hevc.mp4", usize::MAX));
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn after_a_failure_nothing_rests() {
    let rig = rig();
    let (info, mut packets) = clip("hevc.mp4");
    packets[20].data.truncate(9);
    let mut decoder = open(&rig, &info, feed(packets), options()).unwrap();
    let error = loop {
        match decoder.next_surface() {
            Ok(surface) => assert!(surface.is_some(), "ended without an error"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Media(_)), "{error:?}");
    assert!(decoder.rest().is_none());
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(rig.device.ledger().now().surfaces_bytes, 0);
}
