//! Sets up what finds the background of a file: a network with its weights, or a chroma key.
#![forbid(unsafe_code)]

use super::device::Gpu;
use super::error::Error;
use super::report::MatteReport;
use super::settings::{Detail, MatteChoice};
use crate::engine::cpu::CpuEngine;
use crate::frame::{Matrix, Picture, Rect, Size};
use crate::kernels::key::{ChromaKey, KeyColour, KeyParameters};
use crate::kernels::sample;
use crate::lane::{GpuMatte, Matte};
use crate::media::VideoTrack;
use crate::rvm::locate::{locate, model_folders};
use crate::rvm::{Stage, StageSize, Weights, build_graph};
use crate::software::{self, Decoder, Tally};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Weights read so far, shared by all files of a run.
#[derive(Default)]
pub struct Models {
    loaded: Mutex<HashMap<String, (PathBuf, Arc<Weights>)>>,
}

impl Models {
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

/// A decoder whose first picture has been looked at.
struct Peeked {
    first: Option<Picture>,
    rest: Box<dyn Decoder>,
}

impl Decoder for Peeked {
    fn next_picture(&mut self) -> Result<Option<Picture>, software::Error> {
        match self.first.take() {
            Some(picture) => Ok(Some(picture)),
            None => self.rest.next_picture(),
        }
    }

    fn name(&self) -> &str {
        self.rest.name()
    }

    fn tally(&self) -> Tally {
        self.rest.tally()
    }
}

/// Makes the matte of one file on the CPU; its views are `eyes`. Gives the decoder back: a chroma
/// key picks its colour from the first picture.
///
/// # Errors
/// Weights that cannot be had, a stage that cannot be, a screen that is none.
pub fn matte_on_cpu(
    input: &Path,
    choice: &MatteChoice,
    models: &Models,
    decoder: Box<dyn Decoder>,
    matrix: Matrix,
    eyes: &[Rect],
) -> Result<(Matte, MatteReport, Box<dyn Decoder>), Error> {
    let (model, detail) = match choice {
        MatteChoice::Network { model, detail } => (model, *detail),
        MatteChoice::Chroma { colour } => return chroma(input, *colour, matrix, decoder, eyes),
    };
    let (path, weights) = models.get(model)?;
    let stage = stage(model, detail, eyes)?;
    let graph =
        build_graph(&weights, stage.size(), stage.ratio_is_one()).map_err(|e| Error::model(model, e))?;
    let engine = CpuEngine::new(Arc::new(graph), eyes.len())?;
    let report = report(&path, &weights, &stage, "on the CPU");
    Ok((Matte::network(Box::new(engine), stage.ratio()), report, decoder))
}

/// Makes the matte of one file on a GPU, by the network; its views are `eyes`.
///
/// # Errors
/// Weights that cannot be had, a stage that cannot be, a device that fails.
pub fn matte_on_gpu(
    gpu: &Gpu,
    model: &str,
    detail: Detail,
    models: &Models,
    video: &VideoTrack,
    eyes: &[Rect],
) -> Result<(GpuMatte, MatteReport), Error> {
    let (path, weights) = models.get(model)?;
    let stage = stage(model, detail, eyes)?;
    let prepared = gpu.model(&weights, &stage, eyes.len())?;
    let size = Size::new(stage.size().width, stage.size().height);
    let small = sample::Stage { ratio: stage.ratio(), size };
    let matte = GpuMatte::new(&gpu.device, &prepared, &small, video.size, eyes, video.colour)
        .map_err(Error::GpuLane)?;
    Ok((matte, report(&path, &weights, &stage, &format!("on {}", gpu.name))))
}

fn stage(model: &str, detail: Detail, eyes: &[Rect]) -> Result<Stage, Error> {
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

fn report(path: &Path, weights: &Weights, stage: &Stage, place: &str) -> MatteReport {
    MatteReport {
        method: "rvm",
        source: path.display().to_string(),
        detail: format!("{} with the {} guided filter, {place}", weights.variant(), weights.refiner()),
        stage: Some(Size::new(stage.size().width, stage.size().height)),
    }
}

fn chroma(
    input: &Path,
    colour: Option<KeyColour>,
    matrix: Matrix,
    mut decoder: Box<dyn Decoder>,
    eyes: &[Rect],
) -> Result<(Matte, MatteReport, Box<dyn Decoder>), Error> {
    let failed = |source| Error::Key { path: input.to_path_buf(), source };
    let (parameters, how) = match colour {
        Some(colour) => (KeyParameters::new(colour), "given"),
        None => {
            let picture = decoder
                .next_picture()
                .map_err(|source| Error::Decoder { path: input.to_path_buf(), source })?
                .ok_or_else(|| Error::NoFrames { path: input.to_path_buf() })?;
            let picked = KeyParameters::pick(&picture, eyes).map_err(failed)?;
            decoder = Box::new(Peeked { first: Some(picture), rest: decoder });
            (picked, "picked from the first picture")
        }
    };
    let key = ChromaKey::new(&parameters, matrix).map_err(failed)?;
    let KeyParameters { colour, inner, outer, spill } = parameters;
    let report = MatteReport {
        method: "chroma",
        source: format!("{colour} ({how})"),
        detail: format!("clear up to {inner}, solid from {outer}, spill removed {spill}"),
        stage: None,
    };
    Ok((Matte::Key(key), report, decoder))
}
