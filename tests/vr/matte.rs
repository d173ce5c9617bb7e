//! The network's matte on the CPU: across the sides of a 360 picture, over cuts, with the user's changes.

use crate::support;
use std::sync::Arc;
use vrpipe::engine::cpu::CpuEngine;
use vrpipe::frame::{Composite, Picture, Plane, Rect, Samples, Size, Yuv420};
use vrpipe::kernels::maps::margin;
use vrpipe::lane::{Matte, Touch};
use vrpipe::layout::Edge;
use vrpipe::media::Source;
use vrpipe::rvm::{StageSize, Weights, build_graph};
use vrpipe::software;
use vrpipe::telemetry::LaneClocks;

const SIZE: Size = Size::new(176, 144);
const EYE: Rect = Rect { x: 0, y: 0, size: SIZE };

fn weights(test: &str) -> Option<Weights> {
    Some(Weights::load(&support::shared(test, "models/rvm_mobilenetv3.safetensors")?).unwrap())
}

fn network(weights: &Weights, edge: Edge) -> Matte {
    let margin = if edge == Edge::Wraps { margin(SIZE.width) } else { 0 };
    let stage = StageSize { height: SIZE.height, width: SIZE.width + 2 * margin };
    let graph = build_graph(weights, stage, true).unwrap();
    Matte::network_at(Box::new(CpuEngine::new(Arc::new(graph), 1).unwrap()), 1.0, edge, margin)
}

/// The first frames of a clip of a person, at half its size.
fn person(test: &str, frames: usize) -> Option<Vec<Picture>> {
    let clip = support::clips(test)?.join("person_mono.mp4");
    let mut source = Source::open(&clip).unwrap();
    let stream = source.video().into();
    let feed = Box::new(move || source.next_packet().map_err(Into::into));
    let mut decoder = software::open(stream, feed, software::Options::default()).unwrap();
    let half = |_| decoder.next_picture().unwrap().map(|picture| halved(&picture));
    Some((0..frames).map_while(half).collect())
}

/// Every other sample of a picture of 352x288.
fn halved(picture: &Picture) -> Picture {
    let Samples::Eight(planes) = &picture.samples else { panic!("8 bits") };
    let half = |plane: &Plane<u8>| {
        let size = Size::new(plane.size.width / 2, plane.size.height / 2);
        let mut out = Plane::new(size);
        for y in 0..size.height {
            let row = plane.row(2 * y);
            out.row_mut(y).iter_mut().enumerate().for_each(|(x, to)| *to = row[2 * x]);
        }
        out
    };
    let planes = Yuv420 { y: half(&planes.y), u: half(&planes.u), v: half(&planes.v) };
    assert_eq!(planes.y.size, SIZE);
    Picture { size: SIZE, samples: Samples::Eight(planes), ..picture.clone() }
}

/// The picture with every plane changed.
fn changed(picture: &Picture, change: impl Fn(&mut Plane<u8>)) -> Picture {
    let mut picture = picture.clone();
    let Samples::Eight(planes) = &mut picture.samples else { panic!("8 bits") };
    [&mut planes.y, &mut planes.u, &mut planes.v].into_iter().for_each(change);
    picture
}

/// Turned by half: what was in the middle is on the seam.
fn turned(picture: &Picture) -> Picture {
    changed(picture, |plane| {
        let half = plane.size.width / 2;
        (0..plane.size.height).for_each(|y| plane.row_mut(y).rotate_left(half));
    })
}

fn alpha(matte: &mut Matte, picture: &Picture) -> Plane<u8> {
    let mut out = Composite::new(SIZE);
    matte.compose(picture, &[EYE], &mut out, &LaneClocks::default()).unwrap();
    out.alpha
}

/// Mean step of alpha over the seam, and over the columns beside it.
fn seam(alpha: &Plane<u8>) -> (f64, f64) {
    let rows = || (0..SIZE.height).map(|y| alpha.row(y));
    let mean = |a: usize, b: usize| {
        rows().map(|row| f64::from(row[a].abs_diff(row[b]))).sum::<f64>() / SIZE.height as f64
    };
    let last = SIZE.width - 1;
    (mean(last, 0), mean(last - 1, last).max(mean(0, 1)))
}

#[test]
fn a_matte_goes_on_across_the_sides_of_a_360_picture() {
    let test = "a_matte_goes_on_across_the_sides_of_a_360_picture";
    let (Some(weights), Some(person)) = (weights(test), person(test, 6)) else { return };
    let (mut plain, mut wrapped) = (network(&weights, Edge::Plain), network(&weights, Edge::Wraps));
    let mut centred = network(&weights, Edge::Plain);
    let (mut worst, mut differs, mut seen) = ([0.0f64; 2], [0.0; 2], 0.0);
    for picture in &person {
        let split = turned(picture);
        let [cut, whole] = [&mut plain, &mut wrapped].map(|matte| alpha(matte, &split));
        for (worst, alpha) in worst.iter_mut().zip([&cut, &whole]) {
            let (over, beside) = seam(alpha);
            *worst = worst.max(over - beside);
        }
        // The same person in the middle.
        let middle = alpha(&mut centred, picture);
        for y in 0..SIZE.height {
            for x in 0..SIZE.width {
                let there = f64::from(middle.row(y)[(x + SIZE.width / 2) % SIZE.width]);
                seen += there;
                for (sum, alpha) in differs.iter_mut().zip([&cut, &whole]) {
                    *sum += (f64::from(alpha.row(y)[x]) - there).abs();
                }
            }
        }
    }
    let shares = differs.map(|sum| sum / seen);
    eprintln!("steps over the seam beyond those beside it {worst:?}; differences {shares:?} of what is seen");
    assert!(seen > 0.05 * 255.0 * (person.len() * SIZE.area()) as f64, "somebody is seen");
    assert!(worst[1] < 2.0, "continuous: {worst:?}");
    assert!(shares[1] < shares[0], "nearer to the matte of the person in the middle: {shares:?}");
}

#[test]
fn after_a_cut_nothing_is_left_of_the_scene_before() {
    let test = "after_a_cut_nothing_is_left_of_the_scene_before";
    let (Some(weights), Some(person)) = (weights(test), person(test, 6)) else { return };
    let (mut going, mut fresh) = (network(&weights, Edge::Plain), network(&weights, Edge::Plain));
    let empty = changed(&person[0], |plane| {
        let value = if plane.size == SIZE { 30 } else { 128 };
        plane.data.fill(value);
    });
    (0..4).for_each(|_| drop(alpha(&mut going, &empty)));
    // What a network sees that has just been made; the clip has no cut of its own.
    for (number, picture) in person.iter().enumerate() {
        assert!(alpha(&mut going, picture) == alpha(&mut fresh, picture), "frame {number}");
    }
    let mut new = network(&weights, Edge::Plain);
    assert!(
        alpha(&mut going, &person[5]) != alpha(&mut new, &person[5]),
        "the state goes on where there is no cut"
    );
}

#[test]
fn controls_change_the_matte_as_they_say() {
    let test = "controls_change_the_matte_as_they_say";
    let (Some(weights), Some(person)) = (weights(test), person(test, 2)) else { return };
    let sum = |touch: Touch| {
        let mut matte = network(&weights, Edge::Plain).touched(touch);
        let last = person.iter().map(|picture| alpha(&mut matte, picture)).last().unwrap();
        last.data.iter().map(|a| u64::from(*a)).sum::<u64>()
    };
    let as_it_is = sum(Touch::default());
    assert!(as_it_is > 0, "somebody is seen");
    assert!(sum(Touch { grow_pixels: 3.0, ..Touch::default() }) > as_it_is);
    assert!(sum(Touch { grow_pixels: -3.0, ..Touch::default() }) < as_it_is);
    assert!(sum(Touch { cutoff: 0.3, ..Touch::default() }) < as_it_is);
    assert!(sum(Touch { gamma: 2.0, ..Touch::default() }) < as_it_is);
    assert_ne!(sum(Touch { smooth: 0.6, ..Touch::default() }), as_it_is);
}
