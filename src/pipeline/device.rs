//! Which device a run works on, and what its lanes share there.
#![forbid(unsafe_code)]

use super::engines::{EngineChoice, EngineSettings, GpuEngine, capability, choose, one_for_all};
use super::error::Error;
use super::input::software_decoder;
use super::plan::MattePlan;
use crate::engine::native::{Model, Tiles};
use crate::engine::tensorrt::Prepared;
use crate::gpu::nvdec::Library;
use crate::gpu::{self, Device};
use crate::media::VideoTrack;
use crate::render::Renderer;
use crate::render::device::Tables;
use crate::rvm::{Stage, Weights, build_graph};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A device to work on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum DeviceChoice {
    /// All GPUs that work, else the CPU.
    #[default]
    Auto,
    /// The CPU, whatever GPUs there are.
    Cpu,
    /// These GPUs, by number, all of them.
    Cuda(Vec<usize>),
}

/// Tables of outputs that are kept on a device; lanes that use others keep those alive.
const MOST_LOOKS: usize = 4;

/// Identifies a model on a device: weights, stage, eyes.
pub(super) type ModelKey = (String, [usize; 2], bool, usize);

/// A GPU with what all lanes on it share.
pub struct Gpu {
    /// The device.
    pub device: Arc<Device>,
    /// Its name, as the driver says.
    pub name: String,
    /// What runs networks.
    pub engine: GpuEngine,
    /// What is to be said of that choice, and of GPUs that are left out.
    pub notes: Vec<String>,
    nvdec: Result<Arc<Library>, gpu::nvdec::Error>,
    models: Mutex<HashMap<ModelKey, Arc<Model>>>,
    pub(super) prepared: Mutex<HashMap<ModelKey, Arc<Prepared>>>,
    /// Whether TensorRT was found good at a network before.
    pub(super) validated: Mutex<HashMap<ModelKey, bool>>,
    /// What outputs look up, those made last first.
    looks: Mutex<Vec<Tables>>,
}

/// The outcome of looking for a device.
pub enum Found {
    /// Work is done on a GPU.
    Gpu(Box<Gpu>),
    /// Work is done on the CPU, for this reason.
    Cpu(String),
}

impl Found {
    /// Looks for the devices; at least one comes out.
    ///
    /// # Errors
    /// When a GPU was asked for by number, or TensorRT was asked for, and cannot be had.
    pub fn all(choice: &DeviceChoice, engine: &EngineSettings) -> Result<Vec<Self>, Error> {
        let mut devices = Self::devices(choice, engine.choice)?;
        for found in &mut devices {
            if let Self::Gpu(gpu) = found {
                let chosen = choose(engine, capability(&gpu.device));
                let (engine, note) = chosen.map_err(crate::engine::Error::from)?;
                gpu.engine = engine;
                gpu.notes.extend(note);
            }
        }
        one_for_all(&mut devices);
        Ok(devices)
    }

    fn devices(choice: &DeviceChoice, engine: EngineChoice) -> Result<Vec<Self>, Error> {
        match choice {
            DeviceChoice::Auto if engine == EngineChoice::Cpu => {
                Ok(vec![Self::Cpu("the CPU engine was asked for".to_owned())])
            }
            DeviceChoice::Cuda(_) if engine == EngineChoice::Cpu => {
                Err(Error::Usage("--engine cpu goes with --device cpu or auto".into()))
            }
            DeviceChoice::Cpu => Ok(vec![Self::Cpu("the CPU was asked for".to_owned())]),
            DeviceChoice::Cuda(ordinals) => ordinals
                .iter()
                .map(|&ordinal| {
                    Self::open(ordinal)
                        .map_err(|source| Error::Device { name: format!("cuda:{ordinal}"), source })
                })
                .collect(),
            DeviceChoice::Auto => Ok(Self::every_gpu()),
        }
    }

    /// All GPUs that work; where there is none, the CPU with the reason.
    fn every_gpu() -> Vec<Self> {
        let opened: Vec<_> = match Device::count() {
            Ok(count) => (0..count.max(1)).map(Self::open).collect(),
            Err(error) => vec![Err(error)],
        };
        let mut working = Vec::new();
        let mut left_out = Vec::new();
        for (ordinal, opened) in opened.into_iter().enumerate() {
            match opened {
                Ok(found) => working.push(found),
                Err(error) => left_out.push((ordinal, super::chain(&error))),
            }
        }
        if let Some(Self::Gpu(first)) = working.first_mut() {
            let told = |(ordinal, why)| format!("cuda:{ordinal} is left out: {why}");
            first.notes.extend(left_out.into_iter().map(told));
            return working;
        }
        let why = left_out.into_iter().map(|(_, why)| why).next();
        vec![Self::Cpu(why.unwrap_or_else(|| "no GPU".to_owned()))]
    }

    fn open(ordinal: usize) -> Result<Self, gpu::Error> {
        let device = Device::open(ordinal)?;
        let name = device.name()?;
        let (engine, notes, nvdec) = (GpuEngine::Native, Vec::new(), Library::load());
        let (models, prepared, validated, looks) = Default::default();
        let gpu = Gpu { device, name, engine, notes, nvdec, models, prepared, validated, looks };
        Ok(Self::Gpu(Box::new(gpu)))
    }

    /// Where the network works, for people.
    pub fn place(&self) -> String {
        match self {
            Self::Gpu(gpu) => format!("on {}", gpu.name),
            Self::Cpu(_) => "on the CPU".to_owned(),
        }
    }

    /// Free memory of the GPU in bytes; `None` on the CPU.
    ///
    /// # Errors
    /// When the driver does not tell.
    pub fn free_bytes(&self) -> Result<Option<u64>, Error> {
        match self {
            Self::Cpu(_) => Ok(None),
            Self::Gpu(gpu) => match gpu.device.memory() {
                Ok((free, _)) => Ok(Some(free as u64)),
                Err(source) => Err(Error::Device { name: gpu.name.clone(), source }),
            },
        }
    }

    /// Whether an error shows that no more should be asked of the device, at least with as many lanes, and why.
    pub(super) fn unfit(&self, error: &Error) -> Option<&'static str> {
        let Self::Gpu(gpu) = self else { return None };
        // What has spoilt a context fails every later call in it.
        let lost = gpu.device.memory().is_err() || gpu::Stream::new(&gpu.device).is_err();
        if lost {
            return Some("its GPU is lost");
        }
        gpu::is_out_of_memory(error).then_some("its GPU has no memory left")
    }

    /// What decodes a video that is matted like this, and why.
    pub fn decode_path_for(&self, video: &VideoTrack, matte: &MattePlan) -> DecodePath {
        match (self, matte) {
            (Self::Gpu(_), MattePlan::Key(_)) => DecodePath {
                decoder: software_decoder(video.codec).0.to_owned(),
                reason: "on the CPU: the chroma key runs there".to_owned(),
            },
            _ => self.decode_path(video).1,
        }
    }
}

/// What decodes a video, and why that.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct DecodePath {
    /// `NVDEC`, or the software decoder.
    pub decoder: String,
    /// Where it runs, and what stands against NVDEC if it is another.
    pub reason: String,
}

/// What would decode `video` for the network on this machine; starts no decoder.
///
/// # Errors
/// When a GPU was asked for by number and cannot be had.
pub fn decode_path(choice: &DeviceChoice, video: &VideoTrack) -> Result<DecodePath, Error> {
    // The network is not run: no library need be looked for.
    let engine = EngineSettings { choice: EngineChoice::Native, tensorrt_lib: None };
    Ok(Found::all(choice, &engine)?[0].decode_path(video).1)
}

impl Found {
    /// The way a video takes, and NVDEC's library where it is that of NVDEC.
    pub(super) fn decode_path(&self, video: &VideoTrack) -> (Option<Arc<Library>>, DecodePath) {
        let software = |reason| DecodePath { decoder: software_decoder(video.codec).0.to_owned(), reason };
        match self {
            Self::Cpu(reason) => (None, software(format!("on the CPU: {reason}"))),
            Self::Gpu(gpu) => match gpu.decoder_for(video) {
                Ok(library) => {
                    let (decoder, reason) = ("NVDEC".to_owned(), format!("on {}", gpu.name));
                    (Some(library), DecodePath { decoder, reason })
                }
                Err(reason) => (None, software(format!("on the CPU, uploaded to {}: {reason}", gpu.name))),
            },
        }
    }
}

impl Gpu {
    /// NVDEC's library if this GPU's decoder takes the video, else why not.
    fn decoder_for(&self, video: &VideoTrack) -> Result<Arc<Library>, String> {
        let library = self.nvdec.as_ref().map_err(|error| super::chain(error))?;
        library.can_decode(&self.device, &video.into()).map_err(|error| super::chain(&error))?;
        Ok(Arc::clone(library))
    }

    /// The tables of a renderer, uploaded once and shared by all lanes.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn tables(&self, renderer: &Renderer) -> Result<Tables, gpu::Error> {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = looks.iter().find(|tables| tables.renderer().is_same(renderer)) {
            return Ok(known.clone());
        }
        let tables = Tables::upload(&self.device, renderer)?;
        looks.truncate(MOST_LOOKS - 1);
        looks.insert(0, tables.clone());
        Ok(tables)
    }

    /// The network for one stage, prepared once and shared by all lanes.
    ///
    /// # Errors
    /// When there is no such stage, or the device fails.
    pub fn model(&self, weights: &Weights, stage: &Stage, eyes: usize) -> Result<Arc<Model>, Error> {
        let size = stage.size();
        let key = (weights.hash(), [size.height, size.width], stage.ratio_is_one(), eyes);
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = models.get(&key) {
            return Ok(Arc::clone(model));
        }
        let name = weights.variant().name();
        let graph = build_graph(weights, size, stage.ratio_is_one()).map_err(|e| Error::model(name, e))?;
        let model = Arc::new(Model::new(&self.device, &graph, eyes, Tiles::Timed)?);
        models.insert(key, Arc::clone(&model));
        Ok(model)
    }
}
