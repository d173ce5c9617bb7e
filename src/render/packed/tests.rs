//! Packed frames read back by the table of the two players' format, piece by piece, and by directions worked out
//! from the angles alone.

use super::*;
use crate::frame::{Composite, Plane, Range, Size};
use crate::layout::{Packing, Projection};
use crate::render::{Opaque, Renderer};
use crate::vp9::{PairSource, PlaneRef, Planes};
use proptest::prelude::*;
use std::sync::Arc;

const FISHEYE: Projection = Projection::Fisheye { fov_degrees: 180 };

fn packer(packing: Packing, projection: &Projection, frame: Size) -> Arc<Packer> {
    Arc::new(Packer::new(Geometry::new(packing, projection, frame, None).unwrap(), Range::Limited))
}

fn render(packer: &Arc<Packer>, frame: &dyn PairSource) -> Opaque {
    let mut out = Opaque::new(packer.geometry().frame_out());
    Renderer::Packed(Arc::clone(packer)).render(frame, &mut out).unwrap();
    out
}

/// A frame that is everywhere as `pixel` says: luma and alpha.
fn frame(size: Size, pixel: impl Fn(usize, usize) -> (u8, u8)) -> Composite {
    let mut frame = Composite::new(size);
    for y in 0..size.height {
        for x in 0..size.width {
            (frame.colour.y.row_mut(y)[x], frame.alpha.row_mut(y)[x]) = pixel(x, y);
        }
    }
    frame.colour.u.data.fill(128);
    frame.colour.v.data.fill(128);
    frame.activity.data.fill(1);
    frame
}

/// Pieces of a matte in a frame, as the format's table has them: eye, where in the shrunken matte (halves of it,
/// from the left and from the top), and where in the frame (u and v in tenths).
const PIECES: [(usize, [usize; 4], [usize; 4]); 6] = [
    // Left eye: its top half at the bottom centre, its bottom half at the top centre.
    (0, [0, 2, 0, 1], [4, 6, 8, 10]),
    (0, [0, 2, 1, 2], [4, 6, 0, 2]),
    // Right eye: top left, top right, bottom left, bottom right.
    (1, [0, 1, 0, 1], [9, 10, 8, 10]),
    (1, [1, 2, 0, 1], [0, 1, 8, 10]),
    (1, [0, 1, 1, 2], [9, 10, 0, 2]),
    (1, [1, 2, 1, 2], [0, 1, 0, 2]),
];

/// Both mattes of a packed frame, 0.4 of its height each way, as a player finds them: red of each pixel.
fn unpack(out: &Opaque) -> [Plane<u8>; 2] {
    let Planes { y: luma, v, .. } = out.colour();
    let Size { width, height } = luma.size;
    let small = 2 * height / 5;
    let mut mattes = [Plane::new(Size::new(small, small)), Plane::new(Size::new(small, small))];
    for (eye, [left, right, top, bottom], [u0, u1, v0, v1]) in PIECES {
        let (x0, y0) = (left * small / 2, top * small / 2);
        let (columns, rows) = ((right - left) * small / 2, (bottom - top) * small / 2);
        assert_eq!([(u1 - u0) * width / 10, (v1 - v0) * height / 10], [columns, rows]);
        for y in 0..rows {
            for x in 0..columns {
                let (at_x, at_y) = (u0 * width / 10 + x, v0 * height / 10 + y);
                let red = (f64::from(luma.row(at_y)[at_x]) - 16.0) / 219.0
                    + 1.5748 * (f64::from(v.row(at_y / 2)[at_x / 2]) - 128.0) / 224.0;
                mattes[eye].row_mut(y0 + y)[x0 + x] = (255.0 * red).round().clamp(0.0, 255.0) as u8;
            }
        }
    }
    mattes
}

/// A soft picture of its own place, different in the two eyes.
fn placed(eye: usize, x: f64, y: f64) -> f64 {
    let wave = (x / 13.0 + eye as f64).sin() * (y / 17.0 - eye as f64).cos();
    128.0 + 60.0 * wave + if eye == 0 { x / 4.0 } else { -y / 4.0 }
}

#[test]
fn mattes_lie_where_the_table_of_the_format_says() {
    let side = 200;
    let size = Size::new(2 * side, side);
    let matte = |x: usize, y: usize| placed(x / side, (x % side) as f64, y as f64).round() as u8;
    let frame = frame(size, |x, y| (90, matte(x, y)));
    // A fisheye is not remapped, so that places are exact.
    let out = render(&packer(Packing::SideBySide, &FISHEYE, size), &frame);
    for (eye, got) in unpack(&out).iter().enumerate() {
        let (mut seen, mut worst) = (0, 0.0f64);
        for y in 0..80 {
            for x in 0..80 {
                // The middle of a pixel of the shrunken matte, in the matte.
                let (at_x, at_y) = (2.5 * (x as f64 + 0.5), 2.5 * (y as f64 + 0.5));
                let from_middle = (at_x - 100.0).hypot(at_y - 100.0);
                let red = f64::from(got.row(y)[x]);
                if from_middle < 97.0 {
                    let want = placed(eye, at_x - 0.5, at_y - 0.5);
                    worst = worst.max((red - want).abs());
                    seen += 1;
                }
            }
        }
        // 219 codes for 255, and the mean of a wave is a little flatter than its middle.
        assert!(seen > 4500 && worst < 4.0, "eye {eye}: {worst}");
    }
}

#[test]
fn eyes_are_found_whatever_the_packing() {
    let side = 160;
    for (packing, size, right) in [
        (Packing::SideBySide, Size::new(2 * side, side), (side, 0)),
        (Packing::SideBySideSwapped, Size::new(2 * side, side), (0, 0)),
        (Packing::TopBottom, Size::new(side, 2 * side), (0, side)),
        (Packing::TopBottomSwapped, Size::new(side, 2 * side), (0, 0)),
    ] {
        let in_right = |x: usize, y: usize| {
            (right.0..right.0 + side).contains(&x) && (right.1..right.1 + side).contains(&y)
        };
        let frame = frame(size, |x, y| if in_right(x, y) { (200, 255) } else { (60, 0) });
        let out = render(&packer(packing, &FISHEYE, size), &frame);
        let luma = out.colour().y;
        assert_eq!((luma.row(80)[80], luma.row(80)[side + 80]), (60, 200), "{packing}");
        let [left, right] = unpack(&out).map(|matte| matte.row(32)[32]);
        assert_eq!((left, right), (0, 255), "{packing}");
    }
}

#[test]
fn nothing_of_the_picture_is_overwritten_and_nothing_is_outside() {
    for (side, projection) in [(100, FISHEYE), (150, Projection::HALF), (128, Projection::HALF)] {
        let size = Size::new(2 * side, side);
        let out = render(&packer(Packing::SideBySide, &projection, size), &frame(size, |_, _| (180, 255)));
        let Planes { y: luma, u, v } = out.colour();
        let side = side as f64;
        for y in 0..luma.size.height {
            for x in 0..luma.size.width {
                let (px, py) = (x as f64 + 0.5, y as f64 + 0.5);
                let eye = (px / side).floor();
                let from_axis = (px - (eye + 0.5) * side).hypot(py - 0.5 * side);
                // From the nearest middle of a shrunken matte: every corner and the middles of top and bottom.
                let nearest = |at: f64| (at / side - (at / side).round()).abs() * side;
                let from_matte = nearest(px).hypot(nearest(py));
                let got = luma.row(y)[x];
                if from_axis < side / 2.0 {
                    assert_eq!(got, 180, "{side}: {x} {y}");
                } else if from_matte < side / 5.0 - 1.5 {
                    assert_eq!(got, 235, "{side}: {x} {y}");
                } else if from_matte > side / 5.0 + 1.5 {
                    assert_eq!(got, 16, "{side}: {x} {y}");
                }
                assert_eq!((u.row(y / 2)[x / 2], v.row(y / 2)[x / 2]), (128, 128));
            }
        }
    }
}

/// Directions (longitude to the right, latitude up, in degrees) that are marked, one at a time.
const DIRECTIONS: [(f64, f64); 7] =
    [(0.0, 0.0), (45.0, 0.0), (-60.0, 0.0), (0.0, 50.0), (30.0, -40.0), (-50.0, 60.0), (85.0, 0.0)];

#[test]
fn directions_land_where_an_equidistant_fisheye_has_them() {
    let side = 360;
    let wide = Size::new(4 * side, 2 * side);
    for (packing, projection, size, whole) in [
        (Packing::SideBySide, Projection::HALF, Size::new(2 * side, side), 180.0),
        (Packing::TopBottom, Projection::SPHERE, Size::new(2 * side, 2 * side), 360.0),
        (Packing::SideBySide, Projection::SPHERE, Size::new(wide.width, side), 360.0),
    ] {
        let packer = packer(packing, &projection, size);
        assert_eq!(packer.geometry().side, side);
        let eyes = packing.eyes(size);
        for (longitude, latitude) in DIRECTIONS {
            // A disc of 3 degrees about the direction, by the angle between the two.
            let vector = |lon: f64, lat: f64| {
                let (lon, lat) = (lon.to_radians(), lat.to_radians());
                [lat.cos() * lon.sin(), lat.sin(), lat.cos() * lon.cos()]
            };
            let mark = vector(longitude, latitude);
            let eye = eyes[0].size;
            let marked = frame(size, |x, y| {
                let (x, y) = (x % eye.width, y % eye.height);
                let lon = ((x as f64 + 0.5) / eye.width as f64 - 0.5) * whole;
                let lat = (0.5 - (y as f64 + 0.5) / eye.height as f64) * 180.0;
                let at = vector(lon, lat);
                let cos: f64 = at.iter().zip(mark).map(|(a, b)| a * b).sum();
                if cos > 3f64.to_radians().cos() { (235, 255) } else { (16, 0) }
            });
            let out = render(&packer, &marked);
            let luma = out.colour().y;
            // Where it should be: the angle from the axis, in the direction across.
            let angle = mark[2].acos();
            let length = mark[0].hypot(mark[1]).max(1e-9);
            let radius = angle / std::f64::consts::FRAC_PI_2 * side as f64 / 2.0;
            let want = [mark[0] / length, -mark[1] / length].map(|c| side as f64 / 2.0 + c * radius);
            for offset in [0, side] {
                let (mut sum, mut x_sum, mut y_sum) = (0.0, 0.0, 0.0);
                for y in 0..side {
                    for x in (0..side).filter(|&x| packer.geometry().in_circle(x, y)) {
                        let weight = f64::from(luma.row(y)[offset + x]) - 16.0;
                        sum += weight;
                        x_sum += weight * (x as f64 + 0.5);
                        y_sum += weight * (y as f64 + 0.5);
                    }
                }
                assert!(sum > 0.0, "{longitude} {latitude}");
                let got = [x_sum / sum, y_sum / sum];
                let off = (got[0] - want[0]).hypot(got[1] - want[1]);
                assert!(off < 0.6, "{projection} {longitude} {latitude}: {got:?} and not {want:?}");
            }
        }
    }
}

#[test]
fn an_edge_up_high_takes_no_black_from_what_is_not_visible() {
    let side = 400;
    let size = Size::new(2 * side, side);
    // A white person down to 70 degrees of latitude, whose colour goes on for four pixels as compose leaves it.
    let edge = 300;
    let frame = frame(size, |x, _| match x % side {
        x if x < edge => (235, 255),
        x if x < edge + 4 => (235, 0),
        _ => (16, 0),
    });
    let packer = packer(Packing::SideBySide, &Projection::HALF, size);
    let out = render(&packer, &frame);
    let luma = out.colour().y;
    let mut seen = 0;
    for y in 0..side {
        for x in (0..side).filter(|&x| packer.geometry().in_circle(x, y)) {
            // What a pixel's own alpha is follows from where it comes from, by angles alone.
            let (across, down) = ((x as f64 + 0.5) / 200.0 - 1.0, (y as f64 + 0.5) / 200.0 - 1.0);
            let angle = across.hypot(down) * std::f64::consts::FRAC_PI_2;
            let (sin, length) = (angle.sin(), across.hypot(down));
            let longitude = (sin * across / length).atan2(angle.cos()).to_degrees();
            if longitude < f64::from(edge as u32) / 400.0 * 180.0 - 90.0 {
                assert_eq!(luma.row(y)[x], 235, "{x} {y}");
                seen += 1;
            }
        }
    }
    assert!(seen > 60_000);
}

/// The same frame, but nobody says where it is visible.
struct Unknown(Composite);

impl PairSource for Unknown {
    fn colour(&self) -> Planes<'_> {
        self.0.colour()
    }
    fn alpha(&self) -> PlaneRef<'_> {
        PairSource::alpha(&self.0)
    }
    fn activity(&self) -> Option<PlaneRef<'_>> {
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Blocks that are left out and buffers that are used again change nothing.
    #[test]
    fn what_is_left_out_is_what_does_not_show(
        height in 33usize..90, squares in prop::collection::vec((0usize..200, 0usize..90, 1usize..40), 4),
        fisheye: bool,
    ) {
        let size = Size::new(4 * height, 2 * height);
        let projection = if fisheye { FISHEYE } else { Projection::HALF };
        let packer = packer(Packing::SideBySide, &projection, size);
        let renderer = Renderer::Packed(Arc::clone(&packer));
        let mut out = Opaque::new(packer.geometry().frame_out());
        for (left, top, side) in squares {
            let mut frame = Composite::new(size);
            frame.colour.y.data.fill(16);
            frame.colour.u.data.fill(128);
            frame.colour.v.data.fill(128);
            for y in top.min(height)..(top + side).min(2 * height) {
                for x in left..(left + side).min(4 * height) {
                    frame.colour.y.row_mut(y)[x] = 200;
                    frame.colour.u.row_mut(y / 2)[x / 2] = 90;
                    frame.alpha.row_mut(y)[x] = (100 + x % 150) as u8;
                    frame.activity.row_mut(y / 16)[x / 16] = 1;
                }
            }
            renderer.render(&frame, &mut out).unwrap();
            let fresh = render(&packer, &Unknown(frame));
            prop_assert!(out.colour() == fresh.colour());
            for (block, &drawn) in out.activity().data.iter().enumerate() {
                let columns = out.activity().size.width;
                let (x, y) = (16 * (block % columns), 16 * (block / columns));
                let rows = y..(y + 16).min(2 * height).min(out.size().height);
                let flat = rows.into_iter().all(|y| {
                    out.colour().y.row(y)[x..(x + 16).min(out.size().width)].iter().all(|&code| code == 16)
                });
                prop_assert!(drawn == 1 || flat);
            }
        }
    }
}
