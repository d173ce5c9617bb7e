//! A matte that goes on across the sides of a picture that goes round (equirectangular 360).
//!
//! The network is shown `margin` columns of the other side beyond each side of an eye, so that it knows
//! what goes on there; its own state is of the wider picture. Around the seam it then has answered twice, once
//! as the right end and once as the left. The two answers are faded into one another over half a margin on
//! either side, which leaves one matte, the same from both sides:
//!
//! ```text
//! padded    | copy of the right end | the eye ............ | copy of the left end |
//!             margin                  width                  margin
//! seam                              ^                      ^   the same place
//! ```
//! Coefficients are linear in what they give, so fading them fades the matte.
#![forbid(unsafe_code)]

use crate::tensor::{Coefficients, Tensor};

/// Columns that the network is shown beyond each side of an eye which it sees `width` wide. 32 are two
/// columns of its coarsest features; more would cost more than they tell.
pub fn margin(width: usize) -> usize {
    (width / 2).min(32)
}

/// Fills `padded`, `[eyes, channels, height, width + 2 * margin]`, from `core`, `[eyes, channels, height, width]`.
pub fn pad(core: &Tensor, margin: usize, padded: &mut Tensor) {
    let width = core.shape[3];
    let rows = core.data.chunks_exact(width);
    for (from, to) in rows.zip(padded.data.chunks_exact_mut(width + 2 * margin)) {
        to[..margin].copy_from_slice(&from[width - margin..]);
        to[margin..margin + width].copy_from_slice(from);
        to[margin + width..].copy_from_slice(&from[..margin]);
    }
}

/// Makes the answers at both sides of the seam one; rows are `margin` columns wider than an eye on either side.
pub fn close_seam(coefficients: &mut Coefficients, margin: usize) {
    for map in [&mut coefficients.a, &mut coefficients.b] {
        let padded = map.shape[3];
        map.data.chunks_exact_mut(padded).for_each(|row| close_row(row, margin));
    }
}

fn close_row(row: &mut [f32], margin: usize) {
    // Where the eye, and the copy of its beginning, begin.
    let (left, right) = (margin, row.len() - margin);
    for step in 0..2 * margin {
        let (as_left, as_right) = (left - margin + step, right - margin + step);
        // Middle of the column, in columns from the seam.
        let place = step as f32 + 0.5 - margin as f32;
        let share = (place / margin as f32 + 0.5).clamp(0.0, 1.0);
        let one = row[as_right] + (row[as_left] - row[as_right]) * share;
        (row[as_left], row[as_right]) = (one, one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_goes_round() {
        let core = Tensor::from_vec([1, 1, 2, 4], vec![0., 1., 2., 3., 10., 11., 12., 13.]);
        let mut padded = Tensor::zeros([1, 1, 2, 8]);
        pad(&core, 2, &mut padded);
        assert_eq!(padded.data, [2., 3., 0., 1., 2., 3., 0., 1., 12., 13., 10., 11., 12., 13., 10., 11.]);
        assert_eq!((margin(512), margin(88), margin(10), margin(1)), (32, 32, 5, 0));
    }

    #[test]
    fn both_sides_get_the_same_answer_and_the_middle_keeps_its_own() {
        let (width, margin) = (64, 8);
        // The network's answer differs at the two sides: 0 as the left end, 1 as the right.
        let answer: Vec<f32> = (0..width + 2 * margin).map(|x| (x as f32 / 79.0).round()).collect();
        let map = Tensor::from_vec([1, 1, 1, width + 2 * margin], answer);
        let mut both = Coefficients { a: map.clone(), b: map.clone() };
        close_seam(&mut both, margin);
        let row = &both.a.data;
        assert_eq!(both.a, both.b);
        for step in 0..2 * margin {
            assert_eq!(row[step], row[width + step], "{step}");
        }
        // Across the seam: from 1 down to 0 without a step of more than one part of the fade.
        let seam = &row[width..];
        assert_eq!((seam[0], seam[2 * margin - 1]), (1.0, 0.0));
        assert!(
            seam.windows(2).all(|pair| (0.0..=1.0 / 8.0 + 1e-6).contains(&(pair[0] - pair[1]))),
            "{seam:?}"
        );
        assert_eq!(row[2 * margin..width], map.data[2 * margin..width]);
    }
}
