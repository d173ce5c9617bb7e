//! Synthetic pictures with a matte: two textured discs with soft edges that move over nothing.

use std::sync::Arc;

use vrpipe::frame::{Colour, Composite, Matrix, Plane, Range, Size, Yuv420};
use vrpipe::vp9::{DecodedFrame, Decoder, EncodedPacket, Encoder, PairSource, PlaneRef, Planes};

/// BT.709, limited range.
pub const COLOUR: Colour = Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 };

/// Frame `t` of the scene.
pub fn frame(size: Size, t: usize) -> Composite {
    let mut frame = Composite::new(size);
    let Size { width, height } = size;
    for y in 0..height {
        for x in 0..width {
            let alpha = matte(size, t, x, y);
            frame.alpha.row_mut(y)[x] = alpha;
            frame.colour.y.row_mut(y)[x] = if alpha == 0 { 16 } else { texture(x, y, t) };
        }
    }
    for y in 0..size.chroma().height {
        for x in 0..size.chroma().width {
            let visible = frame.alpha.row((2 * y).min(height - 1))[(2 * x).min(width - 1)] > 0;
            frame.colour.u.row_mut(y)[x] = if visible { 110 + (x * 40 / width) as u8 } else { 128 };
            frame.colour.v.row_mut(y)[x] = if visible { 120 + (y * 40 / height) as u8 } else { 128 };
        }
    }
    for y in 0..frame.activity.size.height {
        for x in 0..frame.activity.size.width {
            // As compose does it: something visible here or up to 4 pixels away.
            let [rows, columns] = [(y, height), (x, width)]
                .map(|(block, end)| (block * 16).saturating_sub(4)..(block * 16 + 20).min(end));
            let any = rows.into_iter().any(|y| frame.alpha.row(y)[columns.clone()].iter().any(|&a| a > 0));
            frame.activity.row_mut(y)[x] = u8::from(any);
        }
    }
    frame
}

/// A frame of which nobody says what is visible.
pub struct Unknown(pub Arc<Composite>);

impl PairSource for Unknown {
    fn colour(&self) -> Planes<'_> {
        (&self.0.colour).into()
    }

    fn alpha(&self) -> PlaneRef<'_> {
        (&self.0.alpha).into()
    }

    fn activity(&self) -> Option<PlaneRef<'_>> {
        None
    }
}

/// The discs: opaque inside, 8 pixels of edge, transparent outside.
fn matte(size: Size, t: usize, x: usize, y: usize) -> u8 {
    let (w, h) = (size.width as f64, size.height as f64);
    let shift = t as f64 * 2.3;
    let discs = [(w * 0.3 + shift, h * 0.5, h * 0.28), (w * 0.75, h * 0.3 + shift, h * 0.16)];
    let edge = |&(cx, cy, r): &(f64, f64, f64)| (r - (x as f64 - cx).hypot(y as f64 - cy)) / 8.0 + 0.5;
    let cover = discs.iter().map(edge).fold(0.0, f64::max);
    (cover.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// A gradient with a moving pattern, within limited range.
fn texture(x: usize, y: usize, t: usize) -> u8 {
    let (fx, fy) = (x as f64 - t as f64 * 2.3, y as f64);
    (120.0 + 50.0 * (fx / 23.0).sin() * (fy / 17.0).cos() + 20.0 * (fx / 3.1 + fy / 5.3).sin()) as u8
}

/// A picture of one colour.
pub fn solid(size: Size, [y, u, v]: [u8; 3]) -> Yuv420<u8> {
    let chroma = size.chroma();
    Yuv420 { y: Plane::filled(size, y), u: Plane::filled(chroma, u), v: Plane::filled(chroma, v) }
}

/// A matte as the alpha encoder is given it.
pub fn matte_planes(alpha: &Plane<u8>) -> Planes<'_> {
    static NEUTRAL: [u8; 16384] = [128; 16384];
    let neutral = PlaneRef { size: alpha.size.chroma(), stride: 0, data: &NEUTRAL };
    Planes { y: alpha.into(), u: neutral, v: neutral }
}

/// Encodes `pictures` with timestamps 0, 1, 2..., forcing key frames where `keys` says.
pub fn encode(mut encoder: Encoder, pictures: &[Yuv420<u8>], keys: &[usize]) -> Vec<EncodedPacket> {
    let mut packets = Vec::new();
    for (i, picture) in pictures.iter().enumerate() {
        packets.extend(encoder.encode(&picture.into(), i as i64, keys.contains(&i)).unwrap());
    }
    packets.extend(encoder.finish().unwrap());
    packets
}

/// Decodes packets that each show a picture, and hands each picture to `see` with its place.
pub fn decode<'a>(packets: impl IntoIterator<Item = &'a [u8]>, mut see: impl FnMut(usize, DecodedFrame<'_>)) {
    let mut decoder = Decoder::new(1).unwrap();
    for (i, packet) in packets.into_iter().enumerate() {
        see(i, decoder.decode(packet).unwrap().unwrap_or_else(|| panic!("packet {i} shows nothing")));
    }
}

/// Rows of a plane as one packed vector.
pub fn packed(plane: PlaneRef<'_>) -> Vec<u8> {
    (0..plane.size.height).flat_map(|y| plane.row(y).iter().copied()).collect()
}

/// Peak signal to noise ratio of two planes, in dB; infinite when they are equal.
pub fn psnr(a: PlaneRef<'_>, b: PlaneRef<'_>) -> f64 {
    assert_eq!(a.size, b.size);
    let (a, b) = (packed(a), packed(b));
    let squares: f64 = a.iter().zip(&b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares).log10()
}
