//! The kernels against the CPU reference: blocks, levels and pictures must be equal to the bit over many
//! frames, for odd and tiny sizes, any pitch, motion, random activity and key points in mid-stream.

use std::sync::{Arc, OnceLock};

use super::{Encoder, Output};
use crate::frame::{Composite, Plane, Size};
use crate::gpu::{Device, Event, Stream};
use crate::kernels::device::DeviceComposite;
use crate::vp9::native::pixels::{self, Frame, Tunings, index_of_level};
use crate::vp9::native::scenes::{Random, scene};
use crate::vp9::native::{Coded, PairLevels};

fn device() -> &'static Arc<Device> {
    static DEVICE: OnceLock<Arc<Device>> = OnceLock::new();
    DEVICE.get_or_init(|| Device::open(0).expect("the feature gpu-tests asks for a device"))
}

/// The frame with blocks and levels in the order of the cells.
fn in_order(coded: &Coded<'_>) -> Frame {
    let mut out = Frame { size: coded.size, index: Vec::new(), blocks: Vec::new(), levels: Vec::new() };
    for &index in coded.index {
        if index == 0 {
            out.index.push(0);
            continue;
        }
        let mut block = coded.blocks[index as usize - 1];
        let len: usize = block.ends.iter().map(|&end| usize::from(end)).sum();
        let first = block.first_level as usize;
        block.first_level = out.levels.len() as u32;
        out.levels.extend(&coded.levels[first..first + len]);
        out.blocks.push(block);
        out.index.push(out.blocks.len() as u32);
    }
    out
}

fn tunings(levels: [u8; 2]) -> Tunings {
    let [colour, matte] = levels.map(index_of_level);
    PairLevels { colour, matte }.tunings()
}

/// Runs `frames` through both; `pitch` and `gap` as in `DeviceComposite::padded`.
fn check(frames: &[(Composite, bool)], levels: [u8; 2], pitch: usize, gap: usize) {
    let size = frames[0].0.colour.y.size;
    let stream = Stream::new(device()).unwrap();
    let tunings = tunings(levels);
    let mut encoder = Encoder::new(device(), size, tunings).unwrap();
    let mut reference = tunings.key.map(|tuning| pixels::Encoder::new(size, tuning));
    let mut outputs = [0, 1].map(|_| Output::new(device(), size).unwrap());
    let mut input =
        DeviceComposite::padded(device(), size, |w| (w + pitch).next_multiple_of(2), gap).unwrap();
    for (number, (frame, key)) in frames.iter().enumerate() {
        let output = &mut outputs[number % 2];
        input.upload(&stream, frame).unwrap();
        // SAFETY: the frame is changed only after the wait, and so is the output.
        unsafe { encoder.enqueue(&stream, &input, *key, output).unwrap() };
        let fetched = output.wait(&stream).unwrap();
        assert!(!fetched.overflow);
        let colour = &frame.colour;
        let sources: [&[&Plane<u8>]; 2] = [&[&colour.y, &colour.u, &colour.v], &[&frame.alpha]];
        for half in 0..2 {
            reference[half].set_tuning(tunings.of(*key)[half]);
            let expected = reference[half].encode(sources[half], &frame.activity, *key);
            let got = in_order(&fetched.streams[half]);
            let place = format!("{size} frame {number} stream {half} levels {levels:?}");
            for (cell, (&a, &b)) in got.index.iter().zip(&expected.index).enumerate() {
                let block = |frame: &Frame, n: u32| frame.blocks.get((n as usize).wrapping_sub(1)).copied();
                let [a, b] = [block(&got, a), block(&expected, b)]
                    .map(|block| block.map(|b| (b.motion, b.whole, b.ends)));
                assert!(a == b, "{place} cell {cell}:\n got {a:?}\nwant {b:?}");
            }
            assert!(got == expected, "{place}: levels");
            for (plane, expected) in reference[half].picture().iter().enumerate() {
                let got = encoder.picture(&stream, half, plane);
                let wrong = got.data.iter().zip(&expected.data).position(|(a, b)| a != b);
                assert!(wrong.is_none(), "{place} plane {plane}: sample {wrong:?} of {}", got.size);
            }
        }
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn kernels_equal_the_reference_on_moving_scenes() {
    let sizes =
        [(1, 1), (2, 3), (8, 8), (9, 17), (16, 16), (24, 40), (31, 33), (100, 50), (131, 77), (322, 195)];
    for (i, (width, height)) in sizes.into_iter().enumerate() {
        let mut random = Random(i as u64 + 1);
        let size = Size::new(width, height);
        let frames: Vec<_> = (0..10)
            .map(|n| (scene(size, f64::from(n), [0, 6][i % 2], &mut random), n == 0 || n == 6))
            .collect();
        for levels in [[32, 12], [4, 2], [60, 50]] {
            check(&frames, levels, 5 * i, 2 * (i % 3));
        }
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn kernels_equal_the_reference_on_noise_and_random_activity() {
    for seed in 1..12 {
        let mut random = Random(seed * 77);
        let size = Size::new(1 + random.below(150), 1 + random.below(120));
        let mut frames = Vec::new();
        for number in 0..6 {
            let mut frame = scene(size, number as f64 * 0.7, 1 + random.below(200) as u64, &mut random);
            frame.activity.data.iter_mut().for_each(|active| *active = u8::from(random.below(3) > 0));
            if number == 3 {
                for plane in [&mut frame.colour.y, &mut frame.colour.u, &mut frame.alpha] {
                    plane.data.iter_mut().for_each(|sample| *sample = [0, 255][random.below(2)]);
                }
            }
            frames.push((frame, number == 0 || random.below(5) == 0));
        }
        check(
            &frames,
            [random.below(64) as u8, random.below(64) as u8],
            random.below(40),
            2 * random.below(3),
        );
    }
}

/// Milliseconds per frame of 7680x3840 with about a third of it visible; printed.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn time_at_8k() {
    let size = Size::new(7680, 3840);
    let stream = Stream::new(device()).unwrap();
    let mut random = Random(5);
    for (what, noise) in [("clean", 0), ("noisy", 8)] {
        let mut inputs = Vec::new();
        for number in 0..3 {
            let mut input = DeviceComposite::new(device(), size).unwrap();
            input.upload(&stream, &scene(size, f64::from(number), noise, &mut random)).unwrap();
            inputs.push(input);
        }
        for levels in [[32, 12], [20, 6]] {
            let mut encoder = Encoder::new(device(), size, tunings(levels)).unwrap();
            let mut output = Output::new(device(), size).unwrap();
            for number in 0..12usize {
                let [start, end] = [0, 1].map(|_| Event::timing(device()).unwrap());
                // Forth and back, so that motion is always the same.
                let input = &inputs[[0, 1, 2, 1][number % 4]];
                start.record(&stream).unwrap();
                // SAFETY: inputs stay as they are; the output is waited for.
                unsafe { encoder.enqueue(&stream, input, number == 0, &mut output).unwrap() };
                end.record(&stream).unwrap();
                let fetched = output.wait(&stream).unwrap();
                end.synchronize().unwrap();
                let [colour, matte] = fetched.streams;
                assert!(!fetched.overflow && !colour.blocks.is_empty());
                if number == 0 || number > 7 {
                    eprintln!(
                        "time_at_8k {what} {levels:?} frame {number}: {:.3} ms with copies, colour {} blocks {} levels, matte {} blocks {} levels",
                        end.ms_since(&start).unwrap(),
                        colour.blocks.len(),
                        colour.levels.len(),
                        matte.blocks.len(),
                        matte.levels.len(),
                    );
                }
            }
        }
    }
}
