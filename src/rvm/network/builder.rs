//! Grows a graph operator by operator, working out shapes, and collects the layers it needs.
//!
//! Layers are declared apart from the operators that use them: the order of declaration is the
//! order of the published network, the order of operators is ours (a shortcut is computed before
//! the convolution that adds it). The builder owns everything until it is taken apart.
#![forbid(unsafe_code)]

use crate::rvm::graph::{Activation, ConvId, Node, Op, Value, ValueId};
use crate::rvm::layer::Layer;

/// The graph so far.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) values: Vec<Value>,
    pub(super) nodes: Vec<Node>,
    pub(super) layers: Vec<Layer>,
}

/// How a convolution moves over its input, and what follows it.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) stride: usize,
    pub(super) dilation: usize,
    pub(super) act: Activation,
}

impl Step {
    /// Stride 1, no dilation.
    pub(super) fn dense(act: Activation) -> Self {
        Self { stride: 1, dilation: 1, act }
    }

    /// No dilation.
    pub(super) fn strided(stride: usize, act: Activation) -> Self {
        Self { stride, dilation: 1, act }
    }
}

impl Builder {
    /// A value from outside.
    pub(super) fn input(&mut self, name: &str, shape: [usize; 3]) -> ValueId {
        self.values.push(Value { name: name.to_owned(), shape });
        ValueId(self.values.len() - 1)
    }

    pub(super) fn shape(&self, id: ValueId) -> [usize; 3] {
        self.values[id.0].shape
    }

    /// Gives a value the name of the port it is.
    pub(super) fn rename(&mut self, id: ValueId, name: &str) {
        self.values[id.0].name = name.to_owned();
    }

    fn push(&mut self, name: &str, op: Op, inputs: &[ValueId], shape: [usize; 3]) -> ValueId {
        let output = self.input(name, shape);
        self.nodes.push(Node { op, inputs: inputs.to_vec(), output });
        output
    }

    /// Declares a layer, next in the order of the published network.
    pub(super) fn declare(&mut self, layer: Layer) -> ConvId {
        self.layers.push(layer);
        ConvId(self.layers.len() - 1)
    }

    /// A convolution that keeps the size, up to its stride: `kernel` is odd and the padding is
    /// `dilation * (kernel - 1) / 2`, as everywhere in the network. Sizes round up.
    pub(super) fn conv(&mut self, x: ValueId, id: ConvId, step: Step, residual: Option<ValueId>) -> ValueId {
        let Step { stride, dilation, act } = step;
        let Layer { name, shape: [out, per_group, kernel, _], .. } = self.layers[id.0].clone();
        let [channels, height, width] = self.shape(x);
        let op = Op::Conv {
            weights: id,
            stride,
            pad: dilation * (kernel - 1) / 2,
            dilation,
            groups: channels / per_group,
            act,
            residual: residual.is_some(),
        };
        let inputs: Vec<ValueId> = std::iter::once(x).chain(residual).collect();
        self.push(&name, op, &inputs, [out, height.div_ceil(stride), width.div_ceil(stride)])
    }

    /// Declares a layer and applies it at once.
    pub(super) fn apply(&mut self, x: ValueId, layer: Layer, step: Step) -> ValueId {
        let id = self.declare(layer);
        self.conv(x, id, step, None)
    }

    pub(super) fn affine(&mut self, name: &str, x: ValueId, scale: [f32; 3], shift: [f32; 3]) -> ValueId {
        self.push(name, Op::Affine { scale, shift }, &[x], self.shape(x))
    }

    pub(super) fn global_mean(&mut self, name: &str, x: ValueId) -> ValueId {
        self.push(name, Op::GlobalMean, &[x], [self.shape(x)[0], 1, 1])
    }

    pub(super) fn channel_mean(&mut self, name: &str, x: ValueId) -> ValueId {
        let [_, height, width] = self.shape(x);
        self.push(name, Op::ChannelMean, &[x], [1, height, width])
    }

    /// 3x3 maximum, stride 2.
    pub(super) fn max_pool3(&mut self, name: &str, x: ValueId) -> ValueId {
        let [channels, height, width] = self.shape(x);
        self.push(name, Op::MaxPool3, &[x], [channels, height.div_ceil(2), width.div_ceil(2)])
    }

    pub(super) fn average_pool2(&mut self, name: &str, x: ValueId) -> ValueId {
        let [channels, height, width] = self.shape(x);
        self.push(name, Op::AveragePool2, &[x], [channels, height.div_ceil(2), width.div_ceil(2)])
    }

    /// Twice the size, cropped to that of `like`.
    pub(super) fn upsample2(&mut self, name: &str, x: ValueId, like: ValueId) -> ValueId {
        let [_, height, width] = self.shape(like);
        self.push(name, Op::Upsample2, &[x], [self.shape(x)[0], height, width])
    }

    pub(super) fn concat(&mut self, name: &str, parts: &[ValueId]) -> ValueId {
        let [_, height, width] = self.shape(parts[0]);
        let channels = parts.iter().map(|&part| self.shape(part)[0]).sum();
        self.push(name, Op::Concat, parts, [channels, height, width])
    }

    pub(super) fn slice(&mut self, name: &str, x: ValueId, start: usize, len: usize) -> ValueId {
        let [_, height, width] = self.shape(x);
        self.push(name, Op::Slice { start, len }, &[x], [len, height, width])
    }

    /// An operator on values of one shape, the shape of the first.
    pub(super) fn pointwise(&mut self, name: &str, op: Op, inputs: &[ValueId]) -> ValueId {
        self.push(name, op, inputs, self.shape(inputs[0]))
    }
}
