//! The kernels against the renderers of the CPU, bit for bit: sizes from 1 up, odd ones, just under and over a block, all
//! layouts of eyes, random pitches, frames as compose leaves them. Bytes around every row must survive.

use super::rig::*;
use super::{DeviceOpaque, OpaqueLayout, RenderJob, Tables};
use crate::frame::{Composite, Matrix, Range, Rect, Size};
use crate::gpu::{Event, Stream};
use crate::kernels::device::{DeviceComposite, Error};
use crate::kernels::fixtures::colour;
use crate::layout::{Bounds, Packing, Projection};
use crate::render::{Grey, Renderer};
use proptest::prelude::*;

fn sizes() -> impl Strategy<Value = Size> {
    // A block of threads owns 64 x 16 pixels.
    let across = prop_oneof![1usize..20, 30usize..36, 60usize..68, 125usize..132];
    (across, prop_oneof![1usize..20, 30usize..36, 46usize..51]).prop_map(|(w, h)| Size::new(w, h))
}

fn seen() -> impl Strategy<Value = [Seen; 2]> {
    prop::sample::select(SEEN.to_vec()).prop_map(|first| [first, Seen::Some])
}

fn projections() -> impl Strategy<Value = Projection> {
    let cut = Bounds { left: 0x3000_0000, right: 0x3800_0000, top: 0x0800_0000, bottom: 0x1000_0000 };
    prop::sample::select(vec![
        Projection::HALF,
        Projection::SPHERE,
        Projection::Equirect(cut),
        Projection::Fisheye { fov_degrees: 180 },
        Projection::Fisheye { fov_degrees: 195 },
    ])
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn mattes_are_those_of_the_cpu(
        size in sizes(), seen in seen(), full: bool, room in (0usize..40, 0usize..3), seed: u64,
    ) {
        let grey = Grey::new(if full { Range::Full } else { Range::Limited });
        let frames = seen.map(|seen| composite(size, seen, seed ^ seen as u64));
        check(&Renderer::Matte(Box::new(grey)), &frames, room);
    }

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn backdrops_are_those_of_the_cpu(
        size in sizes(), seen in seen(), full: bool, picture: bool, sbs: bool,
        room in (0usize..40, 0usize..3), seed: u64,
    ) {
        let range = if full { Range::Full } else { Range::Limited };
        let packing = if sbs && size.width > 1 { Packing::SideBySide } else { Packing::Mono };
        let renderer = backdrop(size, packing, colour(Matrix::Bt709, range), picture.then_some(seed));
        let frames = seen.map(|seen| composite(size, seen, seed ^ seen as u64));
        check(&renderer, &frames, room);
    }

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn packed_frames_are_those_of_the_cpu(
        (across, down) in (33usize..150, 33usize..150), projection in projections(),
        packing in prop::sample::select(vec![Packing::SideBySide, Packing::SideBySideSwapped, Packing::TopBottom,
            Packing::TopBottomSwapped]),
        fov in prop::sample::select(vec![None, Some(180u16), Some(200)]), odd in (0usize..2, 0usize..2),
        seen in seen(), full: bool, room in (0usize..40, 0usize..3), seed: u64,
    ) {
        let size = Size::new(2 * across + odd.0, 2 * down + odd.1);
        let range = if full { Range::Full } else { Range::Limited };
        let renderer = packer(packing, &projection, size, fov, range);
        prop_assume!(renderer.is_some());
        let frames = seen.map(|seen| composite(size, seen, seed ^ seen as u64));
        check(&renderer.unwrap(), &frames, room);
    }
}

/// Longer runs near the poles, and sides that are no multiple of a block: every row of blocks has its mattes.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn larger_packed_frames_are_those_of_the_cpu() {
    for (size, projection, packing) in [
        (Size::new(1600, 800), Projection::HALF, Packing::SideBySide),
        (Size::new(730, 1460), Projection::HALF, Packing::TopBottom),
        (Size::new(2400, 600), Projection::SPHERE, Packing::SideBySide),
        (Size::new(1001, 501), Projection::Fisheye { fov_degrees: 190 }, Packing::SideBySideSwapped),
    ] {
        let renderer = packer(packing, &projection, size, None, Range::Limited).unwrap();
        let frames = SEEN.map(|seen| composite(size, seen, 11));
        check(&renderer, &frames, (0, 0));
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn frames_that_do_not_fit_are_refused() {
    let (size, device) = (Size::new(64, 32), device());
    let renderer = backdrop(size, Packing::Mono, colour(Matrix::Bt709, Range::Full), None);
    let tables = Tables::upload(device, &renderer).unwrap();
    assert!(matches!(RenderJob::new(device, &tables, Size::new(64, 33)), Err(Error::Job(_))));
    let (job, stream) = (RenderJob::new(device, &tables, size).unwrap(), Stream::new(device).unwrap());
    let odd = OpaqueLayout::padded(size, true, |width| width + 1, 0);
    let small = OpaqueLayout::new(Size::new(32, 32), true);
    let from = DeviceComposite::new(device, size).unwrap();
    for layout in [odd, small] {
        let mut out = DeviceOpaque::new(device, layout).unwrap();
        // SAFETY: refused before anything is launched.
        assert!(unsafe { job.enqueue(&stream, &from, &mut out) }.is_err());
    }
}

/// A person of ellipses in each eye, on a third of the picture.
fn person(size: Size) -> Composite {
    let mut frame = Composite::new(size);
    frame.colour.y.data.iter_mut().enumerate().for_each(|(at, code)| *code = (at % 200) as u8 + 16);
    for y in 0..size.height {
        for x in 0..size.width {
            let half = size.width / 2;
            let (across, down) =
                ((x % half) as f32 / half as f32 - 0.5, y as f32 / size.height as f32 - 0.55);
            let alpha = (0.32 - across.hypot(0.7 * down)) * 20_000.0;
            if alpha >= 1.0 {
                frame.alpha.row_mut(y)[x] = alpha.min(255.0) as u8;
                frame.activity.row_mut(y / 16)[x / 16] = 1;
            }
        }
    }
    frame
}

/// Milliseconds of a frame of 7680x3840, against a device's copy of as many bytes as the kernels read and write at
/// least; prints them.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn what_rendering_costs_at_8k() {
    let (size, device) = (Size::new(7680, 3840), device());
    let stream = Stream::new(device).unwrap();
    let frame = person(size);
    let seen = frame.activity.data.iter().filter(|&&seen| seen != 0).count();
    let share = seen as f64 / frame.activity.data.len() as f64;
    println!("{:.1} % of the blocks are visible", 100.0 * share);
    let time = |run: &mut dyn FnMut()| {
        let (start, end) = (Event::timing(device).unwrap(), Event::timing(device).unwrap());
        (0..5).for_each(|_| run());
        start.record(&stream).unwrap();
        (0..50).for_each(|_| run());
        end.record(&stream).unwrap();
        end.synchronize().unwrap();
        f64::from(end.ms_since(&start).unwrap()) / 50.0
    };
    let limited = colour(Matrix::Bt709, Range::Limited);
    let sbs = Packing::SideBySide;
    let mut from = DeviceComposite::new(device, size).unwrap();
    let area = size.area() as f64;
    for (name, renderer, read_bytes, table_bytes) in [
        ("matte", Renderer::Matte(Box::new(Grey::new(Range::Limited))), 1.0, 0.0),
        ("green", backdrop(size, sbs, limited, None), 2.5, 0.0),
        ("picture", backdrop(size, sbs, limited, Some(1)), 2.5, 1.5),
        ("packed", packer(sbs, &Projection::HALF, size, None, Range::Limited).unwrap(), 2.5, 8.0 * share),
    ] {
        let tables = Tables::upload(device, &renderer).unwrap();
        let job = RenderJob::new(device, &tables, size).unwrap();
        let mut out = DeviceOpaque::new(device, job.layout()).unwrap();
        for (what, share) in [("person", share), ("nobody", 0.0)] {
            from.upload(&stream, &if share > 0.0 { frame.clone() } else { Composite::new(size) }).unwrap();
            // SAFETY: everything lives to the end of the timing, which waits.
            let ms = time(&mut || unsafe { job.enqueue(&stream, &from, &mut out) }.unwrap());
            let table = if share > 0.0 || name == "picture" { table_bytes } else { 0.0 };
            let bytes = area * (share * read_bytes + table) + job.layout().moving_bytes() as f64;
            let half = (bytes / 2.0) as usize;
            let source = crate::gpu::DeviceBuffer::zeroed(device, half).unwrap();
            let mut copy = crate::gpu::DeviceBuffer::zeroed(device, half).unwrap();
            let copied = time(&mut || copy.copy_from(&stream, &source, half).unwrap());
            println!(
                "render {name}, {what}: {ms:.4} ms, {:.0} MB; a copy of as many {copied:.4} ms, {:.2} of the time",
                bytes / 1e6,
                copied / ms
            );
        }
    }
    println!("{}", device.ledger().peak().sentence());
}

#[test]
fn the_blocks_of_the_source_have_room_in_16_bits() {
    let size = Size::new(300, 150);
    let Some(Renderer::Packed(packer)) =
        packer(Packing::SideBySide, &Projection::HALF, size, None, Range::Full)
    else {
        panic!("a geometry that can be packed")
    };
    let blocks = packer.source_blocks();
    assert_eq!(blocks.len(), 19 * 10);
    assert_eq!(packer.places().len(), 150 * 150);
    let eyes =
        [Rect { x: 0, y: 0, size: Size::new(150, 150) }, Rect { x: 150, y: 0, size: Size::new(150, 150) }];
    assert_eq!(packer.geometry().eyes, eyes);
    assert!(blocks.iter().all(|&[_, right, _, bottom]| right < 19 && bottom < 10));
    // The corners of the frame show nothing of the source, the middle of an eye does.
    for corner in [0, 18, 19 * 9, 19 * 10 - 1] {
        assert_eq!(blocks[corner], [1, 0, 1, 0]);
    }
    let [left, right, top, bottom] = blocks[5 * 19 + 4];
    assert!((left..=right).contains(&4) && (top..=bottom).contains(&5));
}
