//! What tests of the kernels share: frames as compose leaves them, renderers, runs with guards around every row that are
//! compared with the CPU's, bit for bit.

use super::{DeviceOpaque, OpaqueLayout, RenderJob, Tables};
use crate::frame::{Colour, Composite, Plane, Range, Size};
use crate::gpu::{Device, Stream};
use crate::kernels::device::DeviceComposite;
use crate::kernels::fixtures::Random;
use crate::layout::{Packing, Projection};
use crate::render::backdrop::Picture;
use crate::render::packed::{Geometry, Packer};
use crate::render::{Backdrop, Opaque, Renderer};
use image::RgbImage;
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};

const GUARD: u8 = 0xA5;

pub(super) fn device() -> &'static Arc<Device> {
    static DEVICE: OnceLock<Arc<Device>> = OnceLock::new();
    DEVICE.get_or_init(|| Device::open(0).expect("the feature gpu-tests asks for a device"))
}

/// How much of a frame is visible.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen {
    Nothing,
    /// A few rectangles, opaque inside, of any alpha at their rims.
    Some,
    /// Any alpha at all in every other block.
    Noise,
    All,
}

pub(super) const SEEN: [Seen; 4] = [Seen::Nothing, Seen::Some, Seen::Noise, Seen::All];

/// A frame of any colours whose alpha is 0 where its map of blocks says so.
pub(super) fn composite(size: Size, seen: Seen, seed: u64) -> Composite {
    let mut random = Random(seed);
    let mut frame = Composite::new(size);
    let planes = [&mut frame.colour.y, &mut frame.colour.u, &mut frame.colour.v];
    planes.into_iter().flat_map(|plane| &mut plane.data).for_each(|code| *code = random.next() as u8);
    let Size { width, height } = size;
    match seen {
        Seen::Nothing => {}
        Seen::Some => {
            for _ in 0..3 {
                let (x, y) = (random.next() as usize % width, random.next() as usize % height);
                let (right, bottom) =
                    (x + 1 + random.next() as usize % width, y + 1 + random.next() as usize % height);
                for at_y in y..bottom.min(height) {
                    for at_x in x..right.min(width) {
                        let is_rim = at_x < x + 3 || at_y < y + 2 || at_x + 4 > right;
                        frame.alpha.row_mut(at_y)[at_x] = if is_rim { random.next() as u8 } else { 255 };
                    }
                }
            }
        }
        Seen::Noise => {
            for y in 0..height {
                for x in (0..width).filter(|x| (x / 16 + y / 16) % 2 == 0) {
                    frame.alpha.row_mut(y)[x] = random.next() as u8 & random.next() as u8;
                }
            }
        }
        Seen::All => frame.alpha.data.fill(255),
    }
    for y in 0..height {
        for x in (0..width).filter(|&x| frame.alpha.row(y)[x] != 0) {
            frame.activity.row_mut(y / 16)[x / 16] = 1;
        }
    }
    frame
}

/// Planes of what comes out: Y, U, V (of a matte none), and the blocks.
fn planes(layout: &OpaqueLayout, bytes: &[u8]) -> Vec<Plane<u8>> {
    let own = [layout.colour()[0], layout.drawn(), layout.colour()[1], layout.colour()[2]];
    let own = own.into_iter().filter(|plane| plane.offset < layout.moving_bytes());
    let copied = own.map(|from| {
        let mut plane = Plane::new(from.size);
        for y in 0..from.size.height {
            plane.row_mut(y).copy_from_slice(&bytes[from.offset + y * from.pitch..][..from.size.width]);
        }
        plane
    });
    copied.collect()
}

fn expected(renderer: &Renderer, frame: &Composite) -> Vec<Plane<u8>> {
    let mut shown = Opaque::new(renderer.size(frame.colour.y.size));
    renderer.render(frame, &mut shown).unwrap();
    let Opaque { planes, drawn } = shown;
    let (u, v) = (planes.u, planes.v);
    let chroma = if matches!(renderer, Renderer::Matte(_)) {
        assert!(u.data.iter().chain(&v.data).all(|&code| code == 128), "what lies at home for ever");
        vec![]
    } else {
        vec![u, v]
    };
    [planes.y, drawn].into_iter().chain(chroma).collect()
}

/// All frames in turn through one job, as a lane does it.
pub(super) fn check(renderer: &Renderer, frames: &[Composite], (pad, gap): (usize, usize)) {
    let size = frames[0].colour.y.size;
    let (device, stream) = (device(), Stream::new(device()).unwrap());
    let pitch = |width: usize| (width + pad).next_multiple_of(2);
    let tables = Tables::upload(device, renderer).unwrap();
    let job = RenderJob::new(device, &tables, size).unwrap();
    let has_colour = !matches!(renderer, Renderer::Matte(_));
    let layout = OpaqueLayout::padded(renderer.size(size), has_colour, pitch, 2 * gap);
    assert_eq!(layout.size(), job.layout().size());
    let mut out = DeviceOpaque::new(device, layout).unwrap();
    let mut from = DeviceComposite::padded(device, size, pitch, 2 * gap).unwrap();
    for (number, frame) in frames.iter().enumerate() {
        // What lies between rows counts for nothing.
        let guards = vec![GUARD; from.buffer.len_bytes()];
        from.buffer.upload_sync(&stream, &guards).unwrap();
        from.upload(&stream, frame).unwrap();
        let mut bytes = vec![GUARD; layout.moving_bytes()];
        out.buffer.upload_sync(&stream, &bytes).unwrap();
        // SAFETY: everything is kept, and waited for by the download.
        unsafe { job.enqueue(&stream, &from, &mut out) }.unwrap();
        out.buffer.download_sync(&stream, &mut bytes).unwrap();
        compare(renderer, frame, (&layout, &mut bytes), number);
    }
}

/// What came out in `bytes`, which were all [`GUARD`], against what the CPU makes of a frame.
fn compare(
    renderer: &Renderer,
    frame: &Composite,
    (layout, bytes): (&OpaqueLayout, &mut [u8]),
    number: usize,
) {
    let (got, expected) = (planes(layout, bytes), expected(renderer, frame));
    assert_eq!(got.len(), expected.len());
    for (name, (got, expected)) in ["Y", "blocks", "U", "V"].into_iter().zip(got.iter().zip(&expected)) {
        let wrong = (0..got.data.len()).find(|&at| got.data[at] != expected.data[at]);
        let place = wrong.map(|at| (at % got.stride, at / got.stride, got.data[at], expected.data[at]));
        assert_eq!(place, None, "frame {number}, {name} of {}: x, y, got, expected", got.size);
    }
    for plane in layout.colour().into_iter().chain([layout.drawn()]) {
        for y in 0..plane.size.height {
            let start = plane.offset + y * plane.pitch;
            if let Some(row) = bytes.get_mut(start..start + plane.size.width) {
                row.fill(GUARD);
            }
        }
    }
    assert!(bytes.iter().all(|&byte| byte == GUARD), "wrote outside its rows");
}

pub(super) fn backdrop(size: Size, packing: Packing, colour: Colour, seed: Option<u64>) -> Renderer {
    Renderer::Backdrop(Arc::new(match seed {
        None => Backdrop::flat(size, [0x2b, 0xe6, 0x40], colour),
        Some(seed) => {
            let mut random = Random(seed);
            let noise = RgbImage::from_fn(50, 40, |_, _| image::Rgb([(); 3].map(|()| random.next() as u8)));
            Picture::from_rgb(noise).backdrop(size, &packing.eyes(size), colour)
        }
    }))
}

pub(super) fn packer(
    packing: Packing,
    projection: &Projection,
    size: Size,
    fov: Option<u16>,
    range: Range,
) -> Option<Renderer> {
    let geometry = Geometry::new(packing, projection, size, fov).ok()?;
    Some(Renderer::Packed(Arc::new(Packer::new(geometry, range))))
}

/// Fewer where `$PROPTEST_CASES` says so: tools that watch every access are slow.
pub(super) fn cases() -> ProptestConfig {
    let limit = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(limit.unwrap_or(96).min(96)) }
}
