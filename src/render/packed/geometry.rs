//! From the layout of a source to that of a packed frame: which eyes, which directions, how large.
#![forbid(unsafe_code)]

use crate::frame::{Rect, Size};
use crate::layout::{Bounds, Packing, Projection};
use crate::render::Error;
use crate::vp9::MAX_SIDE;

/// How directions lie in an eye of the source.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum View {
    /// Longitude across, latitude down, in these bounds.
    Equirect(Bounds),
    /// Radius proportional to the angle from the axis, in the largest circle that fits.
    Fisheye {
        /// Angle across the circle.
        fov_degrees: u16,
    },
}

/// All that the places of pixels depend on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Geometry {
    /// A frame of the source.
    pub frame: Size,
    /// The left and the right eye in it, of one size.
    pub eyes: [Rect; 2],
    /// How directions lie in them.
    pub view: View,
    /// Angle across the circles that are written.
    pub fov_degrees: u16,
    /// Rows of a packed frame; columns are twice as many. Even.
    pub side: usize,
}

/// Fewest rows of a packed frame: below, the matte's circle comes within a pixel or two of the picture's.
const LEAST_SIDE: usize = 64;

impl Geometry {
    /// The geometry of a packed frame with circles of `fov_degrees`; where that is not said, of 180 degrees, or what
    /// the source's own fisheye has. Pixels are as dense as in the source, down the middle of an eye.
    ///
    /// # Errors
    /// When the source is not stereo, its projection tells no directions that are known here, or the frame would
    /// be too large or too small.
    pub fn new(
        packing: Packing,
        projection: &Projection,
        frame: Size,
        fov_degrees: Option<u16>,
    ) -> Result<Self, Error> {
        let fov_degrees = fov_degrees.unwrap_or(Self::fov_of(projection));
        // Of eyes that differ by an odd column or row, what both have.
        let size = packing.eye(frame);
        let eyes = packing.eyes(frame).into_iter().map(|eye| Rect { size, ..eye }).collect::<Vec<_>>();
        let eyes = match (packing, &eyes[..]) {
            (Packing::SideBySide | Packing::TopBottom, &[left, right]) => [left, right],
            (Packing::SideBySideSwapped | Packing::TopBottomSwapped, &[right, left]) => [left, right],
            _ => return Err(Error::NotStereo { packing }),
        };
        let view = match projection {
            Projection::Equirect(bounds) => View::Equirect(*bounds),
            Projection::Fisheye { fov_degrees } => View::Fisheye { fov_degrees: *fov_degrees },
            other => return Err(Error::NotProjected { projection: other.clone() }),
        };
        let pixels_per_degree = match view {
            View::Equirect(bounds) => size.height as f64 / bounds.degrees()[1],
            View::Fisheye { fov_degrees } => size.width.min(size.height) as f64 / f64::from(fov_degrees),
        };
        let side = 2 * (pixels_per_degree * f64::from(fov_degrees) / 2.0).round() as usize;
        if !(LEAST_SIDE..=MAX_SIDE / 2).contains(&side) {
            let got = Size::new(2 * side, side);
            return Err(Error::PackedSize { got, least: LEAST_SIDE, most: MAX_SIDE / 2 });
        }
        Ok(Self { frame, eyes, view, fov_degrees, side })
    }

    /// The field of view of a packed frame where none is asked for.
    pub fn fov_of(projection: &Projection) -> u16 {
        match projection {
            Projection::Fisheye { fov_degrees } => *fov_degrees,
            _ => 180,
        }
    }

    /// Size of a packed frame.
    pub fn frame_out(&self) -> Size {
        Size::new(2 * self.side, self.side)
    }

    /// Whether the middle of pixel (`x`, `y`) of an eye lies in the circle of the picture.
    pub(super) fn in_circle(&self, x: usize, y: usize) -> bool {
        let from_middle = |at: usize| (2 * at as i64 + 1 - self.side as i64).pow(2);
        from_middle(x) + from_middle(y) <= (self.side as i64).pow(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eyes_are_found_and_the_size_follows_their_density() {
        let of = |packing, projection: Projection, width, height, fov| {
            Geometry::new(packing, &projection, Size::new(width, height), fov)
        };
        let sbs = of(Packing::SideBySide, Projection::HALF, 7680, 3840, None).unwrap();
        assert_eq!((sbs.side, sbs.fov_degrees, sbs.eyes[1].x), (3840, 180, 3840));
        let swapped = of(Packing::TopBottomSwapped, Projection::HALF, 2880, 5760, None).unwrap();
        assert_eq!((swapped.side, swapped.eyes[0].y, swapped.eyes[1].y), (2880, 2880, 0));
        // The front half of 360 degrees: half as wide as an eye.
        let around = of(Packing::TopBottom, Projection::SPHERE, 7680, 7680, None).unwrap();
        assert_eq!((around.side, around.frame_out()), (3840, Size::new(7680, 3840)));
        let fisheye = Projection::Fisheye { fov_degrees: 190 };
        let own = of(Packing::SideBySide, fisheye.clone(), 5760, 2880, None).unwrap();
        assert_eq!((own.side, own.fov_degrees), (2880, 190));
        assert_eq!(of(Packing::SideBySide, fisheye, 5760, 2880, Some(180)).unwrap().side, 2728);
        assert_eq!(of(Packing::SideBySide, Projection::HALF, 7680, 3840, Some(190)).unwrap().side, 4054);
    }

    #[test]
    fn what_cannot_be_packed_is_said() {
        let of = |packing, projection: Projection, width, height| {
            Geometry::new(packing, &projection, Size::new(width, height), None).unwrap_err().to_string()
        };
        assert!(of(Packing::Mono, Projection::HALF, 4096, 4096).contains("two eyes"));
        assert!(of(Packing::SideBySide, Projection::Rectilinear, 3840, 1080).contains("rectilinear"));
        assert!(of(Packing::SideBySide, Projection::Cubemap { padding: 0 }, 3840, 1080).contains("cubemap"));
        assert!(of(Packing::SideBySide, Projection::HALF, 64, 32).contains("64x32"));
    }
}
