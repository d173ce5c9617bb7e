//! The CUDA forms against the references: the same bits, for frame after frame, with cuts among them. States are cleared
//! after a cut and else left alone, to the byte.

use super::{Cuts, MapShape, MapTouch, MapsJob, TouchedMaps, close_seam, margin, pad};
use crate::frame::Size;
use crate::gpu::{DeviceBuffer, Event, Stream};
use crate::kernels::fixtures::Random;
use crate::kernels::rig::{cases, device};
use crate::tensor::{Coefficients, Tensor};
use proptest::prelude::*;

/// What a lane on the CPU does around a step.
#[derive(Default)]
struct Reference {
    cuts: Cuts,
    maps: TouchedMaps,
}

impl Reference {
    /// Ahead of the step: what the network sees, and whether that is of another scene.
    fn ahead(&mut self, core: &Tensor, margin: usize, touch: MapTouch) -> (Tensor, bool) {
        let cut = self.cuts.is_cut(core);
        if cut && touch.changes_maps() {
            self.maps.reset();
        }
        let [eyes, channels, height, width] = core.shape;
        let mut padded = Tensor::zeros([eyes, channels, height, width + 2 * margin]);
        pad(core, margin, &mut padded);
        (padded, cut)
    }

    fn behind(&mut self, shape: &MapShape, touch: MapTouch, small: &Tensor, maps: &mut Coefficients) {
        if shape.margin > 0 {
            close_seam(maps, shape.margin);
        }
        if touch.changes_maps() {
            self.maps.apply(&touch, shape.ratio, small, maps);
        }
    }
}

/// Pictures of a scene that changes with `scene` and moves a little with every frame.
fn picture(shape: [usize; 4], scene: u64, frame: u64) -> Tensor {
    let mut tensor = Tensor::zeros(shape);
    let mut random = Random(scene);
    let (base, texture) = (random.unit() * 0.6, 0.1 + 0.3 * random.unit());
    let mut noise = Random(scene ^ frame << 32);
    for value in &mut tensor.data {
        *value = (base + texture * random.unit() + 0.05 * noise.unit()).min(1.0);
    }
    tensor
}

fn interleave(map: &Tensor) -> Vec<f32> {
    let [eyes, channels, height, width] = map.shape;
    let places = (0..eyes).flat_map(|eye| (0..height * width).map(move |at| (eye, at)));
    places.flat_map(|(eye, at)| (0..channels).map(move |c| map.channel(eye, c)[at])).collect()
}

/// Bytes of four states in one buffer, with guards around each; one is empty.
const STATES: [usize; 4] = [1024, 12, 0, 300];
const STATE_GAP: usize = 64;
const FULL: u8 = 0x5A;

struct Rig {
    maps: MapsJob,
    states: DeviceBuffer,
    stream: Stream,
}

impl Rig {
    fn new(shape: MapShape, touch: MapTouch) -> Self {
        let maps = MapsJob::new(device(), shape, touch).unwrap();
        let room = STATES.iter().map(|bytes| bytes + STATE_GAP).sum::<usize>() + STATE_GAP;
        let states = DeviceBuffer::zeroed(device(), room).unwrap();
        Self { maps, states, stream: Stream::new(device()).unwrap() }
    }

    fn ranges(&self) -> [(u64, usize); 4] {
        let mut at = self.states.address();
        STATES.map(|bytes| {
            at += (STATE_GAP + bytes) as u64;
            (at - bytes as u64, bytes)
        })
    }

    /// One frame; whether the states were cleared, and the maps.
    fn frame(&mut self, small: &Tensor, maps: &Coefficients) -> (bool, Vec<f32>, Vec<f32>) {
        let full = vec![FULL; self.states.len_bytes()];
        self.states.upload_sync(&self.stream, &full).unwrap();
        let upload = |values: &[f32]| DeviceBuffer::from_slice(device(), values).unwrap();
        let src = upload(&small.data);
        let [a, b] = [&maps.a, &maps.b].map(|map| upload(&interleave(map)));
        let (ranges, addresses) = (self.ranges(), (a.address(), b.address()));
        // SAFETY: all buffers have the sizes of the shape and live until they are downloaded, which waits.
        unsafe { self.maps.ahead(&self.stream, src.address(), ranges) }.unwrap();
        // SAFETY: as above.
        unsafe { self.maps.behind(&self.stream, src.address(), addresses) }.unwrap();
        let home = |buffer: &DeviceBuffer| {
            let mut values = vec![0f32; buffer.len_bytes() / 4];
            buffer.download_sync(&self.stream, &mut values).unwrap();
            values
        };
        let (got_a, got_b) = (home(&a), home(&b));
        assert!(home(&src) == small.data, "the input was changed");
        let cut = self.maps.was_cut(&self.stream).unwrap();
        let mut after = full.clone();
        self.states.download_sync(&self.stream, &mut after).unwrap();
        let mut expected = full;
        if cut {
            for (address, bytes) in ranges {
                let start = (address - self.states.address()) as usize;
                expected[start..start + bytes].fill(0);
            }
        }
        assert!(after == expected, "states after a frame that is cut: {cut}");
        (cut, got_a, got_b)
    }
}

fn check(shape: MapShape, touch: MapTouch, frames: u64, seed: u64) -> usize {
    let MapShape { eyes, size, margin, .. } = shape;
    let core = [eyes, 3, size.height, size.width - 2 * margin];
    let (mut rig, mut reference) = (Rig::new(shape, touch), Reference::default());
    let (mut random, mut scene, mut cuts) = (Random(seed), seed, 0);
    for frame in 0..frames {
        match random.next() % 6 {
            0 | 1 => scene = random.next(),
            2 if frame > 0 => {
                rig.maps.reset();
                reference = Reference::default();
            }
            _ => {}
        }
        let (small, expected_cut) = reference.ahead(&picture(core, scene, frame), margin, touch);
        let mut map = || {
            let count = eyes * 4 * size.area();
            let values = (0..count).map(|_| 2.0 * random.unit() - 0.8).collect();
            Tensor::from_vec([eyes, 4, size.height, size.width], values)
        };
        let mut maps = Coefficients { a: map(), b: map() };
        let (cut, a, b) = rig.frame(&small, &maps);
        assert_eq!(cut, expected_cut, "frame {frame}");
        cuts += usize::from(cut);
        reference.behind(&shape, touch, &small, &mut maps);
        for (name, got, expected) in [("A", a, interleave(&maps.a)), ("b", b, interleave(&maps.b))] {
            let off = got.iter().zip(&expected).position(|(got, expected)| got != expected);
            let found = off.map(|at| (at, got[at], expected[at]));
            assert_eq!(found, None, "frame {frame}, {name}: place, got, expected");
        }
    }
    cuts
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn maps_are_those_of_the_reference_bit_for_bit(
        eyes in 1usize..3, (width, height) in (1usize..90, 1usize..40), goes_round: bool,
        grow in prop::sample::select(vec![0.0f32, 0.4, 1.0, 2.7, 13.0, -0.4, -3.0, -8.5]),
        smooth in prop::sample::select(vec![0.0f32, 0.3, 0.95]), ratio in prop::sample::select(vec![1.0f64, 0.133]),
        seed: u64,
    ) {
        let margin = if goes_round { margin(width) } else { 0 };
        let shape = MapShape { eyes, size: Size::new(width + 2 * margin, height), margin, ratio };
        let touch = MapTouch { grow_pixels: grow, smooth };
        check(shape, touch, 8, seed);
    }
}

/// As large as a lane has it, so that all blocks take part; among so many frames there are cuts and others.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_whole_stage_is_that_of_the_reference() {
    let shape = MapShape { eyes: 2, size: Size::new(512 + 64, 288), margin: 32, ratio: 0.133 };
    let cuts = check(shape, MapTouch { grow_pixels: 12.0, smooth: 0.4 }, 24, 7);
    println!("{cuts} of 24 frames were cuts");
    assert!((1..20).contains(&cuts));
}

/// Both sides of each limit, to the unit: a change of every pixel, and just so many that change their bin.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn verdicts_at_the_limits_are_the_reference_s() {
    let (size, touch) = (Size::new(64, 50), MapTouch::default());
    let shape = MapShape { eyes: 1, size, margin: 0, ratio: 1.0 };
    let (mut rig, mut cuts, mut found) = (Rig::new(shape, touch), Cuts::default(), [0, 0]);
    let zeros = Tensor::zeros([1, 4, size.height, size.width]);
    let maps = Coefficients { a: zeros.clone(), b: zeros };
    for step in 0..200 {
        let share = 0.05 + 0.3 * (step / 2) as f32 / 100.0;
        let mut seen = Tensor::zeros([1, 3, size.height, size.width]);
        let values = seen.data.len() / 3;
        for (at, value) in seen.data.iter_mut().enumerate() {
            // Every other frame is dark; in the others a share of the pixels is lit, or all are lit by that share.
            let place = (at % values) as f32 / values as f32;
            *value = match step % 4 {
                1 if place < share => 1.0,
                3 => share,
                _ => 0.0,
            };
        }
        let (got, ..) = rig.frame(&seen, &maps);
        assert_eq!(got, cuts.is_cut(&seen), "step {step}");
        found[usize::from(got)] += 1;
    }
    assert!(found[0] > 20 && found[1] > 20, "{found:?}");
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn shapes_that_cannot_be_are_refused() {
    let size = Size::new(64, 50);
    let sound = MapShape { eyes: 2, size, margin: 0, ratio: 1.0 };
    for wrong in [
        MapShape { eyes: 0, ..sound },
        MapShape { eyes: 3, ..sound },
        MapShape { margin: 17, ..sound },
        MapShape { margin: 32, ..sound },
        MapShape { size: Size::new(64, 0), ..sound },
    ] {
        assert!(MapsJob::new(device(), wrong, MapTouch::default()).is_err(), "{wrong:?}");
    }
}

/// Microseconds of a frame at two eyes of 512x512; prints them.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn what_the_small_jobs_cost() {
    let touched = |grow_pixels, smooth| MapTouch { grow_pixels, smooth };
    for (name, margin, touch) in [
        ("cuts", 0, touched(0.0, 0.0)),
        ("cuts, seam", 32, touched(0.0, 0.0)),
        ("cuts, smooth", 0, touched(0.0, 0.5)),
        ("cuts, grow by 4", 0, touched(4.0, 0.0)),
        ("cuts, grow by 256", 0, touched(256.0, 0.0)),
        ("cuts, seam, grow by 4, smooth", 32, touched(4.0, 0.5)),
    ] {
        let size = Size::new(512 + 2 * margin, 512);
        let shape = MapShape { eyes: 2, size, margin, ratio: 512.0 / 3840.0 };
        let mut rig = Rig::new(shape, touch);
        let floats = |count: usize| DeviceBuffer::zeroed(device(), count * size.area() * 4).unwrap();
        let (src, a, b) = (floats(6), floats(8), floats(8));
        let (ranges, stream) = (rig.ranges(), Stream::new(device()).unwrap());
        let (start, end) = (Event::timing(device()).unwrap(), Event::timing(device()).unwrap());
        let mut frames = |count: usize| {
            for _ in 0..count {
                // SAFETY: as in `Rig::frame`; the timing waits before they go.
                unsafe { rig.maps.ahead(&stream, src.address(), ranges) }.unwrap();
                // SAFETY: as above.
                unsafe { rig.maps.behind(&stream, src.address(), (a.address(), b.address())) }.unwrap();
            }
        };
        frames(10);
        start.record(&stream).unwrap();
        frames(200);
        end.record(&stream).unwrap();
        end.synchronize().unwrap();
        println!("{name}: {:.1} us", end.ms_since(&start).unwrap() * 1e3 / 200.0);
    }
}
