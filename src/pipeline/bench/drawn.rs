//! Drawn pictures: a figure that sways before a green screen, in each eye, and a decoder that gives them.
#![forbid(unsafe_code)]

use crate::frame::{Colour, Picture, Rect, Samples, Size, Yuv420};
use crate::software::{self, Decoder, Tally};
use std::sync::Arc;

/// Green #00ff00 in BT.709, limited range.
const SCREEN: [u8; 3] = [173, 42, 26];

/// Pictures `count`, 8 bit; timestamps count from 0.
pub(super) fn pictures(size: Size, eyes: &[Rect], colour: Colour, count: usize) -> Vec<Picture> {
    (0..count).map(|t| picture(size, eyes, colour, t)).collect()
}

fn picture(size: Size, eyes: &[Rect], colour: Colour, t: usize) -> Picture {
    let mut planes = Yuv420::<u8>::new(size);
    planes.y.data.fill(SCREEN[0]);
    planes.u.data.fill(SCREEN[1]);
    planes.v.data.fill(SCREEN[2]);
    // Noise as of a camera: new in each frame and pixel, by a linear congruential generator.
    let mut state = 0x9E37_79B9_u32.wrapping_mul(t as u32 + 1);
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 29) as u8
    };
    for &Rect { x: left, y: top, size: eye } in eyes {
        let sway = 0.02 * (t as f64 * 0.7).sin();
        for y in top..top + eye.height {
            for x in left..left + eye.width {
                let at = [(x - left) as f64 / eye.width as f64 - sway, (y - top) as f64 / eye.height as f64];
                if !inside(at) {
                    continue;
                }
                let shade = 110.0 + 50.0 * (at[0] * 97.0).sin() * (at[1] * 61.0).cos();
                planes.y.row_mut(y)[x] = shade as u8 + noise();
                if x % 2 == 0 && y % 2 == 0 {
                    planes.u.row_mut(y / 2)[x / 2] = 108;
                    planes.v.row_mut(y / 2)[x / 2] = 150;
                }
            }
        }
    }
    Picture { pts: t as i64, size, depth: 8, colour, samples: Samples::Eight(planes) }
}

/// A head over shoulders, in units of an eye: about a third of it.
fn inside([x, y]: [f64; 2]) -> bool {
    let ellipse = |cx: f64, cy: f64, rx: f64, ry: f64| ((x - cx) / rx).hypot((y - cy) / ry) < 1.0;
    ellipse(0.5, 0.36, 0.13, 0.17) || ellipse(0.5, 0.95, 0.33, 0.45)
}

/// Place of frame `t` in `count` pictures that are shown to and fro.
pub(super) fn to_and_fro(t: u64, count: usize) -> usize {
    let period = (2 * count as u64).saturating_sub(2).max(1);
    let at = t % period;
    at.min(period - at) as usize
}

/// Gives drawn pictures to and fro, each a copy, with rising timestamps.
pub(super) struct DrawnDecoder {
    pub(super) pictures: Arc<Vec<Picture>>,
    pub(super) given: u64,
    pub(super) count: u64,
}

impl Decoder for DrawnDecoder {
    fn next_picture(&mut self) -> Result<Option<Picture>, software::Error> {
        if self.given == self.count {
            return Ok(None);
        }
        let mut picture = self.pictures[to_and_fro(self.given, self.pictures.len())].clone();
        picture.pts = self.given as i64;
        self.given += 1;
        Ok(Some(picture))
    }

    fn name(&self) -> &str {
        "drawn"
    }

    fn tally(&self) -> Tally {
        Tally { packets: self.given, pictures: self.given, ..Tally::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Matrix, Range};
    use crate::layout::Packing;

    #[test]
    fn frames_go_to_and_fro() {
        assert_eq!((0..8).map(|t| to_and_fro(t, 4)).collect::<Vec<_>>(), [0, 1, 2, 3, 2, 1, 0, 1]);
        assert_eq!((0..3).map(|t| to_and_fro(t, 1)).collect::<Vec<_>>(), [0, 0, 0]);
    }

    #[test]
    fn a_third_of_each_eye_is_figure() {
        let size = Size::new(256, 128);
        let colour = Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 };
        let drawn = pictures(size, &Packing::SideBySide.eyes(size), colour, 3);
        assert_ne!(drawn[0].samples, drawn[1].samples);
        let Samples::Eight(planes) = &drawn[0].samples else { panic!("8 bit") };
        let figure = |eye: usize| {
            let row =
                |y: usize| planes.y.row(y)[eye * 128..][..128].iter().filter(|&&luma| luma != SCREEN[0]);
            (0..128).map(|y| row(y).count()).sum::<usize>() as f64 / (128.0 * 128.0)
        };
        assert!([0, 1].iter().all(|&eye| (0.2..0.45).contains(&figure(eye))), "{} {}", figure(0), figure(1));
    }
}
