//! What tests of the CUDA jobs share: the device, pictures and maps in its memory, runs with guards around every row, and how
//! near a result must come to the reference.

use std::sync::{Arc, OnceLock};

use proptest::prelude::*;

use super::compose::ComposeJob;
use super::device::{DeviceComposite, DevicePicture};
use super::fixtures::Random;
use super::sample::SampleJob;
use crate::frame::{Composite, Picture, Sample, Samples, Size, Yuv420};
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
