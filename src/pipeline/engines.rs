//! Which engine runs the network, and its plans: what was asked for against what this machine has.
#![forbid(unsafe_code)]

use super::device::{Found, Gpu};
use super::error::{Error, chain};
use super::plan::MattePlan;
use super::settings::Settings;
use crate::engine::DeviceEngine;
use crate::engine::native::NativeEngine;
use crate::engine::tensorrt::{self, Capability, Prepared, Toolkit, is_validated, lane_engine};
use crate::gpu::Device;
use crate::rvm::locate::DEFAULT_FOLDER;
use crate::rvm::{Stage, Weights, build_graph};
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

/// What runs the network on a GPU.
pub enum GpuEngine {
    /// Our own kernels.
    Native,
    /// TensorRT.
    TensorRt(Toolkit),
}

impl GpuEngine {
    /// For people, and for the identity of outputs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Native => "native CUDA",
            Self::TensorRt(_) => tensorrt::library::PRODUCT,
        }
    }
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
    gpu: &str,
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
        EngineChoice::TensorRt => Ok((GpuEngine::TensorRt(toolkit()?), None)),
        EngineChoice::Auto => Ok(match toolkit() {
            Ok(toolkit) if is_validated(plan_folder(), gpu, &toolkit) => (GpuEngine::TensorRt(toolkit), None),
            Ok(_) => instead(&tensorrt::Error::NotValidated),
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
    (GpuEngine::Native, Some(format!("{}; the native engine is used", chain(error))))
}

impl Gpu {
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
        match &self.engine {
            GpuEngine::Native => Ok(Box::new(NativeEngine::new(&self.model(weights, stage, eyes)?)?)),
            GpuEngine::TensorRt(toolkit) => {
                let prepared = self.prepared(toolkit, (weights, stage, eyes), &|_| {})?;
                Ok(lane_engine(&self.device, &prepared)?)
            }
        }
    }

    /// The plan for one stage, built and compared with the CPU engine once; `say` is told before that.
    fn prepared(
        &self,
        toolkit: &Toolkit,
        (weights, stage, eyes): (&Weights, &Stage, usize),
        say: &dyn Fn(&str),
    ) -> Result<Arc<Prepared>, Error> {
        let size = stage.size();
        let key = (weights.hash(), [size.height, size.width], stage.ratio_is_one(), eyes);
        let mut known = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = known.get(&key) {
            return Ok(Arc::clone(prepared));
        }
        let name = weights.variant().name();
        let graph = build_graph(weights, size, stage.ratio_is_one()).map_err(|e| Error::model(name, e))?;
        let text = format!(
            "building a {} engine for {name}, {eyes} x {}x{}; it is kept in {}",
            self.engine.name(),
            size.width,
            size.height,
            plan_folder().display()
        );
        let recipe = (weights, &Arc::new(graph));
        let capability = capability(&self.device);
        let prepared = tensorrt::prepare(toolkit, recipe, eyes, capability, plan_folder(), &|| say(&text));
        let prepared = Arc::new(prepared.map_err(crate::engine::Error::from)?);
        prepared.validate(&self.device)?;
        known.insert(key, Arc::clone(&prepared));
        Ok(prepared)
    }
}

impl Found {
    /// Readies the network of a matte for all lanes: with TensorRT, plans that are missing are built now.
    ///
    /// # Errors
    /// As [`Gpu::lane_engine`].
    pub(super) fn ready(
        &self,
        (matte, stage): (&MattePlan, &Stage),
        weights: &Weights,
        eyes: usize,
        say: &dyn Fn(&str),
    ) -> Result<(), Error> {
        if let (Self::Gpu(gpu), MattePlan::Network { .. }) = (self, matte)
            && let GpuEngine::TensorRt(toolkit) = &gpu.engine
        {
            gpu.prepared(toolkit, (weights, stage, eyes), say)?;
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
        choose(&settings, "a GPU", Capability::new(capability.0, capability.1))
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
