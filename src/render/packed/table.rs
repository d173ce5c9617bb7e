//! Where each pixel of a packed eye comes from in an eye of the source.
//!
//! For the middle of an output pixel, `(x, y)` from the middle of the eye, `r` its length and `R` half the side:
//!
//! ```text
//! angle = r / R * fov / 2          right = sin(angle) x / r   down = sin(angle) y / r   ahead = cos(angle)
//! equirectangular: longitude = atan2(right, ahead), latitude = asin(down), linear in the bounds of the eye
//! fisheye:         angle / (own fov / 2) of the radius of its circle, in the same direction
//! ```
//! Near the poles an equirectangular picture is stretched across, as 1 / cos(latitude): there a pixel is made of a
//! run of samples in a row, as many as it covers ([`Place::run`]). Worked out in doubles and kept in 256ths of a
//! pixel; the same table serves every frame, every lane and, uploaded, a GPU.
#![forbid(unsafe_code)]

use super::geometry::{Geometry, View};
use crate::frame::Size;
use rayon::prelude::*;
use std::f64::consts::PI;

/// Most samples in a row that a pixel is made of; at 82 degrees up a pixel covers about five.
const MOST_RUN: f64 = 15.0;

/// Places are kept in fractions of a pixel.
pub(super) const ONE: u32 = 256;

/// Where a pixel comes from; eight bytes.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// Column of the middle in the eye in 256ths, counted from the middle of the first; the run in the top 8 bits.
    column_and_run: u32,
    /// Row, in the same way.
    row: u32,
}

impl Place {
    const COLUMN_BITS: u32 = 24;

    fn new(column: f64, row: f64, run: f64, eye: Size) -> Self {
        let within =
            |at: f64, side: usize| (at.clamp(0.0, (side - 1) as f64) * f64::from(ONE)).round() as u32;
        let run = run.round().clamp(1.0, MOST_RUN) as u32;
        Self {
            column_and_run: within(column, eye.width) | run << Self::COLUMN_BITS,
            row: within(row, eye.height),
        }
    }

    /// Samples in a row that the pixel is made of; 0: nothing is seen there.
    #[inline]
    pub fn run(self) -> u32 {
        self.column_and_run >> Self::COLUMN_BITS
    }

    /// Column of the middle, in 256ths of a pixel from the middle of the first.
    #[inline]
    pub fn column(self) -> u32 {
        self.column_and_run & ((1 << Self::COLUMN_BITS) - 1)
    }

    /// Row, in the same way.
    #[inline]
    pub fn row(self) -> u32 {
        self.row
    }
}

/// The places of all pixels of one eye; the two eyes have the same.
pub(super) struct Table {
    side: usize,
    places: Vec<Place>,
}

impl Table {
    pub(super) fn new(geometry: &Geometry) -> Self {
        let side = geometry.side;
        let mut places = vec![Place::default(); side * side];
        places.par_chunks_mut(side).enumerate().for_each(|(y, row)| {
            for (x, place) in row.iter_mut().enumerate() {
                if geometry.in_circle(x, y) {
                    *place = self::place(geometry, x, y).unwrap_or_default();
                }
            }
        });
        Self { side, places }
    }

    /// All of them, row by row.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Row `y` of the eye.
    #[inline]
    pub(super) fn row(&self, y: usize) -> &[Place] {
        &self.places[y * self.side..(y + 1) * self.side]
    }
}

/// The place of the pixel at (`x`, `y`) of an eye, `None` where the source shows nothing.
fn place(geometry: &Geometry, x: usize, y: usize) -> Option<Place> {
    let radius = geometry.side as f64 / 2.0;
    let (x, y) = (x as f64 + 0.5 - radius, y as f64 + 0.5 - radius);
    let from_middle = x.hypot(y);
    let angle_per_pixel = f64::from(geometry.fov_degrees).to_radians() / 2.0 / radius;
    let angle = from_middle * angle_per_pixel;
    let eye = geometry.eyes[0].size;
    let (across, down) = match from_middle > 0.0 {
        true => (x / from_middle, y / from_middle),
        false => (1.0, 0.0),
    };
    match geometry.view {
        View::Fisheye { fov_degrees } => {
            let share = angle / (f64::from(fov_degrees).to_radians() / 2.0);
            let circle = eye.width.min(eye.height) as f64 / 2.0;
            // The middle of the outermost pixels may lie a little outside.
            let at = (share * circle <= circle + 0.5).then_some(share * circle)?;
            let column = eye.width as f64 / 2.0 + across * at - 0.5;
            let row = eye.height as f64 / 2.0 + down * at - 0.5;
            Some(Place::new(column, row, 1.0, eye))
        }
        View::Equirect(bounds) => {
            let (sin, cos) = angle.sin_cos();
            let (right, ahead) = (sin * across, cos);
            let (longitude, latitude) = (right.atan2(ahead), (sin * down).clamp(-1.0, 1.0).asin());
            let whole = 4_294_967_296.0;
            let [left, top] = [bounds.left, bounds.top].map(|cut| f64::from(cut) / whole);
            let [wide, high] = bounds.degrees();
            let (per_turn, per_half) = (eye.width as f64 / wide * 360.0, eye.height as f64 / high * 180.0);
            let column = (longitude / (2.0 * PI) + 0.5 - left) * per_turn;
            let row = (latitude / PI + 0.5 - top) * per_half;
            let inside = |at: f64, side: usize| (-0.5..=side as f64 + 0.5).contains(&at);
            if !inside(column, eye.width) || !inside(row, eye.height) {
                return None;
            }
            // How far the column moves for a step of one pixel along the parallel, which is where it moves fastest:
            // that parallel has a part along the radius and a part around the middle, of different scales.
            let (sin_lon, cos_lon) = longitude.sin_cos();
            let along = cos_lon * cos * across + sin_lon * sin;
            let around = -cos_lon * down;
            let scale_around = if from_middle > 0.0 { sin / from_middle } else { angle_per_pixel };
            let on_sphere = (along * angle_per_pixel).hypot(around * scale_around);
            let run = on_sphere / latitude.cos().max(1e-6) * per_turn / (2.0 * PI);
            Some(Place::new(column - 0.5, row - 0.5, run, eye))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{Packing, Projection};

    #[test]
    fn directions_known_by_hand_come_from_where_they_should() {
        let geometry =
            Geometry::new(Packing::SideBySide, &Projection::HALF, Size::new(1440, 720), None).unwrap();
        let table = Table::new(&geometry);
        // Straight ahead lies between four pixels: half a pixel beside it is half a pixel beside it.
        let middle = table.row(360)[360];
        assert_eq!((middle.column(), middle.row(), middle.run()), (360 * 256, 360 * 256, 1));
        // 45 degrees to the right, on the horizon: half way out in both pictures.
        let right = table.row(359)[540];
        assert!(right.column().abs_diff(540 * 256) < 40 && right.row().abs_diff(359 * 256) < 40, "{right:?}");
        // 45 degrees up: half way up in both, and 1/cos(45) * sin(45)/(pi/4) = 1.27 times as wide.
        let up = table.row(180)[360];
        assert!(up.row().abs_diff(180 * 256) < 40 && up.run() == 1, "{up:?}");
        // 80 degrees up: tan(80) / 1.396 = 4.06.
        let high = table.row(40)[360];
        assert!(high.row().abs_diff(40 * 256) < 40, "{high:?}");
        assert_eq!(high.run(), 4);
        // Half way out, up and to the right: latitude asin(sin 45 / sqrt 2) = 30, longitude atan(tan 45 / sqrt 2)
        // = 35.264 degrees; four pixels to the degree.
        let beside = table.row(360 - 127)[360 + 127];
        let (column, row) = (f64::from(beside.column()) / 256.0, f64::from(beside.row()) / 256.0);
        assert!((column - (360.0 + 4.0 * 35.26)).abs() < 1.0 && (row - (360.0 - 4.0 * 30.0)).abs() < 1.0);
        assert_eq!((table.row(0)[0].run(), table.row(719)[719].run()), (0, 0), "outside the circle");
    }

    #[test]
    fn a_fisheye_of_the_same_angle_is_left_as_it_is() {
        let fisheye = Projection::Fisheye { fov_degrees: 190 };
        let geometry = Geometry::new(Packing::SideBySide, &fisheye, Size::new(400, 200), None).unwrap();
        let table = Table::new(&geometry);
        for (x, y) in [(100, 100), (3, 100), (99, 1), (150, 30)] {
            let place = table.row(y)[x];
            assert_eq!((place.column(), place.row(), place.run()), (256 * x as u32, 256 * y as u32, 1));
        }
    }

    #[test]
    fn beyond_what_a_source_shows_there_is_nothing() {
        let half =
            Geometry::new(Packing::SideBySide, &Projection::HALF, Size::new(720, 360), Some(200)).unwrap();
        let table = Table::new(&half);
        assert_eq!(half.side, 400);
        // 95 degrees to the right are not in a picture of 180, straight up is.
        assert_eq!((table.row(200)[200 + 190].run(), table.row(200)[200 + 170].run()), (0, 1));
        let whole = Geometry::new(Packing::SideBySide, &Projection::SPHERE, Size::new(1440, 360), Some(200));
        assert_eq!(Table::new(&whole.unwrap()).row(200)[200 + 190].run(), 1, "but in one of 360");
    }
}
