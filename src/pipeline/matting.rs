//! Sets up what finds the background of a file: a network with its weights, or a chroma key.
#![forbid(unsafe_code)]

use super::device::Gpu;
use super::error::Error;
use super::hdr::mapping;
use super::plan::MattePlan;
use super::report::MatteReport;
use super::settings::Detail;
use crate::engine::cpu::CpuEngine;
use crate::frame::{Colour, Matrix, Rect, Size};
use crate::kernels::key::{ChromaKey, KeyParameters};
use crate::kernels::maps::margin;
use crate::kernels::sample;
use crate::lane::{GpuMatte, Matte, Touch, Treatment};
use crate::layout::{Edge, Layout};
use crate::media::VideoTrack;
use crate::rvm::locate::{locate, model_folders};
use crate::rvm::{Stage, StageSize, Weights, build_graph};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Weights read so far, shared by all files of a run.
#[derive(Default)]
pub struct Models {
    loaded: Mutex<HashMap<String, (PathBuf, Arc<Weights>)>>,
}

impl Models {
    /// These weights under `name`, whatever files there are.
    pub fn with(name: &str, weights: Weights) -> Self {
        let entry = (PathBuf::from(name), Arc::new(weights));
        Self { loaded: Mutex::new(HashMap::from([(name.to_owned(), entry)])) }
    }

    /// The weights called `name`, a file or a name to search for, and the file they came from.
    ///
    /// # Errors
    /// When no such file is found, or it holds no weights of this network.
    pub fn get(&self, name: &str) -> Result<(PathBuf, Arc<Weights>), Error> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = loaded.get(name) {
            return Ok(found.clone());
        }
        let path = locate(name, &model_folders()).map_err(|e| Error::model(name, e))?;
        let weights = Arc::new(Weights::load(&path).map_err(|e| Error::model(name, e))?);
        loaded.insert(name.to_owned(), (path.clone(), Arc::clone(&weights)));
        Ok((path, weights))
    }
}

/// What finds the background on the CPU, for views `eyes` whose sides are like `edge`.
///
/// # Errors
/// Weights that cannot be had, a stage that cannot be, a key that is none.
pub fn matte_on_cpu(
    input: &Path,
    plan: &MattePlan,
    models: &Models,
    matrix: Matrix,
    (eyes, edge): (&[Rect], Edge),
) -> Result<Matte, Error> {
    let (model, detail) = match plan {
        MattePlan::Network { model, detail } => (model, *detail),
        MattePlan::Key(parameters) => {
            return ChromaKey::new(parameters, matrix)
                .map(|key| Matte::key(key, edge))
                .map_err(|source| Error::Key { path: input.to_path_buf(), source });
        }
    };
    let (_, weights) = models.get(model)?;
    let stage = stage(model, detail, eyes)?;
    let (shown, margin) = shown(&stage, edge);
    let graph =
        build_graph(&weights, shown.size(), stage.ratio_is_one()).map_err(|e| Error::model(model, e))?;
    let engine = CpuEngine::new(Arc::new(graph), eyes.len())?;
    Ok(Matte::network_at(Box::new(engine), stage.ratio(), edge, margin))
}

/// What the network is shown of an eye that it sees at `stage`, and how many columns of it lie beyond each side.
pub fn shown(stage: &Stage, edge: Edge) -> (Stage, usize) {
    let margin = if edge == Edge::Wraps { margin(stage.size().width) } else { 0 };
    (stage.widened(margin), margin)
}

/// What a GPU lane does to pictures of a track besides the matte itself.
pub fn treatment(video: &VideoTrack, layout: &Layout, touch: Touch) -> Treatment {
    let to_sdr = mapping(video).map(|map| (map, video.depth));
    Treatment { edge: layout.projection.edge(), touch, to_sdr }
}

/// The network on a GPU, for views `eyes` of frames of this size and colour as they are decoded, which are treated
/// as told.
///
/// # Errors
/// Weights that cannot be had, a stage that cannot be, a device that fails.
pub fn matte_on_gpu(
    gpu: &Gpu,
    model: &str,
    detail: Detail,
    models: &Models,
    (size, colour): (Size, Colour),
    eyes: &[Rect],
    treatment: &Treatment,
) -> Result<GpuMatte, Error> {
    let (_, weights) = models.get(model)?;
    let stage = stage(model, detail, eyes)?;
    let engine = gpu.lane_engine(&weights, &shown(&stage, treatment.edge).0, eyes.len())?;
    let seen = Size::new(stage.size().width, stage.size().height);
    let small = sample::Stage { ratio: stage.ratio(), size: seen };
    GpuMatte::treated(&gpu.device, engine, &small, (size, colour), eyes, treatment).map_err(Error::GpuLane)
}

/// The size at which the network sees views `eyes`.
///
/// # Errors
/// A stage that cannot be.
pub fn stage(model: &str, detail: Detail, eyes: &[Rect]) -> Result<Stage, Error> {
    // Odd frames have one eye a column or row larger; all are seen at the size of the smallest.
    let eye = StageSize {
        height: eyes.iter().map(|eye| eye.size.height).min().unwrap_or(0),
        width: eyes.iter().map(|eye| eye.size.width).min().unwrap_or(0),
    };
    match detail {
        Detail::Pixels(pixels) => Stage::from_detail(pixels as usize, eye),
        Detail::Ratio(ratio) => Stage::from_ratio(ratio, eye),
    }
    .map_err(|e| Error::model(model, e))
}

/// What will be said of a network, which works in `place`.
///
/// # Errors
/// Weights that cannot be had, a stage that cannot be.
pub fn network_report(
    model: &str,
    detail: Detail,
    models: &Models,
    eyes: &[Rect],
    place: &str,
) -> Result<MatteReport, Error> {
    let (path, weights) = models.get(model)?;
    let stage = stage(model, detail, eyes)?;
    Ok(MatteReport {
        method: "rvm",
        source: path.display().to_string(),
        detail: format!("{} with the {} guided filter, {place}", weights.variant(), weights.refiner()),
        stage: Some(Size::new(stage.size().width, stage.size().height)),
    })
}

/// What will be said of a chroma key, whose colour was found like `how`.
pub fn key_report(parameters: &KeyParameters, how: &str) -> MatteReport {
    let KeyParameters { colour, inner, outer, spill } = parameters;
    MatteReport {
        method: "chroma",
        source: format!("{colour} ({how})"),
        detail: format!("clear up to {inner}, solid from {outer}, spill removed {spill}"),
        stage: None,
    }
}
