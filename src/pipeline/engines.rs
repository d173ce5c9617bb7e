//! Which engine runs the network, and its plans: what was asked for against what this machine has.
#![forbid(unsafe_code)]

use super::device::{Found, Gpu, ModelKey};
use super::error::{Error, chain};
use super::settings::Settings;
use crate::engine::DeviceEngine;
use crate::engine::native::NativeEngine;
use crate::engine::tensorrt::{self, Capability, PlanKey, Prepared, Toolkit, is_validated, lane_engine};
use crate::gpu::Device;
use crate::rvm::locate::DEFAULT_FOLDER;
use crate::rvm::{Stage, Weights, build_graph};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// What runs the network, as asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EngineChoice {
    /// TensorRT where it was found good on this machine, else our own on the GPU, else the CPU.
    #[default]
    Auto,
    /// TensorRT, or nothing.
    TensorRt,
    /// Our own, on a GPU.
    Native,
    /// The CPU.
    Cpu,
}

/// An engine as asked for, and where its library lies.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EngineSettings {
    /// Which.
    pub choice: EngineChoice,
    /// TensorRT's library or its folder; searched when `None`.
    pub tensorrt_lib: Option<PathBuf>,
}

/// What runs networks on a GPU.
pub enum GpuEngine {
    /// Our own kernels.
    Native,
    /// TensorRT.
    TensorRt {
        /// The library.
        toolkit: Toolkit,
        /// It was asked for; otherwise it runs what it was found good at before, and our own kernels run the rest.
        always: bool,
    },
}

/// A network as a lane sees it: weights, stage, eyes.
type Seen<'a> = (&'a Weights, &'a Stage, usize);

fn key_of((weights, stage, eyes): Seen<'_>) -> ModelKey {
    let size = stage.size();
    (weights.hash(), [size.height, size.width], stage.ratio_is_one(), eyes)
}

/// Folder of plans.
pub fn plan_folder() -> &'static Path {
    Path::new(DEFAULT_FOLDER)
}

/// The kind of a GPU.
pub fn capability(device: &Device) -> Capability {
    let (major, minor) = device.compute_capability();
    Capability::new(major.unsigned_abs(), minor.unsigned_abs())
}

/// The engine for a GPU, and what is to be said of the choice.
///
/// # Errors
/// When TensorRT was asked for and cannot be had.
pub(super) fn choose(
    settings: &EngineSettings,
    capability: Capability,
) -> Result<(GpuEngine, Option<String>), tensorrt::Error> {
    let toolkit = || {
        if !tensorrt::BUILT {
            return Err(tensorrt::Error::NotBuilt);
        }
        // Before the library is looked for: none would help.
        capability.check()?;
        Toolkit::load(settings.tensorrt_lib.as_deref())
    };
    match settings.choice {
        EngineChoice::TensorRt => Ok((GpuEngine::TensorRt { toolkit: toolkit()?, always: true }, None)),
        EngineChoice::Auto => Ok(match toolkit() {
            Ok(toolkit) => (GpuEngine::TensorRt { toolkit, always: false }, None),
            // Not what anybody who has not installed it wants to hear of.
            Err(tensorrt::Error::NotBuilt) => (GpuEngine::Native, None),
            Err(tensorrt::Error::NoLibrary { .. }) if settings.tensorrt_lib.is_none() => {
                (GpuEngine::Native, None)
            }
            Err(error) => instead(&error),
        }),
        EngineChoice::Native | EngineChoice::Cpu => Ok((GpuEngine::Native, None)),
    }
}

fn instead(error: &tensorrt::Error) -> (GpuEngine, Option<String>) {
    (GpuEngine::Native, Some(native_instead(error)))
}

fn native_instead(error: &tensorrt::Error) -> String {
    format!("{}; the native engine is used", chain(error))
}

/// With GPUs of different kinds the bytes of an output would depend on which of them did a segment: TensorRT is left
/// out where it was not asked for.
pub(super) fn one_for_all(devices: &mut [Found]) {
    let mut gpus: Vec<&mut Gpu> = devices
        .iter_mut()
        .filter_map(|found| match found {
            Found::Gpu(gpu) => Some(&mut **gpu),
            Found::Cpu(_) => None,
        })
        .collect();
    let names: BTreeSet<&str> = gpus.iter().map(|gpu| gpu.name.as_str()).collect();
    if names.len() < 2 {
        return;
    }
    for gpu in &mut gpus {
        if matches!(gpu.engine, GpuEngine::TensorRt { always: false, .. }) {
            gpu.engine = GpuEngine::Native;
            let why = "the GPUs here are of different kinds; the native engine is used on all of them";
            gpu.notes.push(why.to_owned());
        }
    }
}

impl Gpu {
    /// The library, where TensorRT runs this network.
    fn tensorrt_for(&self, seen: Seen<'_>) -> Option<&Toolkit> {
        match &self.engine {
            GpuEngine::Native => None,
            GpuEngine::TensorRt { toolkit, always: true } => Some(toolkit),
            GpuEngine::TensorRt { toolkit, always: false } => {
                let mut known = self.validated.lock().unwrap_or_else(PoisonError::into_inner);
                // Once and for all: the identity of an output tells what was found.
                let look = || is_validated(plan_folder(), &self.name, &self.plan_key(toolkit, seen));
                known.entry(key_of(seen)).or_insert_with(look).then_some(toolkit)
            }
        }
    }

    fn plan_key(&self, toolkit: &Toolkit, (weights, stage, eyes): Seen<'_>) -> PlanKey {
        let size = (stage.size(), stage.ratio_is_one());
        PlanKey::new(toolkit.version(), capability(&self.device), weights, size, eyes)
    }

    /// An engine for a lane.
    ///
    /// # Errors
    /// When there is no such stage, a plan is refused, or the device fails.
    pub fn lane_engine(
        &self,
        weights: &Weights,
        stage: &Stage,
        eyes: usize,
    ) -> Result<Box<dyn DeviceEngine>, Error> {
        match self.tensorrt_for((weights, stage, eyes)) {
            None => Ok(Box::new(NativeEngine::new(&self.model(weights, stage, eyes)?)?)),
            Some(toolkit) => {
                let prepared = self.prepared(toolkit, (weights, stage, eyes), &|_| {})?;
                Ok(lane_engine(&self.device, &prepared)?)
            }
        }
    }

    /// The plan for one stage, built and compared with the CPU engine once; `say` is told before that.
    fn prepared(
        &self,
        toolkit: &Toolkit,
        seen: Seen<'_>,
        say: &dyn Fn(&str),
    ) -> Result<Arc<Prepared>, Error> {
        let mut known = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let key = key_of(seen);
        if let Some(prepared) = known.get(&key) {
            return Ok(Arc::clone(prepared));
        }
        let (weights, stage, eyes) = seen;
        let graph = build_graph(weights, stage.size(), stage.ratio_is_one())
            .map_err(|e| Error::model(weights.variant().name(), e))?;
        let building = || {
            let what = self.plan_key(toolkit, seen).describe();
            say(&format!("building an engine in {}: {what}", plan_folder().display()));
        };
        let recipe = (weights, &Arc::new(graph));
        let prepared =
            tensorrt::prepare(toolkit, recipe, eyes, capability(&self.device), plan_folder(), &building);
        let prepared = Arc::new(prepared.map_err(crate::engine::Error::from)?);
        prepared.validate(&self.device)?;
        known.insert(key, Arc::clone(&prepared));
        Ok(prepared)
    }
}

impl Found {
    /// What runs this network, for people and for the identity of outputs.
    pub(super) fn engine_for(&self, weights: &Weights, stage: &Stage, eyes: usize) -> &'static str {
        match self {
            Self::Cpu(_) => "CPU",
            Self::Gpu(gpu) if gpu.tensorrt_for((weights, stage, eyes)).is_some() => {
                tensorrt::library::PRODUCT
            }
            Self::Gpu(_) => "native CUDA",
        }
    }

    /// Readies the network of a matte for all lanes: with TensorRT, plans that are missing are built now.
    ///
    /// # Errors
    /// As [`Gpu::lane_engine`].
    pub(super) fn ready(
        &self,
        weights: &Weights,
        stage: &Stage,
        eyes: usize,
        say: &dyn Fn(&str),
    ) -> Result<(), Error> {
        let Self::Gpu(gpu) = self else { return Ok(()) };
        let GpuEngine::TensorRt { toolkit, .. } = &gpu.engine else { return Ok(()) };
        let seen = (weights, stage, eyes);
        if let Some(toolkit) = gpu.tensorrt_for(seen) {
            gpu.prepared(toolkit, seen, say)?;
        } else {
            let plan = gpu.plan_key(toolkit, seen).describe();
            say(&native_instead(&tensorrt::Error::NotValidated { plan }));
        }
        Ok(())
    }
}

/// Whether the choice of an engine fits the devices that were found.
///
/// # Errors
/// [`Error::Usage`], when an engine of a GPU was asked for and there is none.
pub(super) fn fits(settings: &Settings, devices: &[Found]) -> Result<(), Error> {
    let name = match settings.engine.choice {
        EngineChoice::Auto | EngineChoice::Cpu => return Ok(()),
        EngineChoice::TensorRt => "tensorrt",
        EngineChoice::Native => "native",
    };
    match &devices[0] {
        Found::Gpu(_) => Ok(()),
        Found::Cpu(why) => Err(Error::NoGpu { what: format!("--engine {name}"), why: why.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(
        choice: EngineChoice,
        lib: Option<&str>,
        capability: (u32, u32),
    ) -> Result<(GpuEngine, Option<String>), tensorrt::Error> {
        let settings = EngineSettings { choice, tensorrt_lib: lib.map(PathBuf::from) };
        choose(&settings, Capability::new(capability.0, capability.1))
    }

    #[cfg(all(feature = "tensorrt", not(feature = "tensorrt-enterprise")))]
    #[test]
    fn hopper_is_refused_when_asked_for_and_passed_over_by_auto() {
        let error = choice(EngineChoice::TensorRt, None, (9, 0)).err().unwrap();
        assert!(matches!(error, tensorrt::Error::NotServed { .. }), "{error}");
        let (engine, note) = choice(EngineChoice::Auto, None, (9, 0)).unwrap();
        let note = note.unwrap();
        assert!(matches!(engine, GpuEngine::Native) && note.contains("compute capability 9.0"), "{note}");
        assert!(note.ends_with("the native engine is used"), "{note}");
    }

    #[cfg(feature = "tensorrt")]
    #[test]
    fn a_library_that_is_named_and_missing_is_told() {
        let missing = |error| matches!(error, tensorrt::Error::NoLibrary { .. });
        assert!(missing(choice(EngineChoice::TensorRt, Some("/nowhere"), (8, 9)).err().unwrap()));
        let (engine, note) = choice(EngineChoice::Auto, Some("/nowhere"), (8, 9)).unwrap();
        assert!(matches!(engine, GpuEngine::Native) && note.unwrap().contains("/nowhere"));
    }

    #[cfg(not(feature = "tensorrt"))]
    #[test]
    fn a_program_without_tensorrt_says_so_when_asked_for_it() {
        let error = choice(EngineChoice::TensorRt, None, (8, 9)).err().unwrap();
        assert!(error.to_string().contains("built without TensorRT"), "{error}");
        assert!(matches!(choice(EngineChoice::Auto, None, (8, 9)), Ok((GpuEngine::Native, None))));
    }

    #[test]
    fn the_native_engine_needs_no_questions() {
        assert!(matches!(choice(EngineChoice::Native, None, (8, 9)), Ok((GpuEngine::Native, None))));
    }
}
