//! The keyer on a made-up studio: uneven light, noise, soft edges, objects of several colours.
#![forbid(unsafe_code)]

use super::*;
use crate::frame::{Composite, Matrix, Picture, Range, Rect, Samples, Size, Yuv420};
use crate::kernels::Error;
use crate::kernels::colour::FromRgb;
use crate::kernels::compose::{Shade, compose};
use crate::kernels::fixtures::{Random, colour};
use crate::layout::Packing;

const GREEN: [f32; 3] = [0.235, 0.667, 0.314];
const BLUE: [f32; 3] = [0.157, 0.275, 0.745];
const SIZE: Size = Size::new(320, 192);
/// Width of the objects' soft edges in pixels.
const SOFT: f32 = 8.0;

/// Objects: grey, skin, red, yellow, white, black.
const OBJECTS: [[f32; 3]; 6] =
    [[0.5; 3], [0.78, 0.59, 0.47], [0.75, 0.12, 0.1], [0.86, 0.78, 0.16], [0.95; 3], [0.04; 3]];

/// Mean error of alpha on the soft edge of each object, measured and rounded up. A key cannot know
/// the colour behind an edge: towards hues opposite to the screen's it sees less screen than there
/// is (edges come out wider), towards black it sees a shadow (narrower).
const EDGE_ERRORS: [f32; 6] = [0.16, 0.20, 0.32, 0.31, 0.12, 0.23];

/// The object nearest to a pixel and how much of the pixel it covers: six discs in three columns.
fn object(x: usize, y: usize) -> ([f32; 3], f32) {
    let (x, y) = (x as f32, y as f32);
    let covered = |index: usize| {
        let (cx, cy) = (55.0 + 105.0 * (index % 3) as f32, 50.0 + 92.0 * (index / 3) as f32);
        ((30.0 - (x - cx).hypot(y - cy)) / SOFT + 0.5).clamp(0.0, 1.0)
    };
    let best = (0..6).max_by(|&a, &b| covered(a).total_cmp(&covered(b))).unwrap();
    (OBJECTS[best], covered(best))
}

/// Light on the screen: full in one corner, `dark` in the opposite one.
fn light(x: usize, y: usize, dark: f32) -> f32 {
    1.0 - (1.0 - dark) * 0.5 * (x as f32 / SIZE.width as f32 + y as f32 / SIZE.height as f32)
}

/// Films a scene: RGB per pixel with noise, chroma averaged over cells, rounded to 8 bits.
fn film(size: Size, matrix: Matrix, noise: f32, scene: impl Fn(usize, usize) -> [f32; 3]) -> Picture {
    let mut random = Random(9);
    let convert = FromRgb::new(matrix, Range::Limited, 8);
    let mut yuv = Yuv420::<u8>::new(size);
    let mut sums = vec![[0f32; 3]; size.chroma().area()];
    for y in 0..size.height {
        for x in 0..size.width {
            let codes = convert.codes(scene(x, y).map(|c| (c + noise * random.normal()).clamp(0.0, 1.0)));
            yuv.y.row_mut(y)[x] = (codes[0] + 0.5) as u8;
            let sum = &mut sums[y / 2 * size.chroma().width + x / 2];
            *sum = [sum[0] + 1.0, sum[1] + codes[1], sum[2] + codes[2]];
        }
    }
    for (i, [count, u, v]) in sums.into_iter().enumerate() {
        yuv.u.data[i] = (u / count + 0.5) as u8;
        yuv.v.data[i] = (v / count + 0.5) as u8;
    }
    Picture { pts: 0, size, depth: 8, colour: colour(matrix, Range::Limited), samples: Samples::Eight(yuv) }
}

fn studio(screen: [f32; 3], matrix: Matrix, noise: f32, dark: f32) -> Picture {
    film(SIZE, matrix, noise, |x, y| {
        let ((object, covered), light) = (object(x, y), light(x, y, dark));
        [0, 1, 2].map(|c| covered * object[c] + (1.0 - covered) * light * screen[c])
    })
}

fn keyed(picture: &Picture, parameters: &KeyParameters) -> Composite {
    let eyes = Packing::SideBySide.eyes(picture.size);
    let key = ChromaKey::new(parameters, picture.colour.matrix).unwrap();
    let mut out = Composite::new(picture.size);
    compose(picture, &eyes, &key, &mut out).unwrap();
    out
}

/// Opaque inside, clear outside, and in between no further off than was measured.
#[test]
fn screens_vanish_and_objects_have_no_holes() {
    for (screen, matrix) in
        [(GREEN, Matrix::Bt709), (GREEN, Matrix::Bt601), (BLUE, Matrix::Bt709), (BLUE, Matrix::Bt2020)]
    {
        let picture = studio(screen, matrix, 0.012, 0.5);
        let parameters = KeyParameters::pick(&picture, &Packing::SideBySide.eyes(SIZE)).unwrap();
        let out = keyed(&picture, &parameters);
        let (mut errors, mut worst_in, mut worst_out) = ([(0.0, 0.0); 6], 255, 0);
        for y in 0..SIZE.height {
            for x in 0..SIZE.width {
                let (colour, covered) = object(x, y);
                let alpha = out.alpha.row(y)[x];
                // The chroma cell that holds a piece of the soft edge belongs to the edge.
                let near = |want: f32| {
                    (-1..=1).all(|d| {
                        object(x.saturating_add_signed(d), y).1 == want
                            && object(x, y.saturating_add_signed(d)).1 == want
                    })
                };
                if near(1.0) {
                    worst_in = worst_in.min(alpha);
                } else if near(0.0) {
                    worst_out = worst_out.max(alpha);
                } else {
                    let (sum, count) = &mut errors[OBJECTS.iter().position(|&o| o == colour).unwrap()];
                    *sum += (f32::from(alpha) / 255.0 - covered).abs();
                    *count += 1.0;
                }
            }
        }
        assert_eq!((worst_in, worst_out), (255, 0), "{screen:?} {matrix:?}");
        let errors = errors.map(|(sum, count)| sum / count);
        let fits = errors.iter().zip(EDGE_ERRORS).all(|(error, most)| *error <= most);
        assert!(fits, "{screen:?} {matrix:?}: mean errors on edges {errors:?}, at most {EDGE_ERRORS:?}");
    }
}

/// A shadow at 45 % of the key's light is still screen.
#[test]
fn shadows_on_the_screen_are_keyed() {
    let shadow = |x: usize| if x < 160 { 1.0 } else { 0.45 };
    let picture = film(SIZE, Matrix::Bt709, 0.008, |x, _| GREEN.map(|c| c * shadow(x)));
    let out = keyed(&picture, &KeyParameters::new(KeyColour(GREEN.map(|c| (c * 255.0) as u8))));
    let visible = out.alpha.data.iter().filter(|&&a| a > 0).count();
    assert!(visible <= SIZE.area() / 1000, "{visible} pixels of screen are visible");
}

#[test]
fn picked_colour_is_the_screens() {
    for (screen, name) in
        [(GREEN, "green"), (BLUE, "blue"), ([0.0, 1.0, 0.0], "pure green"), ([0.0, 0.0, 1.0], "pure blue")]
    {
        let picture = studio(screen, Matrix::Bt709, 0.01, 0.9);
        let KeyColour(got) = KeyParameters::pick(&picture, &Packing::Mono.eyes(SIZE)).unwrap().colour;
        for (got, want) in got.into_iter().zip(screen) {
            // Light falls from 1 to 0.9, so its mean is 0.95; noise clipped at 0 adds a little.
            assert!((f32::from(got) / 255.0 - 0.95 * want).abs() < 0.03, "{name}: {got} {want}");
        }
    }
}

#[test]
fn no_screen_is_told_apart_from_a_screen() {
    let eyes = Packing::SideBySide.eyes(SIZE);
    let grey = film(SIZE, Matrix::Bt709, 0.05, |x, _| [x as f32 / 320.0; 3]);
    assert_eq!(KeyParameters::pick(&grey, &eyes), Err(Error::NoScreen { share: 0.0, needed: 0.2 }));
    let wood = film(SIZE, Matrix::Bt709, 0.02, |_, y| [0.6, 0.35 + y as f32 / 1000.0, 0.15]);
    assert!(matches!(KeyParameters::pick(&wood, &eyes), Err(Error::NoScreen { share, .. }) if share < 0.01));
    // A plant is green but small.
    let plant =
        film(SIZE, Matrix::Bt709, 0.02, |x, y| if x < 60 && y < 100 { GREEN } else { [0.5, 0.5, 0.45] });
    let Err(Error::NoScreen { share, .. }) = KeyParameters::pick(&plant, &eyes) else { panic!() };
    assert!((0.09..0.2).contains(&share), "{share}");
}

/// Half covered by the black of a fisheye picture, and a black border all round it.
#[test]
fn black_corners_do_not_hide_the_screen() {
    let picture = film(SIZE, Matrix::Bt709, 0.01, |x, y| {
        let (cx, cy) = ((x % 160) as f32 - 80.0, y as f32 - 96.0);
        if cx.hypot(cy) < 78.0 { GREEN } else { [0.0; 3] }
    });
    let picked = KeyParameters::pick(&picture, &Packing::SideBySide.eyes(SIZE)).unwrap();
    let KeyColour(got) = picked.colour;
    assert!(
        got.into_iter().zip(GREEN).all(|(got, want)| (f32::from(got) / 255.0 - want).abs() < 0.03),
        "{got:?}"
    );
}

#[test]
fn spill_goes_and_luma_stays() {
    let key = ChromaKey::new(&KeyParameters::new(KeyColour([60, 170, 80])), Matrix::Bt709).unwrap();
    let luma = |rgb: [f32; 3]| 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
    // Grey and skin lit by some green: no longer greener than their next component.
    for rgb in [[0.5, 0.56, 0.5], [0.6, 0.64, 0.4], [0.3, 0.36, 0.34]] {
        let pixel = key.shade(&(), 0, rgb);
        assert_eq!(pixel.alpha, 1.0, "{rgb:?} at {}", key.distance(rgb));
        let [r, g, b] = pixel.rgb;
        assert!(g <= r.max(b) + 1e-6, "{rgb:?} {:?}", pixel.rgb);
        assert!((luma(pixel.rgb) - luma(rgb)).abs() < 1e-6, "{rgb:?} {:?}", pixel.rgb);
    }
    // Colours without spill are untouched, bit for bit.
    for rgb in [[0.78, 0.59, 0.47], [0.86, 0.78, 0.16], [0.2, 0.4, 0.6], [0.5; 3]] {
        assert_eq!(key.shade(&(), 0, rgb).rgb, rgb);
    }
    // Half the spill removed on request.
    let half = KeyParameters { spill: 0.5, ..KeyParameters::new(KeyColour([60, 170, 80])) };
    let [r, g, _] = ChromaKey::new(&half, Matrix::Bt709).unwrap().shade(&(), 0, [0.5, 0.56, 0.5]).rgb;
    assert!((g - r - 0.03).abs() < 1e-6, "{r} {g}");
}

#[test]
fn distances_are_as_documented() {
    let pure = ChromaKey::new(&KeyParameters::new(KeyColour([0, 255, 0])), Matrix::Bt709).unwrap();
    let table = [
        ([0.0, 1.0, 0.0], 0.0),
        ([0.0, 0.5, 0.0], 0.0),
        ([0.0, 0.4, 0.0], 0.2),
        ([0.0; 3], 1.0),
        ([1.0; 3], 1.0),
        ([1.0, 1.0, 0.0], 0.86),
    ];
    for (rgb, want) in table {
        assert!((pure.distance(rgb) - want).abs() < 0.005, "{rgb:?}: {} {want}", pure.distance(rgb));
    }
}

#[test]
fn colours_are_read_and_written_as_hex() {
    assert_eq!("#3Caa50".parse(), Ok(KeyColour([0x3C, 0xAA, 0x50])));
    assert_eq!(KeyColour([0, 255, 9]).to_string(), "#00ff09");
    for text in ["", "#", "3caa50", "#3caa5", "#3caa500", "#3caa5g", "#+3caa5", "#3c\u{e9}a5"] {
        assert_eq!(text.parse::<KeyColour>(), Err(Error::KeyColour { text: text.to_owned() }));
    }
}

#[test]
fn useless_keys_are_refused() {
    let with = |colour, inner, outer, spill| {
        ChromaKey::new(&KeyParameters { colour: KeyColour(colour), inner, outer, spill }, Matrix::Bt709)
    };
    assert!(matches!(with([120, 130, 120], 0.2, 0.8, 1.0), Err(Error::GreyKey { .. })));
    for (inner, outer, spill) in
        [(0.8, 0.8, 1.0), (-0.1, 0.8, 1.0), (0.2, f32::NAN, 1.0), (0.2, 0.8, 1.1), (f32::NAN, 1.0, 1.0)]
    {
        assert!(matches!(with([0, 255, 0], inner, outer, spill), Err(Error::Tolerance { .. })));
    }
    let eye = Rect { x: 1, y: 0, size: SIZE };
    assert!(matches!(
        KeyParameters::pick(&studio(GREEN, Matrix::Bt709, 0.0, 1.0), &[eye]),
        Err(Error::Eye { .. })
    ));
}

/// Real footage without a screen: a man in a car.
#[test]
fn a_car_is_not_a_screen() {
    let Some(path) =
        crate::testing::shared("a_car_is_not_a_screen", "golden/mobilenetv3_carphone.safetensors")
    else {
        return;
    };
    let bytes = std::fs::read(path).unwrap();
    let golden = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let frames = golden.tensor("frames_u8").unwrap();
    let size = Size::new(frames.shape()[3], frames.shape()[2]);
    let picture = film(size, Matrix::Bt601, 0.0, |x, y| {
        [0, 1, 2].map(|c| f32::from(frames.data()[(y * size.width + x) * 3 + c]) / 255.0)
    });
    let picked = KeyParameters::pick(&picture, &Packing::Mono.eyes(size));
    assert!(matches!(picked, Err(Error::NoScreen { .. })), "{picked:?}");
}
