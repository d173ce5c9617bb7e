//! The CUDA forms of `sample` and `compose` against the references: sizes from 1 up, odd ones, just under
//! and over a block, all layouts of planes, random pitches, worst cases. Bytes around every row must survive.

use proptest::prelude::*;

use super::compose::{ComposeJob, Matte, compose};
use super::device::{DeviceComposite, DevicePicture, Error};
use super::fixtures::{self, PATTERNS, Pattern, colour};
use super::rig::*;
use super::sample::{SampleJob, Stage, sample};
use crate::frame::{Composite, Matrix, Picture, Range, Samples, Size};
use crate::gpu::Stream;
use crate::layout::Packing;
use crate::tensor::{Coefficients, Tensor};

fn check_sample(picture: &Picture, packing: Packing, ratio: f64, form: Form) {
    let eyes = packing.eyes(picture.size);
    if eyes.iter().any(|eye| eye.size.area() == 0) {
        return;
    }
    let Ok(stage) = Stage::of(eyes[0].size, ratio) else { return };
    let mut expected = Tensor::zeros([eyes.len(), 3, stage.size.height, stage.size.width]);
    sample(picture, &eyes, &stage, &mut expected).unwrap();
    let job = SampleJob::new(device(), picture.size, &eyes, &stage).unwrap();
    compare_samples(&job, picture, form, &expected);
}

fn run_compose(
    picture: &Picture,
    packing: Packing,
    maps: &Coefficients,
    form: Form,
    (pitch, gap): (usize, usize),
) -> Composite {
    let eyes = packing.eyes(picture.size);
    let [_, _, height, width] = maps.a.shape;
    let job = ComposeJob::new(device(), picture.size, &eyes, Size::new(width, height)).unwrap();
    run_job(&job, picture, maps, form, (pitch, gap))
}

fn check_compose(picture: &Picture, packing: Packing, maps: &Coefficients, form: Form, room: (usize, usize)) {
    let eyes = packing.eyes(picture.size);
    let mut expected = Composite::new(picture.size);
    compose(picture, &eyes, &Matte::new(maps, &eyes).unwrap(), &mut expected).unwrap();
    let got = run_compose(picture, packing, maps, form, room);
    assert!(got == run_compose(picture, packing, maps, form, room), "a second run differs");
    let [_, _, height, width] = maps.a.shape;
    let job =
        ComposeJob::new(device(), picture.size, &eyes, Size::new(width, height)).unwrap().without_room();
    assert!(got == run_job(&job, picture, maps, form, room), "without room for the maps it differs");
    compare_composites(&got, &expected);
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn sample_agrees_with_its_reference(
        size in sizes(), packing in packings(), depth in prop::sample::select(vec![8u8, 10, 12]),
        pattern in prop::sample::select(PATTERNS.to_vec()), ratio in 0.05f64..1.0, pad in 0usize..40,
        semi_planar: bool, full: bool, seed: u64,
    ) {
        let range = if full { Range::Full } else { Range::Limited };
        let picture = fixtures::picture(size, depth, colour(Matrix::Bt709, range), pattern, 0, seed);
        check_sample(&picture, packing, ratio, Form { semi_planar, pad });
    }

    #[test]
    #[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
    fn compose_agrees_with_its_reference(
        size in sizes(), packing in packings(), depth in prop::sample::select(vec![8u8, 10, 12]),
        pattern in prop::sample::select(PATTERNS.to_vec()), (w, h) in (1usize..24, 1usize..24),
        lift in -4.0f32..4.0, pad in 0usize..40, room in (0usize..40, 0usize..3), full: bool, seed: u64,
    ) {
        let range = if full { Range::Full } else { Range::Limited };
        let eyes = packing.eyes(size);
        prop_assume!(eyes.iter().all(|eye| eye.size.area() > 0));
        let picture = fixtures::picture(size, depth, colour(Matrix::Bt2020, range), pattern, 0, seed);
        let maps = maps(eyes.len(), Size::new(w, h), seed ^ 1, lift);
        check_compose(&picture, packing, &maps, Form { semi_planar: true, pad }, (room.0, room.1 * 2));
    }
}

/// A block reaches over the edges of a narrow picture: what an earlier launch left in shared memory must not
/// show there.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn narrow_pictures_come_out_the_same_every_time() {
    let size = Size::new(9, 66);
    let colour = colour(Matrix::Bt2020, Range::Full);
    let seed = 15_653_976_758_292_148_350;
    let picture = fixtures::picture(size, 8, colour, Pattern::Spike, 0, seed);
    let coefficients = maps(1, Size::new(22, 13), seed ^ 1, 0.004_925_324);
    let form = Form { semi_planar: true, pad: 24 };
    check_compose(&picture, Packing::Mono, &coefficients, form, (31, 4));
    let first = run_compose(&picture, Packing::Mono, &coefficients, form, (31, 4));
    for turn in 0..50 {
        let other = fixtures::picture(Size::new(700, 300), 10, colour, Pattern::Random, 0, turn);
        run_compose(&other, Packing::Mono, &maps(1, Size::new(90, 40), turn, 0.0), form, (0, 0));
        let again = run_compose(&picture, Packing::Mono, &coefficients, form, (31, 4));
        assert!(again == first, "differs after {turn} turns");
    }
}

/// Maps as fine as the frame do not fit a block's memory, those of half its size take most of it; a seam between
/// eyes goes through a block.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn maps_of_any_fineness_are_enlarged() {
    for (size, packing, map) in [
        (Size::new(300, 70), Packing::Mono, Size::new(300, 70)),
        (Size::new(600, 90), Packing::SideBySide, Size::new(150, 45)),
        (Size::new(300, 140), Packing::TopBottom, Size::new(80, 19)),
    ] {
        for (lift, pattern) in [(4.0, Pattern::Random), (1.5, Pattern::Max), (-0.5, Pattern::Random)] {
            let picture = fixtures::picture(size, 10, colour(Matrix::Bt709, Range::Limited), pattern, 0, 77);
            let maps = maps(packing.eyes(size).len(), map, 78, lift);
            check_compose(&picture, packing, &maps, Form { semi_planar: true, pad: 0 }, (0, 0));
        }
    }
}

/// All jobs of a device have one and the same kernel, whose share of shared memory is what the job at hand needs.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn a_job_for_coarse_maps_leaves_one_for_fine_maps_alone() {
    let size = Size::new(600, 90);
    let eyes = Packing::SideBySide.eyes(size);
    let picture = fixtures::picture(size, 10, colour(Matrix::Bt709, Range::Limited), Pattern::Random, 0, 5);
    let [fine, coarse] = [Size::new(150, 45), Size::new(40, 12)]
        .map(|map| (ComposeJob::new(device(), size, &eyes, map).unwrap(), maps(2, map, 6, 1.5)));
    let form = Form { semi_planar: true, pad: 0 };
    let first = run_job(&fine.0, &picture, &fine.1, form, (0, 0));
    run_job(&coarse.0, &picture, &coarse.1, form, (0, 0));
    assert!(run_job(&fine.0, &picture, &fine.1, form, (0, 0)) == first);
}

/// Alpha 1, no residual: 8-bit codes come back as they went.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn what_is_left_alone_keeps_its_codes() {
    let size = Size::new(250, 51);
    let limited = colour(Matrix::Bt709, Range::Limited);
    let picture = fixtures::picture(size, 8, limited, Pattern::Random, 0, 3);
    let mut maps = Coefficients { a: Tensor::zeros([1, 4, 5, 7]), b: Tensor::zeros([1, 4, 5, 7]) };
    maps.b.channel_mut(0, 3).fill(1.0);
    let got = run_compose(&picture, Packing::Mono, &maps, Form { semi_planar: true, pad: 6 }, (6, 0));
    let Samples::Eight(yuv) = &picture.samples else { panic!("8 bits were asked for") };
    assert!(got.colour == *yuv);
    assert!(got.alpha.data.iter().all(|&alpha| alpha == 255));
    // Nothing visible: black of the range, nothing active.
    maps.b.channel_mut(0, 3).fill(-1.0);
    let got = run_compose(&picture, Packing::Mono, &maps, Form { semi_planar: true, pad: 6 }, (6, 0));
    assert!(
        got.colour.y.data.iter().all(|&code| code == 16) && got.colour.v.data.iter().all(|&code| code == 128)
    );
    assert!(got.alpha.data.iter().chain(&got.activity.data).all(|&value| value == 0));
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn unsound_arguments_are_refused() {
    let size = Size::new(64, 32);
    let picture = fixtures::picture(size, 10, colour(Matrix::Bt709, Range::Full), Pattern::Max, 0, 1);
    let (_keep, described) = upload(&picture, Form { semi_planar: true, pad: 0 });
    let eyes = Packing::Mono.eyes(size);
    let job = SampleJob::new(device(), size, &eyes, &Stage::of(size, 0.5).unwrap()).unwrap();
    let stream = Stream::new(device()).unwrap();
    for wrong in [
        DevicePicture { pitches: [126, 128], ..described },
        DevicePicture { pitches: [128, 127], ..described },
        DevicePicture { size: Size::new(63, 32), ..described },
        DevicePicture { depth: 7, ..described },
        DevicePicture { planes: [0; 3], ..described },
    ] {
        // SAFETY: refused before anything is launched.
        assert!(unsafe { job.enqueue(&stream, &wrong, 16) }.is_err(), "{wrong:?}");
    }
    let compose = ComposeJob::new(device(), size, &eyes, size).unwrap();
    let mut out = DeviceComposite::new(device(), size).unwrap();
    let apart = DevicePicture { chroma_step: 1, ..described };
    // SAFETY: refused before anything is launched.
    let answer = unsafe { compose.enqueue(&stream, &apart, (16, 16), &mut out) };
    assert!(matches!(answer, Err(Error::Layout { what: "U", .. })), "{answer:?}");
    let three = [eyes[0], eyes[0], eyes[0]];
    assert!(matches!(ComposeJob::new(device(), size, &three, size), Err(Error::Job(_))));
}
