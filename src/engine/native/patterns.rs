//! Groups of operators that the native engine runs as one launch or by layout alone.
//!
//! A ConvGRU (gates, reset, candidate, mix) becomes two convolutions over one buffer, the guided
//! filter one launch. Each is recognised by its structure; what does not match is an error that
//! names the value, never a guess.
#![forbid(unsafe_code)]

use crate::engine::Error;
use crate::rvm::graph::{Activation, ConvId, Graph, Node, Op, ValueId};

/// Producers and consumers of the values of a graph.
pub struct Index<'g> {
    /// The graph.
    pub graph: &'g Graph,
    producer: Vec<Option<usize>>,
    uses: Vec<usize>,
}

/// A ConvGRU on one half of a value's channels, and the concatenation that follows it.
pub struct Gru {
    /// The value whose halves are kept and fed.
    pub whole: ValueId,
    /// First half.
    pub kept: ValueId,
    /// Second half, the GRU's input.
    pub fed: ValueId,
    /// State before.
    pub state: ValueId,
    /// State after.
    pub new_state: ValueId,
    /// `[fed, state]`.
    pub joined: ValueId,
    /// Result of the convolution of the gates.
    pub gates: ValueId,
    /// `[fed, r * state]`.
    pub reset_joined: ValueId,
    /// `r * state`.
    pub reset: ValueId,
    /// Result of the candidate's convolution.
    pub candidate: ValueId,
    /// `[kept, new_state]`.
    pub result: ValueId,
    /// Other values, which nobody needs.
    pub inner: Vec<ValueId>,
}

/// The decoder's last level.
pub struct Tail {
    /// What is enlarged.
    pub joined: ValueId,
    /// The two 3x3 convolutions and the matte's.
    pub layers: [ConvId; 3],
    /// Every value that its launch replaces, but the last features and the matte.
    pub inner: Vec<ValueId>,
}

/// The guided filter, from the matte to A and b.
pub struct Guided {
    /// The constant of the fast filter, or `None`.
    pub eps: Option<f32>,
    /// Layers of the deep filter.
    pub layers: Vec<ConvId>,
    /// Every value that the filter's launch replaces.
    pub inner: Vec<ValueId>,
}

impl<'g> Index<'g> {
    /// Walks the graph once.
    pub fn new(graph: &'g Graph) -> Self {
        let mut producer = vec![None; graph.values.len()];
        let mut uses = vec![0; graph.values.len()];
        for (index, node) in graph.nodes.iter().enumerate() {
            producer[node.output.0] = Some(index);
            for input in &node.inputs {
                uses[input.0] += 1;
            }
        }
        Self { graph, producer, uses }
    }

    /// The node that writes a value.
    pub fn producer(&self, value: ValueId) -> Option<&'g Node> {
        self.producer[value.0].map(|index| &self.graph.nodes[index])
    }

    /// How many times nodes read a value.
    pub fn uses(&self, value: ValueId) -> usize {
        self.uses[value.0]
    }

    /// Nodes that read a value.
    pub fn consumers(&self, value: ValueId) -> impl Iterator<Item = &'g Node> {
        self.graph.nodes.iter().filter(move |node| node.inputs.contains(&value))
    }

    /// An error about a value.
    pub fn error(&self, value: ValueId, what: &'static str) -> Error {
        Error::Graph { value: self.graph.values[value.0].name.clone(), what }
    }

    fn expect(
        &self,
        value: ValueId,
        what: &'static str,
        matches: impl Fn(&Op) -> bool,
    ) -> Result<&'g Node, Error> {
        match self.producer(value) {
            Some(node) if matches(&node.op) => Ok(node),
            _ => Err(self.error(value, what)),
        }
    }

    fn conv(&self, value: ValueId, kernel: usize, activation: Activation) -> Result<&'g Node, Error> {
        let node = self.expect(value, "expected a convolution", |op| matches!(op, Op::Conv { .. }))?;
        let Op::Conv { weights, stride: 1, dilation: 1, groups: 1, act, residual: false, .. } = node.op
        else {
            return Err(self.error(value, "expected a plain convolution"));
        };
        let [.., k, _] = self.graph.convs[weights.0].shape;
        if k == kernel && act == activation {
            Ok(node)
        } else {
            Err(self.error(value, "unexpected kernel or activation"))
        }
    }

    /// Matches the ConvGRU whose mix is `mix`.
    pub fn gru(&self, mix: &Node) -> Result<Gru, Error> {
        let new_state = mix.output;
        let [update, state, candidate] = mix.inputs[..] else {
            return Err(self.error(new_state, "a mix has three inputs"));
        };
        let width = self.graph.shape(state)[0];
        let slice = |value: ValueId, from: usize| {
            self.expect(value, "expected half of the channels", |op| {
                *op == Op::Slice { start: from, len: width }
            })
        };
        let gates = slice(update, width)?.inputs[0];
        let joined = self.conv(gates, 3, Activation::Sigmoid)?.inputs[0];
        let reset_joined = self.conv(candidate, 3, Activation::Tanh)?.inputs[0];
        let concat = |value| self.expect(value, "expected a concatenation", |op| *op == Op::Concat);
        let [fed, same_state] = concat(joined)?.inputs[..] else {
            return Err(self.error(joined, "expected two inputs"));
        };
        let [same_fed, reset] = concat(reset_joined)?.inputs[..] else {
            return Err(self.error(reset_joined, "expected two inputs"));
        };
        let product = self.expect(reset, "expected a product", |op| *op == Op::Mul)?;
        let gate = product.inputs[0];
        let same_gates = slice(gate, 0)?.inputs[0];
        if same_state != state || same_fed != fed || product.inputs[1] != state || same_gates != gates {
            return Err(self.error(new_state, "not a ConvGRU"));
        }
        let whole = slice(fed, width)?.inputs[0];
        let result =
            self.consumers(new_state).next().ok_or_else(|| self.error(new_state, "state is not used"))?;
        let &[kept, last] = &result.inputs[..] else {
            return Err(self.error(result.output, "expected two inputs"));
        };
        let same_whole = slice(kept, 0)?.inputs[0];
        if result.op != Op::Concat || last != new_state || same_whole != whole || self.uses(whole) != 2 {
            return Err(self.error(result.output, "expected the kept half and the state"));
        }
        Ok(Gru {
            whole,
            kept,
            fed,
            state,
            new_state,
            joined,
            gates,
            reset_joined,
            reset,
            candidate,
            result: result.output,
            inner: vec![gate, update],
        })
    }

    fn layer(node: &Node) -> ConvId {
        match node.op {
            Op::Conv { weights, .. } => weights,
            _ => unreachable!("matched as a convolution"),
        }
    }

    /// Matches the decoder's last level, from the level before to the matte.
    pub fn tail(&self) -> Result<Tail, Error> {
        let ports = &self.graph.ports;
        let matte = self.conv(ports.mat, 1, Activation::None)?;
        let second = self.conv(matte.inputs[0], 3, Activation::Relu)?;
        let first = self.conv(second.inputs[0], 3, Activation::Relu)?;
        let concat = self.expect(first.inputs[0], "expected a concatenation", |op| *op == Op::Concat)?;
        let &[enlarged, src] = &concat.inputs[..] else {
            return Err(self.error(concat.output, "expected two inputs"));
        };
        let upsample = self.expect(enlarged, "expected an enlargement", |op| *op == Op::Upsample2)?;
        let layers = [first, second, matte].map(Self::layer);
        let shapes = layers.map(|id| self.graph.convs[id.0].shape);
        let known = shapes == [[16, 35, 3, 3], [16, 16, 3, 3], [4, 16, 1, 1]];
        if !known || src != ports.src || matte.inputs[0] != ports.hid || self.graph.shape(enlarged)[0] != 32 {
            return Err(self.error(ports.hid, "not the last level of the decoder"));
        }
        let inner = vec![enlarged, concat.output, second.inputs[0]];
        Ok(Tail { joined: upsample.inputs[0], layers, inner })
    }

    /// Matches the guided filter that ends in `a` and `b`.
    pub fn guided(&self, a: ValueId) -> Result<Guided, Error> {
        let ports = &self.graph.ports;
        let (src, mat, b) = (ports.src, ports.mat, ports.b);
        let mut inner = vec![a, b];
        let mut binary = |value: ValueId, op: Op| {
            let node = self.expect(value, "unexpected operator in the guided filter", |got| *got == op)?;
            inner.extend(&node.inputs);
            <[ValueId; 2]>::try_from(&node.inputs[..]).map_err(|_| self.error(value, "expected two inputs"))
        };
        let [mean_y, offset] = binary(b, Op::Sub)?;
        let [slope, mean_x] = binary(offset, Op::Mul)?;
        let unary = |value: ValueId, op: Op| {
            let node = self.expect(value, "unexpected operator in the guided filter", |got| *got == op)?;
            <[ValueId; 1]>::try_from(&node.inputs[..]).map_err(|_| self.error(value, "expected one input"))
        };
        let [x] = unary(mean_x, Op::Box3)?;
        let [y] = unary(mean_y, Op::Box3)?;
        let [rgb, gray] = binary(x, Op::Concat)?;
        let [gray_of] = unary(gray, Op::ChannelMean)?;
        if slope != a || y != mat || rgb != src || gray_of != src {
            return Err(self.error(b, "not the guided filter of source and matte"));
        }
        let (cov, var, eps, layers) = match self.producer(a).map(|node| &node.op) {
            Some(Op::DivEps { eps }) => {
                let [cov, var] = binary(a, Op::DivEps { eps: *eps })?;
                (cov, var, Some(*eps), Vec::new())
            }
            _ => {
                let third = self.conv(a, 1, Activation::None)?;
                let second = self.conv(third.inputs[0], 1, Activation::Relu)?;
                let first = self.conv(second.inputs[0], 1, Activation::Relu)?;
                let joined = first.inputs[0];
                let concat = self.expect(joined, "expected a concatenation", |op| *op == Op::Concat)?;
                let &[cov, var, hid] = &concat.inputs[..] else {
                    return Err(self.error(joined, "expected three inputs"));
                };
                if hid != ports.hid {
                    return Err(self.error(joined, "expected the last features"));
                }
                let nodes = [first, second, third];
                let ids = nodes.map(Self::layer);
                let shapes = ids.map(|id| self.graph.convs[id.0].shape);
                if shapes != [[16, 24, 1, 1], [16, 16, 1, 1], [4, 16, 1, 1]] {
                    return Err(self.error(a, "unexpected widths in the deep guided filter"));
                }
                inner.extend([cov, var, joined, second.inputs[0], third.inputs[0]]);
                (cov, var, None, ids.to_vec())
            }
        };
        for (moment, factors, means) in [(cov, [x, mat], [mean_x, mean_y]), (var, [x, x], [mean_x, mean_x])] {
            let mut binary = |value: ValueId, op: Op| {
                let node =
                    self.expect(value, "unexpected operator in the guided filter", |got| *got == op)?;
                inner.extend(&node.inputs);
                <[ValueId; 2]>::try_from(&node.inputs[..])
                    .map_err(|_| self.error(value, "expected two inputs"))
            };
            let [mean, product_of_means] = binary(moment, Op::Sub)?;
            let [product] = unary(mean, Op::Box3)?;
            if binary(product, Op::Mul)? != factors || binary(product_of_means, Op::Mul)? != means {
                return Err(self.error(moment, "not a moment of source and matte"));
            }
            inner.push(product);
        }
        inner.extend([x, gray]);
        inner.retain(|&value| value != src && value != mat && value != ports.hid);
        Ok(Guided { eps, layers, inner })
    }
}
