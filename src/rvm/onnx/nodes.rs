//! Each operator of a graph in terms of standard ONNX operators (opset 17).
//!
//! Only operators that every runtime has: what ONNX lacks (the GRU's mix, say) becomes several
//! nodes. Names of intermediate tensors are the value's name with a suffix.
#![forbid(unsafe_code)]

use super::proto::{self, Attribute, Node, Tensor};
use crate::rvm::graph::{Activation, ConvWeights, Graph, Op, ValueId};
use std::collections::BTreeMap;

/// The nodes and constants so far.
pub(super) struct Emitter<'a> {
    graph: &'a Graph,
    pub(super) nodes: Vec<Node>,
    pub(super) weights: Vec<Tensor>,
    /// Small constants by name, each written once.
    pub(super) constants: BTreeMap<String, Tensor>,
    /// For each value whether it is in halfs.
    pub(super) half: Vec<bool>,
    /// Names of values in the other precision, each converted once.
    converted: BTreeMap<ValueId, String>,
}

impl<'a> Emitter<'a> {
    pub(super) fn new(graph: &'a Graph, half: Vec<bool>) -> Self {
        let (constants, converted) = Default::default();
        Self { graph, nodes: Vec::new(), weights: Vec::new(), constants, half, converted }
    }

    fn name(&self, id: ValueId) -> String {
        self.graph.values[id.0].name.clone()
    }

    /// Name of a value in the precision that its reader computes in.
    fn read(&mut self, id: ValueId, half: bool) -> String {
        let name = self.name(id);
        if self.half[id.0] == half {
            return name;
        }
        if let Some(known) = self.converted.get(&id) {
            return known.clone();
        }
        let (suffix, kind) = if half { ("half", proto::FLOAT16) } else { ("single", proto::FLOAT) };
        let converted = format!("{name}.{suffix}");
        self.node("Cast", &[&name], &converted, vec![int("to", kind as usize)]);
        self.converted.insert(id, converted.clone());
        converted
    }

    /// Gives a tensor another name, where it is written and where it is read, and so the node that writes it.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        for node in &mut self.nodes {
            let names = node.input.iter_mut().chain(&mut node.output).chain([&mut node.name]);
            names.filter(|name| *name == from).for_each(|name| *name = to.to_owned());
        }
    }

    /// One ONNX node; it is called by its output.
    pub(super) fn node(&mut self, op_type: &str, inputs: &[&str], output: &str, attribute: Vec<Attribute>) {
        self.nodes.push(Node {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: output.to_owned(),
            op_type: op_type.to_owned(),
            attribute,
        });
    }

    /// The nodes of one operator.
    pub(super) fn operator(&mut self, node: &crate::rvm::graph::Node) {
        let half = self.half[node.output.0];
        let inputs: Vec<String> = node.inputs.iter().map(|&id| self.read(id, half)).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let out = self.name(node.output);
        let x = inputs[0];
        match &node.op {
            Op::Affine { scale, shift } => {
                let scale = self.floats(&format!("{out}.scale"), &[1, 3, 1, 1], scale);
                let shift = self.floats(&format!("{out}.shift"), &[1, 3, 1, 1], shift);
                let scaled = format!("{out}.scaled");
                self.node("Mul", &[x, &scale], &scaled, vec![]);
                self.node("Add", &[&scaled, &shift], &out, vec![]);
            }
            Op::Conv { weights, stride, pad, dilation, groups, act, residual } => {
                let conv = &self.graph.convs[weights.0];
                let (weight, bias) = self.conv_weights(conv, half);
                let kernel = conv.shape[2];
                let attributes = vec![
                    ints("dilations", &[*dilation; 2]),
                    int("group", *groups),
                    ints("kernel_shape", &[kernel; 2]),
                    ints("pads", &[*pad; 4]),
                    ints("strides", &[*stride; 2]),
                ];
                let linear = *act == Activation::None;
                let conv_out = if linear && !residual { out.clone() } else { format!("{out}.conv") };
                self.node("Conv", &[x, &weight, &bias], &conv_out, attributes);
                let mut sum = conv_out;
                if *residual {
                    let added = if linear { out.clone() } else { format!("{out}.sum") };
                    self.node("Add", &[&sum, inputs[1]], &added, vec![]);
                    sum = added;
                }
                self.activation(*act, &sum, &out);
            }
            Op::GlobalMean => self.node("GlobalAveragePool", &[x], &out, vec![]),
            Op::ScaleChannels | Op::Mul => self.node("Mul", &inputs, &out, vec![]),
            Op::AveragePool2 => {
                let rounding = vec![int("ceil_mode", 1), int("count_include_pad", 0)];
                self.pool("AveragePool", x, &out, (2, 2, 0), rounding);
            }
            Op::MaxPool3 => self.pool("MaxPool", x, &out, (3, 2, 1), vec![]),
            Op::Box3 => self.pool("AveragePool", x, &out, (3, 1, 1), vec![int("count_include_pad", 1)]),
            Op::Upsample2 => self.upsample2(node, x, &out),
            Op::Concat => self.node("Concat", &inputs, &out, vec![int("axis", 1)]),
            Op::Slice { start, len } => self.slice(x, &out, &[1], &[*start], &[start + len]),
            Op::ChannelMean => {
                self.node("ReduceMean", &[x], &out, vec![ints("axes", &[1]), int("keepdims", 1)]);
            }
            Op::Add => self.node("Add", &inputs, &out, vec![]),
            Op::Sub => self.node("Sub", &inputs, &out, vec![]),
            Op::DivEps { eps } => {
                let eps = self.floats(&format!("{out}.eps"), &[], &[*eps]);
                let divisor = format!("{out}.divisor");
                self.node("Add", &[inputs[1], &eps], &divisor, vec![]);
                self.node("Div", &[x, &divisor], &out, vec![]);
            }
            Op::GruMix => {
                let (z, h, c) = (inputs[0], inputs[1], inputs[2]);
                let one = self.floats("one", &[], &[1.0]);
                let (rest, old, new) = (format!("{out}.1-z"), format!("{out}.(1-z)h"), format!("{out}.zc"));
                self.node("Sub", &[&one, z], &rest, vec![]);
                self.node("Mul", &[&rest, h], &old, vec![]);
                self.node("Mul", &[z, c], &new, vec![]);
                self.node("Add", &[&old, &new], &out, vec![]);
            }
        }
    }

    fn conv_weights(&mut self, conv: &ConvWeights, half: bool) -> (String, String) {
        let (weight, bias) = (format!("{}.weight", conv.name), format!("{}.bias", conv.name));
        let tensor = if half { half_tensor } else { float_tensor };
        self.weights.push(tensor(&weight, &conv.shape, &conv.weight));
        self.weights.push(tensor(&bias, &[conv.bias.len()], &conv.bias));
        (weight, bias)
    }

    fn activation(&mut self, act: Activation, x: &str, out: &str) {
        // ONNX's own alpha is 0.2, the network's is a sixth.
        let sixth = || vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)];
        match act {
            Activation::None => {}
            Activation::Relu => self.node("Relu", &[x], out, vec![]),
            Activation::Sigmoid => self.node("Sigmoid", &[x], out, vec![]),
            Activation::Tanh => self.node("Tanh", &[x], out, vec![]),
            Activation::HardSigmoid => self.node("HardSigmoid", &[x], out, sixth()),
            Activation::HardSwish => {
                let gate = format!("{out}.gate");
                self.node("HardSigmoid", &[x], &gate, sixth());
                self.node("Mul", &[x, &gate], out, vec![]);
            }
        }
    }

    fn pool(
        &mut self,
        op_type: &str,
        x: &str,
        out: &str,
        (kernel, stride, pad): (usize, usize, usize),
        mut attributes: Vec<Attribute>,
    ) {
        attributes.push(ints("kernel_shape", &[kernel; 2]));
        attributes.push(ints("pads", &[pad; 4]));
        attributes.push(ints("strides", &[stride; 2]));
        self.node(op_type, &[x], out, attributes);
    }

    fn upsample2(&mut self, node: &crate::rvm::graph::Node, x: &str, out: &str) {
        let [_, in_height, in_width] = self.graph.shape(node.inputs[0]);
        let [_, height, width] = self.graph.shape(node.output);
        let whole = [height, width] == [2 * in_height, 2 * in_width];
        let scales = self.floats("double", &[4], &[1.0, 1.0, 2.0, 2.0]);
        let doubled = if whole { out.to_owned() } else { format!("{out}.double") };
        let attributes =
            vec![string("coordinate_transformation_mode", "half_pixel"), string("mode", "linear")];
        self.node("Resize", &[x, "", &scales], &doubled, attributes);
        if !whole {
            self.slice(&doubled, out, &[2, 3], &[0, 0], &[height, width]);
        }
    }

    fn slice(&mut self, x: &str, out: &str, axes: &[usize], starts: &[usize], ends: &[usize]) {
        let [starts, ends, axes] = [starts, ends, axes].map(|numbers| self.integers(numbers));
        self.node("Slice", &[x, &starts, &ends, &axes], out, vec![]);
    }

    fn floats(&mut self, name: &str, dims: &[usize], numbers: &[f32]) -> String {
        self.constants.insert(name.to_owned(), float_tensor(name, dims, numbers));
        name.to_owned()
    }

    fn integers(&mut self, numbers: &[usize]) -> String {
        let name = format!("integers {numbers:?}");
        let tensor = Tensor {
            dims: vec![numbers.len() as i64],
            data_type: proto::INT64,
            name: name.clone(),
            raw_data: numbers.iter().flat_map(|&number| (number as i64).to_le_bytes()).collect(),
            ..Tensor::default()
        };
        self.constants.insert(name.clone(), tensor);
        name
    }
}

fn float_tensor(name: &str, dims: &[usize], numbers: &[f32]) -> Tensor {
    Tensor {
        dims: dims.iter().map(|&extent| extent as i64).collect(),
        data_type: proto::FLOAT,
        name: name.to_owned(),
        raw_data: numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        ..Tensor::default()
    }
}

fn half_tensor(name: &str, dims: &[usize], numbers: &[f32]) -> Tensor {
    let raw_data = numbers.iter().flat_map(|&number| half::f16::from_f32(number).to_le_bytes()).collect();
    Tensor { data_type: proto::FLOAT16, raw_data, ..float_tensor(name, dims, &[]) }
}

fn int(name: &str, i: usize) -> Attribute {
    Attribute { name: name.to_owned(), i: i as i64, kind: proto::ATTRIBUTE_INT, ..Attribute::default() }
}

fn float(name: &str, f: f32) -> Attribute {
    Attribute { name: name.to_owned(), f, kind: proto::ATTRIBUTE_FLOAT, ..Attribute::default() }
}

fn string(name: &str, s: &str) -> Attribute {
    let s = s.as_bytes().to_vec();
    Attribute { name: name.to_owned(), s, kind: proto::ATTRIBUTE_STRING, ..Attribute::default() }
}

pub(super) fn ints(name: &str, ints: &[usize]) -> Attribute {
    let ints = ints.iter().map(|&i| i as i64).collect();
    Attribute { name: name.to_owned(), ints, kind: proto::ATTRIBUTE_INTS, ..Attribute::default() }
}
