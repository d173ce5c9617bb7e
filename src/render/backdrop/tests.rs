//! Blended frames against RGB worked out from the formulas of H.273 in doubles, not by the code under test.

use super::*;
use crate::frame::{Composite, Matrix, Range, Rect};
use image::RgbImage;

/// R, G, B in 0 to 255 of 8-bit codes, by H.273 equations 20 to 31 and 38 to 43.
fn rgb(matrix: Matrix, range: Range, [y, u, v]: [u8; 3]) -> [f64; 3] {
    let (kr, kb) = matrix.luma_weights();
    let (y, u, v) = match range {
        Range::Limited => {
            ((f64::from(y) - 16.0) / 219.0, (f64::from(u) - 128.0) / 224.0, (f64::from(v) - 128.0) / 224.0)
        }
        Range::Full => (f64::from(y) / 255.0, (f64::from(u) - 128.0) / 255.0, (f64::from(v) - 128.0) / 255.0),
    };
    let (r, b) = (y + 2.0 * (1.0 - kr) * v, y + 2.0 * (1.0 - kb) * u);
    let g = (y - kr * r - kb * b) / (1.0 - kr - kb);
    [r, g, b].map(|c| 255.0 * c)
}

fn colour(matrix: Matrix, range: Range) -> Colour {
    Colour { matrix, range, primaries: 1, transfer: 1 }
}

fn shown(out: &Opaque, x: usize, y: usize) -> [u8; 3] {
    let Planes { y: luma, u, v } = out.colour();
    [luma.row(y)[x], u.row(y / 2)[x / 2], v.row(y / 2)[x / 2]]
}

#[test]
fn colours_blend_as_rgb_does() {
    let size = Size::new(34, 18);
    for (matrix, range) in
        [(Matrix::Bt709, Range::Limited), (Matrix::Bt601, Range::Full), (Matrix::Bt2020, Range::Limited)]
    {
        let green = [0x2b, 0xe6, 0x40];
        let backdrop = Backdrop::flat(size, green, colour(matrix, range));
        let front = [150, 100, 160];
        let mut out = Opaque::new(size);
        for alpha in [0, 1, 64, 127, 128, 200, 254, 255] {
            let mut frame = Composite::new(size);
            frame.colour.y.data.fill(front[0]);
            frame.colour.u.data.fill(front[1]);
            frame.colour.v.data.fill(front[2]);
            frame.alpha.data.fill(alpha);
            frame.activity.data.fill(1);
            backdrop.render(&frame, &mut out).unwrap();
            let share = f64::from(alpha) / 255.0;
            let front = rgb(matrix, range, front);
            for (x, y) in [(0, 0), (33, 17), (16, 16)] {
                let got = rgb(matrix, range, shown(&out, x, y));
                for c in 0..3 {
                    let want = share * front[c] + (1.0 - share) * f64::from(green[c]);
                    assert!((got[c] - want).abs() < 2.0, "{alpha} {got:?} {want}");
                }
            }
        }
    }
}

#[test]
fn an_edge_takes_no_black_from_what_is_not_visible() {
    let size = Size::new(16, 16);
    let white = colour(Matrix::Bt709, Range::Limited);
    let backdrop = Backdrop::flat(size, [255; 3], white);
    let mut frame = Composite::new(size);
    frame.activity.data.fill(1);
    // As compose leaves a white person: colour where it is visible, chroma of the visible pixels of a cell.
    for y in 0..16 {
        frame.colour.y.row_mut(y)[..5].fill(235);
        frame.alpha.row_mut(y)[..5].fill(255);
        frame.colour.y.row_mut(y)[5..].fill(16);
    }
    frame.colour.u.data.fill(128);
    frame.colour.v.data.fill(128);
    let mut out = Opaque::new(size);
    backdrop.render(&frame, &mut out).unwrap();
    assert!(out.planes.y.data.iter().all(|&y| y == 235), "white on white");
}

#[test]
fn blocks_at_rest_are_left_alone_and_drawn_again_when_somebody_leaves() {
    let size = Size::new(48, 16);
    let backdrop = Backdrop::flat(size, [255, 0, 0], colour(Matrix::Bt709, Range::Limited));
    let mut out = Opaque::new(size);
    let mut frame = Composite::new(size);
    backdrop.render(&frame, &mut out).unwrap();
    let clean = out.clone();
    assert!(clean.planes.y.data.iter().all(|&y| y == 63) && clean.drawn.data == [0, 0, 0]);
    frame.alpha.data.fill(255);
    frame.activity.data[1] = 1;
    backdrop.render(&frame, &mut out).unwrap();
    assert_eq!((out.drawn.data.clone(), out.planes.y.row(3)[16]), (vec![0, 1, 0], 0));
    assert_eq!(out.planes.y.row(3)[15], 63, "a block that is not visible is not looked at");
    backdrop.render(&Composite::new(size), &mut out).unwrap();
    assert_eq!(out.planes, clean.planes);
    assert!(backdrop.render(&Composite::new(Size::new(16, 16)), &mut out).is_err());
}

#[test]
fn a_picture_fills_each_eye_from_its_middle() {
    // Twice as wide as an eye: the left and right quarters are cut off.
    let picture = RgbImage::from_fn(80, 20, |x, _| match x {
        0..20 => image::Rgb([255, 0, 0]),
        20..60 => image::Rgb([10, 200, 90]),
        _ => image::Rgb([0, 0, 255]),
    });
    let (size, eye) = (Size::new(80, 40), Size::new(40, 40));
    let eyes = [Rect { x: 0, y: 0, size: eye }, Rect { x: 40, y: 0, size: eye }];
    let (matrix, range) = (Matrix::Bt709, Range::Limited);
    let backdrop = Picture::from_rgb(picture).backdrop(size, &eyes, colour(matrix, range));
    let mut out = Opaque::new(size);
    backdrop.render(&Composite::new(size), &mut out).unwrap();
    for x in [0, 6, 20, 33, 39, 40, 60, 79] {
        let got = rgb(matrix, range, shown(&out, x, 20));
        // The filter rings by a code or so where the cut is near.
        let near = |c: usize, want: f64, off: f64| (got[c] - want).abs() < off;
        let off = if (4..36).contains(&(x % 40)) { 2.0 } else { 140.0 };
        assert!(near(0, 10.0, off) && near(1, 200.0, off) && near(2, 90.0, off), "{x}: {got:?}");
    }
}

#[test]
fn what_is_no_picture_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    std::fs::write(&path, b"not a picture").unwrap();
    assert!(matches!(Picture::read(&path), Err(Error::Picture { .. })));
    let whole = folder.path().join("b.png");
    RgbImage::from_pixel(9, 7, image::Rgb([1, 2, 3])).save(&whole).unwrap();
    assert_eq!(Picture::read(&whole).unwrap().0.get_pixel(8, 6).0, [1, 2, 3]);
    let bytes = std::fs::read(&whole).unwrap();
    for length in 0..bytes.len() - 12 {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(Picture::read(&path).is_err(), "{length} of {} bytes", bytes.len());
    }
}
