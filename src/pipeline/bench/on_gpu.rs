//! Decoding, sampling, network and composing alone on a GPU, and the frames that come out of them.
//!
//! Steps are timed by CUDA events, frame by frame; sessions and lanes by the clock.
#![forbid(unsafe_code)]

use super::coded::CodedPicture;
use super::drawn::to_and_fro;
use super::on_cpu::{decode as decode_on_cpu, failed};
use super::report::{Resource, StageRow};
use super::scene::{PICTURES, Scene};
use super::timing::{Measured, together};
use crate::frame::{Picture, Size};
use crate::gpu::{Stream, nvdec};
use crate::kernels::sample;
use crate::lane::{
    Error as LaneError, GpuMatte, GpuSteps, HostFrame, NativeGear, Out as Lead, StepTimes, Treatment,
};
use crate::media::Source;
use crate::pipeline::device::Gpu;
use crate::pipeline::error::Error;
use crate::pipeline::input::feed;
use crate::pipeline::matting::{matte_on_gpu, stage, treatment};
use crate::pipeline::plan::{Coding, FilePlan};
use crate::pipeline::settings::Detail;
use crate::vp9::PairSource;
use std::sync::Arc;

/// Rounds over the pictures; the first finds cold caches and unprepared kernels and does not count.
const ROUNDS: usize = 9;
/// Frames on their way to the host in each lane.
const IN_FLIGHT: usize = 3;

/// What comes out of the measurements besides their rows.
pub(super) struct Out {
    pub(super) rows: Vec<StageRow>,
    /// Decoded pictures.
    pub(super) pictures: Vec<Picture>,
    /// The same, composed.
    pub(super) frames: Vec<Arc<dyn PairSource>>,
    /// The same, coded by our own encoder, if it is that: colour and matte, each after the one before.
    pub(super) coded: Vec<[CodedPicture; 2]>,
}

/// All stages up to the encoders. `library` is that of NVDEC where it takes the input.
pub(super) fn stages(
    scene: &Scene,
    (gpu, library): (&Gpu, Option<&Arc<nvdec::Library>>),
    (model, detail): (&str, Detail),
) -> Result<Out, Error> {
    let mut rows = Vec::new();
    let pictures = match library {
        Some(library) => {
            for sessions in sessions(scene.lanes.count()) {
                let measured = together(sessions, scene.until, &|| {
                    let mut decoder = decoder(scene, gpu, library)?;
                    let failed = |source| Error::Nvdec { path: scene.name(), source };
                    Ok(Box::new(move || Ok(decoder.next_surface().map_err(failed)?.is_some())))
                })?;
                rows.push(measured.row("decode", Resource::Nvdec, sessions, 1));
            }
            // What is measured step by step takes pictures that are mapped already.
            match scene.plan.as_ref().is_some_and(|plan| plan.video.is_mapped_to_sdr()) {
                true => scene.pictures()?,
                false => decoded(scene, gpu, decoder(scene, gpu, library)?)?,
            }
        }
        None => {
            rows.extend(decode_on_cpu(scene)?);
            scene.pictures()?
        }
    };
    let Steps { names, times, frames, coded } = steps(scene, gpu, (model, detail), &pictures)?;
    for (step, name) in names.into_iter().enumerate() {
        let ms = times.iter().map(|times| times[step]).collect();
        rows.push(Measured::in_turn(ms).row(name, Resource::Gpu, 1, 1));
    }
    for (lanes, library) in scene.workers().into_iter().filter_map(|lanes| Some((lanes, library?))) {
        let measured = together(lanes, scene.until, &|| {
            let mut lane = Lane::new(scene, gpu, library, (model, detail))?;
            Ok(Box::new(move || lane.step().map_err(|source| failed(scene, source))))
        })?;
        rows.push(measured.row(lane_name(scene.coding), Resource::Gpu, lanes, 1));
    }
    Ok(Out { rows, pictures, frames, coded })
}

/// The first pictures by NVDEC: a software decoder may not be there.
fn decoded(scene: &Scene, gpu: &Gpu, mut decoder: nvdec::Decoder) -> Result<Vec<Picture>, Error> {
    let failed = |source| Error::Nvdec { path: scene.name(), source };
    let stream = Stream::new(&gpu.device).map_err(|source| failed(source.into()))?;
    let mut pictures = Vec::new();
    while pictures.len() < PICTURES {
        let Some(mut surface) = decoder.next_surface().map_err(failed)? else { break };
        pictures.push(surface.to_picture(&stream, scene.colour).map_err(failed)?);
    }
    if pictures.is_empty() { Err(Error::NoFrames { path: scene.name() }) } else { Ok(pictures) }
}

/// 1, 2, 4 and so on below `most`, and `most`.
fn sessions(most: usize) -> Vec<usize> {
    let powers = (0..usize::BITS).map(|power| 1 << power).take_while(|&count| count < most);
    powers.chain([most]).collect()
}

fn decoder(scene: &Scene, gpu: &Gpu, library: &Arc<nvdec::Library>) -> Result<nvdec::Decoder, Error> {
    let path = scene.name();
    let source = Source::open(&path).map_err(|source| Error::Open { path: path.clone(), source })?;
    let info = source.video().into();
    let options = nvdec::Options { stall: scene.settings.stall, ..nvdec::Options::default() };
    nvdec::Decoder::open(library, &gpu.device, info, feed(source), options)
        .map_err(|source| Error::Nvdec { path, source })
}

/// Milliseconds of each step, frame by frame, and what came out of each picture.
struct Steps {
    names: [&'static str; 4],
    times: Vec<StepTimes>,
    frames: Vec<Arc<dyn PairSource>>,
    coded: Vec<[CodedPicture; 2]>,
}

fn steps(
    scene: &Scene,
    gpu: &Gpu,
    (model, detail): (&str, Detail),
    pictures: &[Picture],
) -> Result<Steps, Error> {
    let (_, weights) = scene.setup.models.get(model)?;
    let stage = stage(model, detail, &scene.eyes)?;
    // The very engine of a lane: where that is TensorRT's, it is what is timed.
    let engine = gpu.lane_engine(&weights, &stage, scene.eyes.len())?;
    let size = Size::new(stage.size().width, stage.size().height);
    let seen = sample::Stage { ratio: stage.ratio(), size };
    let format = (scene.size, scene.depth);
    let levels = (scene.coding == Coding::Native).then(|| scene.levels());
    let mut steps =
        GpuSteps::new(&gpu.device, engine, &seen, format, &scene.eyes, levels).map_err(Error::GpuLane)?;
    let failed = |source| failed(scene, source);
    let (mut times, mut frames) = (Vec::new(), Vec::<Arc<dyn PairSource>>::new());
    let mut coded = Vec::new();
    for turn in 0..ROUNDS * pictures.len() {
        // To and fro, so that each picture is next to the one before.
        let timed = steps.time(&pictures[to_and_fro(turn as u64, pictures.len())]).map_err(failed)?;
        if turn < pictures.len() {
            frames.push(Arc::new(steps.composite().map_err(failed)?));
            continue;
        }
        times.push(timed);
        if coded.len() < 2 * pictures.len()
            && let Some(fetched) = steps.coded().map_err(failed)?
        {
            coded.push(fetched.streams.map(CodedPicture::from));
        }
    }
    Ok(Steps { names: steps.names(), times, frames, coded })
}

/// What the row of whole lanes is called.
fn lane_name(coding: Coding) -> &'static str {
    match coding {
        Coding::Libvpx => "decode + matte",
        Coding::Native => "decode to pixels",
    }
}

/// Where a lane's frames go.
enum Ring {
    Planes(Vec<HostFrame>),
    Coded(Box<NativeGear>),
}

/// A GPU lane without what its encoders do on the CPU.
struct Lane {
    // Dropped first: it waits for the copies into the ring.
    matte: GpuMatte,
    ring: Ring,
    late: Stream,
    decoder: nvdec::Decoder,
    done: usize,
}

impl Lane {
    fn new(
        scene: &Scene,
        gpu: &Gpu,
        library: &Arc<nvdec::Library>,
        (model, detail): (&str, Detail),
    ) -> Result<Self, Error> {
        let (colour, treatment) = match &scene.plan {
            Some(FilePlan { video, layout, .. }) => {
                (video.given_colour(), treatment(video, layout, scene.settings.touch))
            }
            None => (scene.colour, Treatment::default()),
        };
        let format = (scene.size, colour);
        let matte = matte_on_gpu(gpu, model, detail, &scene.setup.models, format, &scene.eyes, &treatment)?;
        let ring = match scene.coding {
            Coding::Libvpx => {
                (0..IN_FLIGHT).map(|_| matte.host_frame()).collect::<Result<_, _>>().map(Ring::Planes)
            }
            Coding::Native => NativeGear::filled(&gpu.device, scene.size, scene.levels())
                .map(|gear| Ring::Coded(Box::new(gear))),
        };
        Ok(Self {
            ring: ring.map_err(Error::GpuLane)?,
            late: Stream::new(&gpu.device).map_err(|source| Error::GpuLane(source.into()))?,
            matte,
            decoder: decoder(scene, gpu, library)?,
            done: 0,
        })
    }

    fn step(&mut self) -> Result<bool, LaneError> {
        let frames = self.done as u64;
        let next = self.decoder.next_surface().map_err(|source| LaneError::Nvdec { frames, source })?;
        let Some(mut surface) = next else { return Ok(false) };
        match &mut self.ring {
            Ring::Planes(ring) => {
                let frame = &mut ring[self.done % IN_FLIGHT];
                frame.wait()?;
                self.matte.surface(&mut surface, Lead::Planes(frame))?;
            }
            Ring::Coded(gear) => {
                let (encoder, ring) = gear.parts();
                let count = ring.len();
                let frame = &mut ring[self.done % count];
                if self.done >= count {
                    frame.wait(&self.late)?;
                }
                self.matte.surface(&mut surface, Lead::Coded(encoder, frame))?;
            }
        }
        self.done += 1;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_double_up_to_the_number_of_lanes() {
        assert_eq!((sessions(1), sessions(6), sessions(8)), (vec![1], vec![1, 2, 4, 6], vec![1, 2, 4, 8]));
    }
}
