//! From a graph to a plan that may be used: built once, compared once with the CPU engine on each kind of GPU.
//!
//! What was found is kept beside the plan, in `PLAN.GPU.validated`; a plan that differs is refused.
#![forbid(unsafe_code)]

use super::plan_file::{self, PlanKey};
use super::validation::{Agreement, LIMIT, compare};
use super::{Capability, Error, Toolkit, lane_engine};
use crate::engine;
use crate::gpu::Device;
use crate::rvm::graph::Graph;
use crate::rvm::onnx::{OnnxOptions, Precision, write_onnx};
use crate::rvm::{StageSize, Weights};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const RECORD: &str = "validated";

/// A plan in its folder.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The file.
    pub path: PathBuf,
    /// What it is.
    pub key: PlanKey,
    /// What it was built from.
    pub graph: Arc<Graph>,
}

/// Builds the plan for `eyes` of `graph` into `folder`, or takes the one that is there; `building` is called before
/// work that takes a while. A file there that is no such plan is replaced.
///
/// # Errors
/// When the library refuses the network or the GPU, or the folder cannot be written.
pub fn prepare(
    toolkit: &Toolkit,
    (weights, graph): (&Weights, &Arc<Graph>),
    eyes: usize,
    capability: Capability,
    folder: &Path,
    building: &dyn Fn(),
) -> Result<Prepared, Error> {
    capability.check()?;
    let [_, height, width] = graph.shape(graph.ports.src);
    let seen = (StageSize { height, width }, graph.ports.a.is_none());
    let key = PlanKey::new(toolkit.version(), capability, weights, seen, eyes);
    let path = folder.join(key.file_name());
    if plan_file::read_for(&path, &key).is_err() {
        building();
        plan_file::write(folder, &key, &toolkit.build(&onnx(graph, eyes), capability)?)?;
    }
    Ok(Prepared { path, key, graph: Arc::clone(graph) })
}

/// The network as the library gets it.
pub fn onnx(graph: &Graph, eyes: usize) -> Vec<u8> {
    let precision = Precision::Half;
    write_onnx(graph, OnnxOptions { batch: eyes, inner_outputs: false, precision, maps_channels_last: true })
}

/// Whether the plan of `key` lies in `folder`, whole, and was found good on a GPU of this name.
pub fn is_validated(folder: &Path, gpu: &str, key: &PlanKey) -> bool {
    let path = folder.join(key.file_name());
    known(&beside(&path, gpu, RECORD)).is_some() && plan_file::read_for(&path, key).is_ok()
}

impl Prepared {
    /// Compares some frames with the CPU engine, unless that was done on a GPU of this name.
    ///
    /// # Errors
    /// [`Error::Differs`]; when the plan is refused or the device fails.
    pub fn validate(&self, device: &Arc<Device>) -> Result<Agreement, engine::Error> {
        let record = beside(&self.path, &device.name()?, RECORD);
        if let Some(agreement) = known(&record) {
            return Ok(agreement);
        }
        let mut engine = lane_engine(device, self)?;
        let agreement = compare(engine.as_mut(), &self.graph, self.key.eyes)?;
        let text = serde_json::to_vec(&agreement).expect("two numbers are JSON");
        plan_file::store(&record, &[&text])?;
        Ok(agreement)
    }
}

/// What was found when the plan was compared; `None` where it was not, or was compared by a laxer limit.
fn known(record: &Path) -> Option<Agreement> {
    let text = std::fs::read(record).ok()?;
    serde_json::from_slice(&text).ok().filter(|known: &Agreement| known.a <= LIMIT && known.b <= LIMIT)
}

/// A file about a plan on a GPU.
pub(super) fn beside(plan: &Path, gpu: &str, extension: &str) -> PathBuf {
    let name: String = gpu.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    plan.with_extension(format!("{name}.{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::tensorrt::Version;
    use crate::rvm::{Refiner, Variant};

    #[test]
    fn a_plan_is_validated_when_it_is_whole_and_its_record_is_good() {
        let folder = tempfile::tempdir().unwrap();
        let weights = Weights::synthetic(Variant::MobileNetV3, Refiner::Fast);
        let (version, seen) =
            (Version { major: 1, minor: 7, patch: 1 }, (StageSize { height: 45, width: 61 }, false));
        let key = PlanKey::new(version, Capability::new(8, 9), &weights, seen, 2);
        let is = |gpu: &str| is_validated(folder.path(), gpu, &key);
        assert!(!is("GPU"));
        let path = plan_file::write(folder.path(), &key, b"plan").unwrap();
        assert!(!is("GPU"));
        let write = |text: &str| std::fs::write(beside(&path, "GPU", RECORD), text).unwrap();
        for (text, good) in [
            (r#"{"a":0.001,"b":0.002}"#, true),
            (r#"{"a":0.001,"b":0.02}"#, false),
            (r#"{"a":null,"b":0.002}"#, false),
            ("", false),
        ] {
            write(text);
            assert_eq!(is("GPU"), good, "{text}");
        }
        write(r#"{"a":0,"b":0}"#);
        assert!(!is("another GPU"));
        std::fs::write(&path, b"cut").unwrap();
        assert!(!is("GPU"));
    }

    #[test]
    fn records_are_by_gpu() {
        let at = beside(Path::new("engines/x-rtx1.7.1-sm89.plan"), "NVIDIA RTX 4090", RECORD);
        assert_eq!(at, Path::new("engines/x-rtx1.7.1-sm89.NVIDIA-RTX-4090.validated"));
    }
}
