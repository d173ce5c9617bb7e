//! Pictures for the tests of the full-size jobs: random data, worst cases and odd strides, made
//! from a seed. CUDA tests use the same ones, so that reference and kernel see equal input.
#![forbid(unsafe_code)]

use crate::frame::{Colour, Matrix, Picture, Plane, Range, Sample, Samples, Size, Yuv420};

/// A small, fixed generator (SplitMix64), so that a failing case can be made again from its seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// About normal, deviation 1 (sum of twelve uniforms).
    pub(crate) fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }
}

/// What the samples of a picture hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pattern {
    Random,
    Zero,
    Max,
    Checker,
    Spike,
}

pub(crate) const PATTERNS: [Pattern; 5] =
    [Pattern::Random, Pattern::Zero, Pattern::Max, Pattern::Checker, Pattern::Spike];

/// A colour description with nothing said about primaries and transfer.
pub(crate) fn colour(matrix: Matrix, range: Range) -> Colour {
    Colour { matrix, range, primaries: 2, transfer: 2 }
}

/// A picture full of `pattern`, rows `pad` samples further apart than needed.
pub(crate) fn picture(
    size: Size,
    depth: u8,
    colour: Colour,
    pattern: Pattern,
    pad: usize,
    seed: u64,
) -> Picture {
    let mut random = Random(seed);
    let samples = if depth == 8 {
        Samples::Eight(planes(size, 8, pattern, pad, &mut random))
    } else {
        Samples::Sixteen(planes(size, depth, pattern, pad, &mut random))
    };
    Picture { pts: 0, size, depth, colour, samples }
}

fn planes<T: Sample>(size: Size, depth: u8, pattern: Pattern, pad: usize, random: &mut Random) -> Yuv420<T> {
    let mut plane = |size| {
        let mut plane: Plane<T> = padded(size, pad, T::from_code(0x5A));
        let top = ((1u32 << depth) - 1) as u16;
        let spike = random.next() as usize % size.area();
        for y in 0..size.height {
            for (x, sample) in plane.row_mut(y).iter_mut().enumerate() {
                *sample = T::from_code(match pattern {
                    Pattern::Random => random.next() as u16 & top,
                    Pattern::Zero => 0,
                    Pattern::Max => top,
                    Pattern::Checker => top * ((x + y) as u16 & 1),
                    Pattern::Spike => top * u16::from(y * size.width + x == spike),
                });
            }
        }
        plane
    };
    Yuv420 { y: plane(size), u: plane(size.chroma()), v: plane(size.chroma()) }
}

/// A plane whose every element, padding included, is `guard`; the last row ends at its width.
pub(crate) fn padded<T: Sample>(size: Size, pad: usize, guard: T) -> Plane<T> {
    let stride = size.width + pad;
    Plane { size, stride, data: vec![guard; stride * (size.height - 1) + size.width] }
}

/// Code `(x, y)` of plane 0 (Y), 1 (U) or 2 (V).
pub(crate) fn code(picture: &Picture, plane: usize, x: usize, y: usize) -> f64 {
    fn of<T: Sample>(yuv: &Yuv420<T>, plane: usize, x: usize, y: usize) -> f64 {
        f64::from([&yuv.y, &yuv.u, &yuv.v][plane].row(y)[x].code())
    }
    match &picture.samples {
        Samples::Eight(yuv) => of(yuv, plane, x, y),
        Samples::Sixteen(yuv) => of(yuv, plane, x, y),
    }
}

/// RGB of codes in f64, written from H.273 once more so that it can check the folded factors.
pub(crate) fn rgb_f64(colour: Colour, depth: u8, [y, u, v]: [f64; 3]) -> [f64; 3] {
    let unit = f64::from(1u32 << (depth - 8));
    let top = f64::from((1u32 << depth) - 1);
    let (luma, cb, cr) = match colour.range {
        Range::Limited => ((y / unit - 16.0) / 219.0, (u / unit - 128.0) / 224.0, (v / unit - 128.0) / 224.0),
        Range::Full => (y / top, (u - 128.0 * unit) / top, (v - 128.0 * unit) / top),
    };
    let (kr, kb) = colour.matrix.luma_weights();
    let red = luma + 2.0 * (1.0 - kr) * cr;
    let blue = luma + 2.0 * (1.0 - kb) * cb;
    [red, (luma - kr * red - kb * blue) / (1.0 - kr - kb), blue]
}

/// Codes of RGB in f64, not rounded; the inverse of [`rgb_f64`] at 8 bits.
pub(crate) fn codes_f64(colour: Colour, [red, green, blue]: [f64; 3]) -> [f64; 3] {
    let (kr, kb) = colour.matrix.luma_weights();
    let luma = kr * red + (1.0 - kr - kb) * green + kb * blue;
    let (cb, cr) = ((blue - luma) / 2.0 / (1.0 - kb), (red - luma) / 2.0 / (1.0 - kr));
    match colour.range {
        Range::Limited => [16.0 + 219.0 * luma, 128.0 + 224.0 * cb, 128.0 + 224.0 * cr],
        Range::Full => [255.0 * luma, 128.0 + 255.0 * cb, 128.0 + 255.0 * cr],
    }
}
