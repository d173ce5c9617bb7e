//! The network's matte on the CPU: across the sides of a 360 picture, over cuts, with the user's changes.

use crate::support::shared;
use std::sync::Arc;
use vrpipe::engine::cpu::CpuEngine;
use vrpipe::frame::{Colour, Composite, Matrix, Picture, Plane, Range, Rect, Samples, Size, Yuv420};
use vrpipe::lane::{Matte, Touch, margin};
use vrpipe::layout::Edge;
use vrpipe::rvm::{StageSize, Weights, build_graph};
use vrpipe::telemetry::LaneClocks;

const SIZE: Size = Size::new(192, 96);

fn weights(test: &str) -> Option<Weights> {
    Some(Weights::load(&shared(test, "models/rvm_mobilenetv3.safetensors")?).unwrap())
}

fn network(weights: &Weights, edge: Edge) -> Matte {
    let margin = if edge == Edge::Wraps { margin(SIZE.width) } else { 0 };
    let stage = StageSize { height: SIZE.height, width: SIZE.width + 2 * margin };
    let graph = build_graph(weights, stage, true).unwrap();
    Matte::network_at(Box::new(CpuEngine::new(Arc::new(graph), 1).unwrap()), 1.0, edge, margin)
}

/// A shape like a person, light before dark, whose middle is at column `x`; the picture goes round.
fn picture(x: usize, background: u8) -> Picture {
    let mut y = Plane::filled(SIZE, background);
    for row in 0..SIZE.height {
        let half = match row {
            0..12 => 0,
            12..36 => 10,
            _ => 26,
        };
        for column in 0..2 * half {
            let at = (x + SIZE.width + column - half) % SIZE.width;
            y.row_mut(row)[at] = 170 + (row % 7) as u8;
        }
    }
    let mut v = Plane::filled(SIZE.chroma(), 128u8);
    v.data.fill(140);
    let samples = Samples::Eight(Yuv420 { y, u: Plane::filled(SIZE.chroma(), 118), v });
    let colour = Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 };
    Picture { pts: 0, size: SIZE, depth: 8, colour, samples }
}

fn alpha(matte: &mut Matte, picture: &Picture) -> Plane<u8> {
    let mut out = Composite::new(SIZE);
    let eyes = [Rect { x: 0, y: 0, size: SIZE }];
    matte.compose(picture, &eyes, &mut out, &LaneClocks::default()).unwrap();
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
    let Some(weights) = weights("a_matte_goes_on_across_the_sides_of_a_360_picture") else { return };
    let (mut plain, mut wrapped) = (network(&weights, Edge::Plain), network(&weights, Edge::Wraps));
    let mut worst: [f64; 2] = [0.0; 2];
    let mut centred = network(&weights, Edge::Plain);
    let (mut differs, mut seen) = ([0.0; 2], 0.0);
    for _ in 0..4 {
        let split = picture(SIZE.width - 6, 40);
        let [cut, whole] = [&mut plain, &mut wrapped].map(|matte| alpha(matte, &split));
        for (worst, alpha) in worst.iter_mut().zip([&cut, &whole]) {
            let (over, beside) = seam(alpha);
            *worst = worst.max(over - beside);
        }
        // The same picture turned so that nobody stands on the seam.
        let middle = alpha(&mut centred, &picture(SIZE.width / 2 - 6, 40));
        for y in 0..SIZE.height {
            for x in 0..SIZE.width {
                let turned = f64::from(middle.row(y)[(x + SIZE.width / 2) % SIZE.width]);
                seen += turned;
                for (sum, alpha) in differs.iter_mut().zip([&cut, &whole]) {
                    *sum += (f64::from(alpha.row(y)[x]) - turned).abs();
                }
            }
        }
    }
    eprintln!("steps over the seam beyond those beside it {worst:?}, difference {differs:?} of {seen}");
    assert!(worst[1] < 2.0, "continuous: {worst:?}");
    assert!(differs[1] < differs[0], "nearer to the matte of nobody on the seam: {differs:?}");
}

#[test]
fn after_a_cut_nothing_is_left_of_the_scene_before() {
    let Some(weights) = weights("after_a_cut_nothing_is_left_of_the_scene_before") else { return };
    let (mut going, mut fresh) = (network(&weights, Edge::Plain), network(&weights, Edge::Plain));
    for step in 0..5 {
        alpha(&mut going, &picture(40 + step, 40));
    }
    // Another place, much lighter: what a network sees that has just been made.
    for step in 0..3 {
        let next = picture(120 + step, 225);
        assert_eq!(alpha(&mut going, &next), alpha(&mut fresh, &next), "{step}");
    }
    // Without a cut the state goes on, and shows.
    let (next, first) = (picture(124, 225), picture(124, 225));
    assert_ne!(alpha(&mut going, &next), alpha(&mut network(&weights, Edge::Plain), &first));
}

#[test]
fn controls_change_the_matte_as_they_say() {
    let Some(weights) = weights("controls_change_the_matte_as_they_say") else { return };
    let sum = |touch: Touch| {
        let mut matte = network(&weights, Edge::Plain).touched(touch);
        alpha(&mut matte, &picture(96, 40));
        let plane = alpha(&mut matte, &picture(100, 40));
        plane.data.iter().map(|a| u64::from(*a)).sum::<u64>()
    };
    let as_it_is = sum(Touch::default());
    assert!(as_it_is > 0, "somebody is seen");
    assert!(sum(Touch { grow_pixels: 3.0, ..Touch::default() }) > as_it_is);
    assert!(sum(Touch { grow_pixels: -3.0, ..Touch::default() }) < as_it_is);
    assert!(sum(Touch { cutoff: 0.3, ..Touch::default() }) < as_it_is);
    assert!(sum(Touch { gamma: 2.0, ..Touch::default() }) < as_it_is);
    assert_ne!(sum(Touch { smooth: 0.6, ..Touch::default() }), as_it_is);
}
