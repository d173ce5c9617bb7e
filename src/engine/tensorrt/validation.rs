//! Whether an engine computes what the CPU engine does: some frames through both, A and b compared.
//!
//! The second frame takes states from the first across the two contexts of a TensorRT engine, the third takes them
//! back. The frames show a drawn person: on pictures of nothing, such as waves or noise, the trained network is
//! unstable, and halfs alone are up to 4e-2 off after three frames (seen with onnxruntime).
#![forbid(unsafe_code)]

use super::Error;
use crate::engine::cpu::CpuEngine;
use crate::engine::{self, Engine};
use crate::rvm::graph::Graph;
use crate::tensor::{Coefficients, Tensor};
use std::sync::Arc;

/// Largest relative L2 distance of A and b from the CPU engine's. It is what halfs may cost on golden data, where the
/// native engine is 7.3e-3 off at most and this very ONNX in onnxruntime 4.9e-3 (README). On the frames compared here
/// onnxruntime is 2.4e-3 off at most (tests/onnx.rs).
pub const LIMIT: f64 = 1e-2;
/// Frames that are compared.
pub const FRAMES: usize = 3;

/// How far an engine is from the reference, as relative L2 distances.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Agreement {
    /// Of A; 0 at ratio 1, where there is none.
    pub a: f64,
    /// Of b.
    pub b: f64,
}

/// Some frames through both engines.
pub(super) fn compare(
    engine: &mut dyn Engine,
    graph: &Arc<Graph>,
    eyes: usize,
) -> Result<Agreement, engine::Error> {
    let mut reference = CpuEngine::new(Arc::clone(graph), eyes)?;
    let (mut expected, mut got) = (Coefficients::default(), Coefficients::default());
    let mut agreement = Agreement { a: 0.0, b: 0.0 };
    engine.reset();
    for index in 0..FRAMES {
        let frame = frame(graph, eyes, index);
        reference.step(&frame, &mut expected)?;
        engine.step(&frame, &mut got)?;
        let a = graph.ports.a.map_or(0.0, |_| distance(&got.a, &expected.a));
        let b = distance(&got.b, &expected.b);
        for (what, got) in [("A", a), ("b", b)] {
            if got.is_nan() || got > LIMIT {
                return Err(Error::Differs { what, got, limit: LIMIT }.into());
            }
        }
        agreement = Agreement { a: agreement.a.max(a), b: agreement.b.max(b) };
    }
    Ok(agreement)
}

/// A drawn person before a wall, who moves to the right by two pixels a frame. Some noise is part of the picture: where
/// it is flat, the fast guided filter would divide noise by noise.
pub fn frame(graph: &Graph, eyes: usize, index: usize) -> Tensor {
    let [channels, height, width] = graph.shape(graph.ports.src);
    let mut frame = Tensor::zeros([eyes, channels, height, width]);
    let (rows, columns) = (height as f32, width as f32);
    for (at, value) in frame.data.iter_mut().enumerate() {
        let (x, y, plane) = (at % width, at / width % height, at / (width * height));
        let noise = (x.wrapping_sub(2 * index)).wrapping_add(8191 * y).wrapping_add(131_071 * plane);
        let noise = ((noise as u32).wrapping_mul(2_654_435_761) >> 16) as f32 / 65535.0 - 0.5;
        // In heights of the picture, from its middle column and its top.
        let across = (x as f32 - 2.0 * index as f32 - columns / 2.0) / rows;
        let colour = colour(across, y as f32 / rows)[plane % channels];
        *value = (colour + 0.1 * noise).clamp(0.0, 1.0);
    }
    frame
}

fn colour(x: f32, y: f32) -> [f32; 3] {
    let oval = |centre: f32, half_width: f32, half_height: f32| {
        (x / half_width).powi(2) + ((y - centre) / half_height).powi(2) < 1.0
    };
    let neck = x.abs() < 0.07 && (0.45..0.65).contains(&y);
    if oval(0.27, 0.165, 0.19) && y < 0.25 {
        [0.2, 0.13, 0.1]
    } else if neck || oval(0.33, 0.15, 0.2) {
        [0.85, 0.65, 0.55].map(|skin| skin * (1.0 - 2.0 * x.abs()))
    } else if oval(1.02, 0.36, 0.47) {
        [0.25, 0.2, 0.4].map(|cloth| cloth + 0.1 * (40.0 * x).sin() * (30.0 * y).sin())
    } else {
        [0.3 + 0.3 * y, 0.4 + 0.2 * (3.0 * x).sin(), 0.5 - 0.2 * y]
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rvm::{Refiner, StageSize, Variant, Weights, build_graph};

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
}
