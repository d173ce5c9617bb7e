//! Hardware against software, byte for byte: H.264, HEVC and VP9 leave a decoder no freedom.

use std::collections::VecDeque;

use super::rig::*;
use crate::gpu::Stream;
use crate::gpu::nvdec::{Error, Options, Reason, StreamInfo};
use crate::packet::Packet;

const CLIPS: [&str; 9] = [
    "h264.mp4",
    "h264_open.mp4",
    "h264_180.mp4",
    "h264_interlaced.mkv",
    "hevc.mp4",
    "hevc10.mkv",
    "vp9.webm",
    "vp9_odd.webm",
    "vp9_10bit.webm",
];

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn every_frame_is_what_software_decodes() {
    let rig = rig();
    let mut wrong = Vec::new();
    for name in CLIPS {
        let (info, packets) = clip(name);
        let want = expected(name, &packets);
        let got = decode(&rig, &info, feed(packets), options());
        eprintln!("{name}: {} {:?} {:?}", info.size, got.outcome, got.tally);
        assert_eq!(got.tally.damaged + got.tally.concealed, 0, "{name}");
        wrong.extend(got.outcome.err().map(|error| format!("{name}: {error:?}")));
        wrong.extend(difference(&got.frames, &want).map(|text| format!("{name}: {text}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn any_number_of_surfaces_gives_the_same_frames() {
    let rig = rig();
    let (info, packets) = clip("hevc10.mkv");
    let want = expected("hevc10.mkv", &packets);
    for (display_delay, extra_surfaces, output_surfaces) in [(0, 0, 1), (0, 0, 2), (4, 0, 1), (1, 4, 8)] {
        let options = Options { display_delay, extra_surfaces, output_surfaces, ..options() };
        let got = decode(&rig, &info, feed(packets.clone()), options);
        got.outcome.unwrap();
        assert_eq!(got.tally.output_surfaces, output_surfaces as u64);
        assert_eq!(difference(&got.frames, &want), None, "delay {display_delay} outputs {output_surfaces}");
    }
}

/// The decoder goes on while surfaces are held: if it reused what they show, their hashes would differ.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn surfaces_stay_intact_while_held_and_read_late() {
    let rig = rig();
    let second = Stream::new(&rig.device).unwrap();
    for name in ["h264.mp4", "hevc.mp4", "vp9.webm"] {
        let (info, packets) = clip(name);
        let want = expected(name, &packets);
        let options = Options { display_delay: 0, extra_surfaces: 0, output_surfaces: 5, ..options() };
        let mut decoder = open(&rig, &info, feed(packets), options).unwrap();
        let (mut held, mut frames) = (VecDeque::new(), Vec::new());
        let mut read = |held: &mut VecDeque<crate::gpu::nvdec::Surface>, count: usize| {
            while held.len() > count {
                let mut surface = held.pop_front().unwrap();
                // Two readers on two streams; both must see the same.
                let (first, again) =
                    (surface.download(&rig.stream).unwrap(), surface.download(&second).unwrap());
                assert_eq!(first, again);
                frames.push((surface.pts(), hash(&first)));
            }
        };
        while let Some(surface) = decoder.next_surface().unwrap() {
            held.push_back(surface);
            if held.len() == 4 {
                std::thread::sleep(std::time::Duration::from_millis(4));
            }
            read(&mut held, 4);
        }
        // The last ones after the end, and after the decoder is gone.
        drop(decoder);
        read(&mut held, 0);
        assert_eq!(difference(&frames, &want), None, "{name}");
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn several_decoders_do_not_disturb_each_other() {
    std::thread::scope(|scope| {
        for name in ["h264.mp4", "hevc10.mkv", "vp9.webm", "hevc.mp4"] {
            scope.spawn(move || {
                let rig = rig();
                let (info, packets) = clip(name);
                let want = expected(name, &packets);
                for round in 0..3 {
                    let got = decode(&rig, &info, feed(packets.clone()), options());
                    got.outcome.unwrap();
                    assert_eq!(difference(&got.frames, &want), None, "{name} round {round}");
                }
            });
        }
    });
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn timestamps_come_back_as_they_were() {
    let rig = rig();
    for name in ["h264.mp4", "hevc.mp4", "vp9.webm"] {
        let (info, packets) = clip(name);
        // Below zero at first, beyond 32 bits, with uneven steps.
        let moved = |pts: i64| pts * 1_000_003 - 40_000_000_000 + pts % 7;
        let want: Vec<i64> = times(&packets).into_iter().map(moved).collect();
        let packets = packets.into_iter().map(|p| Packet { pts: moved(p.pts), ..p }).collect();
        let got = decode(&rig, &info, feed(packets), options());
        got.outcome.unwrap();
        assert_eq!(got.frames.iter().map(|f| f.0).collect::<Vec<_>>(), want, "{name}");
    }
}

/// A segment starts at a key frame in the middle; leading pictures of an open group may come or not, and
/// come before it.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn decoding_starts_at_any_key_frame() {
    let rig = rig();
    for name in ["h264.mp4", "h264_open.mp4", "hevc.mp4", "hevc10.mkv", "vp9.webm"] {
        let (info, packets) = clip(name);
        let want = expected(name, &packets);
        let keys: Vec<usize> = (1..packets.len()).filter(|&i| packets[i].key).collect();
        assert!(!keys.is_empty(), "{name} has one key frame only");
        for key in keys.into_iter().take(2) {
            let start = packets[key].pts;
            let got = decode(&rig, &info, feed(packets[key..].to_vec()), options());
            got.outcome.unwrap();
            let early = got.frames.iter().filter(|f| f.0 < start).count();
            let from = |list: &[(i64, String)]| -> Vec<_> {
                list.iter().filter(|f| f.0 >= start).cloned().collect()
            };
            eprintln!("{name} from packet {key}: {early} leading pictures, {:?}", got.tally);
            assert_eq!(difference(&from(&got.frames), &from(&want)), None, "{name} from packet {key}");
        }
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn av1_is_decoded_or_refused_with_the_reason() {
    let rig = rig();
    let (info, packets) = clip("av1.mp4");
    match rig.library.can_decode(&rig.device, &info) {
        Ok(()) => {
            let want = expected("av1.mp4", &packets);
            let got = decode(&rig, &info, feed(packets), options());
            got.outcome.unwrap();
            assert_eq!(difference(&got.frames, &want), None);
        }
        Err(error @ Error::Unsuitable(_)) => {
            eprintln!("{error}");
            assert!(error.to_string().ends_with("does not decode AV1 4:2:0 at 8 bits"), "{error}");
            assert!(open(&rig, &info, feed(packets), options()).is_err());
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// The parser does not tell how much is cropped on the left and at the top: such streams are refused ahead of
/// the first packet, and where nobody saw it coming they are noticed.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_crop_on_the_left_is_noticed() {
    let rig = rig();
    let (info, packets) = clip("h264_crop.mkv");
    assert_eq!(info.crop, [32, 8]);
    let refused = open(&rig, &info, feed(packets.clone()), options()).err();
    assert!(matches!(refused, Some(Error::Unsuitable(Reason::Crop { left: 32, top: 8 }))), "{refused:?}");
    let info = StreamInfo { crop: [0; 2], ..info };
    let got = decode(&rig, &info, feed(packets.clone()), options());
    match got.outcome {
        Ok(()) => assert_eq!(difference(&got.frames, &expected("h264_crop.mkv", &packets)), None),
        Err(Error::Changed { what, .. }) => assert_eq!(what, "size"),
        Err(other) => panic!("{other:?}"),
    }
}

/// VP9 may show a picture again by a packet of one byte, also while its first surface is still out.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_picture_can_be_shown_again() {
    let rig = rig();
    let (info, mut packets) = clip("vp9.webm");
    let hashes = hashes("vp9.webm");
    packets.truncate(1);
    // 10 00 1 000: show_existing_frame of slot 0, which the key frame filled.
    packets.extend((1..4).map(|i| Packet { pts: 1000 * i, key: false, data: vec![0b1000_1000] }));
    let want: Vec<_> = times(&packets).into_iter().map(|pts| (pts, hashes[0].clone())).collect();
    let mut decoder = open(&rig, &info, feed(packets), options()).unwrap();
    let mut frames = Vec::new();
    while let Some(mut surface) = decoder.next_surface().unwrap() {
        frames.push((surface.pts(), hash(&surface.download(&rig.stream).unwrap())));
        // Kept for a while by another thread: the decoder cannot map the picture a second time until then.
        std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            drop(surface);
        });
    }
    assert_eq!(difference(&frames, &want), None);
}
