//! Published points of the curves, and what must hold for any picture.

use super::curve::{hlg_to_scene, nits_to_pq, pq_to_nits};
use super::{SDR_WHITE_NITS, ToSdr, tone};
use crate::frame::{Colour, Light, Matrix, Picture, Range, Samples, Size, Yuv420};
use crate::kernels::colour::{FromRgb, ToRgb};
use proptest::prelude::*;

fn colour(transfer: u8) -> Colour {
    Colour { matrix: Matrix::Bt2020, range: Range::Limited, primaries: 9, transfer }
}

fn to_sdr(transfer: u8) -> ToSdr {
    ToSdr::new(colour(transfer), None).unwrap()
}

#[test]
fn published_points_of_the_curves() {
    // BT.2408 table 1: 203 cd/m² is 58 % of PQ, 75 % of HLG; 100 cd/m² is 50.8 %.
    assert!((nits_to_pq(203.0) - 0.5807).abs() < 1e-4);
    assert!((nits_to_pq(100.0) - 0.5081).abs() < 1e-4);
    assert!((pq_to_nits(1.0) - 10_000.0).abs() < 1e-6 && pq_to_nits(0.0) == 0.0);
    for nits in [0.01, 1.0, 203.0, 4000.0] {
        assert!((pq_to_nits(nits_to_pq(nits)) / nits - 1.0).abs() < 1e-9);
    }
    // BT.2100 table 5: half is 1/12, and 1 is 1.
    assert!((hlg_to_scene(0.5) - 1.0 / 12.0).abs() < 1e-12 && (hlg_to_scene(1.0) - 1.0).abs() < 1e-6);
}

#[test]
fn the_tone_curve_rises_from_itself_to_white() {
    for peak in [300.0, 1000.0, 4000.0, 10_000.0] {
        let mut last = 0.0;
        for step in 1..=1000 {
            let nits = peak * f64::from(step) / 1000.0;
            let bent = tone(nits, peak);
            assert!(
                bent > last && bent <= nits + 1e-9 && bent <= SDR_WHITE_NITS + 1e-6,
                "{nits} of {peak}: {bent}"
            );
            last = bent;
        }
        assert!((last - SDR_WHITE_NITS).abs() < 1e-6);
    }
    assert_eq!(
        (tone(5.0, 1000.0), tone(90.0, 150.0)),
        (5.0, 90.0),
        "dark parts and dim content are left alone"
    );
}

#[test]
fn black_white_and_greys() {
    for transfer in [Colour::PQ, Colour::HLG] {
        let map = to_sdr(transfer);
        assert_eq!(map.map([0.0; 3]), [0.0; 3]);
        let white = if transfer == Colour::PQ { nits_to_pq(1000.0) as f32 } else { 1.0 };
        for component in map.map([white; 3]) {
            assert!((component - 1.0).abs() < 2e-3, "{transfer}: {component}");
        }
        let mut last = -1.0;
        for step in 0..=200 {
            let [r, g, b] = map.map([white * step as f32 / 200.0; 3]);
            assert!((r - g).abs() < 1e-3 && (g - b).abs() < 1e-3, "grey stays grey: {r} {g} {b}");
            assert!(g >= last, "{transfer} {step}");
            last = g;
        }
    }
    // A skin tone of 26 cd/m² (BT.2408) is far below the knee: 26 / 203 at gamma 2.4.
    let [grey, ..] = to_sdr(Colour::PQ).map([nits_to_pq(26.0) as f32; 3]);
    assert!((f64::from(grey) - (26.0f64 / 203.0).powf(1.0 / 2.4)).abs() < 2e-3, "{grey}");
}

#[test]
fn what_is_no_hdr_is_not_mapped_and_a_told_peak_counts() {
    for transfer in [1, 2, 6, 13, 14] {
        assert!(ToSdr::new(colour(transfer), None).is_none());
    }
    let bright = Light { max_cll: Some(4000), ..Light::default() };
    let grey = [nits_to_pq(900.0) as f32; 3];
    let [usual, told] =
        [None, Some(&bright)].map(|light| ToSdr::new(colour(Colour::PQ), light).unwrap().map(grey)[1]);
    assert!(told < usual, "room is left for what is brighter: {told} {usual}");
}

proptest! {
    /// Any codes, of any size: a picture of the same size and depth, whose grey cells stay grey.
    #[test]
    fn any_picture_is_mapped(width in 1usize..9, height in 1usize..9, deep: bool, hlg: bool, seed: u64) {
        let size = Size::new(width, height);
        let mut state = seed | 1;
        let mut next = || { state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1); (state >> 40) as u16 };
        let depth = if deep { 10 } else { 8 };
        let mut planes = Yuv420::<u16>::new(size);
        for plane in [&mut planes.y, &mut planes.u, &mut planes.v] {
            plane.data.iter_mut().for_each(|code| *code = next() & ((1 << depth) - 1));
        }
        let transfer = if hlg { Colour::HLG } else { Colour::PQ };
        let picture = Picture { pts: 7, size, depth, colour: colour(transfer), samples: Samples::Sixteen(planes.clone()) };
        let out = to_sdr(transfer).picture(&picture);
        prop_assert_eq!((out.pts, out.size, out.depth, out.colour), (7, size, depth, ToSdr::colour()));
        let Samples::Sixteen(mapped) = out.samples else { panic!("another kind of samples") };
        let map = to_sdr(transfer);
        let (to, from) = (ToRgb::new(Matrix::Bt2020, Range::Limited, depth), FromRgb::new(Matrix::Bt709, Range::Limited, depth));
        for y in 0..height {
            for x in 0..width {
                let codes = [planes.y.row(y)[x], planes.u.row(y / 2)[x / 2], planes.v.row(y / 2)[x / 2]].map(f32::from);
                let luma = from.codes(map.map(to.rgb(codes[0], codes[1], codes[2])))[0];
                prop_assert!((f32::from(mapped.y.row(y)[x]) - luma).abs() <= 0.51);
            }
        }
    }
}
