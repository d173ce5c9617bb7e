//! Operators that look at neighbouring pixels or at all of them, channel by channel.
//!
//! Each fills the output, `[eyes, c, h, w]`, a plane a job. Sums have one fixed order.

use rayon::prelude::*;

use super::plan::Input;
use super::pointwise::each_plane;
use super::simd::{fma, wide};

/// Mean over height and width.
pub fn global_mean(x: Input<'_>, out: &mut [f32]) {
    let channels = x.channels();
    // One output a plane is too little for a job: the cut is by input pixels.
    let pixels = x.size()[0] * x.size()[1];
    let job = ((1 << 14) / pixels).max(1);
    out.par_iter_mut().enumerate().with_min_len(job).for_each(|(index, to)| {
        sum_plane(x.plane(index / channels, index % channels), to);
        *to /= pixels as f32;
    });
}

wide! {
    fn sum_plane(x: &[f32], out: &mut f32) {
        let mut lanes = [0f32; 32];
        let (whole, rest) = x.as_chunks::<32>();
        for chunk in whole {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane += x;
            }
        }
        *out = lanes.iter().sum::<f32>() + rest.iter().sum::<f32>();
    }
}

/// 2x2 mean with stride 2; a window over the edge averages what is inside.
pub fn average_pool2(x: Input<'_>, out: &mut [f32]) {
    let [h, w] = x.size();
    each_plane(out, x.channels(), [h.div_ceil(2), w.div_ceil(2)], |eye, c, to| {
        pool_plane(x.plane(eye, c), w, to);
    });
}

wide! {
    fn pool_plane(x: &[f32], w: usize, out: &mut [f32]) {
        for (rows, to) in x.chunks(2 * w).zip(out.chunks_exact_mut(w.div_ceil(2))) {
            // The last row of an odd height stands for both.
            let (top, bottom) = rows.split_at(w);
            let bottom = if bottom.is_empty() { top } else { bottom };
            let (top, top_rest) = top.as_chunks::<2>();
            let (bottom, bottom_rest) = bottom.as_chunks::<2>();
            for ((to, a), b) in to.iter_mut().zip(top).zip(bottom) {
                *to = ((a[0] + a[1]) + (b[0] + b[1])) * 0.25;
            }
            if let (Some(a), Some(b), Some(to)) = (top_rest.first(), bottom_rest.first(), to.last_mut()) {
                *to = (a + b) * 0.5;
            }
        }
    }
}

/// 3x3 maximum with stride 2, one pixel of padding that never wins.
pub fn max_pool3(x: Input<'_>, out: &mut [f32]) {
    let [h, w] = x.size();
    each_plane(out, x.channels(), [h.div_ceil(2), w.div_ceil(2)], |eye, c, to| {
        max_plane(x.plane(eye, c), w, to);
    });
}

wide! {
    fn max_plane(x: &[f32], w: usize, out: &mut [f32]) {
        let h = x.len() / w;
        for (y, to) in out.chunks_exact_mut(w.div_ceil(2)).enumerate() {
            // Outside the image the middle row stands in: it is in the window anyway.
            let middle = &x[2 * y * w..][..w];
            let above = if y == 0 { middle } else { &x[(2 * y - 1) * w..][..w] };
            let below = if 2 * y + 1 < h { &x[(2 * y + 1) * w..][..w] } else { middle };
            let column = |i: usize| above[i].max(middle[i]).max(below[i]);
            for (x, to) in to.iter_mut().enumerate() {
                *to = column(2 * x).max(column((2 * x).saturating_sub(1))).max(column((2 * x + 1).min(w - 1)));
            }
        }
    }
}

/// Bilinear x2 with half-pixel centres, cropped to `size`.
pub fn upsample2(x: Input<'_>, size: [usize; 2], out: &mut [f32]) {
    each_plane(out, x.channels(), size, |eye, c, to| {
        upsample_plane(x.plane(eye, c), x.size(), size[1], to);
    });
}

wide! {
    fn upsample_plane(x: &[f32], from: [usize; 2], out_w: usize, out: &mut [f32]) {
        let [h, w] = from;
        for (y, to) in out.chunks_exact_mut(out_w).enumerate() {
            // Output row 2i lies a quarter above input row i, row 2i + 1 a quarter below.
            let near = &x[y / 2 * w..][..w];
            let far = if y % 2 == 0 { (y / 2).saturating_sub(1) } else { (y / 2 + 1).min(h - 1) };
            let far = &x[far * w..][..w];
            let value = |i: usize| near[i] * 0.75 + far[i] * 0.25;
            to[0] = value(0);
            let (pairs, rest) = to[1..].as_chunks_mut::<2>();
            let columns = near.windows(2).zip(far.windows(2));
            let inside = pairs.len().min(w - 1);
            for (pair, (near, far)) in pairs.iter_mut().zip(columns) {
                let left = near[0] * 0.75 + far[0] * 0.25;
                let right = near[1] * 0.75 + far[1] * 0.25;
                *pair = [left * 0.75 + right * 0.25, left * 0.25 + right * 0.75];
            }
            // Of the last pair only the left one is there: its right neighbour is the edge itself.
            if let Some(last) = rest.first_mut() {
                let next = (inside + 1).min(w - 1);
                *last = value(inside) * 0.75 + value(next) * 0.25;
            }
        }
    }
}

/// 3x3 mean with zero padding, always divided by nine: three along each row, then three rows.
///
/// The order and the rounded third are those of the original. The fast guided filter divides small
/// differences of these means by a variance near zero, so that any other order is seen in A.
pub fn box3(x: Input<'_>, out: &mut [f32]) {
    each_plane(out, x.channels(), x.size(), |eye, c, to| box_plane(x.plane(eye, c), x.size(), to));
}

wide! {
    fn box_plane(x: &[f32], size: [usize; 2], out: &mut [f32]) {
        const THIRD: f32 = 1.0 / 3.0;
        let [h, w] = size;
        let three = |a: f32, b: f32, c: f32| fma::<FMA>(c, THIRD, fma::<FMA>(b, THIRD, a * THIRD));
        for (y, to) in out.chunks_exact_mut(w).enumerate() {
            let row = |at: usize| &x[at * w..][..w];
            let middle = row(y);
            // A row outside the image is zero: the middle one with weight zero stands for it.
            let (above, up) = if y > 0 { (row(y - 1), THIRD) } else { (middle, 0.0) };
            let (below, down) = if y + 1 < h { (row(y + 1), THIRD) } else { (middle, 0.0) };
            let rows = |a: f32, m: f32, b: f32| fma::<FMA>(b, down, fma::<FMA>(m, THIRD, a * up));
            let edge = |x: usize| {
                let at = |row: &[f32], x: Option<usize>| x.and_then(|x| row.get(x)).map_or(0.0, |&v| v);
                let along = |row: &[f32]| three(at(row, x.checked_sub(1)), row[x], at(row, Some(x + 1)));
                rows(along(above), along(middle), along(below))
            };
            to[0] = edge(0);
            to[w - 1] = edge(w - 1);
            let neighbours = above.windows(3).zip(middle.windows(3)).zip(below.windows(3));
            for (to, ((a, m), b)) in to[1..].iter_mut().zip(neighbours) {
                *to = rows(three(a[0], a[1], a[2]), three(m[0], m[1], m[2]), three(b[0], b[1], b[2]));
            }
        }
    }
}
