//! Operators that look at one pixel at a time.
//!
//! Each takes the inputs' planes and fills the output, `[eyes, c, h, w]`, a plane a job; planes
//! are short loops that the compiler turns into vectors.

use rayon::prelude::*;

use super::plan::Input;
use super::simd::wide;

/// Pixels of the smallest job: below this, handing work to a thread costs more than the work.
const JOB_PIXELS: usize = 1 << 14;

/// Calls `job(eye, channel, plane)` for each plane of `out`.
pub fn each_plane(
    out: &mut [f32],
    channels: usize,
    size: [usize; 2],
    job: impl Fn(usize, usize, &mut [f32]) + Sync + Send,
) {
    let pixels = size[0] * size[1];
    out.par_chunks_mut(pixels)
        .enumerate()
        .with_min_len(JOB_PIXELS.div_ceil(pixels))
        .for_each(|(index, plane)| job(index / channels, index % channels, plane));
}

/// `x * scale[c] + shift[c]`.
pub fn affine(x: Input<'_>, scale: [f32; 3], shift: [f32; 3], out: &mut [f32]) {
    each_plane(out, x.channels(), x.size(), |eye, c, to| {
        affine_plane(x.plane(eye, c), scale[c], shift[c], to);
    });
}

/// `x * s`, with one `s` for each channel.
pub fn scale_channels(x: Input<'_>, s: Input<'_>, out: &mut [f32]) {
    each_plane(out, x.channels(), x.size(), |eye, c, to| {
        affine_plane(x.plane(eye, c), s.plane(eye, c)[0], 0.0, to);
    });
}

wide! {
    fn affine_plane(x: &[f32], scale: f32, shift: f32, out: &mut [f32]) {
        for (to, x) in out.iter_mut().zip(x) {
            *to = x * scale + shift;
        }
    }
}

/// Mean over channels.
pub fn channel_mean(x: Input<'_>, out: &mut [f32]) {
    let channels = x.channels();
    each_plane(out, 1, x.size(), |eye, _, to| {
        to.copy_from_slice(x.plane(eye, 0));
        for c in 1..channels {
            add_to(x.plane(eye, c), to);
        }
        divide_by(channels as f32, to);
    });
}

wide! {
    fn add_to(x: &[f32], out: &mut [f32]) {
        for (to, x) in out.iter_mut().zip(x) {
            *to += x;
        }
    }
}

wide! {
    fn divide_by(divisor: f32, out: &mut [f32]) {
        for to in out {
            *to /= divisor;
        }
    }
}

/// An operator on two tensors of one shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Binary {
    /// `x + y`.
    Add,
    /// `x - y`.
    Sub,
    /// `x * y`.
    Mul,
    /// `x / (y + eps)`.
    DivEps(f32),
}

/// Applies `op` to each pair of elements.
pub fn binary(op: Binary, x: Input<'_>, y: Input<'_>, out: &mut [f32]) {
    each_plane(out, x.channels(), x.size(), |eye, c, to| {
        binary_plane(op, x.plane(eye, c), y.plane(eye, c), to);
    });
}

wide! {
    fn binary_plane(op: Binary, x: &[f32], y: &[f32], out: &mut [f32]) {
        let pairs = out.iter_mut().zip(x).zip(y);
        match op {
            Binary::Add => pairs.for_each(|((to, x), y)| *to = x + y),
            Binary::Sub => pairs.for_each(|((to, x), y)| *to = x - y),
            Binary::Mul => pairs.for_each(|((to, x), y)| *to = x * y),
            Binary::DivEps(eps) => pairs.for_each(|((to, x), y)| *to = x / (y + eps)),
        }
    }
}

/// `(1 - z) * h + z * c`.
pub fn gru_mix(z: Input<'_>, h: Input<'_>, c: Input<'_>, out: &mut [f32]) {
    each_plane(out, z.channels(), z.size(), |eye, channel, to| {
        mix_plane(z.plane(eye, channel), h.plane(eye, channel), c.plane(eye, channel), to);
    });
}

wide! {
    fn mix_plane(z: &[f32], h: &[f32], c: &[f32], out: &mut [f32]) {
        for (((to, z), h), c) in out.iter_mut().zip(z).zip(h).zip(c) {
            *to = (1.0 - z) * h + z * c;
        }
    }
}
