//! Ties the sampler to the formula written out in f64, to the golden data and to hand-made cases.
#![forbid(unsafe_code)]

use proptest::prelude::*;

use super::*;
use crate::frame::{Matrix, Picture, Plane, Range, Rect, Samples, Size, Yuv420};
use crate::kernels::Error;
use crate::kernels::fixtures::{self, PATTERNS, Pattern, code, colour};
use crate::layout::Packing;
use crate::tensor::Tensor;

/// f32 rounding of codes up to 65535 through three mixes and a conversion, in units of 1.
const TOLERANCE: f64 = 2e-6;

const PACKINGS: [Packing; 3] = [Packing::Mono, Packing::SideBySide, Packing::TopBottom];

/// One small pixel straight from the formula: nothing shared with the code under test.
fn literal(picture: &Picture, eye: Rect, ratio: f64, x: usize, y: usize) -> [f64; 3] {
    let place = |i: usize, start: usize, len: usize| {
        start as f64 + ((i as f64 + 0.5) / ratio - 0.5).max(0.0).min(len as f64 - 1.0)
    };
    let (px, py) = (place(x, eye.x, eye.size.width), place(y, eye.y, eye.size.height));
    // Cells that reach into the other eye are not this eye's, unless it has no other.
    let cells = |start: usize, len: usize, frame: usize| {
        let own: Vec<usize> = (0..frame.div_ceil(2))
            .filter(|c| 2 * c >= start && (2 * c + 1).min(frame - 1) < start + len)
            .collect();
        match (own.first(), own.last()) {
            (Some(&a), Some(&b)) => (a, b),
            _ => (start / 2, (start + len - 1) / 2),
        }
    };
    let (left, right) = cells(eye.x, eye.size.width, picture.size.width);
    let (top, bottom) = cells(eye.y, eye.size.height, picture.size.height);
    let chroma = |plane| {
        let cx = (px / 2.0).clamp(left as f64, right as f64);
        let cy = ((py - 0.5) / 2.0).clamp(top as f64, bottom as f64);
        tent(picture, plane, cx, cy, [left, right, top, bottom])
    };
    let edges = [eye.x, eye.x + eye.size.width - 1, eye.y, eye.y + eye.size.height - 1];
    let codes = [tent(picture, 0, px, py, edges), chroma(1), chroma(2)];
    fixtures::rgb_f64(picture.colour, picture.depth, codes).map(|c| c.clamp(0.0, 1.0))
}

/// Bilinear interpolation as a sum over all samples in `edges`, weighted by a tent.
fn tent(picture: &Picture, plane: usize, x: f64, y: f64, [x0, x1, y0, y1]: [usize; 4]) -> f64 {
    let near = |p: f64, a: usize, b: usize| (p.floor() as usize).max(a)..=(p.floor() as usize + 1).min(b);
    let weight = |p: f64, i: usize| (1.0 - (p - i as f64).abs()).max(0.0);
    let mut sum = 0.0;
    for j in near(y, y0, y1) {
        for i in near(x, x0, x1) {
            sum += code(picture, plane, i, j) * weight(x, i) * weight(y, j);
        }
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn every_pixel_follows_the_formula(
        (width, height) in (1usize..=40, 1usize..=40), ratio in 0.06f64..=1.0, seed: u64, pad in 0usize..9,
        depth in prop::sample::select(vec![8u8, 9, 10, 12, 16]), pattern in 0usize..5, packing in 0usize..3,
        full: bool,
    ) {
        let range = if full { Range::Full } else { Range::Limited };
        let size = Size::new(width, height);
        let picture = fixtures::picture(size, depth, colour(Matrix::Bt709, range), PATTERNS[pattern], pad, seed);
        let eyes = PACKINGS[packing].eyes(size);
        prop_assume!(eyes.iter().all(|e| e.size.area() > 0));
        let Ok(stage) = Stage::of(eyes[0].size, ratio) else { return Ok(()) };
        let before = picture.clone();
        let mut out = Tensor::zeros([eyes.len(), 3, stage.size.height, stage.size.width]);
        out.data.fill(f32::NAN);
        sample(&picture, &eyes, &stage, &mut out).unwrap();
        prop_assert_eq!(&picture, &before);
        for (n, &eye) in eyes.iter().enumerate() {
            for i in 0..stage.size.area() {
                let (x, y) = (i % stage.size.width, i / stage.size.width);
                let want = literal(&picture, eye, ratio, x, y);
                for (c, want) in want.into_iter().enumerate() {
                    let got = f64::from(out.channel(n, c)[i]);
                    prop_assert!((got - want).abs() <= TOLERANCE, "eye {n} ({x},{y}) {c}: {got} {want}");
                }
            }
        }
    }
}

/// Whatever the right eye shows, the left eye's sample stays the same, and the other way round.
#[test]
fn eyes_do_not_bleed_into_each_other() {
    for packing in [Packing::SideBySide, Packing::TopBottom] {
        for size in [Size::new(20, 12), Size::new(23, 17), Size::new(22, 18)] {
            let eyes = packing.eyes(size);
            let stage = Stage::of(eyes[0].size, 0.77).unwrap();
            let both = [1u64, 2].map(|seed| {
                let limited = colour(Matrix::Bt709, Range::Limited);
                fixtures::picture(size, 8, limited, Pattern::Random, 0, seed)
            });
            for (keep, eye) in eyes.iter().enumerate() {
                let mut mixed = both[1].clone();
                copy_own(&both[0], &mut mixed, *eye);
                let channels = |p: &Picture| {
                    let mut out = Tensor::zeros([2, 3, stage.size.height, stage.size.width]);
                    sample(p, &eyes, &stage, &mut out).unwrap();
                    (0..3).flat_map(|c| out.channel(keep, c).to_vec()).collect::<Vec<_>>()
                };
                assert_eq!(channels(&both[0]), channels(&mixed), "{packing} {size} eye {keep}");
                assert_ne!(channels(&both[0]), channels(&both[1]));
            }
        }
    }
}

/// Copies luma of `eye` and the chroma cells wholly inside it.
fn copy_own(from: &Picture, to: &mut Picture, eye: Rect) {
    let frame = from.size;
    let (Samples::Eight(from), Samples::Eight(to)) = (&from.samples, &mut to.samples) else { panic!() };
    let inside = |x: usize, y: usize| {
        (eye.x..eye.x + eye.size.width).contains(&x) && (eye.y..eye.y + eye.size.height).contains(&y)
    };
    let whole = |x: usize, y: usize| {
        let (right, bottom) = ((2 * x + 1).min(frame.width - 1), (2 * y + 1).min(frame.height - 1));
        inside(2 * x, 2 * y) && inside(right, bottom)
    };
    let copy = |from: &Plane<u8>, to: &mut Plane<u8>, own: &dyn Fn(usize, usize) -> bool| {
        for y in 0..from.size.height {
            for x in (0..from.size.width).filter(|&x| own(x, y)) {
                to.row_mut(y)[x] = from.row(y)[x];
            }
        }
    };
    copy(&from.y, &mut to.y, &inside);
    copy(&from.u, &mut to.u, &whole);
    copy(&from.v, &mut to.v, &whole);
}

/// A ramp of chroma along x, worked by hand: pixel 0 of the stage lies at x = 0.5, a quarter of the
/// way from the first chroma sample (over column 0) to the second (over column 2).
#[test]
fn chroma_is_level_with_even_columns() {
    let size = Size::new(8, 4);
    let mut yuv = Yuv420 {
        y: Plane::filled(size, 126),
        u: Plane::filled(size.chroma(), 128),
        v: Plane::new(size.chroma()),
    };
    for y in 0..2 {
        yuv.v.row_mut(y).copy_from_slice(&[128, 132, 136, 140]);
    }
    let full = colour(Matrix::Bt601, Range::Full);
    let picture = Picture { pts: 0, size, depth: 8, colour: full, samples: Samples::Eight(yuv) };
    let mut out = Tensor::zeros([1, 3, 2, 4]);
    let stage = Stage::of(size, 0.5).unwrap();
    sample(&picture, &Packing::Mono.eyes(size), &stage, &mut out).unwrap();
    // red = (126 + 1.402 * (V - 128)) / 255 with V = 129, 133, 137, 140 (clamped)
    for (got, v) in out.channel(0, 0)[..4].iter().zip([1.0, 5.0, 9.0, 12.0]) {
        assert!((got - (126.0 + 1.402 * v) / 255.0).abs() < 1e-6, "{got} {v}");
    }
}

#[test]
fn unsound_arguments_are_refused() {
    let size = Size::new(8, 4);
    let good = fixtures::picture(size, 10, colour(Matrix::Bt709, Range::Full), Pattern::Random, 0, 1);
    let stage = Stage { ratio: 0.5, size: Size::new(4, 2) };
    let eye = Rect { x: 0, y: 0, size };
    let run =
        |picture: &Picture, eyes: &[Rect], shape| sample(picture, eyes, &stage, &mut Tensor::zeros(shape));
    assert_eq!(run(&good, &[eye], [1, 3, 2, 4]), Ok(()));
    assert!(matches!(run(&good, &[eye], [1, 3, 4, 2]), Err(Error::Shape { .. })));
    let outside = Rect { x: 1, ..eye };
    assert!(matches!(run(&good, &[outside], [1, 3, 2, 4]), Err(Error::Eye { eye: 0, .. })));
    assert!(matches!(run(&good, &[eye, eye], [2, 3, 2, 4]), Err(Error::Eye { eye: 1, .. })));
    let eight = Picture { depth: 8, ..good.clone() };
    assert_eq!(run(&eight, &[eye], [1, 3, 2, 4]), Err(Error::Depth { depth: 8, stored: 16 }));
    let mut short = good.clone();
    if let Samples::Sixteen(yuv) = &mut short.samples {
        yuv.v.data.pop();
    }
    assert!(matches!(run(&short, &[eye], [1, 3, 2, 4]), Err(Error::Plane { plane: "V", .. })));
    assert!(sample_rgb8(&[0; 95], size, &stage, &mut [0.0; 24]).is_err());
    assert!(sample_rgb8(&[0; 96], size, &stage, &mut [0.0; 23]).is_err());
}

/// The small pictures recorded from the original implementation (float32, PyTorch's interpolate).
#[test]
fn packed_rgb_agrees_with_the_golden_pictures() {
    for name in
        ["mobilenetv3_carphone", "mobilenetv3_official_onnx", "mobilenetv3_synthetic", "resnet50_synthetic"]
    {
        let file = format!("golden/{name}.safetensors");
        let Some(path) = crate::testing::shared("packed_rgb_agrees_with_the_golden_pictures", &file) else {
            return;
        };
        let bytes = std::fs::read(path).unwrap();
        let golden = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let frames = golden.tensor("frames_u8").unwrap();
        let &[times, eyes, height, width, 3] = frames.shape() else { panic!("{:?}", frames.shape()) };
        let size = Size::new(width, height);
        let stage = Stage::of(size, 0.5).unwrap();
        let mut compared = 0;
        for t in 0..times {
            let Ok(want) = golden.tensor(&format!("src_sm.{t}")) else { continue };
            assert_eq!(want.shape(), [eyes, 3, stage.size.height, stage.size.width]);
            let want: Vec<f32> =
                want.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            let mut got = vec![0.0; want.len()];
            for (n, planes) in got.chunks_exact_mut(3 * stage.size.area()).enumerate() {
                let at = (t * eyes + n) * size.area() * 3;
                sample_rgb8(&frames.data()[at..at + size.area() * 3], size, &stage, planes).unwrap();
            }
            let square = |v: f32| f64::from(v) * f64::from(v);
            let error: f64 = got.iter().zip(&want).map(|(a, b)| square(a - b)).sum();
            let norm: f64 = want.iter().map(|&b| square(b)).sum();
            assert!((error / norm).sqrt() <= 1e-6, "{name} {t}: {}", (error / norm).sqrt());
            compared += 1;
        }
        assert_eq!(compared, 2, "{name}: first and last frame");
    }
}
