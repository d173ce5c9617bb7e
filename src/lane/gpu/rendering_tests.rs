//! Opaque outputs of a GPU lane: rendered on the device they are encoded to the bytes that the CPU's rendering of the
//! same composites gives. And what they take of the device, and of its time. Clips are those of `tests`.

use super::tests::{Pictures, device, named, synthetic};
use super::{GpuCoding, GpuLane, GpuMatte, GpuSource, HostFrame, Out, Rendering};
use crate::engine::native::{Model, Tiles};
use crate::frame::{Colour, Matrix, Range, Rect, Size};
use crate::gpu::{Device, MemoryUse};
use crate::kernels::{fixtures, sample};
use crate::lane::{Encoded, Output, Span};
use crate::layout::{LayoutChoice, Packing, Projection};
use crate::media::{self, Source, VideoTrack};
use crate::render::backdrop::Picture as Scenery;
use crate::render::device::Tables;
use crate::render::packed::{Geometry, Packer};
use crate::render::{Backdrop, Grey, Renderer};
use crate::rvm::{Stage, StageSize, Variant, Weights, build_graph};
use crate::telemetry::LaneClocks;
use crate::testing::shared;
use crate::vp9::{Pair, PairConfig, Quality, Shown, Single};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// A clip with what belongs to it.
struct Clip {
    path: PathBuf,
    video: VideoTrack,
    packing: Packing,
    eyes: Vec<Rect>,
}

impl Clip {
    fn open(path: &Path) -> Self {
        let video = Source::open(path).unwrap().video().clone();
        let packing = media::choose_layout(&video, path, &LayoutChoice::default()).packing;
        Self { path: path.to_owned(), eyes: packing.eyes(video.size), packing, video }
    }

    fn matte(&self, device: &Arc<Device>, weights: &Weights, detail: usize) -> GpuMatte {
        let Size { width, height } = self.eyes[0].size;
        let stage = Stage::from_detail(detail, StageSize { height, width }).unwrap();
        let StageSize { height, width } = stage.size();
        let graph = build_graph(weights, stage.size(), stage.ratio_is_one()).unwrap();
        let model = Arc::new(Model::new(device, &graph, self.eyes.len(), Tiles::Guessed).unwrap());
        let seen = sample::Stage { ratio: stage.ratio(), size: Size::new(width, height) };
        let Self { video, eyes, .. } = self;
        GpuMatte::new(device, &model, &seen, video.size, eyes, video.colour).unwrap()
    }

    /// Every kind of output by name; `None` is colour with alpha.
    fn looks(&self) -> Vec<(&'static str, Option<Renderer>)> {
        looks(self.video.size, self.packing, self.video.colour)
    }

    fn encoder(&self, look: Option<&Renderer>) -> Output {
        let Self { video, .. } = self;
        let config = PairConfig {
            size: look.map_or(video.size, |renderer| renderer.size(video.size)),
            colour: video.colour,
            quality: Quality::Fast,
            crf: None,
            threads: 1,
            key_interval: None,
        };
        let Some(renderer) = look else { return Output::Alpha(Box::new(Pair::new(&config).unwrap())) };
        let shown = if matches!(renderer, Renderer::Matte(_)) { Shown::Grey } else { Shown::Picture };
        Output::opaque(renderer.clone(), video.size, Single::new(&config, shown).unwrap())
    }

    /// All packets of a lane with these outputs, rendered on the GPU or not.
    fn encode(
        &self,
        device: &Arc<Device>,
        weights: &Weights,
        looks: &[Option<Renderer>],
        on_gpu: bool,
    ) -> Vec<Encoded> {
        let mut matte = self.matte(device, weights, 176);
        // Without tables the composite comes home, and the encode thread renders.
        let on_device = if on_gpu { looks } else { &[None] };
        let mut rendering = rendering(device, self.video.size, on_device);
        let source = match Pictures::open(device, &self.path).expect("NVDEC takes the clip") {
            Pictures::Nvdec(decoder) => GpuSource::Nvdec(decoder),
            Pictures::Software(decoder, _) => GpuSource::Upload { decoder, depth: self.video.depth },
        };
        let outputs = looks.iter().map(|look| self.encoder(look.as_ref())).collect();
        let (mut frames, mut encoded) = (Vec::new(), Vec::new());
        let lane = GpuLane {
            source,
            device: Arc::clone(device),
            size: self.video.size,
            span: Span { matted_from: i64::MIN, shown: i64::MIN..i64::MAX },
            matte: &mut matte,
            spare: &mut None,
            coding: GpuCoding::Libvpx { outputs, rendering: &mut rendering, frames: &mut frames },
            clocks: &LaneClocks::default(),
            cancel: &AtomicBool::new(false),
        };
        lane.run(&mut |frame| {
            encoded.push(frame);
            Ok(())
        })
        .unwrap();
        encoded
    }
}

fn looks(size: Size, packing: Packing, colour: Colour) -> Vec<(&'static str, Option<Renderer>)> {
    let geometry = Geometry::new(packing, &Projection::HALF, size, None).unwrap();
    let picture =
        image::RgbImage::from_fn(96, 64, |x, y| image::Rgb([2 * x as u8, 3 * y as u8, (x * y % 256) as u8]));
    let picture = Scenery::from_rgb(picture).backdrop(size, &packing.eyes(size), colour);
    vec![
        ("alpha", None),
        ("packed", Some(Renderer::Packed(Arc::new(Packer::new(geometry, colour.range))))),
        ("matte", Some(Renderer::Matte(Box::new(Grey::new(Range::Limited))))),
        ("green", Some(Renderer::Backdrop(Arc::new(Backdrop::flat(size, [43, 230, 64], colour))))),
        ("picture", Some(Renderer::Backdrop(Arc::new(picture)))),
    ]
}

fn rendering(device: &Arc<Device>, size: Size, looks: &[Option<Renderer>]) -> Rendering {
    let tables = looks.iter().enumerate().filter_map(|(place, look)| {
        let tables = Tables::upload(device, look.as_ref()?).unwrap();
        Some((place, tables))
    });
    let tables: Vec<_> = tables.collect();
    Rendering::new(device, size, looks.iter().any(Option::is_none), &tables).unwrap()
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn outputs_rendered_on_the_gpu_are_encoded_to_the_same_bytes() {
    let test = "outputs_rendered_on_the_gpu_are_encoded_to_the_same_bytes";
    let Some(folder) = named(test, "VRP_CLIPS") else { return };
    let Some(weights) = shared(test, "models/rvm_mobilenetv3.safetensors") else { return };
    let (device, weights) = (device(), Weights::load(&weights).unwrap());
    for name in ["person_hevc10_sbs.mkv", "person_hevc_sbs.mp4"] {
        let clip = Clip::open(&folder.join(name));
        let (names, looks): (Vec<_>, Vec<_>) = clip.looks().into_iter().unzip();
        let [gpu, cpu] = [true, false].map(|on_gpu| clip.encode(&device, &weights, &looks, on_gpu));
        for (place, kind) in names.iter().enumerate() {
            let of = |all: &[Encoded]| -> Vec<Encoded> {
                all.iter().filter(|encoded| encoded.output == place).cloned().collect()
            };
            let (got, expected) = (of(&gpu), of(&cpu));
            let bytes: usize = expected.iter().map(|encoded| encoded.colour.len()).sum();
            println!("{name}, {kind}: {} frames, {bytes} bytes", expected.len());
            assert!(expected.len() > 10 && bytes > 4000, "{name}, {kind}: a person is in the picture");
            let wrong = got.iter().zip(&expected).position(|(got, expected)| got != expected);
            assert_eq!((got.len(), wrong), (expected.len(), None), "{name}, {kind}");
        }
        // Without an output of the composite itself nothing of it comes home, and the rest is as before.
        let alone = clip.encode(&device, &weights, &looks[1..3], true);
        let shifted: Vec<_> = gpu.iter().filter(|encoded| (1..3).contains(&encoded.output)).collect();
        assert_eq!(alone.len(), shifted.len());
        let same = |(alone, of_all): (&Encoded, &&Encoded)| {
            *alone == Encoded { output: of_all.output - 1, ..(*of_all).clone() }
        };
        assert!(alone.iter().zip(&shifted).all(same), "{name}");
    }
}

#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn tables_are_held_once_and_nothing_unasked_comes_home() {
    let (device, size) = (device(), Size::new(256, 128));
    let colour = fixtures::colour(Matrix::Bt709, Range::Limited);
    let (model, matte) = synthetic(&device, Variant::MobileNetV3, size, 64);
    let before = device.ledger().now();
    let looks = looks(size, Packing::SideBySide, colour);
    let find = |name| looks.iter().find(|(known, _)| *known == name).unwrap().1.as_ref().unwrap();
    let packed = Tables::upload(&device, find("packed")).unwrap();
    // Eight bytes for each pixel of an eye, eight for each block, four for each of those that hold mattes.
    let looks_bytes = device.ledger().now().looks_bytes;
    let (least, blocks) = (128 * 128 * 8 + 16 * 8 * 8, 16 * 8 * 4);
    assert!((least + 1..least + blocks).contains(&looks_bytes), "{looks_bytes}");
    let grey = Tables::upload(&device, find("matte")).unwrap();
    let lane = || Rendering::new(&device, size, false, &[(0, packed.clone()), (1, grey.clone())]).unwrap();
    let lanes = [lane(), lane()];
    let used = device.ledger().now();
    assert_eq!(used.looks_bytes, looks_bytes, "once for both lanes");
    // Of either lane: mattes of both eyes and a byte for each block, twice the planes of the packed frame, twice those of
    // the matte without chroma; of blocks a byte each in rows of 64.
    let (area, blocks) = (size.area(), 8 * 64);
    let planes = area + 16 * 8 + 2 * (area * 3 / 2 + blocks) + 2 * (area + blocks);
    assert_eq!(used.planes_bytes - before.planes_bytes, 2 * planes as u64);
    let home: HostFrame = matte.host_frame_of(&lanes[0]).unwrap();
    let pinned = device.ledger().now().pinned_host_bytes - used.pinned_host_bytes;
    assert_eq!(pinned as usize, 2 * (area * 3 / 2 + blocks) + 1, "no composite");
    drop((home, lanes, packed, grey, matte, model));
    assert_eq!(device.ledger().now(), MemoryUse::default());
}

/// Milliseconds of a frame of 7680x3840 from a picture on the device to planes at home, a person on it; prints them.
#[test]
#[cfg_attr(not(feature = "gpu-tests"), ignore = "needs a CUDA device")]
fn what_outputs_cost_at_8k() {
    let test = "what_outputs_cost_at_8k";
    let Some(path) = named(test, "VRP_8K_CLIP") else { return };
    let Some(weights) = shared(test, "models/rvm_mobilenetv3.safetensors") else { return };
    let (device, weights, clip) = (device(), Weights::load(&weights).unwrap(), Clip::open(&path));
    let (size, mut gpu) = (clip.video.size, clip.matte(&device, &weights, 512));
    let mut first = gpu.host_frame().unwrap();
    let mut pictures = Pictures::open(&device, &path).expect("NVDEC takes the clip");
    let picture = pictures.next(&mut gpu, &mut first, &clip.video).unwrap();
    drop(pictures);
    let mut uploader = super::upload::Uploader::new(&device, size, clip.video.depth).unwrap();
    let uploaded = uploader.upload(gpu.work(), &picture).unwrap();
    let looks = clip.looks();
    // Only composed: nothing comes home.
    let sets = [
        &[][..],
        &["composed"],
        &["alpha"],
        &["packed"],
        &["matte"],
        &["green"],
        &["picture"],
        &["alpha", "packed"],
    ];
    let several = [
        &["packed", "matte", "green"][..],
        &["alpha", "packed", "matte", "green"],
        &["composed"],
        &["alpha"],
    ];
    for set in sets.into_iter().chain(several) {
        let find = |name: &&str| looks.iter().find(|(known, _)| known == name).unwrap().1.clone();
        let wanted: Vec<_> = set.iter().filter(|name| **name != "composed").map(find).collect();
        let mut rendering = rendering(&device, size, &wanted);
        let mut homes = [(); 2].map(|()| gpu.host_frame_of(&rendering).unwrap());
        let mut run = |frames: usize| {
            for frame in 0..frames {
                let out = match set {
                    [] => Out::State,
                    _ => Out::Rendered(&mut rendering, &mut homes[frame % 2]),
                };
                gpu.picture(&uploaded, out).unwrap();
            }
            homes.iter().for_each(|home| home.wait().unwrap());
            gpu.work().synchronize().unwrap();
        };
        run(5);
        let start = Instant::now();
        run(60);
        let ms = start.elapsed().as_secs_f64() * 1e3 / 60.0;
        let name = if set.is_empty() { "state only".to_owned() } else { set.join(", ") };
        println!("{name}: {ms:.3} ms a frame");
    }
}
