//! The GPU lane's composites against the CPU lane's, ahead of any encoder, and what a lane takes of the device.
//!
//! Both lanes get the same pictures: NVDEC's, which `gpu::nvdec` compares with software's bit by bit, or where it
//! takes no such stream those of the software decoder, uploaded. `$VRP_CLIPS` names the folder of clips that
//! `media/make_clips.sh` of the test data makes with ffmpeg; 8K is measured on `$VRP_8K_CLIP`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::upload::Uploader;
use super::{GpuMatte, HostFrame, Out};
use crate::engine::cpu::CpuEngine;
use crate::engine::native::{Model, Tiles};
use crate::frame::{Composite, Picture, Rect, Size};
use crate::gpu::{Device, MemoryUse, nvdec};
use crate::kernels::sample;
use crate::lane::Matte;
use crate::layout::LayoutChoice;
use crate::media::{self, Source, VideoTrack};
use crate::rvm::{Refiner, Stage, StageSize, Variant, Weights, build_graph};
use crate::software;
use crate::telemetry::LaneClocks;
use crate::testing::shared;

const ALPHA_MEAN_LIMIT: f64 = 0.4;
const ALPHA_FAR: u8 = 3;
const ALPHA_FAR_SHARE: f64 = 1e-3;

pub(super) fn device() -> Arc<Device> {
    Device::open(0).expect("the feature gpu-tests asks for a device")
}

pub(super) fn named(test: &str, variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        eprintln!("skipped: {test}: {variable} is not set (ffmpeg makes the clips)");
    }
    path
}

fn videos(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let known = |path: &PathBuf| path.extension().is_some_and(|e| e == "mp4" || e == "mkv" || e == "webm");
    let mut found: Vec<PathBuf> = entries.filter(known).collect();
    found.sort();
    found
}

/// Pictures of a clip, on the device and on the host.
pub(super) enum Pictures {
    Nvdec(nvdec::Decoder),
    Software(Box<dyn software::Decoder>, Uploader),
}

impl Pictures {
    pub(super) fn open(device: &Arc<Device>, path: &Path) -> Option<Self> {
        let mut source = Source::open(path).unwrap();
        let video = source.video().clone();
        let library = nvdec::Library::load().expect("the driver has libnvcuvid");
        let taken = library.can_decode(device, &(&video).into());
        let feed = Box::new(move || source.next_packet().map_err(Into::into));
        let stall = Duration::from_secs(30);
        if taken.is_ok() {
            let options = nvdec::Options { stall, ..nvdec::Options::default() };
            return Some(Self::Nvdec(
                nvdec::Decoder::open(&library, device, (&video).into(), feed, options).unwrap(),
            ));
        }
        let options = software::Options { stall, ..software::Options::default() };
        match software::open((&video).into(), feed, options) {
            Ok(decoder) => {
                Some(Self::Software(decoder, Uploader::new(device, video.size, video.depth).unwrap()))
            }
            Err(software::Error::Missing { .. }) => None,
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }

    /// The next picture, composed by the lane into `out`.
    pub(super) fn next(
        &mut self,
        matte: &mut GpuMatte,
        out: &mut HostFrame,
        video: &VideoTrack,
    ) -> Option<Picture> {
        match self {
            Self::Nvdec(decoder) => {
                let mut surface = decoder.next_surface().unwrap()?;
                let picture = surface.to_picture(matte.work(), video.colour).unwrap();
                matte.surface(&mut surface, Out::Planes(out)).unwrap();
                Some(picture)
            }
            Self::Software(decoder, uploader) => {
                let picture = Picture { colour: video.colour, ..decoder.next_picture().unwrap()? };
                let uploaded = uploader.upload(matte.work(), &picture).unwrap();
                matte.picture(&uploaded, Out::Planes(out)).unwrap();
                Some(picture)
            }
        }
    }
}

/// Both lanes up to composing.
fn lanes(
    device: &Arc<Device>,
    weights: &Weights,
    video: &VideoTrack,
    eyes: &[Rect],
    detail: usize,
) -> (GpuMatte, Matte, Stage) {
    let eye = StageSize { height: eyes[0].size.height, width: eyes[0].size.width };
    let stage = Stage::from_detail(detail, eye).unwrap();
    let graph = Arc::new(build_graph(weights, stage.size(), stage.ratio_is_one()).unwrap());
    let model = Arc::new(Model::new(device, &graph, eyes.len(), Tiles::Guessed).unwrap());
    let size = Size::new(stage.size().width, stage.size().height);
    let seen = sample::Stage { ratio: stage.ratio(), size };
    let gpu = GpuMatte::new(device, &model, &seen, video.size, eyes, video.colour).unwrap();
    let cpu = Matte::network(Box::new(CpuEngine::new(graph, eyes.len()).unwrap()), stage.ratio());
    (gpu, cpu, stage)
}

fn compare_clip(device: &Arc<Device>, weights: &Weights, path: &Path, detail: usize, frames: usize) -> bool {
    let source = Source::open(path).unwrap();
    let video = source.video().clone();
    let packing = media::choose_layout(&video, path, &LayoutChoice::default()).packing;
    let eyes = packing.eyes(video.size);
    let Some(mut pictures) = Pictures::open(device, path) else {
        eprintln!("skipped: {}: neither NVDEC nor ffmpeg is there for it", path.display());
        return false;
    };
    let (mut gpu, mut cpu, stage) = lanes(device, weights, &video, &eyes, detail);
    let mut host = gpu.host_frame().unwrap();
    let mut want = Composite::new(video.size);
    let (clocks, mut found) = (LaneClocks::default(), Difference::default());
    while let Some(picture) =
        (found.count < frames).then(|| pictures.next(&mut gpu, &mut host, &video)).flatten()
    {
        cpu.compose(&picture, &eyes, &mut want, &clocks).unwrap();
        found.see(&host, &want);
    }
    let name = path.file_name().unwrap().display();
    found.check(&format!("{name}, stage {:?}, ratio {:.3}", stage.size(), stage.ratio()));
    true
}

/// How far frames of the two lanes are apart.
#[derive(Default)]
pub(super) struct Difference {
    pub(super) count: usize,
    sum: u64,
    far: u64,
    pixels: u64,
    visible: u64,
    luma_sum: u64,
    luma_pixels: u64,
}

impl Difference {
    /// Waits for a frame and counts it.
    pub(super) fn see(&mut self, got: &HostFrame, want: &Composite) {
        got.wait().unwrap();
        let [luma, _, _, alpha, _] = got.to_planes();
        for y in 0..want.alpha.size.height {
            for x in 0..want.alpha.size.width {
                let (got, expected) = (alpha.row(y)[x], want.alpha.row(y)[x]);
                let off = got.abs_diff(expected);
                self.sum += u64::from(off);
                self.far += u64::from(off > ALPHA_FAR);
                self.visible += u64::from(expected > 127);
                if got > 250 && expected > 250 {
                    self.luma_sum += u64::from(luma.row(y)[x].abs_diff(want.colour.y.row(y)[x]));
                    self.luma_pixels += 1;
                }
            }
        }
        self.pixels += want.alpha.size.area() as u64;
        self.count += 1;
    }

    /// Prints it, and fails where it is more than the bounds allow.
    pub(super) fn check(&self, what: &str) {
        let Self { count, pixels, .. } = *self;
        let share = |part: u64, all: u64| part as f64 / all.max(1) as f64;
        let (mean, far) = (share(self.sum, pixels), share(self.far, pixels));
        let (luma, visible) = (share(self.luma_sum, self.luma_pixels), share(self.visible, pixels));
        println!(
            "{what}, {count} frames: alpha mean {mean:.4}/255, {far:.1e} beyond 3/255; luma of opaque pixels mean {luma:.4}; {visible:.3} visible"
        );
        assert!(count > 0 && visible > 0.01, "{what}: a person is in the picture");
        assert!(mean <= ALPHA_MEAN_LIMIT, "{what}: {mean}");
        assert!(far <= ALPHA_FAR_SHARE, "{what}: {far}");
        assert!(luma <= 0.5, "{what}: {luma}");
    }
}

/// Mean difference at most 0.4/255 and 99.9 % of alpha within 3/255, of composed frames as the encoders get them.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn composites_agree_with_those_of_the_cpu_lane() {
    let test = "composites_agree_with_those_of_the_cpu_lane";
    let device = device();
    let Some(folder) = named(test, "VRP_CLIPS") else { return };
    let Some(weights) = shared(test, "models/rvm_mobilenetv3.safetensors") else { return };
    let weights = Weights::load(&weights).unwrap();
    let clips = videos(&folder);
    assert!(!clips.is_empty(), "no clips in {}", folder.display());
    let mut compared = 0;
    for clip in &clips {
        compared += usize::from(compare_clip(&device, &weights, clip, 176, 60));
    }
    // The eyes as they are, without the guided filter.
    compared += usize::from(compare_clip(&device, &weights, &clips[0], 512, 6));
    println!("{compared} of {} comparisons made", clips.len() + 1);
    assert!(compared > clips.len() / 2);
}

pub(super) fn synthetic(
    device: &Arc<Device>,
    variant: Variant,
    size: Size,
    side: usize,
) -> (Arc<Model>, GpuMatte) {
    let weights = Weights::synthetic(variant, Refiner::Deep);
    let eyes = crate::layout::Packing::SideBySide.eyes(size);
    let stage = StageSize { height: side, width: side };
    let graph = build_graph(&weights, stage, false).unwrap();
    let model = Arc::new(Model::new(device, &graph, 2, Tiles::Guessed).unwrap());
    let ratio = side as f64 / eyes[0].size.width.max(eyes[0].size.height) as f64;
    let seen = sample::Stage { ratio, size: Size::new(side, side) };
    let colour = crate::kernels::fixtures::colour(crate::frame::Matrix::Bt709, crate::frame::Range::Limited);
    let matte = GpuMatte::new(device, &model, &seen, size, &eyes, colour).unwrap();
    (model, matte)
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn memory_is_charged_to_its_part_and_given_back() {
    let device = device();
    let size = Size::new(256, 128);
    let (model, matte) = synthetic(&device, Variant::MobileNetV3, size, 64);
    let host = matte.host_frame().unwrap();
    let uploader = Uploader::new(&device, size, 10).unwrap();
    let used = device.ledger().now();
    let (weights, buffers) = model.memory_bytes();
    assert_eq!(used.weights_bytes, weights as u64);
    let network = used.activations_bytes + used.state_bytes;
    assert!(network.abs_diff(buffers as u64) <= 8, "{used:?}, {buffers}");
    assert!(used.state_bytes > 0 && used.state_bytes < used.activations_bytes, "{used:?}");
    // Y, U, V and alpha twice, and a byte for each 16 x 16 pixels in rows of 64 bytes.
    let planes = 2 * (size.area() * 5 / 2 + 64 * 8) as u64;
    assert_eq!(used.planes_bytes, planes);
    assert_eq!(used.surfaces_bytes, (size.area() * 3) as u64);
    assert_eq!(used.pinned_host_bytes, planes / 2 + 2 * used.surfaces_bytes);
    drop((uploader, host, matte, model));
    assert_eq!(device.ledger().now(), MemoryUse::default());
    assert!(device.ledger().peak().device_bytes() >= used.device_bytes());
}

/// One 8K lane with the larger network, decoding included where there is a clip.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn an_8k_10_bit_lane_takes_at_most_2_gib() {
    let limit = 2u64 << 30;
    let size = Size::new(7680, 3840);
    for variant in [Variant::MobileNetV3, Variant::ResNet50] {
        let device = device();
        let (_model, mut matte) = synthetic(&device, variant, size, 512);
        let uploaded = Uploader::new(&device, size, 10).unwrap();
        println!("{variant:?}, uploaded: {}", device.ledger().now().sentence());
        assert!(device.ledger().now().device_bytes() <= limit);
        drop(uploaded);
        let Some(clip) = named("an_8k_10_bit_lane_takes_at_most_2_gib (NVDEC)", "VRP_8K_CLIP") else {
            continue;
        };
        let video = Source::open(&clip).unwrap().video().clone();
        assert_eq!((video.size, video.depth), (size, 10));
        let Some(Pictures::Nvdec(mut decoder)) = Pictures::open(&device, &clip) else {
            panic!("not by NVDEC")
        };
        let mut host = matte.host_frame().unwrap();
        for _ in 0..12 {
            let mut surface = decoder.next_surface().unwrap().unwrap();
            matte.surface(&mut surface, Out::Planes(&mut host)).unwrap();
            host.wait().unwrap();
        }
        println!("{variant:?}, NVDEC: {} ({:?})", device.ledger().now().sentence(), decoder.tally());
        assert!(device.ledger().peak().device_bytes() <= limit);
    }
}
