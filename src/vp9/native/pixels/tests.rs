//! The steps alone, and the stream's promises: pictures at rest cost nothing, flat mattes are exact.

use super::quantise::quantise;
use super::transform::{forward, inverse, inverse_of_dc};
use super::*;
use crate::frame::{Plane, Size};
use crate::vp9::native::Coded;
use crate::vp9::native::coded::Motion;

/// A small fixed generator (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

#[test]
fn the_inverse_undoes_the_forward_transform() {
    let mut random = Random(7);
    for side in [4usize, 8, 16] {
        for _ in 0..500 {
            let block: Vec<i32> = (0..side * side).map(|_| random.below(511) as i32 - 255).collect();
            let mut turned = block.clone();
            forward(&mut turned);
            inverse(&mut turned);
            assert!(block.iter().zip(&turned).all(|(a, b)| (a - b).abs() <= 1));
        }
        let mut flat = vec![100; side * side];
        forward(&mut flat);
        // 8 times the orthonormal DCT, in which the DC is `side` times the mean.
        assert!((flat[0] - 800 * side as i32).abs() <= 8 && flat[1..].iter().all(|&v| v == 0));
        let mut dc = vec![0; side * side];
        dc[0] = 777;
        inverse(&mut dc);
        assert!(dc.iter().all(|&v| v == inverse_of_dc(777, side)));
    }
}

#[test]
fn lone_small_levels_are_dropped_and_large_ones_kept() {
    let tuning = Tuning::new(Kind::Colour, 128);
    let mut levels = [0i16; 256];
    let mut lone = vec![0; 256];
    lone[15 * 16 + 13] = tuning.ac_step * 3 / 4;
    assert_eq!(quantise(&tuning, &mut lone, &mut levels), 0);
    assert!(lone.iter().all(|&v| v == 0));
    let mut large = vec![0; 256];
    large[0] = -9 * tuning.dc_step;
    large[15 * 16 + 15] = tuning.ac_step * 6;
    assert_eq!(quantise(&tuning, &mut large, &mut levels), 256);
    assert_eq!((levels[0], levels[255], large[255]), (-9, 6, 6 * tuning.ac_step));
}

#[test]
fn levels_map_to_indices_as_in_libvpx() {
    assert_eq!([0, 1, 26, 61, 62, 63, 99].map(index_of_level), [1, 4, 104, 244, 249, 255, 255]);
}

/// Smooth texture that moves by whole pixels.
fn texture(size: Size, right: usize, down: usize) -> Plane<u8> {
    let mut plane = Plane::new(size);
    for y in 0..size.height {
        for x in 0..size.width {
            let (u, v) = ((x + 200 - right) as f64, (y + 200 - down) as f64);
            let waves =
                (u / 5.1 + (v / 17.0).sin()).sin() + (v / 4.3 - u / 40.0).cos() + (u * v / 900.0).sin();
            plane.row_mut(y)[x] = (128.0 + 30.0 * waves) as u8;
        }
    }
    plane
}

fn everywhere(size: Size, value: u8) -> Plane<u8> {
    Plane::filled(Coded::cells(size), value)
}

#[test]
fn motion_is_found_and_rest_costs_nothing() {
    let size = Size::new(160, 96);
    let mut encoder = Encoder::new(size, Tuning::new(Kind::Matte, 40));
    let active = everywhere(size, 1);
    encoder.encode(&[&texture(size, 0, 0)], &active, true);
    let frame = encoder.encode(&[&texture(size, 5, 3)], &active, false);
    let exact = frame.blocks.iter().filter(|b| b.motion[0] == Motion { row: -24, column: -40 }).count();
    assert!(exact * 10 > frame.index.len() * 7, "{exact} of {}", frame.index.len());
    // The same picture again and again: levels die out.
    let last = (0..6).map(|_| encoder.encode(&[&texture(size, 5, 3)], &active, false)).last().unwrap();
    assert!(last.blocks.len() * 5 < last.index.len(), "{} still coded", last.blocks.len());
    encoder.encode(&[&texture(size, 5, 3)], &everywhere(size, 0), false);
    let idle = encoder.encode(&[&texture(size, 9, 3)], &everywhere(size, 0), false);
    assert!(idle.blocks.is_empty() && idle.index.iter().all(|&n| n == 0), "inactive cells are copies");
}

/// A disc with a soft rim that moves over a matte; what is all 0 or all 255 in a block stays exactly so.
#[test]
fn flat_blocks_of_a_matte_are_exact() {
    for (size, level) in [(Size::new(131, 77), 12), (Size::new(64, 64), 6), (Size::new(7, 21), 30)] {
        let (tuning, _) = Encoder::tuning(Kind::Matte, level);
        let mut encoder = Encoder::new(size, tuning);
        for frame in 0..8 {
            let mut matte = Plane::new(size);
            for y in 0..size.height {
                for x in 0..size.width {
                    let (dx, dy) = (x as f64 - 50.0 - 3.0 * f64::from(frame), y as f64 - 40.0);
                    let value = 255.0 * (35.0 - dx.hypot(dy)) / 6.0;
                    matte.data[y * size.width + x] = value.clamp(0.0, 255.0) as u8;
                }
            }
            encoder.encode(&[&matte], &everywhere(size, 1), frame % 5 == 0);
            let cells = Coded::cells(size);
            for (row, column) in (0..cells.height).flat_map(|r| (0..cells.width).map(move |c| (r, c))) {
                let at = |plane: &Plane<u8>| -> Vec<u8> {
                    let rows = row * 16..(row * 16 + 16).min(size.height);
                    let columns = column * 16..(column * 16 + 16).min(size.width);
                    rows.flat_map(|y| plane.row(y)[columns.clone()].to_vec()).collect()
                };
                let (source, shown) = (at(&matte), at(&encoder.picture()[0]));
                if matches!(source[0], 0 | 255) && source.iter().all(|&v| v == source[0]) {
                    assert_eq!(source, shown, "{size} frame {frame} cell {column},{row}");
                }
            }
        }
    }
}

#[test]
fn colour_comes_close_and_closer_with_smaller_steps() {
    let size = Size::new(83, 45);
    let planes = [texture(size, 0, 0), texture(size.chroma(), 3, 1), texture(size.chroma(), 1, 2)];
    let planes = planes.each_ref();
    let worst = |level: u8| {
        let mut encoder = Encoder::new(size, Encoder::tuning(Kind::Colour, level).0);
        encoder.encode(&planes, &everywhere(size, 1), true);
        let pairs = planes.iter().zip(encoder.picture());
        let errors = pairs.flat_map(|(a, b)| a.data.iter().zip(&b.data).map(|(a, b)| a.abs_diff(*b)));
        errors.map(u64::from).map(|e| e * e).sum::<u64>()
    };
    let errors = [4, 20, 36, 52].map(worst);
    assert!(errors.is_sorted() && errors[0] < 2 * (size.area() as u64) * 3 / 2, "{errors:?}");
}
