//! What goes wrong from outside: broken streams, sources that fail or hang, users that keep everything.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::rig::*;
use crate::frame::Size;
use crate::gpu::nvdec::{Decoder, Error, Feed, Options, Reason, abi};
use crate::media::AnnexB;
use crate::packet::{Codec, Packet};

/// Short patience for stalls that are meant.
fn hasty() -> Options {
    // Making a decoder waits for the driver, which serves all tests at once.
    Options { stall: Duration::from_secs(3), ..Options::default() }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_cut_file_gives_what_is_ahead_of_the_cut() {
    let rig = rig();
    for name in ["h264.mp4", "hevc.mp4", "vp9.webm"] {
        let (info, packets) = clip(name);
        let want = expected(name, &packets);
        let ahead = packets[..23].to_vec();
        let times = times(&ahead);
        let mut rest = ahead.into_iter();
        let feed: Feed = Box::new(move || rest.next().map(Some).ok_or_else(|| "cut off".into()));
        let got = decode(&rig, &info, feed, options());
        assert!(
            matches!(&got.outcome, Err(Error::Feed(e)) if e.to_string() == "cut off"),
            "{:?}",
            got.outcome
        );
        let want: Vec<_> = want.into_iter().filter(|f| times.contains(&f.0)).collect();
        assert_eq!(difference(&got.frames, &want), None, "{name}");
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_broken_packet_is_an_error_after_what_is_ahead_of_it() {
    let rig = rig();
    let (info, mut packets) = clip("hevc.mp4");
    packets[20].data.truncate(9);
    let got = decode(&rig, &info, feed(packets), options());
    assert!(matches!(got.outcome, Err(Error::Media(_))), "{:?}", got.outcome);
    assert_eq!(got.frames.len(), 20);
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn damaged_streams_end() {
    let rig = rig();
    for name in ["h264.mp4", "h264_interlaced.mkv", "hevc.mp4", "hevc10.mkv", "vp9.webm", "vp9_10bit.webm"] {
        let (info, whole) = clip(name);
        for seed in 1..=6u64 {
            let mut packets = whole.clone();
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            for (i, packet) in packets.iter_mut().enumerate() {
                random =
                    random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (random >> 33) as usize % packet.data.len();
                match seed {
                    // Bits flipped behind the headers; packets lost; packets cut (VP9: others would be
                    // refused ahead of the parser).
                    1 | 2 if i % 4 == 3 && at > 16 => packet.data[at] ^= 1 << (random >> 60 & 7),
                    3 if i % 5 == 4 => packet.data.clear(),
                    4 if i % 9 == 8 && name.starts_with("vp9") => packet.data.truncate(at),
                    5 if i == 0 => packet.data.clear(),
                    6 if at > 8 => packet.data[at] = (random >> 40) as u8,
                    _ => {}
                }
            }
            let got = decode(&rig, &info, feed(packets), options());
            eprintln!(
                "{name} damage {seed}: {} frames, {:?}, {:?}",
                got.frames.len(),
                got.outcome,
                got.tally
            );
            assert!(!matches!(got.outcome, Err(Error::Stalled { .. } | Error::Panicked { .. })));
            assert!(got.frames.len() <= whole.len() + 8);
        }
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn nothing_and_noise_end() {
    let rig = rig();
    let (mut info, _) = clip("h264.mp4");
    let got = decode(&rig, &info, feed(Vec::new()), options());
    assert!(got.outcome.is_ok() && got.frames.is_empty());
    info.configuration.clear();
    let noise = (0..40).map(|i| Packet {
        pts: i,
        key: i == 0,
        data: (0..4000u64)
            .map(|j| ((j + 7).wrapping_mul(i as u64 + 3).wrapping_mul(2_654_435_761) >> 11) as u8)
            .collect(),
    });
    let got = decode(&rig, &info, feed(noise.collect()), options());
    eprintln!("noise: {:?}", got.outcome);
    assert!(got.frames.is_empty());
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_change_of_size_is_an_error_after_what_is_ahead_of_it() {
    let rig = rig();
    let (mut first, packets) = clip("h264.mp4");
    let (second, more) = clip("h264_180.mp4");
    let to_annexb = |configuration: &[u8], packets: &[Packet]| -> Vec<Packet> {
        let converter = AnnexB::new(Codec::H264, configuration).unwrap().unwrap();
        let convert = |p: &Packet| {
            let mut data = Vec::new();
            converter.convert(&p.data, p.key, &mut data).unwrap();
            Packet { data, ..p.clone() }
        };
        packets.iter().map(convert).collect()
    };
    let mut both = to_annexb(&first.configuration, &packets);
    let end = times(&packets).last().unwrap() + 1000;
    both.extend(
        to_annexb(&second.configuration, &more).into_iter().map(|p| Packet { pts: p.pts + end, ..p }),
    );
    first.configuration.clear();
    let got = decode(&rig, &first, feed(both), options());
    eprintln!("{} of {} frames, then {:?}", got.frames.len(), packets.len(), got.outcome);
    assert!(matches!(got.outcome, Err(Error::Changed { .. })), "{:?}", got.outcome);
    let want = expected("h264.mp4", &packets);
    assert_eq!(difference(&got.frames, &want[..got.frames.len()]), None);
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_stream_other_than_announced_is_an_error() {
    let rig = rig();
    let (mut info, packets) = clip("h264.mp4");
    info.size = Size::new(640, 288);
    let told = decode(&rig, &info, feed(packets.clone()), options()).outcome.unwrap_err().to_string();
    assert_eq!(told, "size: expected 640x288, the stream has 704x288");
    // The limit is told before anything is decoded.
    info.size = Size::new(7680, 3840);
    let refused = open(&rig, &info, feed(packets), options()).err();
    let caps = rig.library.caps(&rig.device, Codec::H264, info.chroma, 8).unwrap();
    eprintln!("H.264: {caps:?}; 7680x3840: {refused:?}");
    if caps.max.width < 7680 {
        assert!(matches!(refused, Some(Error::Unsuitable(Reason::TooLarge { .. }))));
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_user_that_keeps_all_surfaces_is_told_and_may_still_read_them() {
    let rig = rig();
    let (info, packets) = clip("h264.mp4");
    let want = expected("h264.mp4", &packets);
    let mut decoder = open(&rig, &info, feed(packets), hasty()).unwrap();
    let mut kept: Vec<_> = (0..3).map(|_| decoder.next_surface().unwrap().unwrap()).collect();
    match decoder.next_surface() {
        Err(Error::Stalled { waiting_for, .. }) => assert_eq!(waiting_for, "a surface to be given back"),
        other => panic!("{:?}", other.map(|s| s.map(|s| s.pts()))),
    }
    let began = Instant::now();
    drop(decoder);
    assert!(began.elapsed() < Duration::from_secs(4));
    for (surface, want) in kept.iter_mut().zip(&want) {
        assert_eq!((surface.pts(), hash(&surface.download(&rig.stream).unwrap())), *want);
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_source_that_hangs_or_panics_is_told() {
    let rig = rig();
    let (info, packets) = clip("hevc.mp4");
    let (release, held) = crossbeam_channel::bounded::<()>(0);
    let mut ahead = packets.into_iter().take(10);
    let feed: Feed = Box::new(move || match ahead.next() {
        Some(packet) => Ok(Some(packet)),
        None => {
            let _released = held.recv();
            Ok(None)
        }
    });
    let got = decode_to_error(open(&rig, &info, feed, hasty()).unwrap());
    assert!(matches!(got, Error::Stalled { waiting_for: "the next packet of the source", .. }), "{got:?}");
    drop(release);

    let feed: Feed = Box::new(|| panic!("no more"));
    let got = decode_to_error(open(&rig, &info, feed, options()).unwrap());
    assert!(matches!(&got, Error::Panicked { message } if message == "no more"), "{got:?}");
}

fn decode_to_error(mut decoder: Decoder) -> Error {
    let began = Instant::now();
    let error = loop {
        match decoder.next_surface() {
            Ok(surface) => assert!(surface.is_some(), "ended without an error"),
            Err(error) => break error,
        }
    };
    drop(decoder);
    assert!(began.elapsed() < Duration::from_secs(8), "took {:?}", began.elapsed());
    error
}

static HELD: AtomicBool = AtomicBool::new(true);

unsafe extern "C" fn hanging_map(
    _: abi::Handle,
    _: std::ffi::c_int,
    _: *mut u64,
    _: *mut u32,
    _: *mut abi::ProcParams,
) -> std::ffi::c_int {
    while HELD.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(1));
    }
    205
}

unsafe extern "C" fn failing_decode(_: abi::Handle, _: *mut abi::PictureParams) -> std::ffi::c_int {
    700
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_driver_that_hangs_or_fails_is_told() {
    let mut rig = rig();
    let (info, packets) = clip("h264.mp4");
    let real = rig.library.clone();
    rig.library = real.with(|api| api.map = hanging_map);
    // Longer than it takes to create a decoder on a busy machine, which happens inside the parser.
    let patient = Options { stall: Duration::from_secs(4), ..Options::default() };
    let error = decode_to_error(open(&rig, &info, feed(packets.clone()), patient).unwrap());
    assert!(matches!(error, Error::Stalled { waiting_for: "the hardware decoder", .. }), "{error:?}");
    HELD.store(false, Ordering::Relaxed);
    let error = decode_to_error(open(&rig, &info, feed(packets.clone()), options()).unwrap());
    assert!(matches!(error, Error::Call { call: "cuvidMapVideoFrame64", code: 205, .. }), "{error:?}");
    rig.library = real.with(|api| api.decode = failing_decode);
    let error = decode_to_error(open(&rig, &info, feed(packets), options()).unwrap());
    assert!(matches!(error, Error::Call { call: "cuvidDecodePicture", code: 700, .. }), "{error:?}");
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn decoders_come_and_go_in_any_order() {
    let first = rig();
    let used = |rig: &Rig| rig.device.memory().unwrap();
    let before = used(&first).0;
    std::thread::scope(|scope| {
        for thread in 0..4usize {
            scope.spawn(move || {
                let rig = rig();
                let (info, packets) = clip(["h264.mp4", "hevc.mp4", "vp9.webm", "hevc10.mkv"][thread]);
                for round in 0..6 {
                    let mut decoder = open(&rig, &info, feed(packets.clone()), options()).unwrap();
                    let taken = (round * 7 + thread * 3) % 20;
                    let last = (0..taken).map(|_| decoder.next_surface().unwrap().unwrap()).last();
                    match round % 3 {
                        // Dropped before, after, and on another thread than its surface.
                        0 => drop((decoder, last)),
                        1 => drop((last, decoder)),
                        _ => drop(std::thread::spawn(move || drop((last, decoder))).join()),
                    }
                }
                // Those whose surface was dropped last end by themselves.
                std::thread::sleep(Duration::from_millis(300));
                assert_eq!(rig.device.ledger().now().surfaces_bytes, 0, "surfaces that nobody took are kept");
            });
        }
    });
    // Decoders whose surface was dropped last end by themselves.
    std::thread::sleep(Duration::from_millis(300));
    let after = used(&first).0;
    eprintln!("free device memory: {before} before, {after} after");
    assert!(before < after + (256 << 20), "memory was not given back");
}
