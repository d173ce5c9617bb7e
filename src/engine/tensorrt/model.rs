//! A plan with what its lanes need to know: shapes, the GPU, the cache of kernels that were compiled for it.

use super::toolkit::failed;
use super::{Error, PlanKey, plan_file};
#[cfg(not(feature = "tensorrt-enterprise"))]
use super::{prepare, toolkit};
use crate::engine;
use crate::gpu::Device;
use crate::rvm::StageSize;
use crate::rvm::graph::Graph;
use std::path::Path;
#[cfg(not(feature = "tensorrt-enterprise"))]
use std::path::PathBuf;
use std::sync::Arc;
use trtx::{CudaEngine, RuntimeConfig};

/// Kernels that the library has compiled for this GPU.
#[cfg(not(feature = "tensorrt-enterprise"))]
pub(super) type Cache = Arc<trtx::RuntimeCache>;
/// There is none: plans hold compiled kernels.
#[cfg(feature = "tensorrt-enterprise")]
pub(super) type Cache = ();

/// How contexts run, and what they compile.
type Configured = (RuntimeConfig<'static>, Cache);

/// A larger cache slows loading down more than it saves (release notes of TensorRT-RTX 1.0).
#[cfg(not(feature = "tensorrt-enterprise"))]
const MAX_CACHE_BYTES: u64 = 100 << 20;

/// A plan on a GPU, shared by its lanes.
pub struct Model {
    device: Arc<Device>,
    key: PlanKey,
    plan: Vec<u8>,
    states: [[usize; 3]; 4],
    has_slope: bool,
    /// Kernels compiled for this GPU.
    #[cfg(not(feature = "tensorrt-enterprise"))]
    cache: PathBuf,
}

impl Model {
    /// Reads the plan of `key` at `path`; `graph` is what it was built from.
    ///
    /// # Errors
    /// When it is no such plan, or cannot be read.
    pub fn read(
        device: &Arc<Device>,
        path: &Path,
        key: PlanKey,
        graph: &Graph,
    ) -> Result<Self, engine::Error> {
        let plan = plan_file::read_for(path, &key)?;
        let states = graph.ports.state_in.map(|id| graph.shape(id));
        let has_slope = graph.ports.a.is_some();
        Ok(Self {
            // The library takes back what it compiled for the very same model of GPU only.
            #[cfg(not(feature = "tensorrt-enterprise"))]
            cache: prepare::beside(path, &device.name()?, "cache"),
            device: Arc::clone(device),
            key,
            plan,
            states,
            has_slope,
        })
    }

    pub(super) fn device(&self) -> &Arc<Device> {
        &self.device
    }

    pub(super) fn plan(&self) -> &[u8] {
        &self.plan
    }

    pub(super) fn eyes(&self) -> usize {
        self.key.eyes
    }

    pub(super) fn stage_size(&self) -> StageSize {
        StageSize { height: self.key.height, width: self.key.width }
    }

    /// Of all eyes.
    pub(super) fn pixels(&self) -> usize {
        self.key.eyes * self.key.height * self.key.width
    }

    pub(super) fn states(&self) -> [[usize; 3]; 4] {
        self.states
    }

    pub(super) fn state_lengths(&self) -> [usize; 4] {
        self.states.map(|[c, h, w]| self.key.eyes * c * h * w)
    }

    pub(super) fn has_slope(&self) -> bool {
        self.has_slope
    }
}

#[cfg(not(feature = "tensorrt-enterprise"))]
impl Model {
    /// How contexts are to run: as CUDA graphs, kernels specialised at once, with the cache of earlier runs.
    pub(super) fn configure(&self, engine: &mut CudaEngine<'static>) -> Result<Configured, Error> {
        use trtx::{CudaGraphStrategy, DynamicShapesKernelSpecializationStrategy as Specialization};
        let mut config = engine.create_runtime_config().map_err(failed("createRuntimeConfig"))?;
        config.set_dynamic_shapes_kernel_specialization_strategy(Specialization::kEAGER);
        config
            .set_cuda_graph_strategy(CudaGraphStrategy::kWHOLE_GRAPH_CAPTURE)
            .map_err(failed("setCudaGraphStrategy"))?;
        let cache = config.create_runtime_cache().map_err(failed("createRuntimeCache"))?;
        // A cache of another GPU, driver or version is refused; then kernels are compiled anew.
        let known = std::fs::metadata(&self.cache).is_ok_and(|file| file.len() <= MAX_CACHE_BYTES);
        if let (true, Ok(bytes)) = (known, std::fs::read(&self.cache))
            && cache.deserialize(&bytes).is_err()
        {
            cache.reset().map_err(failed("IRuntimeCache::reset"))?;
            toolkit::forget();
        }
        let cache = Arc::new(cache);
        config.set_runtime_cache(Arc::clone(&cache)).map_err(failed("setRuntimeCache"))?;
        Ok((config, cache))
    }

    /// Keeps what was compiled, for the next run.
    pub(super) fn keep_cache(&self, cache: &Cache) -> Result<(), Error> {
        let compiled = cache.serialize().map_err(failed("IRuntimeCache::serialize"))?;
        let kept = std::fs::read(&self.cache);
        if kept.is_ok_and(|kept| kept == compiled[..]) {
            return Ok(());
        }
        // A folder that cannot be written to costs time in the next run, and nothing else.
        match plan_file::store(&self.cache, &[&compiled]) {
            Err(Error::Io { .. }) => Ok(()),
            stored => stored,
        }
    }
}

#[cfg(feature = "tensorrt-enterprise")]
impl Model {
    /// How contexts are to run: as the library sees fit.
    pub(super) fn configure(&self, engine: &mut CudaEngine<'static>) -> Result<Configured, Error> {
        Ok((engine.create_runtime_config().map_err(failed("createRuntimeConfig"))?, ()))
    }

    /// Nothing to keep.
    pub(super) fn keep_cache(&self, (): &Cache) -> Result<(), Error> {
        Ok(())
    }
}
