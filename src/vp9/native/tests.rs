//! Both halves together: planes, coded frames, packets, and what libvpx makes of them.

use super::bits::Writer;
use super::pixels::{Encoder, Kind, Tuning, index_of_level};
use super::scenes::{Random, scene};
use super::{PairLevels, Parameters, pixels};
use crate::frame::{Colour, Composite, Matrix, Plane, Range, Samples, Size, Yuv420};
use crate::vp9::{self, Content, Deadline, Decoder, EncoderConfig, Planes};

const COLOUR: Colour = Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 };
const STREAMS: [(Kind, Content); 2] =
    [(Kind::Colour, Content::Colour(COLOUR)), (Kind::Matte, Content::Matte)];

fn sources(frame: &Composite, kind: Kind) -> Vec<&Plane<u8>> {
    let Yuv420 { y, u, v } = &frame.colour;
    if kind == Kind::Colour { vec![y, u, v] } else { vec![&frame.alpha] }
}

/// Codes frames, key points where told; gives bytes and squared errors of luma. Every decoded plane must be the
/// encoder's own picture.
fn ours(frames: &[(Composite, bool)], (kind, content): (Kind, Content), level: u8) -> (usize, u64) {
    let size = frames[0].0.alpha.size;
    let mut encoder = Encoder::new(size, Tuning::new(kind, 1));
    let mut writer = Writer::new(size, content).unwrap();
    let mut decoder = Decoder::new(1).unwrap();
    let (mut bytes, mut errors) = (0, 0);
    for (number, (frame, key)) in frames.iter().enumerate() {
        let index = index_of_level(level);
        let levels = PairLevels { colour: index, matte: index }.of(*key);
        let index = if kind == Kind::Colour { levels.colour } else { levels.matte };
        encoder.set_tuning(Tuning::new(kind, index));
        let sources = sources(frame, kind);
        let coded = encoder.encode(&sources, &frame.activity, *key);
        let parameters = Parameters { base_q_index: index, filter_level: 0, key: *key };
        let packet = writer.write(&coded.coded(), &parameters, 1).unwrap();
        bytes += packet.len();
        let Samples::Eight(shown) = decoder.decode(&packet).unwrap().unwrap().to_samples() else {
            panic!("8 bits were coded")
        };
        let place = format!("{size} frame {number} of {kind:?} at level {level}");
        for (plane, (shown, expected)) in
            [&shown.y, &shown.u, &shown.v].iter().zip(encoder.picture()).enumerate()
        {
            assert!(shown.data == expected.data, "{place}: plane {plane}");
        }
        if kind == Kind::Matte {
            assert!(shown.u.data.iter().chain(&shown.v.data).all(|&code| code == 128), "{place}: chroma");
        }
        errors += squared(&shown.y, sources[0]);
    }
    (bytes, errors)
}

fn squared(a: &Plane<u8>, b: &Plane<u8>) -> u64 {
    (0..a.size.height)
        .flat_map(|y| a.row(y).iter().zip(b.row(y)))
        .map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2))
        .sum()
}

fn frames(size: Size, count: usize, noise: u64, key: impl Fn(usize) -> bool) -> Vec<(Composite, bool)> {
    let mut random = Random(size.area() as u64 + 1);
    (0..count).map(|n| (scene(size, n as f64 * 0.8, noise, &mut random), key(n))).collect()
}

#[test]
fn decoders_show_the_encoders_own_picture() {
    let sizes = [(1, 1), (8, 8), (9, 17), (16, 16), (31, 33), (100, 50), (131, 77), (322, 195), (600, 68)];
    for (i, (width, height)) in sizes.into_iter().enumerate() {
        let frames = frames(Size::new(width, height), 30, [0, 12][i % 2], |n| n == 0 || n == 17);
        for level in [3, 20, 40, 60] {
            for stream in STREAMS {
                ours(&frames, stream, level);
            }
        }
    }
}

/// Prints bytes and luma PSNR of both encoders on a moving, textured scene.
#[test]
fn bytes_and_error_beside_libvpx() {
    let size = Size::new(320, 240);
    let frames = frames(size, 10, 4, |n| n == 0);
    let psnr = |errors: u64| {
        let mean = errors as f64 / (size.area() * frames.len()) as f64;
        10.0 * (65025.0 / mean).log10()
    };
    let theirs = |level: u8| {
        let config = EncoderConfig::new(size, STREAMS[0].1);
        let config = EncoderConfig { crf: level, deadline: Deadline::Realtime, cpu_used: 9, ..config };
        let (mut encoder, mut decoder) = (vp9::Encoder::new(config).unwrap(), Decoder::new(1).unwrap());
        let (mut bytes, mut errors) = (0, 0);
        for (number, (frame, key)) in frames.iter().enumerate() {
            let Yuv420 { y, u, v } = &frame.colour;
            let planes = Planes { y: y.into(), u: u.into(), v: v.into() };
            for packet in encoder.encode(&planes, number as i64, *key).unwrap() {
                bytes += packet.data.len();
                let shown = decoder.decode(&packet.data).unwrap().unwrap().to_samples();
                let Samples::Eight(shown) = shown else { panic!("8 bits were coded") };
                errors += squared(&shown.y, y);
            }
        }
        (bytes, errors)
    };
    for level in [20, 26, 32, 40] {
        let (ours, theirs) = (ours(&frames, STREAMS[0], level), theirs(level));
        eprintln!(
            "level {level}: ours {} bytes {:.2} dB, libvpx {} bytes {:.2} dB",
            ours.0,
            psnr(ours.1),
            theirs.0,
            psnr(theirs.1)
        );
        // Its key frames are finer than ours, so both differ; a broken search or quantiser would show by far more.
        assert!(ours.0 < 2 * theirs.0 && psnr(ours.1) > psnr(theirs.1) - 8.0);
    }
}

#[test]
fn the_grid_of_activity_is_that_of_the_cells() {
    let size = Size::new(33, 16);
    assert_eq!(pixels::Grid::new(size).cells, Composite::new(size).activity.size);
}
