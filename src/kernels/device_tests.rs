//! The CUDA forms of `sample` and `compose` against the references: sizes from 1 up, odd ones, just under
//! and over a block, all layouts of planes, random pitches, worst cases. Bytes around every row must survive.

use std::sync::{Arc, OnceLock};

use proptest::prelude::*;

use super::compose::{ComposeJob, Matte, compose};
use super::device::{DeviceComposite, DevicePicture, Error};
use super::fixtures::{self, PATTERNS, Pattern, Random, colour};
use super::sample::{SampleJob, Stage, sample};
use crate::frame::{Composite, Matrix, Picture, Range, Sample, Samples, Size, Yuv420};
use crate::gpu::{Device, DeviceBuffer, Stream};
use crate::layout::Packing;
use crate::tensor::{Coefficients, Tensor};

/// The kernel fuses multiplications and additions where the reference rounds in between.
const RGB_TOLERANCE: f32 = 1e-5;
/// A code may round the other way; where that makes a pixel visible or not, its colour is another.
const FAR_SHARE: usize = 1000;
const GUARD: u8 = 0xA5;

pub(super) fn device() -> &'static Arc<Device> {
    static DEVICE: OnceLock<Arc<Device>> = OnceLock::new();
    DEVICE.get_or_init(|| Device::open(0).expect("the feature gpu-tests asks for a device"))
}

/// How a picture lies in device memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) semi_planar: bool,
    /// Extra bytes between rows, in steps of a sample.
    pub(super) pad: usize,
}

/// Uploads a picture; the buffer must be kept.
pub(super) fn upload(picture: &Picture, form: Form) -> (DeviceBuffer, DevicePicture) {
    fn bytes<T: Sample>(yuv: &Yuv420<T>, depth: u8, form: Form) -> (Vec<u8>, [usize; 3], [usize; 2]) {
        let width = if depth > 8 { 2 } else { 1 };
        let shift = if depth > 8 { 16 - depth } else { 0 };
        let pad = form.pad * width;
        let mut out = Vec::new();
        let mut row = |samples: &mut dyn Iterator<Item = u16>, pitch: usize| {
            let end = out.len() + pitch;
            for code in samples {
                out.extend(&(code << shift).to_le_bytes()[..width]);
            }
            out.resize(end, GUARD);
        };
        let (size, chroma) = (yuv.y.size, yuv.u.size);
        let luma_pitch = (size.width * width + pad).next_multiple_of(2 * width);
        for y in 0..size.height {
            row(&mut yuv.y.row(y).iter().map(|s| s.code()), luma_pitch);
        }
        let start = luma_pitch * size.height;
        if form.semi_planar {
            let pitch = (chroma.width * 2 * width + pad).next_multiple_of(2 * width);
            for y in 0..chroma.height {
                let pairs = yuv.u.row(y).iter().zip(yuv.v.row(y));
                row(&mut pairs.flat_map(|(u, v)| [u.code(), v.code()]), pitch);
            }
            (out, [0, start, start + width], [luma_pitch, pitch])
        } else {
            let pitch = (chroma.width * width + pad).next_multiple_of(2 * width);
            for plane in [&yuv.u, &yuv.v] {
                for y in 0..chroma.height {
                    row(&mut plane.row(y).iter().map(|s| s.code()), pitch);
                }
            }
            (out, [0, start, start + pitch * chroma.height], [luma_pitch, pitch])
        }
    }
    let (bytes, offsets, pitches) = match &picture.samples {
        Samples::Eight(yuv) => bytes(yuv, 8, form),
        Samples::Sixteen(yuv) => bytes(yuv, picture.depth, form),
    };
    let buffer = DeviceBuffer::from_slice(device(), &bytes).unwrap();
    let planes = offsets.map(|offset| buffer.address() + offset as u64);
    let chroma_step = if form.semi_planar { 2 } else { 1 };
    let (size, depth, colour) = (picture.size, picture.depth, picture.colour);
    let described = DevicePicture { planes, pitches, chroma_step, size, depth, high_bits: true, colour };
    (buffer, described)
}

/// `[eyes, 4, h, w]` as the kernels want it.
fn interleave(map: &Tensor) -> Vec<f32> {
    let [eyes, 4, h, w] = map.shape else { panic!("{:?}", map.shape) };
    let pixels = (0..eyes).flat_map(|eye| (0..h * w).map(move |at| (eye, at)));
    pixels.flat_map(|(eye, at)| [0, 1, 2, 3].map(|c| map.channel(eye, c)[at])).collect()
}

/// Maps whose alpha is 0 or 1 over wide areas with slopes between, as real ones are.
pub(super) fn maps(eyes: usize, size: Size, seed: u64, lift: f32) -> Coefficients {
    let mut random = Random(seed);
    let shape = [eyes, 4, size.height, size.width];
    let mut map = |base: f32| {
        let values = (0..shape.iter().product()).map(|_| base + 4.0 * (random.unit() - 0.5)).collect();
        Tensor::from_vec(shape, values)
    };
    Coefficients { a: map(0.0), b: map(lift) }
}

fn check_sample(picture: &Picture, packing: Packing, ratio: f64, form: Form) {
    let eyes = packing.eyes(picture.size);
    if eyes.iter().any(|eye| eye.size.area() == 0) {
        return;
    }
    let Ok(stage) = Stage::of(eyes[0].size, ratio) else { return };
    let mut expected = Tensor::zeros([eyes.len(), 3, stage.size.height, stage.size.width]);
    sample(picture, &eyes, &stage, &mut expected).unwrap();
    let job = SampleJob::new(device(), picture.size, &eyes, &stage).unwrap();
    compare_samples(&job, picture, form, &expected);
}

/// What a job makes of a picture, against what it should.
pub(super) fn compare_samples(job: &SampleJob, picture: &Picture, form: Form, expected: &Tensor) {
    let (_keep, described) = upload(picture, form);
    let stream = Stream::new(device()).unwrap();
    let len = expected.data.len();
    // Values that no pixel has, before, between and after.
    let out = DeviceBuffer::from_slice(device(), &vec![-7f32; len + 8]).unwrap();
    // SAFETY: picture and result are alive and waited for, and the result has four floats to spare.
    unsafe { job.enqueue(&stream, &described, out.address() + 16).unwrap() };
    let mut got = vec![0f32; len + 8];
    out.download_sync(&stream, &mut got).unwrap();
    assert!(got[..4].iter().chain(&got[len + 4..]).all(|&guard| guard == -7.0));
    for (i, (got, expected)) in got[4..len + 4].iter().zip(&expected.data).enumerate() {
        assert!((got - expected).abs() <= RGB_TOLERANCE, "{i}: {got} for {expected}");
    }
}

fn run_compose(
    picture: &Picture,
    packing: Packing,
    maps: &Coefficients,
    form: Form,
    (pitch, gap): (usize, usize),
) -> Composite {
    let eyes = packing.eyes(picture.size);
    let [_, _, height, width] = maps.a.shape;
    let job = ComposeJob::new(device(), picture.size, &eyes, Size::new(width, height)).unwrap();
    run_job(&job, picture, maps, form, (pitch, gap))
}

/// What a job makes of a picture, with `pitch` and `gap` bytes to spare between rows and planes, which must survive.
pub(super) fn run_job(
    job: &ComposeJob,
    picture: &Picture,
    maps: &Coefficients,
    form: Form,
    (pitch, gap): (usize, usize),
) -> Composite {
    let (_keep, described) = upload(picture, form);
    let stream = Stream::new(device()).unwrap();
    let [a, b] = [&maps.a, &maps.b].map(|map| DeviceBuffer::from_slice(device(), &interleave(map)).unwrap());
    let mut out =
        DeviceComposite::padded(device(), picture.size, |w| (w + pitch).next_multiple_of(2), gap).unwrap();
    let guards = vec![GUARD; out.buffer.len_bytes()];
    out.buffer.upload_sync(&stream, &guards).unwrap();
    // SAFETY: picture, maps and result are alive and waited for.
    unsafe { job.enqueue(&stream, &described, (a.address(), b.address()), &mut out).unwrap() };
    let mut bytes = guards;
    out.buffer.download_sync(&stream, &mut bytes).unwrap();
    for plane in out.planes() {
        for y in 0..plane.size.height {
            let start = plane.offset + y * plane.pitch;
            bytes[start..start + plane.size.width].fill(GUARD);
        }
    }
    assert!(bytes.iter().all(|&byte| byte == GUARD), "wrote outside its rows");
    out.download(&stream).unwrap()
}

fn check_compose(picture: &Picture, packing: Packing, maps: &Coefficients, form: Form, room: (usize, usize)) {
    let eyes = packing.eyes(picture.size);
    let mut expected = Composite::new(picture.size);
    compose(picture, &eyes, &Matte::new(maps, &eyes).unwrap(), &mut expected).unwrap();
    let got = run_compose(picture, packing, maps, form, room);
    assert!(got == run_compose(picture, packing, maps, form, room), "a second run differs");
    let [_, _, height, width] = maps.a.shape;
    let job =
        ComposeJob::new(device(), picture.size, &eyes, Size::new(width, height)).unwrap().without_room();
    assert!(got == run_job(&job, picture, maps, form, room), "without room for the maps it differs");
    compare_composites(&got, &expected);
}

/// Nearly all samples within a code, and most equal to the bit.
pub(super) fn compare_composites(got: &Composite, expected: &Composite) {
    let pairs = [
        ("alpha", &got.alpha, &expected.alpha),
        ("Y", &got.colour.y, &expected.colour.y),
        ("U", &got.colour.u, &expected.colour.u),
        ("V", &got.colour.v, &expected.colour.v),
        ("activity", &got.activity, &expected.activity),
    ];
    for (name, got, expected) in pairs {
        let far = |limit: u8| {
            let samples = got.data.iter().zip(&expected.data);
            samples.filter(|(a, b)| a.abs_diff(**b) > limit).count()
        };
        let limit = if name == "activity" { 0 } else { 1 };
        let (len, count) = (got.data.len(), far(limit));
        // One visible pixel more or less can recolour a neighbourhood of 5x5 cells.
        assert!(
            count <= 100.min(len / 20) + len / FAR_SHARE,
            "{name}: {count} of {len} differ by more than {limit}"
        );
        // Those, too, are rare: most must agree to the bit.
        assert!(far(0) <= 100.min(len / 20) + len / 50, "{name}: {} of {len} differ", far(0));
    }
}

/// Fewer where `$PROPTEST_CASES` says so: tools that watch every access are slow.
pub(super) fn cases() -> ProptestConfig {
    let limit = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(limit.unwrap_or(96).min(96)) }
}

pub(super) fn sizes() -> impl Strategy<Value = Size> {
    // A block of compose owns 256 x 32 pixels, one of sample 32 x 8.
    let near = prop_oneof![1usize..20, 30usize..36, 250usize..264, 508usize..518];
    (near.clone(), prop_oneof![1usize..20, 26usize..40, 62usize..70, 158usize..163])
        .prop_map(|(w, h)| Size::new(w, h))
}

pub(super) fn packings() -> impl Strategy<Value = Packing> {
    prop::sample::select(vec![Packing::Mono, Packing::SideBySide, Packing::TopBottom])
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn sample_agrees_with_its_reference(
        size in sizes(), packing in packings(), depth in prop::sample::select(vec![8u8, 10, 12]),
        pattern in prop::sample::select(PATTERNS.to_vec()), ratio in 0.05f64..1.0, pad in 0usize..40,
        semi_planar: bool, full: bool, seed: u64,
    ) {
        let range = if full { Range::Full } else { Range::Limited };
        let picture = fixtures::picture(size, depth, colour(Matrix::Bt709, range), pattern, 0, seed);
        check_sample(&picture, packing, ratio, Form { semi_planar, pad });
    }

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn compose_agrees_with_its_reference(
        size in sizes(), packing in packings(), depth in prop::sample::select(vec![8u8, 10, 12]),
        pattern in prop::sample::select(PATTERNS.to_vec()), (w, h) in (1usize..24, 1usize..24),
        lift in -4.0f32..4.0, pad in 0usize..40, room in (0usize..40, 0usize..3), full: bool, seed: u64,
    ) {
        let range = if full { Range::Full } else { Range::Limited };
        let eyes = packing.eyes(size);
        prop_assume!(eyes.iter().all(|eye| eye.size.area() > 0));
        let picture = fixtures::picture(size, depth, colour(Matrix::Bt2020, range), pattern, 0, seed);
        let maps = maps(eyes.len(), Size::new(w, h), seed ^ 1, lift);
        check_compose(&picture, packing, &maps, Form { semi_planar: true, pad }, (room.0, room.1 * 2));
    }
}

/// A block reaches over the edges of a narrow picture: what an earlier launch left in shared memory must not
/// show there.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn narrow_pictures_come_out_the_same_every_time() {
    let size = Size::new(9, 66);
    let colour = colour(Matrix::Bt2020, Range::Full);
    let seed = 15_653_976_758_292_148_350;
    let picture = fixtures::picture(size, 8, colour, Pattern::Spike, 0, seed);
    let coefficients = maps(1, Size::new(22, 13), seed ^ 1, 0.004_925_324);
    let form = Form { semi_planar: true, pad: 24 };
    check_compose(&picture, Packing::Mono, &coefficients, form, (31, 4));
    let first = run_compose(&picture, Packing::Mono, &coefficients, form, (31, 4));
    for turn in 0..50 {
        let other = fixtures::picture(Size::new(700, 300), 10, colour, Pattern::Random, 0, turn);
        run_compose(&other, Packing::Mono, &maps(1, Size::new(90, 40), turn, 0.0), form, (0, 0));
        let again = run_compose(&picture, Packing::Mono, &coefficients, form, (31, 4));
        assert!(again == first, "differs after {turn} turns");
    }
}

/// Maps as fine as the frame do not fit a block's memory, those of half its size take most of it; a seam between
/// eyes goes through a block.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn maps_of_any_fineness_are_enlarged() {
    for (size, packing, map) in [
        (Size::new(300, 70), Packing::Mono, Size::new(300, 70)),
        (Size::new(600, 90), Packing::SideBySide, Size::new(150, 45)),
        (Size::new(300, 140), Packing::TopBottom, Size::new(80, 19)),
    ] {
        for (lift, pattern) in [(4.0, Pattern::Random), (1.5, Pattern::Max), (-0.5, Pattern::Random)] {
            let picture = fixtures::picture(size, 10, colour(Matrix::Bt709, Range::Limited), pattern, 0, 77);
            let maps = maps(packing.eyes(size).len(), map, 78, lift);
            check_compose(&picture, packing, &maps, Form { semi_planar: true, pad: 0 }, (0, 0));
        }
    }
}

/// All jobs of a device have one and the same kernel, whose share of shared memory is what the job at hand needs.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_job_for_coarse_maps_leaves_one_for_fine_maps_alone() {
    let size = Size::new(600, 90);
    let eyes = Packing::SideBySide.eyes(size);
    let picture = fixtures::picture(size, 10, colour(Matrix::Bt709, Range::Limited), Pattern::Random, 0, 5);
    let [fine, coarse] = [Size::new(150, 45), Size::new(40, 12)]
        .map(|map| (ComposeJob::new(device(), size, &eyes, map).unwrap(), maps(2, map, 6, 1.5)));
    let form = Form { semi_planar: true, pad: 0 };
    let first = run_job(&fine.0, &picture, &fine.1, form, (0, 0));
    run_job(&coarse.0, &picture, &coarse.1, form, (0, 0));
    assert!(run_job(&fine.0, &picture, &fine.1, form, (0, 0)) == first);
}

/// Alpha 1, no residual: 8-bit codes come back as they went.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn what_is_left_alone_keeps_its_codes() {
    let size = Size::new(250, 51);
    let limited = colour(Matrix::Bt709, Range::Limited);
    let picture = fixtures::picture(size, 8, limited, Pattern::Random, 0, 3);
    let mut maps = Coefficients { a: Tensor::zeros([1, 4, 5, 7]), b: Tensor::zeros([1, 4, 5, 7]) };
    maps.b.channel_mut(0, 3).fill(1.0);
    let got = run_compose(&picture, Packing::Mono, &maps, Form { semi_planar: true, pad: 6 }, (6, 0));
    let Samples::Eight(yuv) = &picture.samples else { panic!("8 bits were asked for") };
    assert!(got.colour == *yuv);
    assert!(got.alpha.data.iter().all(|&alpha| alpha == 255));
    // Nothing visible: black of the range, nothing active.
    maps.b.channel_mut(0, 3).fill(-1.0);
    let got = run_compose(&picture, Packing::Mono, &maps, Form { semi_planar: true, pad: 6 }, (6, 0));
    assert!(
        got.colour.y.data.iter().all(|&code| code == 16) && got.colour.v.data.iter().all(|&code| code == 128)
    );
    assert!(got.alpha.data.iter().chain(&got.activity.data).all(|&value| value == 0));
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn unsound_arguments_are_refused() {
    let size = Size::new(64, 32);
    let picture = fixtures::picture(size, 10, colour(Matrix::Bt709, Range::Full), Pattern::Max, 0, 1);
    let (_keep, described) = upload(&picture, Form { semi_planar: true, pad: 0 });
    let eyes = Packing::Mono.eyes(size);
    let job = SampleJob::new(device(), size, &eyes, &Stage::of(size, 0.5).unwrap()).unwrap();
    let stream = Stream::new(device()).unwrap();
    for wrong in [
        DevicePicture { pitches: [126, 128], ..described },
        DevicePicture { pitches: [128, 127], ..described },
        DevicePicture { size: Size::new(63, 32), ..described },
        DevicePicture { depth: 7, ..described },
        DevicePicture { planes: [0; 3], ..described },
    ] {
        // SAFETY: refused before anything is launched.
        assert!(unsafe { job.enqueue(&stream, &wrong, 16) }.is_err(), "{wrong:?}");
    }
    let compose = ComposeJob::new(device(), size, &eyes, size).unwrap();
    let mut out = DeviceComposite::new(device(), size).unwrap();
    let apart = DevicePicture { chroma_step: 1, ..described };
    // SAFETY: refused before anything is launched.
    let answer = unsafe { compose.enqueue(&stream, &apart, (16, 16), &mut out) };
    assert!(matches!(answer, Err(Error::Layout { what: "U", .. })), "{answer:?}");
    let three = [eyes[0], eyes[0], eyes[0]];
    assert!(matches!(ComposeJob::new(device(), size, &three, size), Err(Error::Job(_))));
}
