//! Weights out of the published `.onnx` models, whose tensors have numbers for names.
//!
//! Norms are folded in already. The convolutions are recognised by their order, which is the order
//! in which the original network runs them, and by their shapes; where two neighbours have the same
//! shape (the shortcut of ResNet's first block), what they read tells whether they are in order.
#![forbid(unsafe_code)]

use super::canonical::Weights;
use super::error::Error;
use super::fold::check_box;
use super::numbers::{Element, decode};
use crate::rvm::graph::ConvWeights;
use crate::rvm::layer::Layer;
use crate::rvm::network::layers;
use crate::rvm::onnx::proto::{self, Model, Node, Tensor};
use crate::rvm::variant::{Refiner, Variant};
use prost::Message;
use std::collections::HashMap;

/// Box filters, which the deep refiner has as convolutions: `[4, 1, 3, 3]`.
const BOX_SHAPE: [i64; 4] = [4, 1, 3, 3];

/// A Conv node with its tensors.
struct Conv<'a> {
    node: &'a Node,
    weight: &'a Tensor,
    bias: Option<&'a Tensor>,
}

impl Conv<'_> {
    fn input(&self) -> &str {
        self.node.input.first().map_or("", String::as_str)
    }
}

/// Weights of a model.
pub(super) fn read(file: &[u8]) -> Result<Weights, Error> {
    let model = Model::decode(file)?;
    // The operator set comes after the graph, so its absence is the one cut that decodes.
    if model.opset_import.is_empty() {
        return Err(Error::OnnxIncomplete);
    }
    let graph = model.graph.unwrap_or_default();
    if let Some(norm) = graph.node.iter().find(|node| node.op_type == "BatchNormalization") {
        return Err(Error::OnnxNode { node: norm.name.clone(), expected: "norms folded into convolutions" });
    }
    let mut convs = convolutions(&graph)?;
    for filter in convs.iter().filter(|conv| conv.weight.dims == BOX_SHAPE) {
        check_box(&filter.weight.name, &floats(filter.weight)?)?;
    }
    convs.retain(|conv| conv.weight.dims != BOX_SHAPE);

    let first = convs.first().map_or(&[][..], |conv| &conv.weight.dims);
    let variant = match first {
        [16, 3, 3, 3] => Variant::MobileNetV3,
        [64, 3, 7, 7] => Variant::ResNet50,
        other => return Err(Error::OnnxNotRvm { count: convs.len(), first: other.to_vec() }),
    };
    let expected = [Refiner::Fast, Refiner::Deep].map(|refiner| (refiner, layers(variant, refiner)));
    let counts = expected.each_ref().map(|(_, layers)| layers.len());
    let Some((refiner, layers)) = expected.into_iter().find(|(_, layers)| layers.len() == convs.len()) else {
        let [fast, deep] = counts;
        return Err(Error::OnnxConvCount { variant, got: convs.len(), fast, deep });
    };

    let network = format!("RVM {variant}, {refiner} filter");
    let mut read = Vec::with_capacity(layers.len());
    for (index, layer) in layers.into_iter().enumerate() {
        check_shortcut(&convs, index, &layer)?;
        read.push(conv_weights(&convs[index], layer, &network)?);
    }
    Ok(Weights::new(variant, refiner, read))
}

/// Every Conv node in order, its tensors found among initialisers and constants.
fn convolutions(graph: &proto::Graph) -> Result<Vec<Conv<'_>>, Error> {
    let mut tensors: HashMap<&str, &Tensor> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let mut convs = Vec::new();
    for node in &graph.node {
        let output = node.output.first().map_or("", String::as_str);
        let find = |index: usize| node.input.get(index).and_then(|name| tensors.get(name.as_str()).copied());
        match node.op_type.as_str() {
            "Constant" => {
                let value = node.attribute.iter().find_map(|attribute| attribute.t.as_ref());
                tensors.extend(value.map(|tensor| (output, tensor)));
            }
            // Exporters share equal initialisers through these.
            "Identity" => {
                let alias = find(0);
                tensors.extend(alias.map(|tensor| (output, tensor)));
            }
            "Conv" => {
                let bias = find(2);
                let absent = node.input.get(2).is_none_or(String::is_empty);
                let (Some(weight), true) = (find(1), bias.is_some() || absent) else {
                    let node = node.name.clone();
                    return Err(Error::OnnxNode { node, expected: "constant weights" });
                };
                convs.push(Conv { node, weight, bias });
            }
            _ => {}
        }
    }
    Ok(convs)
}

/// A shortcut's convolution must read what the block's first one reads, three before it.
fn check_shortcut(convs: &[Conv<'_>], index: usize, layer: &Layer) -> Result<(), Error> {
    if layer.name.ends_with(".downsample.0") && convs[index].input() != convs[index - 3].input() {
        let node = convs[index].node.name.clone();
        return Err(Error::OnnxNode { node, expected: "the shortcut after the block's three convolutions" });
    }
    Ok(())
}

fn conv_weights(conv: &Conv<'_>, layer: Layer, network: &str) -> Result<ConvWeights, Error> {
    let channels = layer.shape[0];
    let take = |part: &str, tensor: &Tensor, shape: &[usize]| {
        let dims: Vec<usize> =
            tensor.dims.iter().map(|&extent| usize::try_from(extent).unwrap_or(0)).collect();
        let name = format!("{}.{part} ({} of Conv {:?})", layer.name, tensor.name, conv.node.name);
        let expected = shape.to_vec();
        if dims != shape {
            return Err(Error::Shape { tensor: name, expected, got: dims, network: network.to_owned() });
        }
        let numbers = floats(tensor)?;
        if numbers.len() != shape.iter().product::<usize>() {
            let available = numbers.len();
            return Err(Error::Outside { tensor: name, shape: expected, available });
        }
        match numbers.iter().position(|number| !number.is_finite()) {
            None => Ok(numbers),
            Some(at) => {
                let got = numbers[at];
                Err(Error::BadNumber { tensor: name, at, got, expected: "finite numbers" })
            }
        }
    };
    let weight = take("weight", conv.weight, &layer.shape)?;
    let bias = match conv.bias {
        Some(bias) => take("bias", bias, &[channels])?,
        None => vec![0.0; channels],
    };
    Ok(ConvWeights { name: layer.name, shape: layer.shape, weight, bias })
}

fn floats(tensor: &Tensor) -> Result<Vec<f32>, Error> {
    match (tensor.data_location, tensor.data_type) {
        (0, proto::FLOAT) if tensor.raw_data.is_empty() => Ok(tensor.float_data.clone()),
        (0, proto::FLOAT) => Ok(decode(Element::F32, &tensor.raw_data)),
        (0, proto::FLOAT16) => Ok(decode(Element::F16, &tensor.raw_data)),
        (0, other) => Err(Error::DataType { tensor: tensor.name.clone(), got: format!("ONNX type {other}") }),
        _ => Err(Error::DataType { tensor: tensor.name.clone(), got: "numbers in another file".to_owned() }),
    }
}
