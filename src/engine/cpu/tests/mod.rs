//! The operators against the reference and by hand, the plan, and the walk over whole networks.

mod by_hand;
mod operators;
mod walk;

use std::sync::Arc;

use super::reference;
use super::walk::CpuEngine;
use crate::engine::Engine;
use crate::rvm::graph::{ConvId, ConvWeights, Graph, Node, Op, Ports, Value, ValueId};
use crate::tensor::{Coefficients, Tensor};

/// A graph grown by hand: source, four states of one pixel that pass through an addition, and
/// whatever nodes a test adds.
struct Sketch {
    graph: Graph,
}

impl Sketch {
    /// `inputs[0]` takes the source's place, so it needs not have three channels.
    fn new(src: [usize; 3]) -> Self {
        let ports = Ports {
            src: ValueId(0),
            state_in: [1, 2, 3, 4].map(ValueId),
            state_out: [5, 6, 7, 8].map(ValueId),
            hid: ValueId(5),
            mat: ValueId(5),
            a: None,
            b: ValueId(5),
        };
        let graph = Graph { values: Vec::new(), nodes: Vec::new(), convs: Vec::new(), ports };
        let mut sketch = Self { graph };
        sketch.value(src);
        (0..4).for_each(|_| _ = sketch.value([1, 1, 1]));
        for i in 1..5 {
            sketch.node(Op::Add, &[ValueId(i), ValueId(i)], [1, 1, 1]);
        }
        sketch
    }

    fn value(&mut self, shape: [usize; 3]) -> ValueId {
        let id = ValueId(self.graph.values.len());
        self.graph.values.push(Value { name: format!("v{}", id.0), shape });
        id
    }

    fn node(&mut self, op: Op, inputs: &[ValueId], shape: [usize; 3]) -> ValueId {
        let output = self.value(shape);
        self.graph.nodes.push(Node { op, inputs: inputs.to_vec(), output });
        output
    }

    fn conv(&mut self, weights: ConvWeights) -> ConvId {
        self.graph.convs.push(weights);
        ConvId(self.graph.convs.len() - 1)
    }

    /// Runs one step and gives `id`.
    fn run(&self, src: &Tensor, id: ValueId) -> Tensor {
        let graph = Arc::new(self.graph.clone());
        let mut engine = CpuEngine::keeping(graph, src.shape[0], &[id]).unwrap();
        engine.step(src, &mut Coefficients::default()).unwrap();
        engine.value(id).unwrap()
    }
}

/// Every value of a graph by the reference operators.
fn reference_values(graph: &Graph, src: &Tensor, state: &[Tensor; 4]) -> Vec<Option<Tensor>> {
    let mut values: Vec<Option<Tensor>> = vec![None; graph.values.len()];
    values[graph.ports.src.0] = Some(src.clone());
    for (id, tensor) in graph.ports.state_in.iter().zip(state) {
        values[id.0] = Some(tensor.clone());
    }
    for node in &graph.nodes {
        let inputs: Vec<&Tensor> = node.inputs.iter().map(|id| values[id.0].as_ref().unwrap()).collect();
        let made = reference::apply(graph, &node.op, &inputs, graph.shape(node.output));
        values[node.output.0] = Some(made);
    }
    values
}

/// Numbers in [-1, 1) that look random and are the same in every run.
fn noise(shape: [usize; 4], seed: u64) -> Tensor {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    Tensor::from_vec(shape, (0..shape.iter().product::<usize>()).map(|_| next()).collect())
}

/// Largest difference, relative to the largest value.
fn difference(got: &Tensor, expected: &Tensor) -> f32 {
    assert_eq!(got.shape, expected.shape);
    let scale = expected.data.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
    let pairs = got.data.iter().zip(&expected.data);
    pairs.fold(0f32, |m, (a, b)| if a.is_finite() { m.max((a - b).abs()) } else { f32::INFINITY }) / scale
}
