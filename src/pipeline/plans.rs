//! Plans of TensorRT ahead of a run: built for GPUs that need not be here, and checked.
#![forbid(unsafe_code)]

use super::engines::capability;
use super::error::{Error, chain};
use super::input::open_input;
use super::matting::{Models, shown, stage};
use super::settings::Detail;
use crate::engine;
use crate::engine::tensorrt::{Capability, PlanKey, Prepared, Toolkit, library, plan_file, prepare};
use crate::gpu::Device;
use crate::layout::{LayoutChoice, Packing};
use crate::rvm::{StageSize, build_graph};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a plan is built for.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// Eyes of this size as the network sees them; whether that is their own size.
    Size(StageSize, usize, bool),
    /// Those of a video, with the longer side of an eye, and the packing where it is given.
    Video(PathBuf, u32, Option<Packing>),
}

/// Plans to be built.
#[derive(Clone, Debug)]
pub struct PlanOrder {
    /// Weights, by name or file.
    pub model: String,
    /// For which eyes.
    pub seen: Seen,
    /// For which GPUs; those of this machine when empty.
    pub capabilities: Vec<Capability>,
    /// Where plans go.
    pub folder: PathBuf,
    /// The library or its folder; searched when `None`.
    pub tensorrt_lib: Option<PathBuf>,
}

/// Builds the plans, says what it does, and gives where they lie. Where a GPU of this machine is of the kind, the
/// plan is compared with the CPU engine on it.
///
/// # Errors
/// When the library cannot be had or refuses the network, weights or video cannot be read, or a plan differs.
pub fn build_plans(order: &PlanOrder, say: &dyn Fn(&str)) -> Result<Vec<PathBuf>, Error> {
    let here = devices();
    let mut capabilities = order.capabilities.clone();
    if capabilities.is_empty() {
        capabilities.extend(here.iter().map(|device| capability(device)));
        capabilities.sort_unstable();
        capabilities.dedup();
    }
    if capabilities.is_empty() {
        return Err(Error::Usage(
            "no GPU here to build for: say for which with --arch, such as 8.6 (GeForce RTX 30), 8.9 (RTX 40), \
             12.0 (RTX 50)"
                .into(),
        ));
    }
    capabilities.iter().try_for_each(|one| one.check()).map_err(engine::Error::from)?;
    let toolkit = Toolkit::load(order.tensorrt_lib.as_deref()).map_err(engine::Error::from)?;
    let models = Models::default();
    let (_, weights) = models.get(&order.model)?;
    let (size, eyes, full) = seen(order)?;
    let graph = build_graph(&weights, size, full).map_err(|e| Error::model(&order.model, e))?;
    let graph = Arc::new(graph);
    let mut paths = Vec::new();
    for capability in capabilities {
        let building = || say(&format!("building for compute capability {capability}"));
        let prepared = prepare(&toolkit, (&weights, &graph), eyes, capability, &order.folder, &building);
        let prepared = prepared.map_err(engine::Error::from)?;
        validate(&prepared, &here, say)?;
        paths.push(prepared.path);
    }
    Ok(paths)
}

/// On every GPU of this machine that the plan is for.
fn validate(prepared: &Prepared, here: &[Arc<Device>], say: &dyn Fn(&str)) -> Result<(), Error> {
    let wanted = prepared.key.capability;
    let path = prepared.path.display();
    let mut fitting = here.iter().filter(|device| capability(device) == wanted).peekable();
    if fitting.peek().is_none() {
        say(&format!(
            "{path}: ready; not compared with the CPU engine yet, for want of a GPU of compute capability {wanted}"
        ));
    }
    for device in fitting {
        let found = prepared.validate(device)?;
        say(&format!("{path}: A within {:.1e} and b within {:.1e} of the CPU engine's", found.a, found.b));
    }
    Ok(())
}

/// The GPUs that can be opened; plans can be built without any.
fn devices() -> Vec<Arc<Device>> {
    (0..Device::count().unwrap_or(0)).filter_map(|ordinal| Device::open(ordinal).ok()).collect()
}

fn seen(order: &PlanOrder) -> Result<(StageSize, usize, bool), Error> {
    match &order.seen {
        Seen::Size(size, eyes, full) => Ok((*size, *eyes, *full)),
        Seen::Video(path, pixels, packing) => {
            let input = open_input(path, &LayoutChoice { packing: *packing, projection: None })?;
            let eyes = input.layout.packing.eyes(input.video.size);
            // As runs do: a matte that goes round sees more columns.
            let (stage, _) =
                shown(&stage(&order.model, Detail::Pixels(*pixels), &eyes)?, input.layout.projection.edge());
            Ok((stage.size(), eyes.len(), stage.ratio_is_one()))
        }
    }
}

/// A plan that was looked at.
#[derive(Debug)]
pub struct LookedAt {
    /// The file.
    pub path: PathBuf,
    /// What it is; or what is wrong with it.
    pub found: Result<PlanKey, String>,
}

/// What lies in a folder of plans.
///
/// # Errors
/// When the folder cannot be read.
pub fn list_plans(folder: &Path) -> Result<Vec<LookedAt>, Error> {
    let all = plan_file::list(folder).map_err(engine::Error::from)?;
    let looked_at = |(path, found): (PathBuf, Result<PlanKey, _>)| LookedAt {
        path,
        found: found.map_err(|error| chain(&error)),
    };
    Ok(all.into_iter().map(looked_at).collect())
}

/// Checks plans: whole, under their names, and of the library that is found. Says which library that is, or why there is none.
pub fn check_plans(paths: &[PathBuf], tensorrt_lib: Option<&Path>) -> (String, Vec<LookedAt>) {
    let found = library::look(tensorrt_lib);
    let said = match &found {
        Ok((libraries, version)) => {
            format!("{} {version} at {}", library::PRODUCT, libraries.library.display())
        }
        Err(error) => chain(error),
    };
    let check = |path: &PathBuf| {
        let (key, _) = plan_file::read(path).map_err(|error| chain(&error))?;
        match &found {
            Ok((_, version)) if (key.product.as_str(), key.version) != (library::PRODUCT, *version) => {
                Err(format!(
                    "{}: built by {} {}, found is {said}; build it again",
                    path.display(),
                    key.product,
                    key.version
                ))
            }
            // Found by its name only, so under another it lies there for nothing.
            _ if path.file_name() != Some(key.file_name().as_ref()) => {
                Err(format!("{}: not found by a run, which looks for {}", path.display(), key.file_name()))
            }
            _ => Ok(key),
        }
    };
    let plans = paths.iter().map(|path| LookedAt { path: path.clone(), found: check(path) }).collect();
    (said.clone(), plans)
}
