//! The engine: the graph's operators made ready, the memory they use, and the walk over them.
//!
//! All memory is taken when the engine is built. A step copies the source in, exchanges the old
//! and new states, runs the operators in order, and exchanges the results with the caller's.
#![forbid(unsafe_code)]

use std::sync::Arc;

use super::conv::Conv;
use super::depthwise::Depthwise;
use super::pack::Geometry;
use super::plan::{Input, Plan, fault, is_view};
use super::pointwise::{self, Binary};
use super::spatial;
use crate::engine::{Engine, Error};
use crate::rvm::StageSize;
use crate::rvm::graph::{Graph, Node, Op, ValueId};
use crate::tensor::{Coefficients, Tensor};

/// Runs the network on the processor, on the rayon pool that a step is called from.
pub struct CpuEngine {
    graph: Arc<Graph>,
    eyes: usize,
    keep: Vec<ValueId>,
    plan: Plan,
    slots: Vec<Vec<f32>>,
    work: Vec<Work>,
}

/// What a node needs beyond the graph.
enum Work {
    Conv(Conv),
    Depthwise(Depthwise),
    Plain,
}

impl CpuEngine {
    /// An engine for frames of `eyes` eyes, its state that of a first frame.
    ///
    /// # Errors
    /// When the graph contradicts itself.
    pub fn new(graph: Arc<Graph>, eyes: usize) -> Result<Self, Error> {
        Self::keeping(graph, eyes, &[])
    }

    /// As [`CpuEngine::new`]; the values in `keep` can be read with [`CpuEngine::value`] after a
    /// step. For tests: it costs memory.
    ///
    /// # Errors
    /// When the graph contradicts itself.
    pub fn keeping(graph: Arc<Graph>, eyes: usize, keep: &[ValueId]) -> Result<Self, Error> {
        let plan = Plan::new(&graph, eyes, keep)?;
        let slots = plan.slot_len.iter().map(|&len| vec![0.0; len]).collect();
        let work = graph.nodes.iter().map(|node| prepare(&graph, node)).collect::<Result<_, _>>()?;
        Ok(Self { graph, eyes, keep: keep.to_vec(), plan, slots, work })
    }

    /// A value of the last step, one that was named in `keep` or a state.
    pub fn value(&self, id: ValueId) -> Option<Tensor> {
        let ports = &self.graph.ports;
        (self.keep.contains(&id) || ports.state_out.contains(&id)).then(|| self.gather(id))
    }

    /// Floats of all buffers together.
    #[cfg(test)]
    pub(super) fn memory_floats(&self) -> usize {
        self.slots.iter().map(Vec::len).sum()
    }

    /// Where the buffers lie.
    #[cfg(test)]
    pub(super) fn buffer_addresses(&self) -> Vec<*const f32> {
        self.slots.iter().map(|slot| slot.as_ptr()).collect()
    }

    fn gather(&self, id: ValueId) -> Tensor {
        let [c, h, w] = self.graph.shape(id);
        let mut tensor = Tensor::zeros([self.eyes, c, h, w]);
        let view = Input { slots: &self.slots, view: &self.plan.views[id.0] };
        for eye in 0..self.eyes {
            for channel in 0..c {
                tensor.channel_mut(eye, channel).copy_from_slice(view.plane(eye, channel));
            }
        }
        tensor
    }

    fn batch_shape(&self, id: ValueId) -> [usize; 4] {
        let [c, h, w] = self.graph.shape(id);
        [self.eyes, c, h, w]
    }

    /// The buffer that a value of its own lies in.
    fn slot(&self, id: ValueId) -> usize {
        self.plan.slot_of[id.0].expect("the plan gives inputs and states a slot")
    }

    fn run(&mut self, index: usize) {
        let node = &self.graph.nodes[index];
        if is_view(&node.op) {
            return;
        }
        let slot = self.slot(node.output);
        // The output's buffer is taken out of the list, so that the inputs can be read from it.
        let mut buffer = std::mem::take(&mut self.slots[slot]);
        let len = self.batch_shape(node.output).iter().product();
        let [_, h, w] = self.graph.shape(node.output);
        let out = &mut buffer[..len];
        let input = |i: usize| Input { slots: &self.slots, view: &self.plan.views[node.inputs[i].0] };
        let x = input(0);
        match (&node.op, &self.work[index]) {
            (Op::Conv { residual, .. }, Work::Conv(conv)) => {
                conv.run(x, residual.then(|| input(1)), self.eyes, out);
            }
            (Op::Conv { residual, .. }, Work::Depthwise(conv)) => {
                conv.run(x, residual.then(|| input(1)), out);
            }
            (Op::Affine { scale, shift }, _) => pointwise::affine(x, *scale, *shift, out),
            (Op::GlobalMean, _) => spatial::global_mean(x, out),
            (Op::ScaleChannels, _) => pointwise::scale_channels(x, input(1), out),
            (Op::AveragePool2, _) => spatial::average_pool2(x, out),
            (Op::MaxPool3, _) => spatial::max_pool3(x, out),
            (Op::Upsample2, _) => spatial::upsample2(x, [h, w], out),
            (Op::ChannelMean, _) => pointwise::channel_mean(x, out),
            (Op::Add, _) => pointwise::binary(Binary::Add, x, input(1), out),
            (Op::Sub, _) => pointwise::binary(Binary::Sub, x, input(1), out),
            (Op::Mul, _) => pointwise::binary(Binary::Mul, x, input(1), out),
            (Op::DivEps { eps }, _) => pointwise::binary(Binary::DivEps(*eps), x, input(1), out),
            (Op::GruMix, _) => pointwise::gru_mix(x, input(1), input(2), out),
            (Op::Box3, _) => spatial::box3(x, out),
            (Op::Conv { .. }, Work::Plain) | (Op::Concat | Op::Slice { .. }, _) => {
                unreachable!("`prepare` readies every convolution, and views were left out above")
            }
        }
        self.slots[slot] = buffer;
    }

    /// Hands a result to the caller: by exchanging buffers where nobody else needs this one.
    fn deliver(&mut self, id: ValueId, out: &mut Tensor) {
        let shape = self.batch_shape(id);
        if out.shape != shape {
            *out = Tensor::zeros(shape);
        }
        let own = self.plan.slot_of[id.0].filter(|&slot| self.slots[slot].len() == out.data.len());
        match own.filter(|_| !self.keep.contains(&id) && !self.graph.ports.state_out.contains(&id)) {
            Some(slot) => std::mem::swap(&mut self.slots[slot], &mut out.data),
            None => {
                let view = Input { slots: &self.slots, view: &self.plan.views[id.0] };
                for eye in 0..shape[0] {
                    for channel in 0..shape[1] {
                        out.channel_mut(eye, channel).copy_from_slice(view.plane(eye, channel));
                    }
                }
            }
        }
    }
}

impl Engine for CpuEngine {
    fn stage_size(&self) -> StageSize {
        let [_, height, width] = self.graph.shape(self.graph.ports.src);
        StageSize { height, width }
    }

    fn eyes(&self) -> usize {
        self.eyes
    }

    fn reset(&mut self) {
        for id in self.graph.ports.state_out {
            let slot = self.slot(id);
            self.slots[slot].fill(0.0);
        }
    }

    fn step(&mut self, src: &Tensor, out: &mut Coefficients) -> Result<(), Error> {
        let ports = self.graph.ports.clone();
        check("the frame", self.batch_shape(ports.src), src)?;
        let slot = self.slot(ports.src);
        self.slots[slot].copy_from_slice(&src.data);
        for (before, after) in ports.state_in.into_iter().zip(ports.state_out) {
            let (before, after) = (self.slot(before), self.slot(after));
            self.slots.swap(before, after);
        }
        for index in 0..self.work.len() {
            self.run(index);
        }
        self.deliver(ports.b, &mut out.b);
        match ports.a {
            Some(a) => self.deliver(a, &mut out.a),
            None if out.a.shape == out.b.shape => out.a.data.fill(0.0),
            None => out.a = Tensor::zeros(out.b.shape),
        }
        Ok(())
    }

    fn state(&self) -> Result<[Tensor; 4], Error> {
        Ok(self.graph.ports.state_out.map(|id| self.gather(id)))
    }

    fn set_state(&mut self, state: &[Tensor; 4]) -> Result<(), Error> {
        let ids = self.graph.ports.state_out;
        for (id, tensor) in ids.into_iter().zip(state) {
            check("a state", self.batch_shape(id), tensor)?;
        }
        for (id, tensor) in ids.into_iter().zip(state) {
            let slot = self.slot(id);
            self.slots[slot].copy_from_slice(&tensor.data);
        }
        Ok(())
    }
}

fn check(what: &'static str, expected: [usize; 4], tensor: &Tensor) -> Result<(), Error> {
    if tensor.shape != expected || tensor.data.len() != expected.iter().product::<usize>() {
        return Err(Error::Shape { what, expected, got: tensor.shape });
    }
    Ok(())
}

/// Checks a node's shapes and arranges its weights.
fn prepare(graph: &Graph, node: &Node) -> Result<Work, Error> {
    let id = node.output;
    let out = graph.shape(id);
    let wrong = |what| Err(fault(graph, id, what));
    let inputs = match node.op {
        Op::Conv { residual, .. } => 1 + usize::from(residual),
        Op::Concat => node.inputs.len().max(1),
        Op::ScaleChannels | Op::Add | Op::Sub | Op::Mul | Op::DivEps { .. } => 2,
        Op::GruMix => 3,
        _ => 1,
    };
    if node.inputs.len() != inputs {
        return wrong("has another number of inputs than its operator takes");
    }
    let x = graph.shape(node.inputs[0]);
    let [c, h, w] = x;
    let expected = match node.op {
        Op::Conv { .. } | Op::Concat | Op::Slice { .. } => out,
        Op::GlobalMean => [c, 1, 1],
        Op::AveragePool2 | Op::MaxPool3 => [c, h.div_ceil(2), w.div_ceil(2)],
        Op::Upsample2 => [c, out[1].clamp(1, 2 * h), out[2].clamp(1, 2 * w)],
        Op::ChannelMean => [1, h, w],
        _ => x,
    };
    let second_expected = if node.op == Op::ScaleChannels { [c, 1, 1] } else { out };
    let elementwise = !matches!(node.op, Op::Concat);
    if out != expected
        || elementwise && node.inputs.iter().skip(1).any(|&i| graph.shape(i) != second_expected)
    {
        return wrong("has a shape that its operator does not give");
    }
    if matches!(node.op, Op::Affine { .. }) && c != 3 {
        return wrong("is scaled as RGB and has not three channels");
    }
    let Op::Conv { weights, stride, pad, dilation, groups, act, .. } = node.op else {
        return Ok(Work::Plain);
    };
    let Some(weights) = graph.convs.get(weights.0) else {
        return wrong("has no weights");
    };
    let [m, in_c, kernel, kernel_w] = weights.shape;
    let reach = dilation * kernel.saturating_sub(1);
    if kernel != kernel_w
        || kernel * stride * dilation * groups == 0
        || [h, w].iter().any(|&n| n + 2 * pad <= reach)
    {
        return wrong("has a kernel that cannot be applied");
    }
    let extent = |n: usize| (n + 2 * pad - reach - 1) / stride + 1;
    let counts = [weights.weight.len(), weights.bias.len()];
    if in_c * groups != c
        || m % groups != 0
        || out != [m, extent(h), extent(w)]
        || counts != [m * in_c * kernel * kernel, m]
    {
        return wrong("has weights of another shape");
    }
    let geometry = Geometry { kernel, stride, pad, dilation, input: [h, w], output: [out[1], out[2]] };
    Ok(if groups == c && m == c && c > 1 {
        Work::Depthwise(Depthwise::new(weights, geometry, act))
    } else {
        Work::Conv(Conv::new(weights, geometry, groups, act))
    })
}
