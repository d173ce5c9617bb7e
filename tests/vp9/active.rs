//! Only what is visible is coded: the picture is the same, the bytes are the same on any threads, and
//! a frame without a change costs a byte that every decoder understands.

use std::num::NonZeroU32;
use std::sync::Arc;

use vrpipe::frame::{Composite, Plane, Size, Yuv420};
use vrpipe::vp9::{EncodedPair, Pair, PairConfig, PairSource, Quality, active_map_works};

use crate::foreign::{ffmpeg, ivf};
use crate::matte::QUALITIES;
use crate::scene::{self, COLOUR, Unknown, decode, packed};

const SIZE: Size = Size::new(1100, 250);

/// A frame in which nothing is visible.
fn nothing() -> Composite {
    let mut frame = Composite::new(SIZE);
    frame.colour.y.data.fill(16);
    frame.colour.u.data.fill(128);
    frame.colour.v.data.fill(128);
    frame
}

/// Two discs move, are gone for frames 6 to 11, stand still for frames 12 to 15, and move again.
fn clip() -> Vec<Arc<Composite>> {
    let frame = |t| match t {
        0..6 => scene::frame(SIZE, t * 4),
        6..12 => nothing(),
        12..16 => scene::frame(SIZE, 12),
        t => scene::frame(SIZE, t * 4),
    };
    (0..20).map(|t| Arc::new(frame(t))).collect()
}

fn encode(quality: Quality, threads: usize, clip: &[Arc<Composite>], known: bool) -> Vec<EncodedPair> {
    let key_interval = NonZeroU32::new(14);
    let config = PairConfig { size: SIZE, colour: COLOUR, quality, crf: None, threads, key_interval };
    let mut pair = Pair::new(&config).unwrap();
    let mut pairs = Vec::new();
    for (i, frame) in clip.iter().enumerate() {
        let unknown = || Arc::new(Unknown(Arc::clone(frame)));
        let frame: Arc<dyn PairSource> = if known { Arc::clone(frame) as _ } else { unknown() };
        pairs.extend(pair.encode(frame, i as i64, false).unwrap());
    }
    pairs.extend(pair.finish().unwrap());
    assert_eq!(pairs.iter().map(|pair| pair.pts).collect::<Vec<_>>(), (0..20).collect::<Vec<_>>());
    pairs
}

fn planes(pairs: &[EncodedPair], of: fn(&EncodedPair) -> &Vec<u8>) -> Vec<Yuv420<u8>> {
    let mut pictures = Vec::new();
    decode(pairs.iter().map(|pair| &of(pair)[..]), |_, frame| {
        let [y, u, v] = frame.planes().unwrap().map(|plane| Plane {
            size: plane.size,
            stride: plane.size.width,
            data: packed(plane),
        });
        pictures.push(Yuv420 { y, u, v });
    });
    pictures
}

/// Luma noise where something is visible, in dB.
fn visible_psnr(clip: &[Arc<Composite>], pictures: &[Yuv420<u8>]) -> f64 {
    let (mut squares, mut pixels) = (0.0, 0.0);
    for (frame, picture) in clip.iter().zip(pictures) {
        for ((&alpha, &want), &got) in frame.alpha.data.iter().zip(&frame.colour.y.data).zip(&picture.y.data)
        {
            if alpha > 0 {
                squares += (f64::from(want) - f64::from(got)).powi(2);
                pixels += 1.0;
            }
        }
    }
    10.0 * (255.0 * 255.0 * pixels / squares).log10()
}

#[test]
fn what_is_seen_is_as_good_and_what_is_not_stays_nothing() {
    let clip = clip();
    for quality in QUALITIES {
        let [with, without] = [true, false].map(|known| encode(quality, 1, &clip, known));
        let [a, b] = [&with, &without].map(|pairs| visible_psnr(&clip, &planes(pairs, |p| &p.colour)));
        let bytes =
            |pairs: &[EncodedPair]| pairs.iter().map(|p| p.colour.len() + p.alpha.len()).sum::<usize>();
        println!(
            "{quality:?}: {a:.2} dB, all coded {b:.2} dB; {} and {} bytes",
            bytes(&with),
            bytes(&without)
        );
        assert!((a - b).abs() < 0.5 || a > b, "{quality:?}: {a:.2} dB against {b:.2} dB");
        for (i, (frame, got)) in clip.iter().zip(planes(&with, |p| &p.alpha)).enumerate() {
            let off = |(&want, &got): (&u8, &u8)| want.abs_diff(got);
            let (worst, mean) = {
                let all = || frame.alpha.data.iter().zip(&got.y.data).map(off);
                (all().max(), all().map(f64::from).sum::<f64>() / SIZE.area() as f64)
            };
            assert!(worst <= Some(24) && mean < 0.5, "{quality:?} frame {i}: {worst:?}, mean {mean:.3}");
            if (7..12).contains(&i) {
                assert!(worst <= Some(2), "{quality:?} frame {i}: {worst:?} is left of what went");
            }
        }
    }
}

#[test]
fn bytes_with_a_map_do_not_depend_on_threads() {
    let clip = clip();
    for quality in QUALITIES {
        let one = encode(quality, 1, &clip, true);
        for threads in [1, 2, 4] {
            assert!(one == encode(quality, threads, &clip, true), "{quality:?}: {threads} threads");
        }
    }
}

#[test]
fn a_frame_without_a_change_is_a_byte() {
    if !active_map_works() {
        eprintln!("skipped: a_frame_without_a_change_is_a_byte: libvpx is older than 1.12");
        return;
    }
    let clip = clip();
    for quality in QUALITIES {
        let pairs = encode(quality, 1, &clip, true);
        let lengths = |of: fn(&EncodedPair) -> &Vec<u8>| -> Vec<usize> {
            (0..20).filter(|&i| of(&pairs[i]).len() == 1).collect()
        };
        // Frame 6 clears the last of what was visible, in the matte frame 7 too; 14 is a key frame.
        assert_eq!(lengths(|pair| &pair.colour), (7..12).collect::<Vec<_>>(), "{quality:?}");
        assert_eq!(lengths(|pair| &pair.alpha), (8..12).collect::<Vec<_>>(), "{quality:?}");
        assert!(pairs[14].key && pairs[14].colour.len() > 100);
        for of in [(|pair| &pair.colour) as fn(&EncodedPair) -> &Vec<u8>, |pair| &pair.alpha] {
            let ours: Vec<u8> = planes(&pairs, of)
                .into_iter()
                .flat_map(|p| [p.y.data, p.u.data, p.v.data].concat())
                .collect();
            let packets: Vec<_> = pairs.iter().map(|pair| of(pair).clone()).collect();
            match ffmpeg(&ivf(SIZE, &packets)) {
                Some(theirs) => assert!(ours == theirs, "{quality:?}: ffmpeg sees another picture"),
                None => eprintln!("skipped: a_frame_without_a_change_is_a_byte: no ffmpeg in PATH"),
            }
        }
    }
}
