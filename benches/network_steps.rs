//! Steps of the CPU engine on request, for the comparison with onnxruntime.
//!
//! usage: network_steps VARIANT HEIGHT WIDTH EYES THREADS MODEL.onnx
//!
//! Writes the network, synthetic weights and all, to MODEL.onnx and prints `ready`; then runs one
//! step for each line on stdin and prints the milliseconds it took. The other side of the
//! conversation is `network_vs_onnxruntime.py`, which lets two engines take turns.

use std::io::BufRead;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use vrpipe::engine::Engine;
use vrpipe::engine::cpu::CpuEngine;
use vrpipe::rvm::onnx::{OnnxOptions, write_onnx};
use vrpipe::rvm::{Refiner, StageSize, Variant, Weights, build_graph};
use vrpipe::tensor::{Coefficients, Tensor};

fn main() -> anyhow::Result<()> {
    // `cargo bench` adds an argument of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [variant, height, width, eyes, threads, model] = args.as_slice() else {
        if args.is_empty() {
            println!("network_steps: nothing to do without arguments, see network_vs_onnxruntime.py");
            return Ok(());
        }
        bail!("six arguments are needed");
    };
    let variant: Variant = variant.parse()?;
    let [height, width, eyes, threads] = [height, width, eyes, threads].map(|arg| arg.parse::<usize>());
    let (height, width, eyes, threads) = (height?, width?, eyes?, threads?);
    let weights = Weights::synthetic(variant, Refiner::Deep);
    let graph = build_graph(&weights, StageSize { height, width }, false)?;
    std::fs::write(
        model,
        write_onnx(&graph, OnnxOptions { batch: eyes, inner_outputs: false, ..OnnxOptions::default() }),
    )
    .with_context(|| model.clone())?;

    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let mut engine = CpuEngine::new(Arc::new(graph), eyes)?;
    let data = (0..eyes * 3 * height * width).map(|i| (i * 7919 % 251) as f32 / 250.0).collect();
    let src = Tensor::from_vec([eyes, 3, height, width], data);
    let mut out = Coefficients::default();
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        line?;
        let start = Instant::now();
        pool.install(|| engine.step(&src, &mut out))?;
        println!("{:.3}", start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}
