//! From a graph to a plan that may be used: built once, compared once with the CPU engine on each GPU.
//!
//! What was compared is kept beside the plan, in a file `PLAN.GPU.validated`; the plan is refused where it
//! differs.
#![forbid(unsafe_code)]

use super::library::PRODUCT;
use super::plan_file::{self, PlanKey};
use super::{Capability, Error, Toolkit, lane_engine};
use crate::engine::cpu::CpuEngine;
use crate::engine::{self, Engine};
use crate::gpu::Device;
use crate::rvm::Weights;
use crate::rvm::graph::Graph;
use crate::rvm::onnx::{OnnxOptions, Precision, write_onnx};
use crate::tensor::{Coefficients, Tensor};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest relative L2 distance of A and b from the CPU engine's. Halfs cost up to 8e-3 on golden data, on every
/// engine; a wrong layer costs 1e-1 and more.
const LIMIT: f64 = 3e-2;
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

/// How far an engine is from the reference, as relative L2 distances.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Agreement {
    /// Of A; 0 at ratio 1, where there is none.
    pub a: f64,
    /// Of b.
    pub b: f64,
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
    let refiner = graph.ports.a.map_or("none", |_| weights.refiner().name());
    let key = PlanKey {
        product: PRODUCT.to_owned(),
        version: toolkit.version(),
        capability,
        network: weights.variant().name().to_owned(),
        refiner: refiner.to_owned(),
        weights: weights.hash(),
        width,
        height,
        eyes,
    };
    let path = folder.join(key.file_name());
    if plan_file::read_for(&path, &key).is_err() {
        building();
        let precision = Precision::Half;
        let options = OnnxOptions { batch: eyes, inner_outputs: false, precision, maps_channels_last: true };
        plan_file::write(folder, &key, &toolkit.build(&write_onnx(graph, options), capability)?)?;
    }
    Ok(Prepared { path, key, graph: Arc::clone(graph) })
}

/// Whether any plan of this library in `folder` was found good on a GPU of this name.
pub fn is_validated(folder: &Path, gpu: &str, toolkit: &Toolkit) -> bool {
    let plans = plan_file::list(folder).unwrap_or_default();
    plans.iter().any(|(path, key)| {
        let same = key.as_ref().is_ok_and(|key| key.product == PRODUCT && key.version == toolkit.version());
        same && record(path, gpu).is_file()
    })
}

impl Prepared {
    /// Compares one frame with the CPU engine, unless that was done on a GPU of this name.
    ///
    /// # Errors
    /// [`Error::Differs`]; when the plan is refused or the device fails.
    pub fn validate(&self, device: &Arc<Device>) -> Result<Agreement, engine::Error> {
        let record = record(&self.path, &device.name()?);
        let known = std::fs::read(&record).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if let Some(agreement) = known {
            return Ok(agreement);
        }
        let mut engine = lane_engine(device, self)?;
        let agreement = compare(engine.as_mut(), &self.graph, self.key.eyes)?;
        let text = serde_json::to_vec(&agreement).expect("two numbers are JSON");
        plan_file::store(&record, &[&text])?;
        Ok(agreement)
    }
}

/// One frame through both engines.
fn compare(engine: &mut dyn Engine, graph: &Arc<Graph>, eyes: usize) -> Result<Agreement, engine::Error> {
    let mut reference = CpuEngine::new(Arc::clone(graph), eyes)?;
    let frame = frame(graph, eyes);
    let (mut expected, mut got) = (Coefficients::default(), Coefficients::default());
    reference.step(&frame, &mut expected)?;
    engine.reset();
    engine.step(&frame, &mut got)?;
    let a = graph.ports.a.map_or(0.0, |_| distance(&got.a, &expected.a));
    let agreement = Agreement { a, b: distance(&got.b, &expected.b) };
    for (what, got) in [("A", agreement.a), ("b", agreement.b)] {
        if got.is_nan() || got > LIMIT {
            return Err(Error::Differs { what, got, limit: LIMIT }.into());
        }
    }
    Ok(agreement)
}

/// Waves with some noise: a picture without flat parts, where the guided filter would divide noise by noise.
fn frame(graph: &Graph, eyes: usize) -> Tensor {
    let [channels, height, width] = graph.shape(graph.ports.src);
    let mut frame = Tensor::zeros([eyes, channels, height, width]);
    for (at, value) in frame.data.iter_mut().enumerate() {
        let (x, y, plane) = (at % width, at / width % height, at / (width * height));
        let wave = (x as f32 * 0.11 + plane as f32).sin() * (y as f32 * 0.07 + plane as f32 * 0.5).cos();
        let noise = (at as u32).wrapping_mul(2_654_435_761) >> 16;
        *value = 0.5 + 0.3 * wave + 0.2 * (noise as f32 / 65535.0 - 0.5);
    }
    frame
}

/// Relative L2 distance.
fn distance(got: &Tensor, expected: &Tensor) -> f64 {
    if got.shape != expected.shape {
        return f64::INFINITY;
    }
    let square = |value: f64| value * value;
    let pairs = got.data.iter().zip(&expected.data);
    let delta: f64 = pairs.map(|(&got, &expected)| square(f64::from(got) - f64::from(expected))).sum();
    let norm: f64 = expected.data.iter().map(|&value| square(value.into())).sum();
    (delta / norm.max(f64::MIN_POSITIVE)).sqrt()
}

/// Where the comparison on a GPU is kept.
fn record(plan: &Path, gpu: &str) -> PathBuf {
    let name: String = gpu.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    plan.with_extension(format!("{name}.{RECORD}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rvm::{Refiner, StageSize, Variant, build_graph};

    fn graph(refiner: Refiner) -> Arc<Graph> {
        let weights = Weights::synthetic(Variant::MobileNetV3, refiner);
        Arc::new(build_graph(&weights, StageSize { height: 45, width: 61 }, false).unwrap())
    }

    #[test]
    fn an_engine_that_computes_something_else_is_refused() {
        let (deep, fast) = (graph(Refiner::Deep), graph(Refiner::Fast));
        let mut same = CpuEngine::new(Arc::clone(&deep), 2).unwrap();
        assert_eq!(compare(&mut same, &deep, 2).unwrap(), Agreement { a: 0.0, b: 0.0 });
        let mut other = CpuEngine::new(fast, 2).unwrap();
        let error = compare(&mut other, &deep, 2).unwrap_err();
        assert!(matches!(error, engine::Error::TensorRt(Error::Differs { what: "A", .. })), "{error}");
    }

    #[test]
    fn not_a_number_is_no_agreement() {
        let (mut got, expected) = (Tensor::zeros([1, 1, 2, 2]), Tensor::zeros([1, 1, 2, 2]));
        assert_eq!(distance(&got, &expected), 0.0);
        got.data[0] = f32::NAN;
        assert!(distance(&got, &expected).is_nan());
        assert_eq!(distance(&got, &Tensor::zeros([1, 1, 2, 3])), f64::INFINITY);
    }

    #[test]
    fn records_are_by_gpu() {
        let at = record(Path::new("engines/x-rtx1.7.1-sm89.plan"), "NVIDIA RTX 4090");
        assert_eq!(at, Path::new("engines/x-rtx1.7.1-sm89.NVIDIA-RTX-4090.validated"));
    }
}
