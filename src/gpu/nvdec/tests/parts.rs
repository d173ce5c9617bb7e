//! The parts that need no device: reasons, kept errors, payloads, geometry, the watchdog.

use std::time::{Duration, Instant};

use crate::frame::Size;
use crate::gpu::nvdec::abi::{Blank, VideoFormat};
use crate::gpu::nvdec::failure::FirstError;
use crate::gpu::nvdec::geometry::Geometry;
use crate::gpu::nvdec::payload::{Payload, clock_rate};
use crate::gpu::nvdec::vp9::{Header, Order, frames};
use crate::gpu::nvdec::watch::{Activity, Watch};
use crate::gpu::nvdec::{Caps, Error, Library, Reason, StreamInfo};
use crate::media::Chroma;
use crate::packet::{Codec, Packet};
use crate::units::TimeBase;

fn info(codec: Codec, width: usize, height: usize, depth: u8) -> StreamInfo {
    StreamInfo {
        codec,
        size: Size::new(width, height),
        crop: [0; 2],
        depth,
        chroma: Chroma::Yuv420,
        time_base: TimeBase::new(1, 90_000).unwrap(),
        configuration: Vec::new(),
    }
}

#[test]
fn without_the_library_it_says_so() {
    match Library::load() {
        Ok(library) => assert!(std::ptr::eq(&*library, &*Library::load().unwrap()), "loaded once"),
        Err(error) => assert!(error.to_string().starts_with("no NVIDIA video decoder"), "{error}"),
    }
}

#[test]
fn reasons_are_told_in_words() {
    // Numbers that an H100 gives for H.264.
    let h264 = Caps {
        supported: true,
        engines: 7,
        min: Size::new(48, 16),
        max: Size::new(4096, 4096),
        max_macroblocks: 65536,
        nv12: true,
        p016: false,
    };
    let told = |caps: &Caps, info: &StreamInfo| caps.suit("GPU", info).map_err(|reason| reason.to_string());
    assert_eq!(told(&h264, &info(Codec::H264, 3840, 2160, 8)), Ok(()));
    assert_eq!(
        told(&h264, &info(Codec::H264, 5760, 2880, 8)).unwrap_err(),
        "GPU decodes H.264 up to 4096x4096, the video has 5760x2880"
    );
    assert_eq!(
        told(&h264, &info(Codec::H264, 32, 32, 8)).unwrap_err(),
        "GPU decodes H.264 from 48x16 on, the video has 32x32"
    );
    let few = Caps { max_macroblocks: 100, ..h264 };
    assert_eq!(
        told(&few, &info(Codec::H264, 161, 160, 8)).unwrap_err(),
        "GPU decodes H.264 up to 100 macroblocks, the video has 110 (161x160)"
    );
    assert_eq!(
        told(&Caps::NONE, &info(Codec::Av1, 640, 360, 10)).unwrap_err(),
        "GPU does not decode AV1 4:2:0 at 10 bits"
    );
    assert!(matches!(h264.suit("GPU", &info(Codec::H264, 640, 360, 10)), Err(Reason::Output { .. })));
    let mut wide = info(Codec::Hevc, 640, 360, 8);
    wide.chroma = Chroma::Yuv422;
    assert_eq!(told(&h264, &wide).unwrap_err(), "surfaces are read as 4:2:0 only, the video has 4:2:2");
    for crop in [[32, 0], [0, 8], [2, 2]] {
        let cut = StreamInfo { crop, ..info(Codec::H264, 602, 340, 8) };
        assert!(matches!(h264.suit("GPU", &cut), Err(Reason::Crop { left, top }) if [left, top] == crop));
    }
}

#[test]
fn the_first_error_of_the_callbacks_wins() {
    let kept = FirstError::default();
    assert_eq!(kept.guard(|| Ok(7)), 7);
    assert!(kept.settle(Ok(())).is_ok());
    assert_eq!(kept.guard(|| Err(Error::Thread(std::io::Error::other("root")))), 0);
    let mut ran = false;
    assert_eq!(
        kept.guard(|| {
            ran = true;
            Ok(1)
        }),
        0
    );
    assert!(!ran, "after a failure callbacks do nothing");
    // The C function may report success or a code of its own: both give way.
    assert!(matches!(kept.settle(Err(Error::Over)), Err(Error::Thread(_))));
    assert!(kept.settle(Ok(())).is_ok(), "told once");
}

#[test]
fn a_panic_in_a_callback_stays_on_this_side() {
    let kept = FirstError::default();
    assert_eq!(kept.guard(|| panic!("picture {}", 5)), 0);
    match kept.settle(Ok(())) {
        Err(Error::Panicked { message }) => assert_eq!(message, "picture 5"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn payloads_are_what_the_parser_takes() {
    let packet = |key, data: &[u8]| Packet { pts: 0, key, data: data.to_vec() };
    // avcC: 4 bytes of length, one SPS (67 aa), one PPS (68 bb).
    let mut h264 = info(Codec::H264, 64, 64, 8);
    h264.configuration = vec![1, 0x42, 0, 30, 0xff, 0xe1, 0, 2, 0x67, 0xaa, 1, 0, 2, 0x68, 0xbb];
    let sets = [0, 0, 0, 1, 0x67, 0xaa, 0, 0, 0, 1, 0x68, 0xbb];
    let unit = [0, 0, 0, 1, 0x41, 0xcc];
    let mut payload = Payload::new(&h264).unwrap();
    let sample = [0, 0, 0, 2, 0x41, 0xcc];
    // The first packet has the sets ahead even if it is no key frame.
    assert_eq!(payload.bytes(&packet(false, &sample)).unwrap(), [&sets[..], &unit].concat());
    assert_eq!(payload.bytes(&packet(false, &sample)).unwrap(), unit);
    assert_eq!(payload.bytes(&packet(true, &sample)).unwrap(), [&sets[..], &unit].concat());
    assert!(matches!(payload.bytes(&packet(false, &[0, 0, 0, 9, 1])), Err(Error::Media(_))));

    let mut av1 = info(Codec::Av1, 64, 64, 8);
    av1.configuration = vec![0x81, 0, 0, 0, 0x0a, 0x01, 0x00];
    let mut payload = Payload::new(&av1).unwrap();
    assert_eq!(payload.bytes(&packet(true, &[0x12, 0])).unwrap(), [0x0a, 0x01, 0x00, 0x12, 0]);
    assert_eq!(payload.bytes(&packet(true, &[0x12, 0])).unwrap(), [0x12, 0]);

    let mut vp9 = Payload::new(&info(Codec::Vp9, 64, 64, 8)).unwrap();
    assert_eq!(vp9.bytes(&packet(true, &[1, 2, 3])).unwrap(), [1, 2, 3]);
}

#[test]
fn the_clock_ticks_as_the_source_does() {
    let rate = |num, den| clock_rate(TimeBase::new(num, den).unwrap());
    assert_eq!(rate(1, 90_000), 90_000);
    assert_eq!(rate(1001, 30_000), 29);
    assert_eq!(rate(10, 1), 1);
    assert_eq!(rate(1, i64::MAX), u32::MAX);
}

fn format(coded: [u32; 2], area: [i32; 4]) -> VideoFormat {
    let mut format = VideoFormat::blank();
    (format.coded_width, format.coded_height) = (coded[0], coded[1]);
    format.display_area = area;
    format.chroma = 1;
    format.min_decode_surfaces = 5;
    format
}

#[test]
fn areas_grow_to_even_and_never_scale() {
    let odd = Geometry::of(&format([360, 288], [0, 0, 353, 287])).unwrap();
    assert_eq!((odd.visible, odd.target), (Size::new(353, 287), Size::new(354, 288)));
    assert_eq!((odd.area.right, odd.area.bottom), (354, 288));
    let cropped = Geometry::of(&format([640, 352], [32, 8, 634, 348])).unwrap();
    assert_eq!((cropped.visible, cropped.target), (Size::new(602, 340), Size::new(602, 340)));
    for bad in [[1, 0, 9, 8], [0, 0, 0, 8], [-2, 0, 8, 8], [0, 0, 40_000, 8], [0, 8, 8, 8]] {
        assert!(matches!(Geometry::of(&format([64, 64], bad)), Err(Error::Changed { .. })), "{bad:?}");
    }
    let mut mixed = format([64, 64], [0, 0, 64, 64]);
    mixed.luma_depth_minus_8 = 2;
    assert!(Geometry::of(&mixed).is_err(), "10 bits luma with 8 bits chroma");
}

#[test]
fn a_second_sequence_must_fit_the_first() {
    let first = Geometry::of(&format([640, 368], [0, 0, 640, 360])).unwrap();
    assert!(first.check_same(&first, 5).is_ok());
    assert!(first.check_same(&first, 4).is_err(), "it needs five surfaces");
    let other = Geometry::of(&format([640, 368], [0, 0, 640, 362])).unwrap();
    let told = first.check_same(&other, 9).unwrap_err().to_string();
    assert_eq!(told, "size after a change: expected 640x360, the stream has 640x362");
    let announced = first.check_announced(&info(Codec::H264, 640, 360, 10)).unwrap_err().to_string();
    assert_eq!(announced, "bits per sample: expected 10, the stream has 8");
}

#[test]
fn waiting_ends() {
    let (sender, receiver) = crossbeam_channel::bounded::<u8>(1);
    let watch = Watch::new();
    watch.moved(Activity::Surfaces);
    let began = Instant::now();
    match watch.wait(&receiver, Duration::from_millis(60)) {
        Err(Error::Stalled { waiting_for, .. }) => assert_eq!(waiting_for, "a surface to be given back"),
        other => panic!("{other:?}"),
    }
    assert!(began.elapsed() < Duration::from_secs(20));
    sender.send(3).unwrap();
    assert_eq!(watch.wait(&receiver, Duration::from_millis(60)).unwrap(), 3);
    drop(sender);
    assert!(matches!(watch.wait(&receiver, Duration::from_secs(60)), Err(Error::Panicked { .. })));
    // A thread that does not come back is left behind.
    let (release, held) = crossbeam_channel::bounded::<()>(0);
    let thread = std::thread::spawn(move || {
        let _released = held.recv();
    });
    assert!(!watch.join(thread, Duration::from_millis(30)));
    drop(release);
    assert!(watch.join(std::thread::spawn(|| ()), Duration::from_secs(20)));
}

#[test]
fn superframes_come_apart() {
    let apart = |packet: &[u8]| frames(packet).map(<[u8]>::to_vec).collect::<Vec<_>>();
    assert_eq!(apart(&[0x82, 1, 2]), [vec![0x82, 1, 2]]);
    // Two frames of 2 and 3 bytes, sizes in one byte: marker 110 00 001.
    let two = [1, 2, 3, 4, 5, 0xc1, 2, 3, 0xc1];
    assert_eq!(apart(&two), [vec![1, 2], vec![3, 4, 5]]);
    // Sizes in two bytes; an empty frame is none.
    let wide = [1, 2, 3, 0xc9, 3, 0, 0, 0, 0xc9];
    assert_eq!(apart(&wide), [vec![1, 2, 3]]);
    // An index that reaches too far is none: the packet is left whole.
    for bad in [&[1, 0xc1, 9, 3, 0xc1][..], &[0xc1], &[9, 9, 9, 9, 0xc0, 1, 2, 0xc1]] {
        assert_eq!(apart(bad), [bad.to_vec()]);
    }
    assert!(apart(&[]).is_empty() || apart(&[]) == [Vec::<u8>::new()]);
    for cut in 0..two.len() {
        assert!(apart(&two[..cut]).concat().len() <= cut);
    }
}

#[test]
fn vp9_headers_tell_what_is_shown_and_kept() {
    // 10 00 1 101: profile 0, show_existing_frame of slot 5.
    assert_eq!(Header::read(&[0b1000_1101]), Some(Header::ShowExisting { slot: 5 }));
    // 10 00 0 0 1 0: a shown key frame.
    assert_eq!(Header::read(&[0b1000_0010, 0x49]), Some(Header::Coded { shown: true, refresh: 0xff }));
    // 10 00 0 1 1 0, reset 00, refresh 1000 0001: a shown inter frame.
    let inter = [0b1000_0110, 0b0010_0000, 0b0100_0000];
    assert_eq!(Header::read(&inter), Some(Header::Coded { shown: true, refresh: 0x81 }));
    // 10 00 0 1 0 0, intra_only 0, reset 00, refresh 0000 0100: a hidden one.
    let hidden = [0b1000_0100, 0b0000_0000, 0b1000_0000];
    assert_eq!(Header::read(&hidden), Some(Header::Coded { shown: false, refresh: 0x04 }));
    // Profile 2 (01 coded low bit first): 10 0 1 0 1 0 0, intra_only 1, reset 00, sync code, 10 bits,
    // colour space 001, range 0, refresh 0001 0000.
    let bits = "10010100".to_owned() + "100" + "010010011000001101000010" + "0" + "001" + "0" + "00010000";
    let bytes: Vec<u8> = (0..bits.len())
        .step_by(8)
        .map(|i| u8::from_str_radix(&format!("{:0<8}", &bits[i..bits.len().min(i + 8)]), 2).unwrap())
        .collect();
    assert_eq!(Header::read(&bytes), Some(Header::Coded { shown: false, refresh: 0x10 }));
    assert_eq!(Header::read(&[]), None);
    assert_eq!(Header::read(&[0b0100_0000]), None, "no frame marker");
    assert_eq!(Header::read(&hidden[..1]), None, "cut");
}

#[test]
fn vp9_pictures_are_shown_in_decoding_order() {
    let mut order = Order::default();
    let coded = |shown, refresh| Header::Coded { shown, refresh };
    order.parsed(coded(true, 0xff), Some(3), 100);
    order.parsed(coded(false, 0b10), Some(4), 133);
    order.parsed(coded(true, 0), Some(5), 133);
    order.parsed(Header::ShowExisting { slot: 1 }, None, 167);
    // Lost frames show nothing and change nothing.
    order.parsed(coded(true, 0xff), None, 200);
    order.parsed(Header::ShowExisting { slot: 1 }, None, 233);
    assert_eq!(order.due(3), Some((3, 100)));
    assert_eq!(order.due(3), None);
    assert_eq!(order.due_before(9), None);
    assert_eq!(order.due_before(5), Some((5, 133)));
    assert_eq!(order.due_before(5), None, "shown, so it may be decoded anew");
    assert_eq!((order.due(0), order.due(0), order.due(0)), (Some((4, 167)), Some((4, 233)), None));
}

/// What the end of a decoding thread rests on: a bounded queue whose reader is gone keeps what is in it until its
/// writer is gone, too.
#[test]
fn a_queue_gives_back_what_nobody_took_when_both_ends_are_gone() {
    struct Lent(crossbeam_channel::Sender<()>);
    impl Drop for Lent {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (way_back, back) = crossbeam_channel::unbounded();
    let (out, messages) = crossbeam_channel::bounded(4);
    (0..3).for_each(|_| assert!(out.send(Lent(way_back.clone())).is_ok()));
    drop(messages);
    drop(out);
    assert_eq!(back.try_iter().count(), 3);
}
