//! The CUDA jobs with what a lane may ask of them besides the plain matte, against the references: opacity through a
//! curve and cut to a lens's circle, maps and stages with margins, pictures of high dynamic range. And what it costs.

use super::compose::{ComposeJob, Finish, Lens, Matte, Pixel, Shade, compose};
use super::device::{DeviceComposite, DevicePicture};
use super::fixtures::{self, PATTERNS, Pattern, colour};
use super::hdr::{HdrJob, ToSdr};
use super::rig::*;
use super::sample::{SampleJob, Stage, sample};
use crate::frame::{Colour, Composite, Matrix, Picture, Plane, Range, Rect, Sample, Samples, Size, Yuv420};
use crate::gpu::{DeviceBuffer, Event, Stream};
use crate::layout::Packing;
use crate::tensor::{Coefficients, Tensor};
use proptest::prelude::*;

/// Opacity through the curve, as `lane::Touch` has it.
struct Curved<'a, S>(&'a S, Finish);

impl<S: Shade> Shade for Curved<'_, S> {
    type Row = S::Row;

    fn begin_row(&self, row: &mut S::Row, eye: usize, y: usize) {
        self.0.begin_row(row, eye, y);
    }

    fn shade(&self, row: &S::Row, x: usize, rgb: [f32; 3]) -> Pixel {
        let Pixel { rgb, alpha } = self.0.shade(row, x, rgb);
        let Finish { cutoff, gamma, .. } = self.1;
        let stretched = ((alpha.clamp(0.0, 1.0) - cutoff) / (1.0 - cutoff)).max(0.0);
        Pixel { rgb, alpha: stretched.powf(gamma) }
    }
}

fn check_finished(
    picture: &Picture,
    eyes: &[Rect],
    (maps, margin): (&Coefficients, usize),
    finish: &Finish,
    form: Form,
) -> Composite {
    let mut expected = Composite::new(picture.size);
    let matte = Matte::with_margin(maps, eyes, margin).unwrap();
    let curved = Curved(&matte, *finish);
    match finish.lens {
        true => compose(picture, eyes, &Lens::new(&curved, eyes), &mut expected),
        false => compose(picture, eyes, &curved, &mut expected),
    }
    .unwrap();
    let [_, _, height, width] = maps.a.shape;
    let map = (Size::new(width, height), margin);
    let job = ComposeJob::finished(device(), picture.size, eyes, map, finish).unwrap();
    let got = run_job(&job, picture, maps, form, (6, 2));
    assert!(got == run_job(&job, picture, maps, form, (6, 2)), "a second run differs");
    compare_composites(&got, &expected);
    got
}

fn finishes() -> impl Strategy<Value = Finish> {
    // Gammas far below 1 make much of the least rounding near 0.
    let cutoff = prop_oneof![Just(0.0f32), 0.0f32..0.9];
    let gamma = prop_oneof![Just(1.0f32), 0.4f32..4.0];
    (cutoff, gamma, any::<bool>()).prop_map(|(cutoff, gamma, lens)| Finish { cutoff, gamma, lens })
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn finished_composites_agree_with_their_reference(
        size in sizes(), packing in packings(), depth in prop::sample::select(vec![8u8, 10, 12]),
        pattern in prop::sample::select(PATTERNS.to_vec()), (w, h, margin) in (1usize..24, 1usize..24, 0usize..9),
        lift in -4.0f32..4.0, pad in 0usize..40, finish in finishes(), full: bool, seed: u64,
    ) {
        let range = if full { Range::Full } else { Range::Limited };
        let eyes = packing.eyes(size);
        prop_assume!(eyes.iter().all(|eye| eye.size.area() > 0));
        let picture = fixtures::picture(size, depth, colour(Matrix::Bt2020, range), pattern, 0, seed);
        let maps = maps(eyes.len(), Size::new(w + 2 * margin, h), seed ^ 1, lift);
        check_finished(&picture, &eyes, (&maps, margin), &finish, Form { semi_planar: true, pad });
    }

    /// The stage of an eye that goes round: its columns, and copies of those at the other side.
    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn samples_with_a_margin_go_round(
        size in sizes(), packing in packings(), depth in prop::sample::select(vec![8u8, 10]),
        ratio in 0.05f64..1.0, pad in 0usize..40, semi_planar: bool, seed: u64, share in 0usize..5,
    ) {
        let eyes = packing.eyes(size);
        prop_assume!(eyes.iter().all(|eye| eye.size.area() > 0));
        let Ok(stage) = Stage::of(eyes[0].size, ratio) else { return Ok(()) };
        let Size { width, height } = stage.size;
        let margin = width * share / 4;
        let picture = fixtures::picture(size, depth, colour(Matrix::Bt709, Range::Full), Pattern::Random, 0, seed);
        let mut core = Tensor::zeros([eyes.len(), 3, height, width]);
        sample(&picture, &eyes, &stage, &mut core).unwrap();
        let rows = core.data.chunks_exact(width);
        let round = |row: &[f32]| [&row[width - margin..], row, &row[..margin]].concat();
        let wide = [eyes.len(), 3, height, width + 2 * margin];
        let expected = Tensor::from_vec(wide, rows.flat_map(round).collect());
        let job = SampleJob::with_margin(device(), size, &eyes, &stage, margin).unwrap();
        compare_samples(&job, &picture, Form { semi_planar, pad }, &expected);
    }

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn mapped_pictures_agree_with_their_reference(
        size in sizes(), depth in prop::sample::select(vec![8u8, 10, 12]),
        pattern in prop::sample::select(PATTERNS.to_vec()), pad in 0usize..40,
        semi_planar: bool, hlg: bool, full: bool, wide: bool, seed: u64,
    ) {
        let transfer = if hlg { Colour::HLG } else { Colour::PQ };
        let (matrix, primaries) = if wide { (Matrix::Bt2020, 9) } else { (Matrix::Bt709, 1) };
        let range = if full { Range::Full } else { Range::Limited };
        let picture = fixtures::picture(size, depth, Colour { matrix, range, primaries, transfer }, pattern, 0, seed);
        check_mapped(&picture, Form { semi_planar, pad });
    }
}

fn check_mapped(picture: &Picture, form: Form) {
    let map = ToSdr::new(picture.colour, None).unwrap();
    let expected = map.picture(picture);
    let (_keep, described) = upload(picture, form);
    let mut job = HdrJob::new(device(), picture.size, picture.depth, &map).unwrap();
    let stream = Stream::new(device()).unwrap();
    // SAFETY: the picture is kept, and what comes of it is looked at after waiting.
    let got = unsafe { job.enqueue(&stream, &described) }.unwrap();
    assert_eq!((got.size, got.depth, got.colour), (picture.size, picture.depth, ToSdr::colour()));
    let bytes = job.download(&stream).unwrap();
    // SAFETY: as above.
    unsafe { job.enqueue(&stream, &described) }.unwrap();
    assert!(bytes == job.download(&stream).unwrap(), "a second run differs");
    match &expected.samples {
        Samples::Eight(planes) => compare_planes(planes, &bytes, &got),
        Samples::Sixteen(planes) => compare_planes(planes, &bytes, &got),
    }
}

/// Planes against NV12 or P016 in `bytes`.
fn compare_planes<T: Sample>(expected: &Yuv420<T>, bytes: &[u8], got: &DevicePicture) {
    let (width, shift) = if got.depth > 8 { (2, 16 - got.depth) } else { (1, 0) };
    let code = |at: usize| match width {
        1 => u16::from(bytes[at]),
        _ => u16::from_le_bytes([bytes[at], bytes[at + 1]]),
    };
    let chroma = got.pitches[0] * got.size.height;
    let planes: [(&Plane<T>, usize, usize); 3] =
        [(&expected.y, 0, 1), (&expected.u, chroma, 2), (&expected.v, chroma + width, 2)];
    for (plane, start, step) in planes {
        let (mut far, mut near) = (0, 0);
        for y in 0..plane.size.height {
            for (x, sample) in plane.row(y).iter().enumerate() {
                let stored = code(start + y * got.pitches[0] + x * step * width);
                assert_eq!(stored & ((1 << shift) - 1), 0, "bits below the code");
                let off = (stored >> shift).abs_diff(sample.code());
                near += usize::from(off == 1);
                far += usize::from(off > 1);
            }
        }
        let area = plane.size.area();
        assert!(far <= area / 10_000, "{far} of {area} are more than a code off");
        assert!(near <= 20.min(area / 5) + area / 50, "{near} of {area} are a code off");
    }
}

/// Both eyes of a frame as large as several blocks, with all that can be cut off: corners are black and idle.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn nothing_is_seen_outside_a_lens() {
    let size = Size::new(1400, 700);
    let eyes = Packing::SideBySide.eyes(size);
    let picture = fixtures::picture(size, 10, colour(Matrix::Bt709, Range::Limited), Pattern::Random, 0, 5);
    let zeros = || Tensor::zeros([2, 4, 90, 90]);
    let mut maps = Coefficients { a: zeros(), b: zeros() };
    for eye in 0..2 {
        maps.b.channel_mut(eye, 3).fill(1.5);
    }
    let finish = Finish { lens: true, ..Finish::default() };
    let got = check_finished(&picture, &eyes, (&maps, 0), &finish, Form { semi_planar: true, pad: 0 });
    let seen: f64 = got.alpha.data.iter().map(|&alpha| f64::from(alpha) / 255.0).sum();
    let area = 2.0 * std::f64::consts::PI * 350.0 * 350.0;
    assert!((seen - area).abs() < 1e-3 * area, "{seen} of {area}");
    assert_eq!((got.colour.y.row(0)[0], got.activity.row(0)[0], got.activity.row(21)[21]), (16, 0, 1));
}

/// Every code of luma, and greys and colours of a ramp: as finely as pictures can tell.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn every_code_is_mapped_as_by_the_reference() {
    let size = Size::new(1024, 64);
    for transfer in [Colour::PQ, Colour::HLG] {
        let colour = Colour { matrix: Matrix::Bt2020, range: Range::Limited, primaries: 9, transfer };
        let mut planes = Yuv420::<u16>::new(size);
        for y in 0..64 {
            planes.y.row_mut(y).iter_mut().enumerate().for_each(|(x, code)| *code = x as u16);
        }
        for y in 0..32 {
            planes.u.row_mut(y).fill(512 + 8 * y as u16);
            planes.v.row_mut(y).fill(512 - 6 * y as u16);
        }
        let picture = Picture { pts: 0, size, depth: 10, colour, samples: Samples::Sixteen(planes) };
        check_mapped(&picture, Form { semi_planar: true, pad: 0 });
    }
}

/// Milliseconds of a frame of 7680x3840, 10 bits, a third of it visible. Prints them; `benches/gpu.rs` has the plain
/// kernel with more care.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn what_treatments_cost_at_8k() {
    let size = Size::new(7680, 3840);
    let eyes = Packing::SideBySide.eyes(size);
    let stream = Stream::new(device()).unwrap();
    let colour = Colour { matrix: Matrix::Bt2020, range: Range::Limited, primaries: 9, transfer: Colour::PQ };
    let picture = fixtures::picture(size, 10, colour, Pattern::Random, 0, 9);
    let (_keep, described) = upload(&picture, Form { semi_planar: true, pad: 0 });
    let time = |run: &mut dyn FnMut()| {
        let (start, end) = (Event::timing(device()).unwrap(), Event::timing(device()).unwrap());
        (0..3).for_each(|_| run());
        start.record(&stream).unwrap();
        (0..30).for_each(|_| run());
        end.record(&stream).unwrap();
        end.synchronize().unwrap();
        end.ms_since(&start).unwrap() / 30.0
    };
    let mut out = DeviceComposite::new(device(), size).unwrap();
    let map = |width: usize, alpha: bool| -> DeviceBuffer {
        let value = |i: usize| {
            let (x, y) =
                ((i / 4 % width) as f32 / width as f32 - 0.5, (i / 4 / width % 512) as f32 / 512.0 - 0.5);
            if alpha && i % 4 == 3 { (0.325 - x.hypot(y)) * 40.0 } else { 0.0 }
        };
        DeviceBuffer::from_slice(device(), &(0..2 * 512 * width * 4).map(value).collect::<Vec<f32>>())
            .unwrap()
    };
    let plain = Finish::default();
    for (name, margin, finish) in [
        ("plain", 0, plain),
        ("margins", 32, plain),
        ("lens", 0, Finish { lens: true, ..plain }),
        ("cutoff", 0, Finish { cutoff: 0.1, ..plain }),
        ("gamma", 0, Finish { gamma: 1.5, ..plain }),
        ("lens, cutoff, gamma", 0, Finish { cutoff: 0.1, gamma: 1.5, lens: true }),
        ("plain again", 0, plain),
    ] {
        let width = 512 + 2 * margin;
        let (a, b) = (map(width, false), map(width, true));
        let job =
            ComposeJob::finished(device(), size, &eyes, (Size::new(width, 512), margin), &finish).unwrap();
        let ms = time(&mut || {
            // SAFETY: picture, maps and result live to the end of the timing, which waits.
            unsafe { job.enqueue(&stream, &described, (a.address(), b.address()), &mut out) }.unwrap();
        });
        println!("compose, {name}: {ms:.4} ms");
    }
    let stage = Stage::of(eyes[0].size, 512.0 / 3840.0).unwrap();
    for margin in [0, 32] {
        let job = SampleJob::with_margin(device(), size, &eyes, &stage, margin).unwrap();
        let small = DeviceBuffer::zeroed(device(), 2 * 3 * 512 * (512 + 2 * margin) * 4).unwrap();
        // SAFETY: as above.
        let ms = time(&mut || unsafe { job.enqueue(&stream, &described, small.address()) }.unwrap());
        println!("sample, margin {margin}: {ms:.4} ms");
    }
    for transfer in [Colour::PQ, Colour::HLG] {
        let map = ToSdr::new(Colour { transfer, ..colour }, None).unwrap();
        let mut job = HdrJob::new(device(), size, 10, &map).unwrap();
        let ms = time(&mut || {
            // SAFETY: as above.
            unsafe { job.enqueue(&stream, &described) }.unwrap();
        });
        println!("HDR mapping, transfer {transfer}: {ms:.4} ms");
    }
}
