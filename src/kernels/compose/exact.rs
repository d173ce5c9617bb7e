//! Compose once more, literally and in f64, pixel by pixel, for tests.
//!
//! It takes the alpha plane as given (after checking it against exact alpha) and asks of every code that it is the exact
//! value rounded as the module's head says.
#![forbid(unsafe_code)]

use super::*;
use crate::frame::{Composite, Picture, Range, Rect, Size};
use crate::kernels::fixtures::{code, codes_f64, rgb_f64};
use crate::tensor::{Coefficients, Tensor};

/// How far an f32 result may stray from the exact value before rounding, in codes: 255 * 2^-24 for
/// each of some twenty operations, and slopes up to 4 in the maps used here.
const TOLERANCE: f64 = 2e-3;
/// A mean kept in 16ths of a code times alpha, over a single pixel of alpha 1: half a 16th.
const MEAN_TOLERANCE: f64 = 1.0 / 32.0 + TOLERANCE;
/// Exact colour and alpha by the formula of the network's last step, with clamping as documented.
fn shade_exact(
    maps: &Coefficients,
    eye: usize,
    size: Size,
    x: usize,
    y: usize,
    rgb: [f64; 3],
) -> ([f64; 3], f64) {
    let [_, _, height, width] = maps.a.shape;
    let place = |i: usize, small: usize, large: usize| {
        ((i as f64 + 0.5) * (small as f64 / large as f64) - 0.5).clamp(0.0, small as f64 - 1.0)
    };
    let (px, py) = (place(x, width, size.width), place(y, height, size.height));
    let up = |map: &Tensor, channel| {
        let mut sum = 0.0;
        for j in 0..height {
            for i in 0..width {
                let tent = |p: f64, i: usize| (1.0 - (p - i as f64).abs()).max(0.0);
                sum += f64::from(map.channel(eye, channel)[j * width + i]) * tent(px, i) * tent(py, j);
            }
        }
        sum
    };
    let seen = rgb.map(|c| c.clamp(0.0, 1.0));
    let component = |c: usize| {
        let changed = seen[c] + up(&maps.a, c) * seen[c] + up(&maps.b, c);
        changed.clamp(0.0, 1.0) + (rgb[c] - seen[c])
    };
    let alpha = up(&maps.a, 3) * (seen[0] + seen[1] + seen[2]) / 3.0 + up(&maps.b, 3);
    ([0, 1, 2].map(component), alpha.clamp(0.0, 1.0))
}

/// `got` is `exact` with `threshold` 128ths added and the fraction dropped, give or take `slack`.
fn assert_code(got: u8, exact: f64, threshold: u32, slack: f64, place: &str) {
    let exact = exact.clamp(0.0, 255.0);
    let shifted = exact + f64::from(threshold) / 128.0;
    let (low, high) = ((shifted - slack).floor(), (shifted + slack).floor().min(255.0));
    assert!((low..=high).contains(&f64::from(got)), "{place}: got {got}, exact {exact}, {threshold}/128");
}

/// Checks every sample of `out` against the module's head.
pub(super) fn assert_follows_the_formula(
    picture: &Picture,
    eyes: &[Rect],
    maps: &Coefficients,
    out: &Composite,
) {
    let Size { width, height } = picture.size;
    let mut exact = vec![[0.0; 3]; width * height];
    for y in 0..height {
        for x in 0..width {
            let hit =
                |e: &&Rect| (e.x..e.x + e.size.width).contains(&x) && (e.y..e.y + e.size.height).contains(&y);
            let alpha8 = out.alpha.row(y)[x];
            let Some(eye) = eyes.iter().find(hit) else {
                assert_eq!(alpha8, 0);
                continue;
            };
            let index = eyes.iter().position(|e| e == eye).unwrap();
            let codes =
                [(0, x, y), (1, x / 2, y / 2), (2, x / 2, y / 2)].map(|(p, x, y)| code(picture, p, x, y));
            let rgb = rgb_f64(picture.colour, picture.depth, codes);
            let (rgb, alpha) = shade_exact(maps, index, eye.size, x - eye.x, y - eye.y, rgb);
            assert_code(alpha8, alpha * 255.0, 64, TOLERANCE, &format!("alpha {x},{y}"));
            exact[y * width + x] = codes_f64(picture.colour, rgb);
        }
    }
    // Alpha of a cell's pixels, and their codes times alpha, clamped together.
    let cell = |cx: usize, cy: usize| {
        let (mut weight, mut sum) = (0.0, [0.0; 3]);
        for y in 2 * cy..(2 * cy + 2).min(height) {
            for x in 2 * cx..(2 * cx + 2).min(width) {
                let alpha = f64::from(out.alpha.row(y)[x]);
                weight += alpha;
                (0..3).for_each(|c| sum[c] += alpha * exact[y * width + x][c]);
            }
        }
        (weight, sum.map(|s: f64| s.clamp(0.0, 255.0 * weight)))
    };
    // Weighted mean of the visible pixels in cells x0..=x1, y0..=y1; `None` where there are none.
    let mean = |x0: usize, x1: usize, y0: usize, y1: usize| {
        let (mut weight, mut sum) = (0.0, [0.0; 3]);
        for (cell_weight, cell_sum) in
            (y0..=y1).flat_map(|y| (x0..=x1).map(move |x| (x, y))).map(|(x, y)| cell(x, y))
        {
            weight += cell_weight;
            (0..3).for_each(|c| sum[c] += cell_sum[c]);
        }
        (weight > 0.0).then(|| sum.map(|s| s / weight))
    };
    let black = if picture.colour.range == Range::Limited { 16.0 } else { 0.0 };
    let cells = picture.size.chroma();
    let mut active = vec![0u8; out.activity.size.area()];
    for cy in 0..cells.height {
        for cx in 0..cells.width {
            let own = mean(cx, cx, cy, cy);
            let near = mean(
                cx.saturating_sub(2),
                (cx + 2).min(cells.width - 1),
                cy.saturating_sub(2),
                (cy + 2).min(cells.height - 1),
            );
            let want = own.or(near).unwrap_or([black, 128.0, 128.0]);
            let slack = if near.is_some() { MEAN_TOLERANCE } else { 0.0 };
            let place = format!("cell {cx},{cy}");
            let dither = if own.is_some() { threshold(picture.depth, cx, cy) } else { 64 };
            assert_code(out.colour.u.row(cy)[cx], want[1], dither, slack, &place);
            assert_code(out.colour.v.row(cy)[cx], want[2], dither, slack, &place);
            for y in 2 * cy..(2 * cy + 2).min(height) {
                for x in 2 * cx..(2 * cx + 2).min(width) {
                    let (want, t, slack) = if out.alpha.row(y)[x] > 0 {
                        (exact[y * width + x][0], threshold(picture.depth, x, y), TOLERANCE)
                    } else {
                        (want[0], 64, slack)
                    };
                    assert_code(out.colour.y.row(y)[x], want, t, slack, &format!("luma {x},{y}"));
                }
            }
            active[cy / 8 * out.activity.size.width + cx / 8] |= u8::from(near.is_some());
        }
    }
    let got: Vec<u8> = (0..out.activity.size.height).flat_map(|y| out.activity.row(y).to_vec()).collect();
    assert_eq!(got, active);
}
