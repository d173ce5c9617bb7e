//! Both halves of the encoder: what decoders show is the picture that the pixel half believes in.

use super::scene::{MATTE, Random, SIZES, ffmpeg, libvpx};
use crate::frame::{Plane, Size};
use crate::vp9::native::bits::Writer;
use crate::vp9::native::pixels::{Encoder, Kind};
use crate::vp9::native::{Coded, Parameters};

/// Texture that moves by parts of pixels, a still half, noise that comes and goes, and cuts.
fn source(size: Size, time: usize, plane: usize, random: &mut Random) -> Plane<u8> {
    let noise = [0, 0, 3, 60][time % 4];
    let mut picture = Plane::new(size);
    for y in 0..size.height {
        for x in 0..size.width {
            let moved = if x * 2 < size.width { 0.0 } else { time as f64 };
            let (u, v) = (x as f64 + moved * 1.75, y as f64 - moved * 0.5 + (time / 7 * 50) as f64);
            let waves = (u / 5.1 + (v / 17.0).sin()).sin() + (v / 4.3 - u / 40.0 + plane as f64).cos();
            let sample = 128 + (60.0 * waves) as i32 + if noise > 0 { random.around(noise) } else { 0 };
            picture.row_mut(y)[x] = sample.clamp(0, 255) as u8;
        }
    }
    picture
}

/// Codes twelve frames with a key point in the middle and compares every picture with both decoders'.
fn check(size: Size, kind: Kind, level: u8, seed: u64) {
    let mut random = Random::new(seed);
    let (tuning, base_q_index) = Encoder::tuning(kind, level);
    let mut encoder = Encoder::new(size, tuning);
    let mut writer = Writer::new(size, MATTE).unwrap();
    let (mut packets, mut expected) = (Vec::new(), Vec::new());
    let planes = if kind == Kind::Matte { 1 } else { 3 };
    for time in 0..12 {
        let sizes = [size, size.chroma(), size.chroma()];
        let sources: Vec<_> = (0..planes).map(|n| source(sizes[n], time, n, &mut random)).collect();
        let mut activity = Plane::filled(Coded::cells(size), 1);
        activity.data.iter_mut().for_each(|active| *active = u8::from(!random.one_in(6)));
        let key = time == 0 || time == 8;
        let frame = encoder.encode(&sources.iter().collect::<Vec<_>>(), &activity, key);
        let parameters = Parameters { base_q_index, filter_level: 0, key };
        packets.push(writer.write(&frame.coded(), &parameters, 2).unwrap());
        let mut picture: Vec<u8> = Vec::new();
        for plane in encoder.picture() {
            (0..plane.size.height).for_each(|y| picture.extend(plane.row(y)));
        }
        picture.resize(size.area() + 2 * size.chroma().area(), 128);
        expected.push(picture);
    }
    for (n, (got, expected)) in libvpx(&packets).iter().zip(&expected).enumerate() {
        let differ = got.iter().zip(expected).filter(|(a, b)| a != b).count();
        assert_eq!(differ, 0, "{size}, {kind:?}, level {level}: samples of picture {n} by libvpx");
    }
    let Some(theirs) = ffmpeg("decoders_show_what_the_pixel_half_holds", size, &packets) else { return };
    assert!(theirs == expected.concat(), "{size}, {kind:?}, level {level}: ffmpeg");
}

#[test]
fn decoders_show_what_the_pixel_half_holds() {
    for (n, size) in SIZES.into_iter().enumerate() {
        for (m, kind) in [Kind::Colour, Kind::Matte].into_iter().enumerate() {
            check(size, kind, [0, 16, 30, 45, 63][(n + m) % 5], (n * 2 + m) as u64);
        }
    }
    let size = Size::new(200, 130);
    for level in [0, 1, 8, 16, 24, 32, 40, 48, 56, 62, 63] {
        check(size, Kind::Colour, level, 100 + u64::from(level));
        check(size, Kind::Matte, level, 200 + u64::from(level));
    }
}
