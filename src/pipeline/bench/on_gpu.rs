//! Decoding, sampling, network and composing alone on a GPU, and the frames that come out of them.
//!
//! Steps are timed by CUDA events, frame by frame; sessions and lanes by the clock.
#![forbid(unsafe_code)]

use super::on_cpu::{decode as decode_on_cpu, failed};
use super::report::{Resource, StageRow};
use super::scene::{PICTURES, Scene};
use super::timing::{Measured, together};
use crate::frame::{Picture, Size};
use crate::gpu::{Stream, nvdec};
use crate::kernels::sample;
use crate::lane::{Error as LaneError, GpuMatte, GpuSteps, HostFrame};
use crate::media::Source;
use crate::pipeline::device::Gpu;
use crate::pipeline::error::Error;
use crate::pipeline::input::feed;
use crate::pipeline::matting::{matte_on_gpu, stage};
use crate::pipeline::settings::Detail;
use crate::vp9::PairSource;
use std::sync::Arc;

/// Times that the steps are done on each picture.
const STEP_FRAMES: usize = 20;
/// Frames on their way to the host in each lane.
const IN_FLIGHT: usize = 3;

/// What comes out of the measurements besides their rows.
pub(super) struct Out {
    pub(super) rows: Vec<StageRow>,
    /// Decoded pictures.
    pub(super) pictures: Vec<Picture>,
    /// The same, composed.
    pub(super) frames: Vec<Arc<dyn PairSource>>,
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
            decoded(scene, gpu, decoder(scene, gpu, library)?)?
        }
        None => {
            rows.extend(decode_on_cpu(scene)?);
            scene.pictures()?
        }
    };
    let (times, frames) = steps(scene, gpu, (model, detail), &pictures)?;
    for (step, name) in GpuSteps::NAMES.into_iter().enumerate() {
        let ms = times.iter().map(|times| times[step]).collect();
        rows.push(Measured::in_turn(ms).row(name, Resource::Gpu, 1, 1));
    }
    for (lanes, library) in scene.workers().into_iter().filter_map(|lanes| Some((lanes, library?))) {
        let measured = together(lanes, scene.until, &|| {
            let mut lane = Lane::new(scene, gpu, library, (model, detail))?;
            Ok(Box::new(move || lane.step().map_err(|source| failed(scene, source))))
        })?;
        rows.push(measured.row("decode + matte", Resource::Gpu, lanes, 1));
    }
    Ok(Out { rows, pictures, frames })
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
type Steps = (Vec<[f64; GpuSteps::NAMES.len()]>, Vec<Arc<dyn PairSource>>);

fn steps(
    scene: &Scene,
    gpu: &Gpu,
    (model, detail): (&str, Detail),
    pictures: &[Picture],
) -> Result<Steps, Error> {
    let (_, weights) = scene.setup.models.get(model)?;
    let stage = stage(model, detail, &scene.eyes)?;
    let prepared = gpu.model(&weights, &stage, scene.eyes.len())?;
    let size = Size::new(stage.size().width, stage.size().height);
    let seen = sample::Stage { ratio: stage.ratio(), size };
    let format = (scene.size, scene.depth);
    let mut steps =
        GpuSteps::new(&gpu.device, &prepared, &seen, format, &scene.eyes).map_err(Error::GpuLane)?;
    let (mut times, mut frames) = (Vec::new(), Vec::<Arc<dyn PairSource>>::new());
    for picture in pictures {
        let timed = steps.time(picture, STEP_FRAMES).map_err(|source| failed(scene, source))?;
        // The first one of a picture finds cold caches and, at the very first, unprepared kernels.
        times.extend(timed.into_iter().skip(1));
        frames.push(Arc::new(steps.composite().map_err(|source| failed(scene, source))?));
    }
    Ok((times, frames))
}

/// A GPU lane without its encoders.
struct Lane {
    // Dropped first: it waits for the copies into the ring.
    matte: GpuMatte,
    ring: Vec<HostFrame>,
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
        let format = (scene.size, scene.colour);
        let matte = matte_on_gpu(gpu, model, detail, &scene.setup.models, format, &scene.eyes)?;
        let ring = (0..IN_FLIGHT).map(|_| matte.host_frame()).collect::<Result<_, _>>();
        Ok(Self {
            ring: ring.map_err(Error::GpuLane)?,
            matte,
            decoder: decoder(scene, gpu, library)?,
            done: 0,
        })
    }

    fn step(&mut self) -> Result<bool, LaneError> {
        let frames = self.done as u64;
        let next = self.decoder.next_surface().map_err(|source| LaneError::Nvdec { frames, source })?;
        let Some(mut surface) = next else { return Ok(false) };
        let frame = &mut self.ring[self.done % IN_FLIGHT];
        frame.wait()?;
        self.matte.surface(&mut surface, Some(frame))?;
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
