//! The mattes of both eyes in the corners of a packed frame.
//!
//! A pixel of the shrunken matte, `(i, j)` from its middle, covers 2.5 by 2.5 pixels of the matte: from
//! `side + 5 i` to `side + 5 i + 5` in half pixels, which are three pixels weighted 2, 2, 1 or 1, 2, 2. So
//! `value = (sum of 3 x 3 weighted + 12) / 25`, a proper area filter in whole numbers at any size.
//! It lies at `(i, j)` from its anchor, round the frame, and is written where no picture is.
#![forbid(unsafe_code)]

use super::geometry::Geometry;
use crate::frame::Plane;

/// Where the matte of an eye lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shrunk {
    /// 0 the left, 1 the right eye.
    pub(super) eye: usize,
    /// From the middle of the shrunken matte, in its pixels.
    pub(super) i: i64,
    pub(super) j: i64,
}

/// Rows (and columns) that a shrunken matte reaches from its middle: 0.2 of the side, rounded up.
pub(super) fn reach(side: usize) -> i64 {
    side.div_ceil(5) as i64
}

/// What belongs at pixel (`x`, `y`) of a packed frame besides the picture: a pixel of a shrunken matte or nothing.
pub(super) fn shrunk_at(geometry: &Geometry, x: usize, y: usize) -> Option<Shrunk> {
    let side = geometry.side as i64;
    let reach = reach(geometry.side);
    if geometry.in_circle(x % geometry.side, y) {
        return None;
    }
    let (x, y) = (x as i64, y as i64);
    let j = if y < side / 2 { y } else { y - side };
    // From the seam of the frame, and from the middle.
    let (right, left) = (if x < side { x } else { x - 2 * side }, x - side);
    let within = |at: i64| (-reach..reach).contains(&at);
    match (within(j), within(left), within(right)) {
        (true, true, _) => Some(Shrunk { eye: 0, i: left, j }),
        (true, _, true) => Some(Shrunk { eye: 1, i: right, j }),
        _ => None,
    }
}

/// First pixel of the matte and the weights of it and the two after it, for pixel `at` of the shrunken one.
fn span(side: usize, at: i64) -> (i64, [u32; 3]) {
    let start = side as i64 + 5 * at;
    (start.div_euclid(2), if start % 2 == 0 { [2, 2, 1] } else { [1, 2, 2] })
}

/// The first of the three pixels of the matte that pixel `at` of the shrunken one is made of, across or down.
#[inline]
pub(super) fn first(side: usize, at: i64) -> i64 {
    span(side, at).0
}

/// The value of a pixel of a shrunken matte; `mattes` are those of both eyes beside each other, 0 outside their
/// circles.
pub(super) fn value(side: usize, mattes: &Plane<u8>, Shrunk { eye, i, j }: Shrunk) -> u8 {
    let (left, across) = span(side, i);
    let (top, down) = span(side, j);
    let mut sum = 0;
    for (y, weight) in (top..).zip(down) {
        if !(0..side as i64).contains(&y) {
            continue;
        }
        let row = &mattes.row(y as usize)[eye * side..(eye + 1) * side];
        for (x, across) in (left..).zip(across) {
            let pixel = usize::try_from(x).ok().and_then(|x| row.get(x));
            sum += weight * across * pixel.map_or(0, |&alpha| u32::from(alpha));
        }
    }
    ((sum + 12) / 25) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;
    use crate::layout::{Packing, Projection};

    #[test]
    fn five_pixels_become_two() {
        let mut mattes = Plane::new(Size::new(200, 100));
        let spike = |mattes: &mut Plane<u8>, x: usize| (0..100).for_each(|y| mattes.row_mut(y)[x] = 250);
        spike(&mut mattes, 52);
        let at = |mattes: &Plane<u8>, i| value(100, mattes, Shrunk { eye: 0, i, j: 3 });
        // Column 52 is the third of five from the middle: half of it in either.
        assert_eq!([-1, 0, 1, 2].map(|i| at(&mattes, i)), [0, 50, 50, 0]);
        spike(&mut mattes, 51);
        assert_eq!([-1, 0, 1, 2].map(|i| at(&mattes, i)), [0, 150, 50, 0]);
        assert_eq!(value(100, &mattes, Shrunk { eye: 1, i: 0, j: 3 }), 0, "the other eye");
        assert_eq!(value(100, &mattes, Shrunk { eye: 0, i: -21, j: 0 }), 0, "beyond it there is nothing");
    }

    #[test]
    fn every_pixel_of_a_matte_has_its_place_once() {
        for side in [100, 128, 146] {
            let geometry =
                Geometry::new(Packing::SideBySide, &Projection::HALF, Size::new(2 * side, side), None)
                    .unwrap();
            let mut found = std::collections::BTreeMap::new();
            for y in 0..side {
                for x in 0..2 * side {
                    if let Some(Shrunk { eye, i, j }) = shrunk_at(&geometry, x, y) {
                        assert!(found.insert((eye, i, j), (x, y)).is_none());
                    }
                }
            }
            // Inside its circle of a fifth of the side, nothing is lost to the picture's.
            let radius = side as f64 / 5.0;
            let reach = reach(side);
            for (eye, i, j) in (0..2)
                .flat_map(|eye| (-reach..reach).flat_map(move |i| (-reach..reach).map(move |j| (eye, i, j))))
            {
                let from_middle = (i as f64 + 0.5).hypot(j as f64 + 0.5);
                assert!(from_middle > radius || found.contains_key(&(eye, i, j)), "{side}: {eye} {i} {j}");
            }
        }
    }
}
