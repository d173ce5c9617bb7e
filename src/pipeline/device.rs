//! Which device a run works on, and what its lanes share there.
#![forbid(unsafe_code)]

use super::error::Error;
use crate::engine::native::{Model, Tiles};
use crate::gpu::nvdec::Library;
use crate::gpu::{self, Device};
use crate::media::VideoTrack;
use crate::rvm::{Stage, Weights, build_graph};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A device to work on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DeviceChoice {
    /// The first GPU that works, else the CPU.
    #[default]
    Auto,
    /// The CPU, whatever GPUs there are.
    Cpu,
    /// This GPU or none.
    Cuda(usize),
}

/// Identifies a model on a device: weights, stage, eyes.
type ModelKey = (String, [usize; 2], bool, usize);

/// A GPU with what all lanes on it share.
pub struct Gpu {
    /// The device.
    pub device: Arc<Device>,
    /// Its name, as the driver says.
    pub name: String,
    nvdec: Result<Arc<Library>, gpu::nvdec::Error>,
    models: Mutex<HashMap<ModelKey, Arc<Model>>>,
}

/// The outcome of looking for a device.
pub enum Found {
    /// Work is done on a GPU.
    Gpu(Box<Gpu>),
    /// Work is done on the CPU, for this reason.
    Cpu(String),
}

impl Found {
    /// Looks for the device.
    ///
    /// # Errors
    /// When a GPU was asked for by number and cannot be had.
    pub fn new(choice: DeviceChoice) -> Result<Self, Error> {
        let ordinal = match choice {
            DeviceChoice::Cpu => return Ok(Self::Cpu("the CPU was asked for".to_owned())),
            DeviceChoice::Auto => 0,
            DeviceChoice::Cuda(ordinal) => ordinal,
        };
        let opened = Device::open(ordinal).and_then(|device| Ok((device.name()?, device)));
        match (opened, choice) {
            (Ok((name, device)), _) => Ok(Self::Gpu(Box::new(Gpu {
                device,
                name,
                nvdec: Library::load(),
                models: Mutex::default(),
            }))),
            (Err(error), DeviceChoice::Auto) => Ok(Self::Cpu(super::chain(&error))),
            (Err(source), _) => Err(Error::Device { name: format!("cuda:{ordinal}"), source }),
        }
    }
}

impl Gpu {
    /// NVDEC's library if this GPU's decoder takes the video, else why not.
    pub fn decoder_for(&self, video: &VideoTrack) -> Result<Arc<Library>, String> {
        let library = self.nvdec.as_ref().map_err(|error| super::chain(error))?;
        library.can_decode(&self.device, &video.into()).map_err(|error| super::chain(&error))?;
        Ok(Arc::clone(library))
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
