//! The loaded library: its version is checked against the headers, what it logs is kept, plans are built.
//!
//! A process holds one library: it is loaded once and never unloaded. Building needs no GPU with TensorRT-RTX.
#![forbid(unsafe_code)]

use super::library::{self, Libraries, PRODUCT, Version};
use super::{Capability, Error};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use trtx::{Builder, LogHandler, Logger, OnnxParser, Severity};

/// Lines of the library's log that are kept for an error message.
const KEPT_LINES: usize = 8;

static LOADED: Mutex<Option<Toolkit>> = Mutex::new(None);
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// TensorRT, loaded and of the right version.
#[derive(Clone, Debug)]
pub struct Toolkit {
    libraries: Libraries,
    version: Version,
}

/// Keeps errors; they come ahead of a null pointer that says nothing. They may come on threads of the library's,
/// so they are kept for all.
struct Keeper;

impl LogHandler for Keeper {
    fn log(&self, severity: Severity, message: &str) {
        if severity > Severity::Error {
            return;
        }
        let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() < KEPT_LINES {
            said.push(message.to_owned());
        }
    }
}

impl Toolkit {
    /// Loads the library at `given`, or one that is found; or gives the one that was loaded before.
    ///
    /// # Errors
    /// When there is none, it cannot be loaded, or it is of another version than this program was built for.
    pub fn load(given: Option<&Path>) -> Result<Self, Error> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(toolkit) = &*loaded {
            return Ok(toolkit.clone());
        }
        let (libraries, version) = library::look(given)?;
        trtx::dynamically_load_tensorrt(Some(&libraries.library)).map_err(failed("loading the library"))?;
        trtx::dynamically_load_tensorrt_onnxparser(Some(&libraries.parser))
            .map_err(failed("loading the ONNX parser"))?;
        let toolkit = Self { libraries, version };
        *loaded = Some(toolkit.clone());
        Ok(toolkit)
    }

    /// Where the libraries lie.
    pub fn libraries(&self) -> &Libraries {
        &self.libraries
    }

    /// Version of the library.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Parses an ONNX model and builds a plan of it for one kind of GPU; a second or two.
    ///
    /// # Errors
    /// [`Error::NotServed`], or what the library says against the model.
    pub fn build(&self, onnx: &[u8], capability: Capability) -> Result<Vec<u8>, Error> {
        capability.check()?;
        forget();
        let logger = logger()?;
        let mut builder = Builder::new(logger).map_err(failed("createInferBuilder"))?;
        // Always strongly typed: precisions are those of the model's tensors.
        let network = builder.create_network(0).map_err(failed("createNetworkV2"))?;
        let mut parser = OnnxParser::new(network, logger).map_err(failed("createNvOnnxParser"))?;
        parser.parse(onnx).map_err(failed("parsing the ONNX model"))?;
        let mut config = builder.create_config().map_err(failed("createBuilderConfig"))?;
        target(&mut config, capability)?;
        let plan = builder.build_serialized_network(parser.network_mut(), &mut config);
        Ok(plan.map_err(failed("buildSerializedNetwork"))?.to_vec())
    }
}

#[cfg(not(feature = "tensorrt-enterprise"))]
fn target(config: &mut trtx::BuilderConfig<'_>, capability: Capability) -> Result<(), Error> {
    use trtx::ComputeCapability as Named;
    let named = match (capability.major, capability.minor) {
        (7, 5) => Named::kSM75,
        (8, 0) => Named::kSM80,
        (8, 6) => Named::kSM86,
        (8, 9) => Named::kSM89,
        (12, 0) => Named::kSM120,
        _ => Named::kSM121,
    };
    config.set_nb_compute_capabilities(1).map_err(failed("setNbComputeCapabilities"))?;
    config.set_compute_capability(named, 0).map_err(failed("setComputeCapability"))
}

/// Enterprise TensorRT builds for the GPU that it runs on, and no other.
#[cfg(feature = "tensorrt-enterprise")]
fn target(_: &mut trtx::BuilderConfig<'_>, _: Capability) -> Result<(), Error> {
    Ok(())
}

/// The one logger: objects of the library keep its address, so it lives as long as the process.
pub(super) fn logger() -> Result<&'static Logger, Error> {
    static LOGGER: OnceLock<Logger> = OnceLock::new();
    if let Some(logger) = LOGGER.get() {
        return Ok(logger);
    }
    let logger = Logger::new(Keeper).map_err(failed("creating a logger"))?;
    Ok(LOGGER.get_or_init(|| logger))
}

/// Forgets what was logged on the way to a failure that was no obstacle.
pub(super) fn forget() {
    SAID.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// Turns the binding's error into ours, with what the library logged.
pub(super) fn failed(call: &'static str) -> impl Fn(trtx::Error) -> Error {
    move |error| {
        let said = std::mem::take(&mut *SAID.lock().unwrap_or_else(PoisonError::into_inner));
        let said = if said.is_empty() { error.to_string() } else { said.join("; ") };
        Error::Call { product: PRODUCT, call, said }
    }
}
