//! The full-size jobs on the CPU: sample and compose of a side-by-side frame of 3840x1920.
//!
//! `cargo bench --bench kernels`. Input is a soft vignette with 8-bit noise, matted by maps that
//! leave about a quarter of the frame visible, or by the chroma key. All threads of the machine.
#![forbid(unsafe_code)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vrpipe::frame::{Colour, Composite, Matrix, Picture, Range, Samples, Size, Yuv420};
use vrpipe::kernels::compose::{Matte, Shade, compose};
use vrpipe::kernels::key::{ChromaKey, KeyColour, KeyParameters};
use vrpipe::kernels::sample::{Stage, sample};
use vrpipe::layout::Packing;
use vrpipe::tensor::{Coefficients, Tensor};

const SIZE: Size = Size::new(3840, 1920);

/// A picture of `depth` bits: green, darker to the corners, with a few codes of noise.
fn picture(depth: u8) -> Picture {
    let unit = 1u16 << (depth - 8);
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 30) as u16
    };
    let mut luma = |i: usize| {
        let (x, y) = (i % SIZE.width, i / SIZE.width);
        (60 + 100 * x.min(SIZE.width - x) / SIZE.width + 40 * y / SIZE.height) as u16 * unit + noise()
    };
    let y: Vec<u16> = (0..SIZE.area()).map(&mut luma).collect();
    let (u, v) = (100 * unit, 92 * unit);
    let samples = if depth == 8 {
        let mut yuv = Yuv420::<u8>::new(SIZE);
        yuv.y.data.iter_mut().zip(&y).for_each(|(to, &from)| *to = from.min(255) as u8);
        yuv.u.data.fill(u as u8);
        yuv.v.data.fill(v as u8);
        Samples::Eight(yuv)
    } else {
        let mut yuv = Yuv420::<u16>::new(SIZE);
        yuv.y.data.copy_from_slice(&y);
        yuv.u.data.fill(u);
        yuv.v.data.fill(v);
        Samples::Sixteen(yuv)
    };
    let colour = Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 };
    Picture { pts: 0, size: SIZE, depth, colour, samples }
}

/// Maps of a disc in the middle of each eye, opaque inside, soft at its edge.
fn disc(stage: Size) -> Coefficients {
    let shape = [2, 4, stage.height, stage.width];
    let mut maps = Coefficients { a: Tensor::zeros(shape), b: Tensor::zeros(shape) };
    for eye in 0..2 {
        for (i, alpha) in maps.b.channel_mut(eye, 3).iter_mut().enumerate() {
            let x = (i % stage.width) as f32 / stage.width as f32 - 0.5;
            let y = (i / stage.width) as f32 / stage.height as f32 - 0.5;
            *alpha = 8.0 * (0.28 - x.hypot(y)) + 0.5;
        }
    }
    maps
}

fn jobs(criterion: &mut Criterion) {
    let eyes = Packing::SideBySide.eyes(SIZE);
    let stage = Stage { ratio: 512.0 / 1920.0, size: Size::new(512, 512) };
    let maps = disc(stage.size);
    let mut group = criterion.benchmark_group("3840x1920");
    group.throughput(Throughput::Elements(SIZE.area() as u64)).sample_size(20);
    for depth in [8, 10] {
        let picture = picture(depth);
        let mut small = Tensor::zeros([2, 3, 512, 512]);
        group.bench_function(format!("sample/{depth}"), |bench| {
            bench.iter(|| sample(&picture, &eyes, &stage, &mut small));
        });
        let mut out = Composite::new(SIZE);
        let mut bench = |name: &str, shade: &dyn Fn(&mut Composite)| {
            group.bench_function(format!("compose {name}/{depth}"), |bench| bench.iter(|| shade(&mut out)));
        };
        let matte = Matte::new(&maps, &eyes).expect("maps fit the eyes");
        bench("matte", &|out| full_pass(&picture, &matte, out));
        let key = KeyParameters::new(KeyColour([60, 170, 80]));
        let key = ChromaKey::new(&key, picture.colour.matrix).expect("green is no grey");
        bench("key", &|out| full_pass(&picture, &key, out));
    }
    group.finish();
}

fn full_pass<S: Shade>(picture: &Picture, shade: &S, out: &mut Composite) {
    compose(picture, &Packing::SideBySide.eyes(SIZE), shade, out).expect("a sound picture");
}

criterion_group!(benches, jobs);
criterion_main!(benches);
