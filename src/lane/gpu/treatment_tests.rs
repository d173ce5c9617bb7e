//! The GPU lane against the CPU lane with each thing that may be asked of it besides the plain matte, on real
//! pictures: a picture that goes round, a lens, the user's controls, high dynamic range; a cut; and what it all costs.
//! Clips are those of `tests`; only their pictures matter, what they are taken for is told here.

use super::tests::{Difference, Pictures, device, named};
use super::upload::Uploader;
use super::{GpuMatte, HostFrame, Out, Treatment};
use crate::engine::cpu::CpuEngine;
use crate::engine::native::{Model, NativeEngine, Tiles};
use crate::frame::{Colour, Composite, Matrix, Picture, Plane, Range, Rect, Samples, Size};
use crate::gpu::Device;
use crate::kernels::fixtures::{self, Pattern};
use crate::kernels::hdr::ToSdr;
use crate::kernels::sample;
use crate::lane::{Matte, Touch};
use crate::layout::{Edge, LayoutChoice, Packing};
use crate::media::{self, Source, VideoTrack};
use crate::rvm::{Refiner, Stage, StageSize, Variant, Weights, build_graph};
use crate::telemetry::LaneClocks;
use crate::testing::shared;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const PQ: Colour =
    Colour { matrix: Matrix::Bt2020, range: Range::Limited, primaries: 9, transfer: Colour::PQ };
const HLG: Colour = Colour { transfer: Colour::HLG, ..PQ };
const DETAIL: usize = 176;
const FRAMES: usize = 24;

/// A clip with what belongs to it.
struct Clip {
    path: PathBuf,
    video: VideoTrack,
    eyes: Vec<Rect>,
}

impl Clip {
    /// The clip, taken for one of `colour` if there is such.
    fn open(path: &Path, colour: Option<Colour>) -> Self {
        let mut video = Source::open(path).unwrap().video().clone();
        let packing = media::choose_layout(&video, path, &LayoutChoice::default()).packing;
        video.colour = colour.unwrap_or(video.colour);
        Self { path: path.to_owned(), eyes: packing.eyes(video.size), video }
    }

    fn stage(&self) -> Stage {
        let Size { width, height } = self.eyes[0].size;
        Stage::from_detail(DETAIL, StageSize { height, width }).unwrap()
    }

    /// Both lanes up to composing.
    fn lanes(&self, device: &Arc<Device>, weights: &Weights, treatment: &Treatment) -> (GpuMatte, Matte) {
        let Self { video, eyes, .. } = self;
        let stage = self.stage();
        let StageSize { height, width } = stage.size();
        let margin = treatment.margin(width);
        let graph = build_graph(weights, stage.widened(margin).size(), stage.ratio_is_one()).unwrap();
        let graph = Arc::new(graph);
        let model = Arc::new(Model::new(device, &graph, eyes.len(), Tiles::Guessed).unwrap());
        let seen = sample::Stage { ratio: stage.ratio(), size: Size::new(width, height) };
        let engine = Box::new(NativeEngine::new(&model).unwrap());
        let format = (video.size, video.colour);
        let gpu = GpuMatte::treated(device, engine, &seen, format, eyes, treatment).unwrap();
        let engine = Box::new(CpuEngine::new(graph, eyes.len()).unwrap());
        let cpu = Matte::network_at(engine, stage.ratio(), treatment.edge, margin);
        (gpu, cpu.touched(treatment.touch))
    }

    /// Compares the lanes; `None` where nothing here decodes the clip.
    fn compare(
        &self,
        device: &Arc<Device>,
        weights: &Weights,
        name: &str,
        treatment: &Treatment,
    ) -> Option<()> {
        let mut pictures = Pictures::open(device, &self.path)?;
        let (mut gpu, mut cpu) = self.lanes(device, weights, treatment);
        let (mut host, mut want) = (gpu.host_frame().unwrap(), Composite::new(self.video.size));
        let (clocks, mut found) = (LaneClocks::default(), Difference::default());
        while found.count < FRAMES {
            let Some(mut picture) = pictures.next(&mut gpu, &mut host, &self.video) else { break };
            if let Some((map, _)) = &treatment.to_sdr {
                picture = map.picture(&picture);
            }
            cpu.compose(&picture, &self.eyes, &mut want, &clocks).unwrap();
            found.see(&host, &want);
        }
        found.check(&format!("{name} ({})", self.path.file_name().unwrap().display()));
        Some(())
    }
}

fn treatments() -> Vec<(&'static str, Treatment)> {
    let edge = |edge| Treatment { edge, ..Treatment::default() };
    let touch = |touch| Treatment { touch, ..Treatment::default() };
    let plain = Touch::default();
    let all = Touch { cutoff: 0.1, gamma: 1.4, grow_pixels: -3.0, smooth: 0.4 };
    vec![
        ("plain", Treatment::default()),
        ("360", edge(Edge::Wraps)),
        ("fisheye", edge(Edge::LensCircle)),
        ("cutoff 0.2", touch(Touch { cutoff: 0.2, ..plain })),
        ("gamma 2", touch(Touch { gamma: 2.0, ..plain })),
        // Near 0 such a gamma makes much of what is nothing: a little is cut off first.
        ("gamma 0.6", touch(Touch { cutoff: 0.04, gamma: 0.6, ..plain })),
        ("grown by 5", touch(Touch { grow_pixels: 5.0, ..plain })),
        ("shrunk by 2.5", touch(Touch { grow_pixels: -2.5, ..plain })),
        ("smoothed", touch(Touch { smooth: 0.6, ..plain })),
        ("all controls, 360", Treatment { edge: Edge::Wraps, touch: all, to_sdr: None }),
        ("all controls, fisheye", Treatment { edge: Edge::LensCircle, touch: all, to_sdr: None }),
    ]
}

fn clips(test: &str, names: &[&str]) -> Option<(Vec<PathBuf>, Weights)> {
    let folder = named(test, "VRP_CLIPS")?;
    let weights = Weights::load(&shared(test, "models/rvm_mobilenetv3.safetensors")?).unwrap();
    Some((names.iter().map(|name| folder.join(name)).collect(), weights))
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn treated_composites_agree_with_those_of_the_cpu_lane() {
    let test = "treated_composites_agree_with_those_of_the_cpu_lane";
    let Some((clips, weights)) = clips(test, &["person_mono.mp4", "person_hevc10_sbs.mkv"]) else { return };
    let device = device();
    for path in clips {
        let clip = Clip::open(&path, None);
        for (name, treatment) in treatments() {
            clip.compare(&device, &weights, name, &treatment).expect("NVDEC takes H.264 and HEVC");
        }
    }
}

/// Pictures of standard range, taken for such of high: what they look like then is another matter.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn mapped_composites_agree_with_those_of_the_cpu_lane() {
    let test = "mapped_composites_agree_with_those_of_the_cpu_lane";
    let names = ["person_hevc10_sbs.mkv", "person_av1_10bit_sbs.mkv"];
    let Some((clips, weights)) = clips(test, &names) else { return };
    let device = device();
    for (path, colour) in clips.iter().flat_map(|path| [(path, PQ), (path, HLG)]) {
        let clip = Clip::open(path, Some(colour));
        let to_sdr = ToSdr::new(colour, None).map(|map| (map, clip.video.depth));
        let name = format!("HDR, transfer {}", colour.transfer);
        let treatment = Treatment { to_sdr, ..Treatment::default() };
        clip.compare(&device, &weights, &name, &treatment).expect("NVDEC takes HEVC, rav1d AV1");
    }
}

/// A bright wall instead of the picture.
fn wall(picture: &Picture) -> Picture {
    let Samples::Eight(planes) = &picture.samples else { panic!("8 bits") };
    let mut planes = planes.clone();
    planes.y.data.iter_mut().enumerate().for_each(|(i, code)| *code = 225 + (i % 10) as u8);
    planes.u.data.fill(126);
    planes.v.data.fill(129);
    Picture { samples: Samples::Eight(planes), ..picture.clone() }
}

/// The first pictures of a clip, at home.
fn pictures(device: &Arc<Device>, clip: &Clip, weights: &Weights, count: usize) -> Vec<Picture> {
    let (mut gpu, _) = clip.lanes(device, weights, &Treatment::default());
    let mut host = gpu.host_frame().unwrap();
    let mut from = Pictures::open(device, &clip.path).expect("NVDEC takes H.264");
    (0..count).map_while(|_| from.next(&mut gpu, &mut host, &clip.video)).collect()
}

/// What comes out of the last `tail` pictures, after all others and from nothing, on the GPU; and a comparison with
/// the CPU lane after all others.
fn tails(
    clip: &Clip,
    weights: &Weights,
    treatment: &Treatment,
    all: &[Picture],
    tail: usize,
) -> [Vec<[Plane<u8>; 5]>; 2] {
    let device = device();
    let run = |pictures: &[Picture]| {
        let (mut gpu, mut cpu) = clip.lanes(&device, weights, treatment);
        let mut uploader = Uploader::new(&device, clip.video.size, 8).unwrap();
        let mut host: HostFrame = gpu.host_frame().unwrap();
        let (mut want, clocks, mut found) =
            (Composite::new(clip.video.size), LaneClocks::default(), Difference::default());
        let composed = pictures.iter().map(|picture| {
            let uploaded = uploader.upload(gpu.work(), picture).unwrap();
            gpu.picture(&uploaded, Out::Planes(&mut host)).unwrap();
            cpu.compose(picture, &clip.eyes, &mut want, &clocks).unwrap();
            found.see(&host, &want);
            host.to_planes()
        });
        let mut composed: Vec<_> = composed.collect();
        found.check(&format!("{} pictures", pictures.len()));
        composed.split_off(pictures.len() - tail)
    };
    [run(all), run(&all[all.len() - tail..])]
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn after_a_cut_nothing_is_left_of_the_scene_before() {
    let test = "after_a_cut_nothing_is_left_of_the_scene_before";
    let Some((clips, weights)) = clips(test, &["person_mono.mp4"]) else { return };
    let clip = Clip::open(&clips[0], None);
    let plain = pictures(&device(), &clip, &weights, 16);
    assert_eq!(plain.len(), 16);
    let cut: Vec<Picture> = plain
        .iter()
        .enumerate()
        .map(|(i, picture)| if i < 8 { wall(picture) } else { picture.clone() })
        .collect();
    let smooth = Touch { smooth: 0.6, ..Touch::default() };
    for treatment in [Treatment::default(), Treatment { edge: Edge::Wraps, touch: smooth, to_sdr: None }] {
        let [after, fresh] = tails(&clip, &weights, &treatment, &cut, 8);
        assert!(after == fresh, "something is left");
        let [after, fresh] = tails(&clip, &weights, &treatment, &plain, 8);
        assert!(after != fresh, "without a cut the state counts");
    }
}

/// Milliseconds of a frame of 7680x3840, 10 bits, from a picture on the device, its state only and with its planes
/// copied home; prints them. The larger is of no interest where an encoder comes next on the device.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn what_a_treated_lane_costs_at_8k() {
    let (device, size) = (device(), Size::new(7680, 3840));
    let weights = Weights::synthetic(Variant::MobileNetV3, Refiner::Deep);
    let eyes = Packing::SideBySide.eyes(size);
    let picture = fixtures::picture(size, 10, PQ, Pattern::Random, 0, 3);
    let mut all = treatments();
    let to_sdr = |colour| ToSdr::new(colour, None).map(|map| (map, 10));
    all.push(("HDR, PQ", Treatment { to_sdr: to_sdr(PQ), ..Treatment::default() }));
    all.push(("HDR, HLG", Treatment { to_sdr: to_sdr(HLG), ..Treatment::default() }));
    all.push(("plain again", Treatment::default()));
    let model = |margin: usize| {
        let shown = StageSize { height: 512, width: 512 + 2 * margin };
        let graph = build_graph(&weights, shown, false).unwrap();
        Arc::new(Model::new(&device, &graph, 2, Tiles::Timed).unwrap())
    };
    let margin = Treatment { edge: Edge::Wraps, ..Treatment::default() }.margin(512);
    let models = [model(0), model(margin)];
    for (name, treatment) in all {
        let model = &models[usize::from(treatment.margin(512) > 0)];
        let engine = Box::new(NativeEngine::new(model).unwrap());
        let stage = sample::Stage { ratio: 512.0 / 3840.0, size: Size::new(512, 512) };
        let mut gpu = GpuMatte::treated(&device, engine, &stage, (size, PQ), &eyes, &treatment).unwrap();
        let mut uploader = Uploader::new(&device, size, 10).unwrap();
        let mut hosts = [gpu.host_frame().unwrap(), gpu.host_frame().unwrap()];
        let uploaded = uploader.upload(gpu.work(), &picture).unwrap();
        let mut time = |planes: bool| {
            let mut run = |frames: usize| {
                for frame in 0..frames {
                    let host = &mut hosts[frame % 2];
                    gpu.picture(&uploaded, if planes { Out::Planes(host) } else { Out::State }).unwrap();
                }
                hosts.iter().for_each(|host| host.wait().unwrap());
                gpu.work().synchronize().unwrap();
            };
            run(5);
            let start = Instant::now();
            run(60);
            start.elapsed().as_secs_f64() * 1e3 / 60.0
        };
        println!("{name}: state {:.3} ms, with planes {:.3} ms", time(false), time(true));
    }
}
