//! What becomes of opacity after the coefficients gave it, as the CUDA job does it: the reference is `Lens` here
//! around the lane's curve, `(((alpha - cutoff) / (1 - cutoff)) ^ gamma) * cover`, alpha and the curve in `[0, 1]`.
//!
//! The job has kernels of their own for it, so that a plain matte costs what it did without. They skip what rounds
//! to 0 or 255 whatever the colour, which the limits here tell before the curve: it rises.
#![forbid(unsafe_code)]

use super::Circle;
use crate::frame::Rect;
use crate::kernels::Error;

/// Opacity of a cell that still rounds to 0, and that rounds to 255, a little to the safe side of 0.5 and 254.5.
const ROUNDS_DOWN: f64 = 0.49 / 255.0;
const ROUNDS_UP: f64 = 254.51 / 255.0;
/// Half of a cell's diagonal and of a soft rim, rounded up: so far around the rim pixels of a cell may be cut.
const RIM: f32 = 1.25;
/// Where there is no lens all is inside.
const NO_RIM: f32 = f32::MAX;

/// Changes to opacity; the default changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finish {
    /// Opacity up to which nothing is seen, 0 to below 1.
    pub cutoff: f32,
    /// Power of what is left, stretched to `[0, 1]`; above 0.
    pub gamma: f32,
    /// Whether nothing is seen outside the circle that fits into an eye.
    pub lens: bool,
}

impl Default for Finish {
    fn default() -> Self {
        Self { cutoff: 0.0, gamma: 1.0, lens: false }
    }
}

impl Finish {
    /// Whether it changes nothing.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// `vrp::Circle` of `kernels/compose.cuh`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct CircleArgs {
    centre: [f32; 2],
    radius: f32,
    inside: f32,
    outside: f32,
}

impl CircleArgs {
    fn new(eye: &Rect, lens: bool) -> Self {
        let Circle { centre, radius } = Circle::in_eye(eye.size);
        let centre = [centre[0] + eye.x as f32, centre[1] + eye.y as f32];
        if !lens {
            return Self { centre, radius: NO_RIM, inside: NO_RIM, outside: NO_RIM };
        }
        let inside = if radius > RIM { (radius - RIM).powi(2) } else { -1.0 };
        Self { centre, radius, inside, outside: (radius + RIM).powi(2) }
    }
}

/// `vrp::Finish` of `kernels/compose.cuh`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct FinishArgs {
    cutoff: f32,
    stretch: f32,
    gamma: f32,
    clear: f32,
    solid: f32,
    circles: [CircleArgs; 2],
    reserved: i32,
}
const _: () = assert!(size_of::<FinishArgs>() == 64);

impl FinishArgs {
    /// The kernel's form of a finish for one or two `eyes`.
    ///
    /// # Errors
    /// [`Error::Finish`] when cutoff or gamma is out of its range.
    pub(super) fn new(finish: &Finish, eyes: &[Rect]) -> Result<Self, Error> {
        let Finish { cutoff, gamma, lens } = *finish;
        if !((0.0..1.0).contains(&cutoff) && gamma > 0.0 && gamma.is_finite()) {
            return Err(Error::Finish { cutoff, gamma });
        }
        // The opacity that the curve makes `of`.
        let before = |of: f64| {
            let cutoff = f64::from(cutoff);
            (cutoff + (1.0 - cutoff) * of.powf(1.0 / f64::from(gamma))) as f32
        };
        let mut circles = [CircleArgs::default(); 2];
        for (circle, eye) in circles.iter_mut().zip(eyes) {
            *circle = CircleArgs::new(eye, lens);
        }
        let (clear, solid) = (before(ROUNDS_DOWN), before(ROUNDS_UP));
        Ok(Self { cutoff, stretch: 1.0 / (1.0 - cutoff), gamma, clear, solid, circles, reserved: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Size;

    const EYE: Rect = Rect { x: 64, y: 0, size: Size::new(64, 64) };

    /// What lies below one limit is 0 after the curve, what lies above the other 255; between them is little else.
    #[test]
    fn limits_are_on_the_safe_side() {
        for cutoff in [0.0, 0.05, 0.5, 0.9] {
            for gamma in [0.1, 0.5, 1.0, 2.2, 10.0] {
                let finish = Finish { cutoff, gamma, lens: false };
                let args = FinishArgs::new(&finish, &[EYE]).unwrap();
                let code = |alpha: f32| {
                    let stretched = ((alpha.clamp(0.0, 1.0) - cutoff) / (1.0 - cutoff)).max(0.0);
                    (stretched.powf(gamma) * 255.0 + 0.5) as u8
                };
                let (below, above) = (args.clear, args.solid.next_up());
                assert!(
                    code(below) == 0 && code(above) == 255,
                    "{finish:?}: {} {}",
                    code(below),
                    code(above)
                );
                assert!(cutoff <= args.clear && args.clear < args.solid && args.solid < 1.0, "{args:?}");
            }
        }
    }

    /// The kernel asks for the cover of cells at the edge of an eye whether there is a lens or not.
    #[test]
    fn without_a_lens_all_is_inside() {
        let args = FinishArgs::new(&Finish { gamma: 2.0, ..Finish::default() }, &[EYE]).unwrap();
        let CircleArgs { radius, inside, outside, .. } = args.circles[0];
        assert_eq!((radius - 1e6 + 0.5).clamp(0.0, 1.0), 1.0);
        assert!(inside > 1e30 && outside > 1e30);
    }

    #[test]
    fn a_plain_finish_has_the_limits_of_the_plain_kernels_and_nonsense_is_refused() {
        let args = FinishArgs::new(&Finish::default(), &[EYE]).unwrap();
        assert!((args.clear * 255.0 - 0.49).abs() < 1e-5 && (args.solid * 255.0 - 254.51).abs() < 1e-4);
        for (cutoff, gamma) in [(1.0, 1.0), (-0.1, 1.0), (f32::NAN, 1.0), (0.0, 0.0), (0.0, f32::NAN)] {
            let finish = Finish { cutoff, gamma, lens: true };
            assert!(matches!(FinishArgs::new(&finish, &[EYE]), Err(Error::Finish { .. })), "{finish:?}");
        }
    }

    /// Every cell: told to be inside or outside only where all of its pixels are.
    #[test]
    fn cells_at_the_rim_are_told_from_others() {
        for side in [1usize, 2, 3, 9, 64, 101] {
            let eye = Rect { x: 10, y: 4, size: Size::new(side, side) };
            let args = FinishArgs::new(&Finish { lens: true, ..Finish::default() }, &[eye]).unwrap();
            let (circle, args) = (Circle::in_eye(eye.size), args.circles[0]);
            let mut rim = 0;
            for (cy, cx) in (0..side / 2).flat_map(|y| (0..side / 2).map(move |x| (y, x))) {
                let middle = [cx * 2 + 1 + eye.x, cy * 2 + 1 + eye.y].map(|v| v as f32);
                let square = (middle[0] - args.centre[0]).powi(2) + (middle[1] - args.centre[1]).powi(2);
                let covers = [0, 1, 2, 3].map(|i| circle.cover(cx * 2 + (i & 1), cy * 2 + (i >> 1)));
                let (inside, outside) = (square <= args.inside, square >= args.outside);
                assert!(!inside || covers == [1.0; 4], "{side} {cx} {cy} {covers:?}");
                assert!(!outside || covers == [0.0; 4], "{side} {cx} {cy} {covers:?}");
                rim += usize::from(!inside && !outside);
            }
            assert!(rim <= 4 * side + 4, "{rim} of {side}");
        }
    }
}
