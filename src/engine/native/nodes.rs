//! Lowering of single nodes, once shared buffers are settled.
#![forbid(unsafe_code)]

use super::lower::{GruBuffers, Home, Lowering, Vector};
use super::pack;
use super::patterns::{Guided, Tail};
use super::plan::{BufferId, ConvMode, Geometry, Life, Slope, Step, UNIT_K};
use crate::engine::Error;
use crate::rvm::graph::{ConvWeights, Node, Op, ValueId};

/// Pixels that a block of the summing kernel should at least have per lane; more parts than needed
/// only cost the reader.
const PIXELS_PER_PART: usize = 256;

/// Most parts of a sum.
const PARTS_MAX: usize = 16;

impl Lowering<'_> {
    pub(super) fn node(&mut self, node: &Node) -> Result<(), Error> {
        match node.op {
            Op::Conv { groups: 1, .. } if self.vectors.contains_key(&node.inputs[0]) => self.gate(node),
            Op::Conv { groups: 1, .. } => self.conv(node),
            Op::Conv { .. } => self.depthwise(node),
            Op::GlobalMean => self.sums(node),
            Op::ScaleChannels => self.scale(node),
            Op::Upsample2 => self.resize(node, true),
            Op::MaxPool3 => self.resize(node, false),
            _ => Err(self.index.error(node.output, "this operator is supported in known groups only")),
        }
    }

    /// A convolution whose only reader scales its channels waits for that scale.
    fn waits_for_scale(&self, value: ValueId) -> bool {
        let mut consumers = self.index.consumers(value);
        let first = consumers.next();
        first.is_some_and(|node| node.op == Op::ScaleChannels && node.inputs[0] == value)
            && consumers.next().is_none()
    }

    fn conv(&mut self, node: &Node) -> Result<(), Error> {
        let out = node.output;
        if self.waits_for_scale(out) {
            return Ok(());
        }
        let gates = self.gates.get(&out).copied();
        let candidate = self.candidates.get(&out).copied();
        let Some(GruBuffers { state, z, writes }) = gates.or(candidate) else {
            return self.plain_conv(node, out, None);
        };
        let Home { place, map } = self.home(out)?.clone();
        let mut step = self.conv_step(node, &map, place)?;
        step.mode = match gates {
            Some(_) => ConvMode::Gates { state, z },
            None => ConvMode::State { state, z },
        };
        let width = self.index.graph.shape(writes)[0];
        self.push(Step::Conv(step), writes, place, pack::padded(0, width));
        Ok(())
    }

    /// A convolution that writes `out` (its own result, or that result scaled).
    fn plain_conv(&mut self, node: &Node, out: ValueId, out_scale: Option<BufferId>) -> Result<(), Error> {
        if let Some(halves) = self.halves.get(&out) {
            let (kept, fed, map, values) = (halves.kept, halves.fed, halves.map.clone(), halves.values);
            let mut step = self.conv_step(node, &map, kept)?;
            step.mode = ConvMode::Plain { split: map.len() / 2, second: fed };
            step.out_scale = out_scale;
            let half = pack::padded(0, self.index.graph.shape(values[0])[0]);
            self.push(Step::Conv(step), values[0], kept, half.clone());
            self.wrote(values[1], fed, half);
        } else {
            let Home { place, map } = self.settle(out);
            let mut step = self.conv_step(node, &map, place)?;
            step.out_scale = out_scale;
            self.push(Step::Conv(step), out, place, map);
        }
        Ok(())
    }

    fn weights_of(&self, node: &Node) -> Result<&'_ ConvWeights, Error> {
        match node.op {
            Op::Conv { weights, .. } => Ok(&self.index.graph.convs[weights.0]),
            _ => Err(self.index.error(node.output, "expected a convolution")),
        }
    }

    fn depthwise(&mut self, node: &Node) -> Result<(), Error> {
        let Op::Conv { stride, pad, dilation, groups, act, residual: false, .. } = node.op else {
            return Err(self.index.error(node.output, "a depthwise convolution adds no residual"));
        };
        let (x, out) = (node.inputs[0], node.output);
        let conv = self.weights_of(node)?.clone();
        if groups != self.index.graph.shape(x)[0] || conv.shape[1] != 1 || conv.shape[0] != groups {
            return Err(self.index.error(out, "expected one or all channels to a group"));
        }
        let kernel = conv.shape[2];
        if !super::launch::DEPTHWISE.contains(&(kernel, stride, dilation)) {
            return Err(self.index.error(out, "no depthwise kernel of this shape"));
        }
        let from = self.home(x)?.clone();
        let to = self.settle(out);
        if from.map != to.map {
            return Err(self.index.error(out, "input and output differ in the order of channels"));
        }
        let weights = self.pack(pack::depthwise(&conv, &to.map));
        let geometry =
            Geometry { input: self.size(x), output: self.size(out), kernel, stride, pad, dilation };
        let channels = to.map.len();
        let step = Step::Depthwise { x: from.place, y: to.place, channels, geometry, act, weights };
        self.push(step, out, to.place, to.map);
        Ok(())
    }

    fn sums(&mut self, node: &Node) -> Result<(), Error> {
        let x = node.inputs[0];
        let Home { place, map } = self.home(x)?.clone();
        let [h, w] = self.size(x);
        let pixels = h * w;
        let parts = pixels.div_ceil(PIXELS_PER_PART).min(PARTS_MAX);
        let name = &self.index.graph.values[node.output.0].name;
        let y = self.buffer(name, self.eyes * parts * map.len() * 4, Life::Scratch);
        self.steps.push(Step::Sums { x: place, y, channels: map.len(), pixels, parts });
        self.vectors.insert(node.output, Vector { buffer: y, parts, scale: 1.0 / pixels as f32, map });
        Ok(())
    }

    fn gate(&mut self, node: &Node) -> Result<(), Error> {
        let Op::Conv { act, residual: false, .. } = node.op else {
            return Err(self.index.error(node.output, "a layer on a vector adds no residual"));
        };
        let conv = self.weights_of(node)?.clone();
        if conv.shape[2] != 1 {
            return Err(self.index.error(node.output, "a layer on a vector has a 1x1 kernel"));
        }
        let vector = self.vectors.get(&node.inputs[0]).expect("the caller looked");
        let (x, parts, scale) = (vector.buffer, vector.parts, vector.scale);
        let map = pack::padded(0, conv.shape[0]);
        let packed = pack::connected(&conv, &vector.map, &map);
        let inputs = vector.map.len();
        let weights = self.pack(packed);
        // Factors of a 1x1 convolution's input are read by its inner loop: halfs, padded like it.
        let half = self
            .index
            .consumers(node.output)
            .any(|reader| reader.op == Op::ScaleChannels && !self.waits_for_scale(reader.inputs[0]));
        let pitch = if half { map.len().next_multiple_of(UNIT_K) } else { map.len() };
        let name = &self.index.graph.values[node.output.0].name;
        // Padding of the halfs is never written, so it must stay zero: no sharing of memory.
        let life = if half { Life::Step } else { Life::Scratch };
        let y = self.buffer(name, self.eyes * pitch * if half { 2 } else { 4 }, life);
        let outputs = map.len();
        self.steps.push(Step::Gate { x, parts, scale, inputs, outputs, y, half, pitch, act, weights });
        self.vectors.insert(node.output, Vector { buffer: y, parts: 1, scale: 1.0, map });
        Ok(())
    }

    fn scale(&mut self, node: &Node) -> Result<(), Error> {
        let &[x, factors] = &node.inputs[..] else {
            return Err(self.index.error(node.output, "expected two inputs"));
        };
        let Some(vector) = self.vectors.get(&factors) else {
            return Err(self.index.error(node.output, "factors must come from a layer on a vector"));
        };
        let buffer = vector.buffer;
        if self.waits_for_scale(x) {
            let conv = self.index.producer(x).ok_or_else(|| self.index.error(x, "has no producer"))?;
            return self.plain_conv(conv, node.output, Some(buffer));
        }
        let home = self.home(x)?.clone();
        if home.map != vector.map {
            return Err(self.index.error(node.output, "factors differ from their channels in order"));
        }
        self.homes.insert(node.output, home);
        self.scaled.insert(node.output, buffer);
        Ok(())
    }

    fn resize(&mut self, node: &Node, up: bool) -> Result<(), Error> {
        let x = node.inputs[0];
        let from = self.home(x)?.clone();
        let to = self.settle(node.output);
        if from.map != to.map {
            return Err(self.index.error(node.output, "input and output differ in the order of channels"));
        }
        let (input, output) = (self.size(x), self.size(node.output));
        let step = Step::Resize { up, x: from.place, y: to.place, channels: from.map.len(), input, output };
        self.push(step, node.output, to.place, to.map);
        Ok(())
    }

    /// The decoder's last level and, below ratio 1, the guided filter.
    pub(super) fn finish(
        &mut self,
        tail: &Tail,
        guided: Option<Guided>,
        [guide, mat, a, b]: [BufferId; 4],
        size: [usize; 2],
    ) -> Result<(), Error> {
        let graph = self.index.graph;
        let Home { place: x, map } = self.home(tail.joined)?.clone();
        if map != pack::padded(0, 32) {
            return Err(self.index.error(tail.joined, "expected 32 channels in order"));
        }
        let input = [map, pack::padded(32, 3)].concat();
        let [first, second, matte] = tail.layers.map(|id| &graph.convs[id.0]);
        let weights = self.pack(pack::tail(first, second, matte, &input));
        let Home { place: hid, map } = self.settle(graph.ports.hid);
        let to = if guided.is_some() { mat } else { b };
        let input = self.size(tail.joined);
        self.push(Step::Tail { x, guide, hid, mat: to, input, size, weights }, graph.ports.hid, hid, map);
        if let Some(Guided { eps, layers, .. }) = guided {
            let layers: Vec<&ConvWeights> = layers.iter().map(|id| &graph.convs[id.0]).collect();
            let slope = eps.map_or_else(|| Slope::Deep(pack::floats(&layers)), Slope::Fast);
            self.steps.push(Step::Guided { hid, guide, mat, a, b, size, slope });
        }
        Ok(())
    }
}
