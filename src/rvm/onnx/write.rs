//! A graph as an ONNX model: fixed sizes, states as inputs and outputs, standard operators only.
//!
//! Inputs `src`, `r1i` to `r4i`; outputs `A` (below ratio 1), `b`, `r1o` to `r4o`, in float32 and
//! NCHW; the network between them in float32 or, but for states and guided filter, in halfs (see
//! `precision`). The same graph gives the same bytes.
#![forbid(unsafe_code)]

use super::nodes::{Emitter, ints};
use super::precision::{Precision, is_half};
use super::proto::{self, Dimension, Model, OperatorSet, Shape, TensorType, Type, ValueInfo};
use crate::rvm::graph::{Graph, ValueId};
use prost::Message;

/// ReduceMean still takes its axes as an attribute here, which older runtimes need.
const OPSET: i64 = 17;
/// The IR version that came with that opset.
const IR_VERSION: i64 = 8;

/// What to write beside the operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct OnnxOptions {
    /// Eyes of a frame: the first extent of every input and output.
    pub batch: usize,
    /// Whether `mat` and `hid`, of interest in tests only, are outputs too.
    pub inner_outputs: bool,
    /// What the network computes in.
    pub precision: Precision,
    /// Whether `A` and `b` are `[eyes, h, w, 4]`, as the compose kernel reads them.
    pub maps_channels_last: bool,
}

/// The bytes of the model.
pub fn write_onnx(graph: &Graph, options: OnnxOptions) -> Vec<u8> {
    let mut emitter = Emitter::new(graph, is_half(graph, options.precision));
    for node in &graph.nodes {
        emitter.operator(node);
    }
    let ports = &graph.ports;
    let named = |id: ValueId| {
        let kind = if emitter.half[id.0] { proto::FLOAT16 } else { proto::FLOAT };
        let [c, h, w] = graph.shape(id);
        value_info(&graph.values[id.0].name, kind, [options.batch, c, h, w])
    };
    let mut outputs: Vec<ValueInfo> = Vec::new();
    let states = ports.state_out.map(named);
    let inner = if options.inner_outputs { vec![named(ports.mat), named(ports.hid)] } else { Vec::new() };
    let input = std::iter::once(ports.src).chain(ports.state_in).map(named).collect();
    // At ratio 1 the matte is b; the output keeps its name whatever the ratio.
    for (id, name) in ports.a.map(|a| (a, "A")).into_iter().chain([(ports.b, "b")]) {
        let own = graph.values[id.0].name.as_str();
        let [c, h, w] = graph.shape(id);
        let mut shape = [options.batch, c, h, w];
        if options.maps_channels_last {
            shape = [options.batch, h, w, c];
            let mut from = own.to_owned();
            if own == name {
                // The name is the output's.
                from = format!("{own}.nchw");
                emitter.rename(own, &from);
            }
            emitter.node("Transpose", &[&from], name, vec![ints("perm", &[0, 2, 3, 1])]);
        } else if own != name {
            emitter.node("Identity", &[own], name, vec![]);
        }
        outputs.push(value_info(name, proto::FLOAT, shape));
    }
    outputs.extend(states);
    outputs.extend(inner);

    let mut initializer = emitter.weights;
    initializer.extend(emitter.constants.into_values());
    let onnx_graph =
        proto::Graph { node: emitter.nodes, name: "rvm".to_owned(), initializer, input, output: outputs };
    let model = Model {
        ir_version: IR_VERSION,
        producer_name: "vrpipe".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(onnx_graph),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
    };
    model.encode_to_vec()
}

fn value_info(name: &str, elem_type: i32, extents: [usize; 4]) -> ValueInfo {
    let dim = extents.map(|extent| Dimension { value: extent as i64 }).to_vec();
    let tensor_type = TensorType { elem_type, shape: Some(Shape { dim }) };
    ValueInfo { name: name.to_owned(), kind: Some(Type { tensor_type: Some(tensor_type) }) }
}
