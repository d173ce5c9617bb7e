//! One step of the network on the processor, two eyes, both variants with synthetic weights.
//!
//! Times are of a step with carried state. The comparison with onnxruntime on the same model is
//! `network_vs_onnxruntime.py`.
#![allow(missing_docs, reason = "criterion's macro writes a public function")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use vrpipe::engine::Engine;
use vrpipe::engine::cpu::CpuEngine;
use vrpipe::rvm::{Refiner, StageSize, Variant, Weights, build_graph};
use vrpipe::tensor::{Coefficients, Tensor};

const EYES: usize = 2;

fn step(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("network");
    group.sample_size(10);
    for variant in Variant::ALL {
        let weights = Weights::synthetic(variant, Refiner::Deep);
        for (height, width) in [(288, 352), (512, 512)] {
            let graph = build_graph(&weights, StageSize { height, width }, false).expect("a valid size");
            let mut engine = CpuEngine::new(Arc::new(graph), EYES).expect("a sound graph");
            let len = EYES * 3 * height * width;
            let data = (0..len).map(|i| (i * 7919 % 251) as f32 / 250.0).collect();
            let src = Tensor::from_vec([EYES, 3, height, width], data);
            let mut out = Coefficients::default();
            let id = BenchmarkId::new(variant.name(), format!("{EYES}x{height}x{width}"));
            group.bench_function(id, |bencher| {
                bencher.iter(|| engine.step(black_box(&src), &mut out).expect("the shape is right"));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
