//! Decoding, sampling, network and composing alone on the CPU, and the frames that come out of them.
#![forbid(unsafe_code)]

use super::drawn::to_and_fro;
use super::report::{Resource, StageRow};
use super::scene::Scene;
use super::timing::{Work, together};
use crate::engine::Engine;
use crate::engine::cpu::CpuEngine;
use crate::frame::{Composite, Picture, Size};
use crate::kernels::key::ChromaKey;
use crate::kernels::{compose, sample};
use crate::lane;
use crate::layout::Edge;
use crate::media::Source;
use crate::pipeline::error::Error;
use crate::pipeline::input::decode_in_software;
use crate::pipeline::matting::{matte_on_cpu, stage};
use crate::pipeline::plan::MattePlan;
use crate::rvm::build_graph;
use crate::telemetry::LaneClocks;
use crate::tensor::{Coefficients, Tensor};
use crate::vp9::PairSource;
use std::sync::Arc;

/// Decoding by the software decoder; nothing for drawn pictures.
pub(super) fn decode(scene: &Scene) -> Result<Vec<StageRow>, Error> {
    let Some(plan) = &scene.plan else { return Ok(Vec::new()) };
    let path = &plan.job.input;
    let row = |workers| {
        let threads = scene.share(workers);
        let measured = together(workers, scene.until, &|| {
            let source = Source::open(path).map_err(|e| Error::Open { path: path.clone(), source: e })?;
            let mut decoder =
                decode_in_software(path, source, scene.colour, (scene.settings.stall, threads))?;
            let failed = |source| Error::Decoder { path: path.clone(), source };
            Ok(Box::new(move || Ok(decoder.next_picture().map_err(failed)?.is_some())))
        })?;
        Ok(measured.row("decode", Resource::Cpu, workers, threads))
    };
    scene.workers().into_iter().map(row).collect()
}

/// Sampling, network and composing, each alone.
pub(super) fn matting(scene: &Scene, pictures: &[Picture]) -> Result<Vec<StageRow>, Error> {
    let mut rows = Vec::new();
    let (network, model, detail) = match &scene.matte {
        MattePlan::Key(parameters) => {
            let key = ChromaKey::new(parameters, scene.colour.matrix)
                .map_err(|source| Error::Key { path: scene.name(), source })?;
            composing(scene, pictures, &key, &mut rows)?;
            return Ok(rows);
        }
        MattePlan::Network { model, detail } => (scene.setup.models.get(model)?.1, model, *detail),
    };
    let stage = stage(model, detail, &scene.eyes)?;
    let graph = build_graph(&network, stage.size(), stage.ratio_is_one());
    let graph = Arc::new(graph.map_err(|e| Error::model(model, e))?);
    let seen =
        sample::Stage { ratio: stage.ratio(), size: Size::new(stage.size().width, stage.size().height) };
    let shape = [scene.eyes.len(), 3, seen.size.height, seen.size.width];
    let kernel = |source| failed(scene, lane::Error::Kernel(source));

    // What the network is given, and what it answers; the last serves composing.
    let mut smalls = Vec::new();
    for picture in pictures {
        let mut small = Tensor::zeros(shape);
        sample::sample(picture, &scene.eyes, &seen, &mut small).map_err(kernel)?;
        smalls.push(small);
    }
    let mut coefficients = Coefficients::default();
    CpuEngine::new(Arc::clone(&graph), scene.eyes.len())?.step(&smalls[0], &mut coefficients)?;

    for workers in scene.workers() {
        let measured = together(workers, scene.until, &|| {
            let (mut small, mut at) = (Tensor::zeros(shape), turns(pictures.len()));
            Ok(Box::new(move || {
                sample::sample(&pictures[at()], &scene.eyes, &seen, &mut small).map_err(kernel)?;
                Ok(true)
            }))
        })?;
        rows.push(measured.row("sample", Resource::Cpu, workers, scene.settings.threads));
    }
    for workers in scene.workers() {
        let measured = together(workers, scene.until, &|| {
            let mut engine = CpuEngine::new(Arc::clone(&graph), scene.eyes.len())?;
            let (mut out, mut at, smalls) = (Coefficients::default(), turns(smalls.len()), &smalls);
            Ok(Box::new(move || {
                engine.step(&smalls[at()], &mut out)?;
                Ok(true)
            }))
        })?;
        rows.push(measured.row("network", Resource::Cpu, workers, scene.settings.threads));
    }
    let matte = compose::Matte::new(&coefficients, &scene.eyes).map_err(kernel)?;
    composing(scene, pictures, &matte, &mut rows)?;
    Ok(rows)
}

/// Composing by a network's answer or a key.
fn composing<M: compose::Shade + Sync>(
    scene: &Scene,
    pictures: &[Picture],
    matte: &M,
    rows: &mut Vec<StageRow>,
) -> Result<(), Error> {
    for workers in scene.workers() {
        let measured = together(workers, scene.until, &|| {
            let (mut out, mut at) = (Composite::new(scene.size), turns(pictures.len()));
            let work: Work<'_> = Box::new(move || {
                compose::compose(&pictures[at()], &scene.eyes, matte, &mut out)
                    .map_err(|source| failed(scene, lane::Error::Kernel(source)))?;
                Ok(true)
            });
            Ok(work)
        })?;
        rows.push(measured.row("compose", Resource::Cpu, workers, scene.settings.threads));
    }
    Ok(())
}

/// The pictures as a lane on the CPU composes them.
pub(super) fn composites(scene: &Scene, pictures: &[Picture]) -> Result<Vec<Arc<dyn PairSource>>, Error> {
    let (matrix, eyes) = (scene.colour.matrix, &scene.eyes);
    let mut matte =
        matte_on_cpu(&scene.name(), &scene.matte, &scene.setup.models, matrix, (eyes, Edge::Plain))?;
    let clocks = LaneClocks::default();
    let mut frames: Vec<Arc<dyn PairSource>> = Vec::new();
    for picture in pictures {
        let mut out = Composite::new(scene.size);
        matte.compose(picture, eyes, &mut out, &clocks).map_err(|source| failed(scene, source))?;
        frames.push(Arc::new(out));
    }
    Ok(frames)
}

/// Places in a list of `count`, to and fro.
pub(super) fn turns(count: usize) -> impl FnMut() -> usize {
    let mut t = 0;
    move || {
        t += 1;
        to_and_fro(t - 1, count)
    }
}

pub(super) fn failed(scene: &Scene, source: lane::Error) -> Error {
    Error::from_lane(source, &scene.name(), &scene.folder.0)
}
