//! A matte that grows, shrinks or follows the one before, on the small maps.
//!
//! The small matte `A * gray + b` is worked out, changed, and the difference is added to `b`, so that the detail which
//! `A` carries stays.
#![forbid(unsafe_code)]

use crate::tensor::{Coefficients, Tensor};

/// Changes to the small maps; the default changes nothing.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct MapTouch {
    /// Pixels of the frame that the matte grows by; below 0 it shrinks.
    pub grow_pixels: f32,
    /// Share of the frame before in each, 0 to below 1.
    pub smooth: f32,
}

impl MapTouch {
    /// Whether anything is changed.
    pub fn changes_maps(&self) -> bool {
        self.grow_pixels != 0.0 || self.smooth != 0.0
    }
}

/// Changes maps, frame after frame.
#[derive(Debug, Default)]
pub struct TouchedMaps {
    /// The small matte of the frame before, as it was left; empty ahead of the first.
    before: Vec<f32>,
    scratch: [Vec<f32>; 2],
}

impl TouchedMaps {
    /// Forgets the frame before.
    pub fn reset(&mut self) {
        self.before.clear();
    }

    /// Changes `coefficients` of `small`, `[eyes, 3, height, width]`, seen at `ratio` of the frame's size.
    pub fn apply(&mut self, touch: &MapTouch, ratio: f64, small: &Tensor, coefficients: &mut Coefficients) {
        let [eyes, _, height, width] = small.shape;
        let area = height * width;
        let first = self.before.len() != eyes * area;
        self.before.resize(eyes * area, 0.0);
        for eye in 0..eyes {
            let [red, green, blue] = [0, 1, 2].map(|channel| small.channel(eye, channel));
            let (slope, offset) = (coefficients.a.channel(eye, 3), coefficients.b.channel(eye, 3));
            let grey = red.iter().zip(green).zip(blue).map(|((r, g), b)| (r + g + b) / 3.0);
            let matte = grey.zip(slope).zip(offset).map(|((grey, a), b)| (a * grey + b).clamp(0.0, 1.0));
            let mut matte: Vec<f32> = matte.collect();
            let told = matte.clone();
            if touch.grow_pixels != 0.0 {
                let radius = touch.grow_pixels.abs() * ratio as f32;
                grow(&mut matte, width, radius, touch.grow_pixels > 0.0, &mut self.scratch);
            }
            let before = &mut self.before[eye * area..(eye + 1) * area];
            if touch.smooth != 0.0 && !first {
                matte.iter_mut().zip(&*before).for_each(|(now, then)| *now += (then - *now) * touch.smooth);
            }
            before.copy_from_slice(&matte);
            let offset = coefficients.b.channel_mut(eye, 3);
            for ((offset, is), was) in offset.iter_mut().zip(&matte).zip(&told) {
                *offset += is - was;
            }
        }
    }
}

/// Each value becomes the largest (or smallest) within `radius` along rows and columns; a part of a pixel is that
/// part of the way to the next whole radius.
fn grow(matte: &mut [f32], width: usize, radius: f32, largest: bool, scratch: &mut [Vec<f32>; 2]) {
    let (whole, part) = (radius.floor(), radius.fract());
    let [near, far] = scratch;
    spread(matte, width, whole as usize, largest, near);
    spread(matte, width, whole as usize + 1, largest, far);
    for ((out, near), far) in matte.iter_mut().zip(&*near).zip(&*far) {
        *out = near + (far - near) * part;
    }
}

fn spread(from: &[f32], width: usize, radius: usize, largest: bool, out: &mut Vec<f32>) {
    let pick = |a: f32, b: f32| if largest { a.max(b) } else { a.min(b) };
    let height = from.len() / width.max(1);
    let mut rows = Vec::with_capacity(from.len());
    for row in from.chunks_exact(width) {
        rows.extend((0..width).map(|x| {
            let around = &row[x.saturating_sub(radius)..(x + radius + 1).min(width)];
            around.iter().copied().fold(row[x], pick)
        }));
    }
    out.clear();
    for y in 0..height {
        let around = y.saturating_sub(radius)..(y + radius + 1).min(height);
        out.extend(
            (0..width)
                .map(|x| around.clone().fold(rows[y * width + x], |best, y| pick(best, rows[y * width + x]))),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dot in maps of 9x7, one eye, grey picture: `b` is the matte.
    fn dot() -> (Tensor, Coefficients) {
        let mut b = Tensor::zeros([1, 4, 7, 9]);
        b.channel_mut(0, 3)[3 * 9 + 4] = 1.0;
        (Tensor::zeros([1, 3, 7, 9]), Coefficients { a: Tensor::zeros([1, 4, 7, 9]), b })
    }

    fn touched(touch: MapTouch, ratio: f64) -> Vec<f32> {
        let (small, mut coefficients) = dot();
        TouchedMaps::default().apply(&touch, ratio, &small, &mut coefficients);
        assert!(coefficients.b.channel(0, 0).iter().all(|v| *v == 0.0), "colour is left alone");
        coefficients.b.channel(0, 3).to_vec()
    }

    #[test]
    fn growing_and_shrinking_go_by_pixels_of_the_frame() {
        let sum = |touch, ratio| touched(touch, ratio).iter().sum::<f32>();
        let grow = |grow_pixels| MapTouch { grow_pixels, ..MapTouch::default() };
        assert_eq!(sum(grow(1.0), 1.0), 9.0);
        assert_eq!(sum(grow(2.0), 1.0), 25.0);
        assert_eq!(sum(grow(8.0), 0.125), 9.0, "8 pixels are one at an eighth of the size");
        assert_eq!(sum(grow(0.5), 1.0), 1.0 + 8.0 * 0.5);
        assert_eq!(sum(grow(-1.0), 1.0), 0.0);
        assert_eq!(sum(grow(-0.25), 1.0), 0.75);
    }

    #[test]
    fn smoothing_remembers_and_forgets() {
        let touch = MapTouch { smooth: 0.5, ..MapTouch::default() };
        let mut state = TouchedMaps::default();
        let step = |state: &mut TouchedMaps, lit: bool| {
            let (small, mut maps) = dot();
            if !lit {
                maps.b.channel_mut(0, 3).fill(0.0);
            }
            state.apply(&touch, 1.0, &small, &mut maps);
            maps.b.channel(0, 3)[3 * 9 + 4]
        };
        assert_eq!([true, false, false, true].map(|lit| step(&mut state, lit)), [1.0, 0.5, 0.25, 0.625]);
        state.reset();
        assert_eq!(step(&mut state, false), 0.0);
    }

    #[test]
    fn detail_carried_by_the_slope_stays() {
        let mut small = Tensor::zeros([1, 3, 7, 9]);
        small.data.iter_mut().enumerate().for_each(|(i, v)| *v = (i % 9) as f32 / 9.0);
        let (_, mut maps) = dot();
        maps.a.channel_mut(0, 3).fill(0.4);
        let slope = maps.a.clone();
        TouchedMaps::default().apply(
            &MapTouch { grow_pixels: 1.0, ..MapTouch::default() },
            1.0,
            &small,
            &mut maps,
        );
        assert_eq!(maps.a, slope);
    }
}
