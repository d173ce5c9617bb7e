//! A graph as an ONNX model: fixed sizes, states as inputs and outputs, standard operators only.
//!
//! Inputs `src`, `r1i` to `r4i`; outputs `A` (below ratio 1), `b`, `r1o` to `r4o`, in float32 and
//! NCHW. The same graph gives the same bytes.
#![forbid(unsafe_code)]

use super::nodes::Emitter;
use super::proto::{self, Dimension, Model, OperatorSet, Shape, TensorType, Type, ValueInfo};
use crate::rvm::graph::{Graph, ValueId};
use prost::Message;

/// ReduceMean still takes its axes as an attribute here, which older runtimes need.
const OPSET: i64 = 17;
/// The IR version that came with that opset.
const IR_VERSION: i64 = 8;

/// What to write beside the operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnnxOptions {
    /// Eyes of a frame: the first extent of every input and output.
    pub batch: usize,
    /// Whether `mat` and `hid`, of interest in tests only, are outputs too.
    pub inner_outputs: bool,
}

/// The bytes of the model.
pub fn write_onnx(graph: &Graph, options: OnnxOptions) -> Vec<u8> {
    let mut emitter = Emitter::new(graph);
    for node in &graph.nodes {
        emitter.operator(node);
    }
    let ports = &graph.ports;
    let info = |id: ValueId, name: &str| value_info(name, options.batch, graph.shape(id));
    let named = |id: ValueId| info(id, &graph.values[id.0].name);

    let mut outputs: Vec<ValueInfo> = ports.a.iter().map(|&a| named(a)).collect();
    outputs.push(info(ports.b, "b"));
    if ports.b == ports.mat {
        // At ratio 1 the matte is b; the output keeps its name whatever the ratio.
        emitter.node("Identity", &[&graph.values[ports.mat.0].name], "b", vec![]);
    }
    outputs.extend(ports.state_out.map(named));
    if options.inner_outputs {
        outputs.extend([ports.mat, ports.hid].map(named));
    }

    let mut initializer = emitter.weights;
    initializer.extend(emitter.constants.into_values());
    let onnx_graph = proto::Graph {
        node: emitter.nodes,
        name: "rvm".to_owned(),
        initializer,
        input: std::iter::once(ports.src).chain(ports.state_in).map(named).collect(),
        output: outputs,
    };
    let model = Model {
        ir_version: IR_VERSION,
        producer_name: "vrpipe".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(onnx_graph),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
    };
    model.encode_to_vec()
}

fn value_info(name: &str, batch: usize, [channels, height, width]: [usize; 3]) -> ValueInfo {
    let extents = [batch, channels, height, width];
    let dim = extents.map(|extent| Dimension { value: extent as i64 }).to_vec();
    let tensor_type = TensorType { elem_type: proto::FLOAT, shape: Some(Shape { dim }) };
    ValueInfo { name: name.to_owned(), kind: Some(Type { tensor_type: Some(tensor_type) }) }
}
