//! Ties compose to its literal version (`exact`), and to cases worked by hand.
#![forbid(unsafe_code)]

use proptest::prelude::*;

use super::exact::assert_follows_the_formula;
use super::*;
use crate::frame::{Composite, Matrix, Picture, Plane, Range, Rect, Samples, Size, Yuv420};
use crate::kernels::fixtures::{self, PATTERNS, Pattern, Random, colour, padded};
use crate::layout::Packing;
use crate::tensor::{Coefficients, Tensor};

const GUARD: u8 = 0xA5;

/// A composite whose every sample, padding included, is the guard.
fn guarded(size: Size, pad: usize) -> Composite {
    let plane = |size| padded(size, pad, GUARD);
    let blocks = Size::new(size.width.div_ceil(16), size.height.div_ceil(16));
    let colour = Yuv420 { y: plane(size), u: plane(size.chroma()), v: plane(size.chroma()) };
    Composite { colour, alpha: plane(size), activity: plane(blocks) }
}

fn assert_guards(plane: &Plane<u8>) {
    for (i, &sample) in plane.data.iter().enumerate() {
        assert!(i % plane.stride < plane.size.width || sample == GUARD, "guard {i} became {sample}");
    }
}

/// Maps whose alpha is 0 or 1 over wide areas with slopes between, as real ones are.
fn maps(eyes: usize, size: Size, seed: u64, lift: f32) -> Coefficients {
    let mut random = Random(seed);
    let shape = [eyes, 4, size.height, size.width];
    let mut map = |gain: f32, base: f32| {
        let values = (0..shape.iter().product()).map(|_| base + gain * (random.unit() - 0.5)).collect();
        Tensor::from_vec(shape, values)
    };
    Coefficients { a: map(4.0, 0.0), b: map(4.0, lift) }
}

fn run(picture: &Picture, eyes: &[Rect], maps: &Coefficients, pad: usize) -> Composite {
    let mut out = guarded(picture.size, pad);
    compose(picture, eyes, &Matte::new(maps, eyes).unwrap(), &mut out).unwrap();
    for plane in [&out.colour.y, &out.colour.u, &out.colour.v, &out.alpha, &out.activity] {
        assert_guards(plane);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn every_sample_follows_the_formula(
        (width, height) in (1usize..=40, 1usize..=40), seed: u64, pads in (0usize..9, 0usize..9), pattern in 0usize..5,
        depth in prop::sample::select(vec![8u8, 9, 10, 12, 16]), packing in 0usize..3, full: bool,
        (w, h) in (1usize..8, 1usize..8), lift in -2.5f32..1.0, matrix in 0usize..3,
    ) {
        let size = Size::new(width, height);
        let matrix = [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020][matrix];
        let colour = colour(matrix, if full { Range::Full } else { Range::Limited });
        let picture = fixtures::picture(size, depth, colour, PATTERNS[pattern], pads.0, seed);
        let eyes = [Packing::Mono, Packing::SideBySide, Packing::TopBottom][packing].eyes(size);
        prop_assume!(eyes.iter().all(|e| e.size.area() > 0));
        let maps = maps(eyes.len(), Size::new(w, h), seed ^ 1, lift);
        let before = picture.clone();
        let out = run(&picture, &eyes, &maps, pads.1);
        prop_assert_eq!(&picture, &before);
        assert_follows_the_formula(&picture, &eyes, &maps, &out);
        prop_assert_eq!(run(&picture, &eyes, &maps, pads.1), out, "a second run differs");
    }
}

/// Several bands, so that their seams are crossed, and any number of threads: the same bytes.
#[test]
fn bands_and_threads_leave_no_trace() {
    for (size, depth, lift) in
        [(Size::new(37, 200), 8, -1.2), (Size::new(50, 129), 10, -0.6), (Size::new(7, 65), 12, -1.8)]
    {
        let limited = colour(Matrix::Bt709, Range::Limited);
        let picture = fixtures::picture(size, depth, limited, Pattern::Random, 3, 7);
        let eyes = Packing::TopBottom.eyes(size);
        let maps = maps(2, Size::new(5, 9), 11, lift);
        let composed = [1, 2, 5].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&picture, &eyes, &maps, 5))
        });
        assert_follows_the_formula(&picture, &eyes, &maps, &composed[0]);
        assert!(composed.iter().all(|c| *c == composed[0]));
        let alpha = |wanted: fn(u8) -> bool| {
            (0..size.height).any(|y| composed[0].alpha.row(y).iter().any(|&a| wanted(a)))
        };
        assert!(alpha(|a| a == 0) && alpha(|a| a > 128), "{size}: too even to tell");
    }
}

/// Colour untouched and alpha 1.
fn untouched(eyes: usize) -> Coefficients {
    let mut maps = Coefficients { a: Tensor::zeros([eyes, 4, 3, 4]), b: Tensor::zeros([eyes, 4, 3, 4]) };
    (0..eyes).for_each(|n| maps.b.channel_mut(n, 3).fill(1.0));
    maps
}

/// Random codes are mostly out of gamut: even those come back, and every 10-bit code that has an
/// 8-bit twin comes back as that twin, dither or not.
#[test]
fn zero_residual_gives_back_the_input_exactly() {
    let size = Size::new(61, 47);
    let eyes = Packing::SideBySide.eyes(size);
    for (matrix, range) in
        [(Matrix::Bt709, Range::Limited), (Matrix::Bt601, Range::Full), (Matrix::Bt2020, Range::Limited)]
    {
        let colour = colour(matrix, range);
        for pattern in PATTERNS {
            let picture = fixtures::picture(size, 8, colour, pattern, 0, 3);
            let Samples::Eight(input) = &picture.samples else { panic!() };
            let out = run(&picture, &eyes, &untouched(2), 0);
            assert_eq!(&out.colour, input, "{pattern:?} {colour:?}");
            assert!(out.alpha.data.iter().all(|&a| a == 255) && out.activity.data.iter().all(|&a| a == 1));
            if range == Range::Limited {
                // Limited codes scale by 4 exactly; full range ones do not (1023 / 255).
                let ten = |p: &Plane<u8>| Plane {
                    size: p.size,
                    stride: p.stride,
                    data: p.data.iter().map(|&c| u16::from(c) * 4).collect(),
                };
                let deep = Yuv420 { y: ten(&input.y), u: ten(&input.u), v: ten(&input.v) };
                let deep = Picture { depth: 10, samples: Samples::Sixteen(deep), ..picture.clone() };
                assert_eq!(&run(&deep, &eyes, &untouched(2), 0).colour, input, "10 bits {pattern:?}");
            }
        }
    }
}

#[test]
fn nothing_visible_gives_constant_planes_and_no_activity() {
    for (range, black) in [(Range::Limited, 16), (Range::Full, 0)] {
        let size = Size::new(45, 83);
        let picture = fixtures::picture(size, 10, colour(Matrix::Bt709, range), Pattern::Random, 0, 5);
        let maps = Coefficients { a: Tensor::zeros([1, 4, 2, 2]), b: Tensor::zeros([1, 4, 2, 2]) };
        let out = run(&picture, &Packing::Mono.eyes(size), &maps, 0);
        let constant = |plane: &Plane<u8>, code| plane.data.iter().all(|&c| c == code);
        assert!(
            constant(&out.colour.y, black) && constant(&out.colour.u, 128) && constant(&out.colour.v, 128)
        );
        assert!(constant(&out.alpha, 0) && constant(&out.activity, 0));
    }
}

/// Opaque in one pixel, transparent elsewhere.
struct Dot(usize, usize);

impl Shade for Dot {
    type Row = bool;
    fn begin_row(&self, row: &mut bool, _: usize, y: usize) {
        *row = y == self.1;
    }
    fn shade(&self, row: &bool, x: usize, rgb: [f32; 3]) -> Pixel {
        Pixel { rgb, alpha: f32::from(u8::from(*row && x == self.0)) }
    }
}

/// Worked by hand: a dot at (20, 21) lies in cell (10, 10); its colour fills cells 8..=12, which
/// are pixels 16..=25, both ways; so it reaches the second block in each direction and no other.
#[test]
fn colour_is_bled_by_two_cells_and_no_further() {
    let size = Size::new(48, 48);
    let limited = colour(Matrix::Bt709, Range::Limited);
    let yuv = Yuv420 {
        y: Plane::filled(size, 100),
        u: Plane::filled(size.chroma(), 90),
        v: Plane::filled(size.chroma(), 150),
    };
    let picture = Picture { pts: 0, size, depth: 8, colour: limited, samples: Samples::Eight(yuv) };
    let mut out = guarded(size, 0);
    compose(&picture, &Packing::Mono.eyes(size), &Dot(20, 21), &mut out).unwrap();
    for i in 0..48 * 48 {
        let (x, y) = (i % 48, i / 48);
        let bled = (16..=25).contains(&x) && (16..=25).contains(&y);
        assert_eq!(out.colour.y.row(y)[x], if bled { 100 } else { 16 }, "{x},{y}");
        assert_eq!(out.colour.u.row(y / 2)[x / 2], if bled { 90 } else { 128 });
        assert_eq!(out.colour.v.row(y / 2)[x / 2], if bled { 150 } else { 128 });
        assert_eq!(out.alpha.row(y)[x], if (x, y) == (20, 21) { 255 } else { 0 });
    }
    assert_eq!(out.activity.data, [0, 0, 0, 0, 1, 0, 0, 0, 0]);
}

#[test]
fn numbers_that_are_none_are_invisible_not_a_panic() {
    let size = Size::new(20, 20);
    let picture = fixtures::picture(size, 8, colour(Matrix::Bt709, Range::Full), Pattern::Random, 0, 5);
    let mut maps = untouched(1);
    maps.b.channel_mut(0, 3).fill(f32::NAN);
    let out = run(&picture, &Packing::Mono.eyes(size), &maps, 0);
    assert!(out.alpha.data.iter().chain(&out.activity.data).all(|&a| a == 0));
    let mut maps = untouched(1);
    maps.a.channel_mut(0, 1).fill(f32::NAN);
    maps.b.channel_mut(0, 0).fill(f32::INFINITY);
    run(&picture, &Packing::Mono.eyes(size), &maps, 0);
}
