//! A subject made ready: devices, weights, the plan of its file, sizes, and how many lanes the machine carries.
#![forbid(unsafe_code)]

use super::subject::{BenchOptions, Subject};
use super::timing::Until;
use super::{clip, drawn};
use crate::frame::{Colour, Matrix, Picture, Range, Rect, Size};
use crate::kernels::key::KeyParameters;
use crate::layout::{Edge, Packing};
use crate::pipeline::batch::SetUp;
use crate::pipeline::device::Found;
use crate::pipeline::error::Error;
use crate::pipeline::input::{decode_in_software, open_input};
use crate::pipeline::machine::machine;
use crate::pipeline::matting::{Models, key_report, network_report, shown, stage};
use crate::pipeline::outputs::OutputKind;
use crate::pipeline::plan::lanes::{Lanes, Need, Streams};
use crate::pipeline::plan::{Coding, FilePlan, MattePlan};
use crate::pipeline::settings::{Job, MatteChoice, Settings, Target};
use crate::pipeline::stop::Stop;
use crate::pipeline::survey::survey;
use crate::rvm::{Refiner, Stage, Variant, Weights};
use crate::vp9::PairConfig;
use crate::vp9::native::PairLevels;
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

/// Distinct pictures that are matted and encoded, to and fro.
pub(super) const PICTURES: usize = 6;
/// Most frames of a worker in one measurement.
const MOST_FRAMES: u64 = 2000;

/// Everything that the measurements share.
pub(super) struct Scene {
    pub(super) setup: SetUp,
    pub(super) settings: Settings,
    /// The input's plan; absent for drawn pictures.
    pub(super) plan: Option<FilePlan>,
    /// Frames to draw.
    pub(super) drawn_frames: u64,
    pub(super) size: Size,
    pub(super) depth: u8,
    pub(super) colour: Colour,
    pub(super) packing: Packing,
    pub(super) eyes: Vec<Rect>,
    pub(super) matte: MattePlan,
    pub(super) coding: Coding,
    /// The same for people.
    pub(super) matte_text: String,
    /// What runs the network; empty without one.
    pub(super) engine: &'static str,
    /// What is to be said of the choice of it.
    pub(super) engine_notes: Vec<String>,
    /// What the machine carries, however short the input is.
    pub(super) lanes: Lanes,
    pub(super) until: Until,
    pub(super) folder: Folder,
}

impl Scene {
    /// Opens devices and input, reads the weights, readies the engines; `tell` hears what takes long.
    ///
    /// # Errors
    /// As a run before its first frame.
    pub(super) fn new(options: &BenchOptions, tell: &dyn Fn(&str), stop: &Stop) -> Result<Self, Error> {
        let mut settings = options.settings.clone();
        let setup = SetUp::new(&settings, models(options)?)?;
        let folder = Folder::new(settings.temp_dir.as_deref())?;
        let (input, drawn_frames) = match &options.subject {
            Subject::File(input) => (Some(input.clone()), 0),
            Subject::Drawn { frames, codec: None, .. } => (None, *frames),
            &Subject::Drawn { size, frames, codec: Some(codec) } => {
                let packing = drawn_packing(&settings, size);
                settings.layout.packing = Some(packing);
                let eyes = packing.eyes(size);
                (Some(clip::make((size, frames, codec), &eyes, DRAWN, &folder.0, stop)?), 0)
            }
        };
        let plan = match input {
            Some(input) => {
                let target = Target { kind: OutputKind::Alpha, path: folder.0.join("whole.webm") };
                let job = Job { input, outputs: vec![target] };
                Some(survey(&job, &settings, &setup.devices[0], (&setup.models, &setup.looks))?)
            }
            None => None,
        };
        let (size, depth, colour, packing) = match (&plan, &options.subject) {
            (Some(FilePlan { video, layout, .. }), _) => {
                (video.size, video.depth, video.colour, layout.packing)
            }
            (None, Subject::Drawn { size, .. }) => (*size, 8, DRAWN, drawn_packing(&settings, *size)),
            (None, Subject::File(path)) => return Err(Error::NoFrames { path: path.clone() }),
        };
        let eyes = packing.eyes(size);
        let (matte, report) = match (&plan, &settings.matte) {
            (Some(plan), _) => (plan.matte.clone(), plan.matte_report.clone()),
            (None, MatteChoice::Network { model, detail }) => {
                let place = setup.devices[0].place();
                let report = network_report(model, *detail, &setup.models, &eyes, &place)?;
                (MattePlan::Network { model: model.clone(), detail: *detail }, report)
            }
            (None, MatteChoice::Chroma { colour: key }) => {
                let first = &drawn::pictures(size, &eyes, colour, 1)[0];
                let picked = |source| Error::Key { path: "drawn pictures".into(), source };
                let (key, how) = match key {
                    Some(key) => (KeyParameters::new(*key), "given"),
                    None => (KeyParameters::pick(first, &eyes).map_err(picked)?, "picked"),
                };
                (MattePlan::Key(key), key_report(&key, how))
            }
        };
        let coding = match &plan {
            Some(plan) => plan.coding,
            None => {
                let network = matches!(matte, MattePlan::Network { .. });
                let on_gpu = network && matches!(setup.devices[0], Found::Gpu(_));
                Coding::choose(settings.encoder, settings.quality, on_gpu, true)?
            }
        };
        let need = match &plan {
            Some(plan) => setup.need(plan),
            None => {
                let on_gpu = matches!(setup.devices[0], Found::Gpu(_));
                let on_gpu = on_gpu && matches!(matte, MattePlan::Network { .. });
                Need::new(size, on_gpu, true, coding, Streams::PAIR)
            }
        };
        let machine = machine(&setup.devices, settings.threads)?;
        let lanes = Lanes::new(&machine, need, usize::MAX, settings.lanes);
        let until = Until { seconds: options.seconds, frames: MOST_FRAMES, least: 1, ahead: 1 };
        let matte_text = report.sentence();
        let edge = plan.as_ref().map_or(Edge::Plain, |plan| plan.layout.projection.edge());
        let (engine, engine_notes) = engine(&setup, &matte, (&eyes, edge), tell)?;
        Ok(Self {
            setup,
            settings,
            plan,
            drawn_frames,
            size,
            depth,
            colour,
            packing,
            eyes,
            matte,
            coding,
            matte_text,
            engine,
            engine_notes,
            lanes,
            until,
            folder,
        })
    }

    /// Numbers of workers to measure with: one, and as many as there are lanes.
    pub(super) fn workers(&self) -> Vec<usize> {
        let mut workers = vec![1, self.lanes.count()];
        workers.dedup();
        workers
    }

    /// Threads of each of so many workers that share the machine.
    pub(super) fn share(&self, workers: usize) -> usize {
        if workers == 1 { self.settings.threads } else { self.lanes.encoder_threads(workers) }
    }

    /// The first pictures of the input, decoded in software, or drawn ones.
    ///
    /// # Errors
    /// When they cannot be decoded.
    pub(super) fn pictures(&self) -> Result<Vec<Picture>, Error> {
        let Some(plan) = &self.plan else {
            return Ok(drawn::pictures(self.size, &self.eyes, self.colour, PICTURES));
        };
        let path = &plan.job.input;
        let input = open_input(path, &self.settings.layout)?;
        let patience = (self.settings.stall, self.settings.threads);
        let mut decoder = decode_in_software(path, input.source, self.colour, patience)?;
        let mut pictures = Vec::new();
        while pictures.len() < PICTURES {
            let next = decoder.next_picture();
            match next.map_err(|source| Error::Decoder { path: path.clone(), source })? {
                Some(picture) => pictures.push(picture),
                None => break,
            }
        }
        if pictures.is_empty() { Err(Error::NoFrames { path: path.clone() }) } else { Ok(pictures) }
    }

    /// The input's name for people and for errors.
    pub(super) fn name(&self) -> PathBuf {
        self.plan.as_ref().map_or_else(|| "drawn pictures".into(), |plan| plan.job.input.clone())
    }

    /// Levels of our own encoder.
    pub(super) fn levels(&self) -> PairLevels {
        self.settings.quality.native_levels(self.settings.crf)
    }

    /// Settings of a pair of encoders with so many threads each.
    pub(super) fn pair(&self, threads: usize) -> PairConfig {
        let Settings { quality, crf, .. } = self.settings;
        PairConfig { size: self.size, colour: self.colour, quality, crf, threads, key_interval: None }
    }
}

/// The engine of the first device, ready to be measured, and what is to be said of it. With TensorRT a plan that is
/// missing is built now: that is no part of any figure.
fn engine(
    setup: &SetUp,
    matte: &MattePlan,
    (eyes, edge): (&[Rect], Edge),
    tell: &dyn Fn(&str),
) -> Result<(&'static str, Vec<String>), Error> {
    let MattePlan::Network { model, detail } = matte else { return Ok(("", Vec::new())) };
    let found = &setup.devices[0];
    let (weights, stage) = (setup.models.get(model)?.1, stage(model, *detail, eyes)?);
    let notes = match found {
        Found::Gpu(gpu) => gpu.notes.clone(),
        Found::Cpu(_) => Vec::new(),
    };
    let notes = RefCell::new(notes);
    let say = |text: &str| {
        tell(text);
        notes.borrow_mut().push(text.to_owned());
    };
    // Step by step eyes are measured as they are; lanes see beyond the sides of a picture that goes on there.
    let ready = |stage: &Stage| {
        found.ready(&weights, stage, eyes.len(), &say)?;
        Ok::<_, Error>(found.engine_for(&weights, stage, eyes.len()))
    };
    let (engine, of_run) = (ready(&stage)?, ready(&shown(&stage, edge).0)?);
    let mut notes = notes.into_inner();
    notes.dedup();
    if of_run != engine {
        notes.push(format!("the network of lanes, which see beyond the sides, was run by {of_run}"));
    }
    Ok((engine, notes))
}

const DRAWN: Colour = Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 };

/// Two eyes where each is square or nearly so, as in VR.
fn drawn_packing(settings: &Settings, size: Size) -> Packing {
    let wide = 2 * size.width >= 3 * size.height;
    settings.layout.packing.unwrap_or(if wide { Packing::SideBySide } else { Packing::Mono })
}

/// The weights named in the settings, made up if so asked.
fn models(options: &BenchOptions) -> Result<Models, Error> {
    let MatteChoice::Network { model, .. } = &options.settings.matte else { return Ok(Models::default()) };
    if !options.synthetic_weights {
        return Ok(Models::default());
    }
    let variant: Variant = model.parse().map_err(|_| {
        Error::Usage(format!("--synthetic-weights: {model} is no network; mobilenetv3 and resnet50 are"))
    })?;
    Ok(Models::with(model, Weights::synthetic(variant, Refiner::Deep)))
}

/// A folder of its own, removed with all that is in it.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    fn new(below: Option<&Path>) -> Result<Self, Error> {
        let below = below.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let path = below.join(format!("vrpipe-bench-{}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => Ok(Self(path)),
            Err(source) => Err(Error::Output { path, source }),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing that was asked for lies in it, and there is nobody left to tell.
        let _ = fs::remove_dir_all(&self.0);
    }
}
