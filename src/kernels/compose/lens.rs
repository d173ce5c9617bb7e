//! Alpha only inside the circle of a fisheye lens: around a shade, for every view by itself.
//!
//! The circle is the largest that fits into an eye, as players and cameras' stitchers have it. A pixel counts by
//! how far its middle lies inside, so that the rim is one pixel soft: `clamp(radius - distance + 1/2, 0, 1)`.
//! What lies outside is no picture, so nothing of it may be seen, whatever a network makes of it.
//! For a kernel the same is `alpha *= cover(x, y)`, with the circle's centre and radius in pixels of the eye.
#![forbid(unsafe_code)]

use super::{Pixel, Shade};
use crate::frame::{Rect, Size};

/// A circle in an eye, in pixels from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circle {
    /// Across and down.
    pub centre: [f32; 2],
    /// To the rim.
    pub radius: f32,
}

impl Circle {
    /// The largest that fits.
    pub fn in_eye(eye: Size) -> Self {
        let centre = [eye.width as f32 / 2.0, eye.height as f32 / 2.0];
        Self { centre, radius: centre[0].min(centre[1]) }
    }

    /// How much of a pixel is inside.
    pub fn cover(&self, x: usize, y: usize) -> f32 {
        let [across, down] = [x as f32 + 0.5 - self.centre[0], y as f32 + 0.5 - self.centre[1]];
        (self.radius - (across * across + down * down).sqrt() + 0.5).clamp(0.0, 1.0)
    }
}

/// A shade behind lenses.
#[derive(Debug)]
pub struct Lens<'a, S> {
    shade: &'a S,
    circles: Vec<Circle>,
}

impl<'a, S> Lens<'a, S> {
    /// `shade` inside the circles of views `eyes`.
    pub fn new(shade: &'a S, eyes: &[Rect]) -> Self {
        Self { shade, circles: eyes.iter().map(|eye| Circle::in_eye(eye.size)).collect() }
    }
}

/// What a row of a shade behind a lens knows.
#[derive(Debug, Default)]
pub struct LensRow<R> {
    row: R,
    eye: usize,
    y: usize,
}

impl<S: Shade> Shade for Lens<'_, S> {
    type Row = LensRow<S::Row>;

    fn begin_row(&self, row: &mut Self::Row, eye: usize, y: usize) {
        (row.eye, row.y) = (eye, y);
        self.shade.begin_row(&mut row.row, eye, y);
    }

    #[inline]
    fn shade(&self, row: &Self::Row, x: usize, rgb: [f32; 3]) -> Pixel {
        let cover = self.circles[row.eye].cover(x, row.y);
        if cover == 0.0 {
            return Pixel { rgb, alpha: 0.0 };
        }
        let Pixel { rgb, alpha } = self.shade.shade(&row.row, x, rgb);
        // Clamped here: half of a pixel that is more than opaque is half.
        Pixel { rgb, alpha: alpha.clamp(0.0, 1.0) * cover }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Colour, Composite, Matrix, Picture, Plane, Range, Samples, Yuv420};
    use crate::kernels::compose::compose;

    struct Opaque;

    impl Shade for Opaque {
        type Row = ();
        fn begin_row(&self, (): &mut (), _: usize, _: usize) {}
        fn shade(&self, (): &(), _: usize, rgb: [f32; 3]) -> Pixel {
            Pixel { rgb, alpha: 1.5 }
        }
    }

    #[test]
    fn circles_touch_the_sides_and_leave_the_corners() {
        let circle = Circle::in_eye(Size::new(8, 8));
        assert_eq!((circle.centre, circle.radius), ([4.0, 4.0], 4.0));
        // By hand: the middle of (0, 3) is 3.5 and 0.5 from the centre, 3.5355 in all.
        assert!((circle.cover(0, 3) - 0.96447).abs() < 1e-4);
        assert_eq!(
            (circle.cover(0, 0), circle.cover(3, 4), circle.cover(1, 1)),
            (0.0, 1.0, 0.96447_f32.min(circle.cover(1, 1)))
        );
        let wide = Circle::in_eye(Size::new(20, 8));
        assert_eq!((wide.radius, wide.cover(0, 4), wide.cover(10, 4)), (4.0, 0.0, 1.0));
    }

    #[test]
    fn both_eyes_have_their_circle_and_nothing_is_seen_outside() {
        let size = Size::new(128, 64);
        let luma = Plane::filled(size, 180u8);
        let chroma = Plane::filled(size.chroma(), 90u8);
        let colour = Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 };
        let samples = Samples::Eight(Yuv420 { y: luma, u: chroma.clone(), v: chroma });
        let picture = Picture { pts: 0, size, depth: 8, colour, samples };
        let half = Size::new(64, 64);
        let eyes = [Rect { x: 0, y: 0, size: half }, Rect { x: 64, y: 0, size: half }];
        let mut out = Composite::new(size);
        compose(&picture, &eyes, &Lens::new(&Opaque, &eyes), &mut out).unwrap();
        let circle = Circle::in_eye(half);
        let mut seen = 0.0;
        for y in 0..64 {
            for x in 0..128 {
                let alpha = out.alpha.row(y)[x];
                assert_eq!(alpha, (circle.cover(x % 64, y) * 255.0 + 0.5) as u8, "{x} {y}");
                seen += f64::from(alpha) / 255.0;
            }
        }
        let area = 2.0 * std::f64::consts::PI * 32.0 * 32.0;
        assert!((seen - area).abs() < 0.005 * area, "{seen} of {area}");
        // Corners are black and idle, but for what colour bleeds over the rim.
        assert_eq!((out.colour.y.row(0)[0], out.colour.u.row(0)[0], out.activity.row(0)[0]), (16, 128, 1));
        assert_eq!(out.colour.y.row(0)[64], 16);
    }
}
