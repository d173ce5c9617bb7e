//! The pair: key frames fall together, packets meet by timestamp, and a thread that fails is heard.

use std::num::NonZeroU32;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use vrpipe::frame::{Composite, Plane, Size};
use vrpipe::vp9::{
    Decoder, EncodedPair, Encoder, Error, Pair, PairConfig, PairSource, PlaneRef, Planes, Quality, header,
};

use crate::matte::QUALITIES;
use crate::scene::{self, COLOUR, Unknown, matte_planes, psnr};

const SIZE: Size = Size::new(160, 96);

fn config(quality: Quality) -> PairConfig {
    PairConfig { size: SIZE, colour: COLOUR, quality, crf: None, threads: 1, key_interval: None }
}

fn clip(frames: usize) -> Vec<Arc<Composite>> {
    (0..frames).map(|t| Arc::new(scene::frame(SIZE, t))).collect()
}

/// Timestamps of a clip with a variable frame rate.
fn pts(i: usize) -> i64 {
    i as i64 * 33 + i as i64 % 3 * 7
}

fn encode(config: &PairConfig, frames: &[Arc<Composite>], forced: &[usize]) -> Vec<EncodedPair> {
    let mut pair = Pair::new(config).unwrap();
    let mut pairs = Vec::new();
    for (i, frame) in frames.iter().enumerate() {
        pairs.extend(pair.encode(Arc::clone(frame) as _, pts(i), forced.contains(&i)).unwrap());
    }
    pairs.extend(pair.finish().unwrap());
    pairs
}

fn is_key(packet: &[u8]) -> bool {
    header::parse(header::frames(packet).unwrap()[0]).unwrap().key
}

#[test]
fn key_frames_fall_together_and_decoding_starts_at_each() {
    let frames = clip(23);
    for quality in QUALITIES {
        let config = PairConfig { key_interval: NonZeroU32::new(8), ..config(quality) };
        let pairs = encode(&config, &frames, &[5]);
        assert_eq!(
            pairs.iter().map(|pair| pair.pts).collect::<Vec<_>>(),
            (0..23).map(pts).collect::<Vec<_>>()
        );
        let keys: Vec<usize> = (0..23).filter(|&i| pairs[i].key).collect();
        assert_eq!(keys, [0, 5, 13, 21], "every 8 frames, counted anew from the forced one");
        for (i, pair) in pairs.iter().enumerate() {
            assert_eq!([is_key(&pair.colour), is_key(&pair.alpha)], [pair.key; 2], "{quality:?} frame {i}");
        }
        for start in keys {
            let mut decoders = [Decoder::new(1).unwrap(), Decoder::new(1).unwrap()];
            for (pair, frame) in pairs.iter().zip(&frames).skip(start) {
                let colour = decoders[0].decode(&pair.colour).unwrap().unwrap();
                assert!(psnr(colour.planes().unwrap()[0], (&frame.colour.y).into()) > 34.0);
                let alpha = decoders[1].decode(&pair.alpha).unwrap().unwrap();
                assert!(psnr(alpha.planes().unwrap()[0], (&frame.alpha).into()) > 45.0);
            }
        }
    }
}

#[test]
fn a_pair_gives_the_bytes_of_two_lone_encoders_where_all_is_visible() {
    let frames = clip(10);
    for quality in QUALITIES {
        let mut pair = Pair::new(&config(quality)).unwrap();
        let mut pairs = Vec::new();
        for (i, frame) in frames.iter().enumerate() {
            pairs.extend(pair.encode(Arc::new(Unknown(Arc::clone(frame))), pts(i), i == 4).unwrap());
        }
        pairs.extend(pair.finish().unwrap());
        let [colour, alpha] = config(quality).encoders().map(|config| Encoder::new(config).unwrap());
        let lone = |mut encoder: Encoder, planes: fn(&Composite) -> Planes<'_>| -> Vec<Vec<u8>> {
            let mut packets = Vec::new();
            for (i, frame) in frames.iter().enumerate() {
                packets.extend(encoder.encode(&planes(frame), i as i64, i == 4).unwrap());
            }
            packets.into_iter().map(|packet| packet.data).collect()
        };
        let colour = lone(colour, |frame| (&frame.colour).into());
        let alpha = lone(alpha, |frame| matte_planes(&frame.alpha));
        assert!(pairs.iter().map(|pair| &pair.colour).eq(&colour), "{quality:?} colour");
        assert!(pairs.iter().map(|pair| &pair.alpha).eq(&alpha), "{quality:?} alpha");
    }
}

#[test]
fn a_frame_is_let_go_before_its_pair_comes_out() {
    let frames = clip(12);
    let mut pair = Pair::new(&config(Quality::Fast)).unwrap();
    let mut out = 0;
    for (i, frame) in frames.iter().enumerate() {
        out += pair.encode(Arc::clone(frame) as _, pts(i), false).unwrap().len();
        assert!(frames[..out].iter().all(|frame| Arc::strong_count(frame) == 1), "after frame {i}");
        assert!(i + 1 - out <= 3, "{} frames are held", i + 1 - out);
    }
    pair.finish().unwrap();
    assert!(frames.iter().all(|frame| Arc::strong_count(frame) == 1));
}

#[test]
fn the_quality_level_reaches_the_colour_stream_alone() {
    let frames = clip(6);
    let sizes = |crf| {
        let pairs = encode(&PairConfig { crf, ..config(Quality::Fast) }, &frames, &[]);
        let sum = |of: fn(&EncodedPair) -> usize| pairs.iter().map(of).sum::<usize>();
        (sum(|pair| pair.colour.len()), sum(|pair| pair.alpha.len()))
    };
    let (fine, coarse) = (sizes(Some(10)), sizes(Some(60)));
    assert!(fine.0 > 2 * coarse.0, "{fine:?} {coarse:?}");
    assert_eq!(fine.1, coarse.1);
    assert_eq!(sizes(None), sizes(Some(Quality::Fast.default_crf())));
}

#[test]
fn bad_frames_are_refused_and_the_pair_goes_on() {
    let mut pair = Pair::new(&config(Quality::Fast)).unwrap();
    let frame = Arc::new(scene::frame(SIZE, 0));
    let mut wrong = Composite::clone(&frame);
    wrong.alpha = Plane::new(Size::new(159, 96));
    let error = pair.encode(Arc::new(wrong), 0, false).unwrap_err();
    assert_eq!(error.to_string(), "alpha plane is 159x96, expected 160x96");
    let mut pairs = pair.encode(Arc::clone(&frame) as _, 5, false).unwrap();
    assert!(matches!(
        pair.encode(Arc::clone(&frame) as _, 5, false),
        Err(Error::Timestamp { previous: 5, got: 5 })
    ));
    pairs.extend(pair.encode(frame, 6, false).unwrap());
    pairs.extend(pair.finish().unwrap());
    assert_eq!(pairs.iter().map(|pair| (pair.pts, pair.key)).collect::<Vec<_>>(), [(5, true), (6, false)]);
    assert!(Pair::new(&config(Quality::Fast)).unwrap().finish().unwrap().is_empty());
    let nothing = PairConfig { size: Size::new(0, 4), ..config(Quality::Fast) };
    assert!(matches!(Pair::new(&nothing), Err(Error::Config { what: "frame width", .. })));
}

/// A frame that turns bad on the alpha thread only.
struct Trap {
    frame: Composite,
    panics: bool,
}

impl PairSource for Trap {
    fn colour(&self) -> Planes<'_> {
        (&self.frame.colour).into()
    }

    fn alpha(&self) -> PlaneRef<'_> {
        let alpha = PlaneRef::from(&self.frame.alpha);
        match thread::current().name() {
            Some("vp9-alpha") if self.panics => panic!("the trap went off"),
            Some("vp9-alpha") => PlaneRef { data: &alpha.data[..9], ..alpha },
            _ => alpha,
        }
    }

    fn activity(&self) -> Option<PlaneRef<'_>> {
        None
    }
}

#[test]
fn errors_and_panics_of_the_alpha_thread_come_out() {
    for panics in [false, true] {
        let mut pair = Pair::new(&config(Quality::Fast)).unwrap();
        let good = Arc::new(scene::frame(SIZE, 0));
        pair.encode(Arc::clone(&good) as _, 0, false).unwrap();
        let bad = Arc::new(Trap { frame: Composite::clone(&good), panics });
        // It comes out with the frame itself, or when the thread is next asked.
        let error = pair.encode(bad, 1, false).err();
        let error =
            error.or_else(|| (2..9).find_map(|i| pair.encode(Arc::clone(&good) as _, i, false).err()));
        match error.unwrap() {
            Error::Panicked { message } => assert!(panics && message == "the trap went off"),
            error => assert!(!panics && matches!(error, Error::PlaneMemory { plane: "luma", .. }), "{error}"),
        }
        assert!(matches!(pair.encode(good, 99, false), Err(Error::Stopped)));
        assert!(matches!(pair.finish(), Err(Error::Stopped)));
    }
}

#[test]
fn an_error_of_the_last_frame_comes_out_of_finish() {
    for panics in [false, true] {
        let mut pair = Pair::new(&config(Quality::Fast)).unwrap();
        let bad = Arc::new(Trap { frame: scene::frame(SIZE, 0), panics });
        let error = pair.encode(bad, 0, false).err().or_else(|| pair.finish().err()).unwrap();
        assert_eq!(matches!(error, Error::Panicked { .. }), panics, "{error}");
    }
}

#[test]
fn dropping_a_pair_at_any_time_ends_its_thread() {
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        for frames in 0..6 {
            let mut pair = Pair::new(&config(Quality::Best)).unwrap();
            let clip = clip(frames);
            for (i, frame) in clip.iter().enumerate() {
                pair.encode(Arc::clone(frame) as _, pts(i), false).unwrap();
            }
            drop(pair);
            // The thread is gone with everything it held.
            assert!(clip.iter().all(|frame| Arc::strong_count(frame) == 1));
        }
        done.send(()).unwrap();
    });
    wait.recv_timeout(Duration::from_secs(120)).expect("dropping a pair hangs or leaks");
}
