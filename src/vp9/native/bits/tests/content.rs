//! Pictures whose samples can be told by hand.

use super::scene::{INTER, KEY, MATTE, Random, SIZES, Scene, ffmpeg, libvpx};
use crate::frame::Size;
use crate::vp9::native::Motion;
use crate::vp9::native::bits::Writer;

/// Step of DC coefficients at `base_q_idx` 1 (VP9 specification, section 8.6.1, `dc_qlookup`).
const DC_STEP: i32 = 8;

/// Three planes.
#[derive(Clone)]
struct Picture {
    size: Size,
    planes: [Vec<i32>; 3],
}

impl Picture {
    fn flat(size: Size) -> Self {
        Self { size, planes: [size, size.chroma(), size.chroma()].map(|size| vec![128; size.area()]) }
    }

    fn plane_size(&self, plane: usize) -> Size {
        if plane == 0 { self.size } else { self.size.chroma() }
    }

    fn bytes(&self) -> Vec<u8> {
        self.planes.iter().flatten().map(|&sample| sample as u8).collect()
    }

    /// The sample, or the nearest one there is.
    fn at(&self, plane: usize, x: i32, y: i32) -> i32 {
        let size = self.plane_size(plane);
        let clamp = |at: i32, all: usize| at.clamp(0, all as i32 - 1) as usize;
        self.planes[plane][clamp(y, size.height) * size.width + clamp(x, size.width)]
    }

    /// Sets the samples of a square, as far as they are in the picture.
    fn set(&mut self, plane: usize, x: usize, y: usize, side: usize, sample: impl Fn(i32, i32) -> i32) {
        let size = self.plane_size(plane);
        for y in y..(y + side).min(size.height) {
            for x in x..(x + side).min(size.width) {
                self.planes[plane][y * size.width + x] = sample(x as i32, y as i32).clamp(0, 255);
            }
        }
    }
}

/// What a transform block with nothing but this DC level adds to each sample (section 8.7.2: two passes
/// times cos(pi/4), then the shift of the size).
fn dc(level: i16, shift: u32) -> i32 {
    let pass = |value: i32| (value * 11585 + (1 << 13)) >> 14;
    (pass(pass(i32::from(level) * DC_STEP)) + (1 << (shift - 1))) >> shift
}

/// A frame without motion, DC only, and what it makes of `before`.
fn dc_only(before: &Picture, random: &mut Random) -> (Scene, Picture) {
    let (mut scene, mut picture) = (Scene::new(before.size), before.clone());
    for cell in 0..scene.index.len() {
        if random.one_in(4) {
            continue;
        }
        let (x, y) = scene.place(cell);
        let mut level = |most| random.around(most) as i16;
        let whole = scene.complete(cell) && level(1) > 0;
        // Plane, place and side of each transform block, with the shift of its size.
        let squares: Vec<_> = if whole {
            vec![(0, x, y, 16, 6), (1, x / 2, y / 2, 8, 5), (2, x / 2, y / 2, 8, 5)]
        } else {
            let square = |plane: usize, quarter: usize| {
                let side = if plane == 0 { 8 } else { 4 };
                let begin = if plane == 0 { (x, y) } else { (x / 2, y / 2) };
                (
                    plane,
                    begin.0 + quarter % 2 * side,
                    begin.1 + quarter / 2 * side,
                    side,
                    if plane == 0 { 5 } else { 4 },
                )
            };
            (0..3).flat_map(|plane| (0..4).map(move |quarter| square(plane, quarter))).collect()
        };
        let levels: Vec<Vec<i16>> = (squares.iter().enumerate())
            .map(|(n, _)| if whole || scene.has(cell, n % 4) { vec![level(80)] } else { vec![] })
            .map(|levels| levels.into_iter().filter(|&level| level != 0).collect())
            .collect();
        for (&(plane, x, y, side, shift), levels) in squares.iter().zip(&levels) {
            if let Some(&level) = levels.first() {
                picture.set(plane, x, y, side, |x, y| before.at(plane, x, y) + dc(level, shift));
            }
        }
        scene.put(cell, whole, [Motion::default(); 4], &levels);
    }
    (scene, picture)
}

/// A frame of motion by whole pixels of chroma, and what it makes of `before`.
fn motion_only(before: &Picture, random: &mut Random, kinds: usize) -> (Scene, Picture) {
    let (mut scene, mut picture) = (Scene::new(before.size), before.clone());
    let some: Vec<_> = (0..kinds).map(|_| (random.around(12) * 2, random.around(12) * 2)).collect();
    for cell in 0..scene.index.len() {
        if random.one_in(5) {
            continue;
        }
        let (x, y) = scene.place(cell);
        let whole = scene.complete(cell) && random.one_in(2);
        let mut pixels = [(); 4].map(|()| some[random.below(kinds)]);
        if whole {
            pixels = [pixels[0]; 4];
        }
        for (quarter, (down, right)) in
            pixels.into_iter().enumerate().filter(|&(quarter, _)| scene.has(cell, quarter))
        {
            let (x, y) = (x + quarter % 2 * 8, y + quarter / 2 * 8);
            picture.set(0, x, y, 8, |x, y| before.at(0, x + right, y + down));
            for plane in 1..3 {
                picture.set(plane, x / 2, y / 2, 4, |x, y| before.at(plane, x + right / 2, y + down / 2));
            }
        }
        let motion = pixels.map(|(row, column)| Motion { row: row as i16 * 8, column: column as i16 * 8 });
        scene.put(cell, whole, motion, &[]);
    }
    (scene, picture)
}

#[test]
fn copies_of_the_hidden_key_are_grey() {
    for size in SIZES {
        let mut writer = Writer::new(size, MATTE).unwrap();
        let scene = Scene::new(size);
        let mut packets = vec![writer.write(&scene.coded(), &KEY, 1).unwrap()];
        packets.push(writer.write(&scene.coded(), &INTER, 1).unwrap());
        packets.push(writer.repeat());
        for picture in libvpx(&packets) {
            assert!(picture == Picture::flat(size).bytes(), "{size}");
        }
    }
}

#[test]
fn dc_and_motion_give_the_pictures_they_should() {
    for (seed, size) in SIZES.into_iter().enumerate() {
        let mut random = Random::new(500 + seed as u64);
        let mut writer = Writer::new(size, MATTE).unwrap();
        let mut picture = Picture::flat(size);
        let (mut packets, mut expected) = (Vec::new(), Vec::new());
        for n in 0..10 {
            let parameters = if n == 0 { KEY } else { INTER };
            let (scene, next) = match n % 3 {
                2 => motion_only(&picture, &mut random, [1, 3, 1000][n / 3]),
                _ => dc_only(&picture, &mut random),
            };
            picture = next;
            packets.push(writer.write(&scene.coded(), &parameters, 2).unwrap());
            expected.push(picture.bytes());
        }
        for (n, (got, expected)) in libvpx(&packets).iter().zip(&expected).enumerate() {
            assert!(got == expected, "{size}, picture {n} of libvpx");
        }
        let Some(theirs) = ffmpeg("dc_and_motion_give_the_pictures_they_should", size, &packets) else {
            return;
        };
        assert!(theirs == expected.concat(), "{size}: ffmpeg");
    }
}
