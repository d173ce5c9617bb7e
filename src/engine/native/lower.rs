//! From the graph of the network to a plan: which launches, on which slices of which buffers.
//!
//! Buffers that several values share are settled first: the concatenation before a decoder level
//! is one buffer into which upsampling, backbone and entry write their slices; a ConvGRU works on
//! one buffer of four slices, `[kept | state | fed | reset * state]`, in which each of its three
//! concatenations and its result are two neighbouring slices. Then nodes become launches in order.
#![forbid(unsafe_code)]

use std::collections::HashMap;

use super::pack::{self, Channel};
use super::patterns::{Gru, Index};
use super::plan::{
    Buffer, BufferId, ConvMode, ConvStep, Geometry, Life, Packed, Place, Plan, StatePort, Step, Written,
};
use crate::engine::Error;
use crate::rvm::graph::{Graph, Node, Op, ValueId};

/// Halfs in a sector of the L2 cache.
const SECTOR: usize = 16;

/// Where a value lies, and which of its channels each physical channel is.
#[derive(Clone)]
pub(super) struct Home {
    pub(super) place: Place,
    pub(super) map: Vec<Channel>,
}

/// A vector per image: partial sums or the result of a small layer.
pub(super) struct Vector {
    pub(super) buffer: BufferId,
    pub(super) parts: usize,
    pub(super) scale: f32,
    pub(super) map: Vec<Channel>,
}

/// Where the two halves of a value go that a ConvGRU splits.
pub(super) struct Halves {
    pub(super) kept: Place,
    pub(super) fed: Place,
    pub(super) map: Vec<Channel>,
    /// The values that lie there.
    pub(super) values: [ValueId; 2],
}

/// State of a ConvGRU on the device.
#[derive(Clone, Copy)]
pub(super) struct GruBuffers {
    pub(super) state: BufferId,
    pub(super) z: BufferId,
    /// What the launch writes as halfs: `r * state`, or the new state.
    pub(super) writes: ValueId,
}

pub(super) struct Lowering<'g> {
    pub(super) index: Index<'g>,
    pub(super) eyes: usize,
    pub(super) buffers: Vec<Buffer>,
    pub(super) steps: Vec<Step>,
    pub(super) weights: Vec<Packed>,
    pub(super) written: Vec<Written>,
    pub(super) homes: HashMap<ValueId, Home>,
    pub(super) vectors: HashMap<ValueId, Vector>,
    pub(super) halves: HashMap<ValueId, Halves>,
    /// Convolutions of gates and candidates, by what they write.
    pub(super) gates: HashMap<ValueId, GruBuffers>,
    pub(super) candidates: HashMap<ValueId, GruBuffers>,
    /// 1x1 convolutions whose input is scaled: scaled value to its factors.
    pub(super) scaled: HashMap<ValueId, BufferId>,
    /// Values that no launch of their own writes.
    pub(super) absorbed: std::collections::HashSet<ValueId>,
    pub(super) src_affine: HashMap<ValueId, pack::Affine>,
}

/// Lowers a graph for `eyes` images at a time.
///
/// # Errors
/// [`Error::Graph`] when the graph is not of the family that this engine runs.
pub fn lower(graph: &Graph, eyes: usize) -> Result<Plan, Error> {
    let lowering = Lowering {
        index: Index::new(graph),
        eyes,
        buffers: Vec::new(),
        steps: Vec::new(),
        weights: Vec::new(),
        written: Vec::new(),
        homes: HashMap::new(),
        vectors: HashMap::new(),
        halves: HashMap::new(),
        gates: HashMap::new(),
        candidates: HashMap::new(),
        scaled: HashMap::new(),
        absorbed: std::collections::HashSet::new(),
        src_affine: HashMap::new(),
    };
    lowering.run()
}

impl<'g> Lowering<'g> {
    fn run(mut self) -> Result<Plan, Error> {
        let graph = self.index.graph;
        let ports = &graph.ports;
        let [_, height, width] = graph.shape(ports.src);
        let size = [height, width];
        let pixels = self.eyes * height * width;

        let states = self.settle_grus()?;
        let src = self.buffer("src", pixels * 12, Life::Step);
        let guide = self.buffer("guide", pixels * 16, Life::Scratch);
        let stem = self.map_buffer("stem", size, 8, Life::Scratch);
        let tail = self.index.tail()?;
        self.absorbed.extend(&tail.inner);
        let levels = self.settle_levels(ports.src)?;
        self.settle_input(ports.src, stem)?;
        self.steps.push(Step::Entry { src, guide, stem, levels, size });

        let mat = self.buffer("mat", pixels * 16, Life::Scratch);
        let a = self.buffer("A", pixels * 16, Life::Step);
        let b = self.buffer("b", pixels * 16, Life::Step);
        let guided = ports.a.map(|value| self.index.guided(value)).transpose()?;
        if let Some(guided) = &guided {
            self.absorbed.extend(&guided.inner);
        } else if ports.b != ports.mat {
            return Err(self.index.error(ports.b, "without A, b is the matte"));
        }
        self.absorbed.extend([ports.hid, ports.mat]);

        for node in &graph.nodes {
            if !self.absorbed.contains(&node.output) {
                self.node(node)?;
            }
        }
        self.finish(&tail, guided, [guide, mat, a, b], size)?;
        let Self { eyes, buffers, steps, weights, written, .. } = self;
        Ok(Plan { eyes, size, steps, buffers, weights, written, src, a, b, states })
    }

    pub(super) fn buffer(&mut self, name: &str, bytes: usize, life: Life) -> BufferId {
        self.buffers.push(Buffer { name: name.to_owned(), bytes, life });
        BufferId(self.buffers.len() - 1)
    }

    /// A buffer of halfs of its own, all of whose channels are one place.
    pub(super) fn map_buffer(
        &mut self,
        name: &str,
        [h, w]: [usize; 2],
        channels: usize,
        life: Life,
    ) -> Place {
        let buffer = self.buffer(name, self.eyes * h * w * channels * 2, life);
        Place { buffer, offset: 0, pitch: channels }
    }

    pub(super) fn pack(&mut self, packed: Packed) -> usize {
        self.weights.push(packed);
        self.weights.len() - 1
    }

    /// Adds a launch that writes `value` to `place`.
    pub(super) fn push(&mut self, step: Step, value: ValueId, place: Place, map: Vec<Channel>) {
        self.steps.push(step);
        self.wrote(value, place, map);
    }

    /// Notes that the last launch writes `value` to `place`.
    pub(super) fn wrote(&mut self, value: ValueId, place: Place, map: Vec<Channel>) {
        self.written.push(Written { step: self.steps.len() - 1, value, place, map });
    }

    pub(super) fn size(&self, value: ValueId) -> [usize; 2] {
        let [_, h, w] = self.index.graph.shape(value);
        [h, w]
    }

    pub(super) fn home(&self, value: ValueId) -> Result<&Home, Error> {
        self.homes.get(&value).ok_or_else(|| self.index.error(value, "is read before it is written"))
    }

    /// The home that was settled for a value, or a new buffer of its own.
    pub(super) fn settle(&mut self, value: ValueId) -> Home {
        if let Some(home) = self.homes.get(&value) {
            return home.clone();
        }
        let map = pack::padded(0, self.index.graph.shape(value)[0]);
        let name = self.index.graph.values[value.0].name.clone();
        let place = self.map_buffer(&name, self.size(value), map.len(), Life::Scratch);
        let home = Home { place, map };
        self.homes.insert(value, home.clone());
        home
    }

    /// One buffer of four slices for every ConvGRU.
    fn settle_grus(&mut self) -> Result<[StatePort; 4], Error> {
        let graph = self.index.graph;
        let mut ports = Vec::new();
        for node in graph.nodes.iter().filter(|node| node.op == Op::GruMix) {
            let gru = self.index.gru(node)?;
            ports.push((gru.state, gru.new_state, self.settle_gru(&gru)));
        }
        let states = std::array::from_fn(|i| {
            let pair = (graph.ports.state_in[i], graph.ports.state_out[i]);
            ports.iter().find(|(before, after, _)| (*before, *after) == pair).map(|(.., port)| *port)
        });
        match states {
            [Some(r1), Some(r2), Some(r3), Some(r4)] if ports.len() == 4 => Ok([r1, r2, r3, r4]),
            _ => {
                Err(self.index.error(graph.ports.state_out[0], "expected a ConvGRU for each of four states"))
            }
        }
    }

    fn settle_gru(&mut self, gru: &Gru) -> StatePort {
        let graph = self.index.graph;
        let shape @ [width, h, w] = graph.shape(gru.state);
        let half = pack::padded(0, width);
        let padded = half.len();
        let name = graph.values[gru.new_state.0].name.clone();
        let all = self.map_buffer(&format!("{name}.gru"), [h, w], 4 * padded, Life::State);
        let floats = self.eyes * h * w * padded * 4;
        let state = self.buffer(&name, floats, Life::State);
        let z = self.buffer(&format!("{name}.z"), floats, Life::Scratch);
        let slice = |i: usize| Place { offset: i * padded, ..all };
        let [kept, state_copy, fed, reset] = [0, 1, 2, 3].map(slice);
        let second = pack::padded(width, width);
        let joined = |a: &[Channel], b: &[Channel]| [a, b].concat();

        let values = [gru.kept, gru.fed];
        self.halves.insert(gru.whole, Halves { kept, fed, map: joined(&half, &second), values });
        // The state lies before the input here, after it in the weights.
        self.homes.insert(gru.joined, Home { place: state_copy, map: joined(&second, &half) });
        self.homes.insert(gru.reset_joined, Home { place: fed, map: joined(&half, &second) });
        self.homes.insert(gru.result, Home { place: kept, map: joined(&half, &second) });
        self.homes.insert(gru.gates, Home { place: reset, map: joined(&half, &second) });
        self.homes.insert(gru.candidate, Home { place: state_copy, map: half });
        self.gates.insert(gru.gates, GruBuffers { state, z, writes: gru.reset });
        self.candidates.insert(gru.candidate, GruBuffers { state, z, writes: gru.new_state });
        let by_layout =
            [gru.kept, gru.fed, gru.joined, gru.reset, gru.reset_joined, gru.new_state, gru.result];
        self.absorbed.extend(by_layout);
        self.absorbed.extend(&gru.inner);
        StatePort { buffer: state, copy: state_copy, shape }
    }

    /// One buffer for the concatenation before each decoder level but the last; gives the slices of the
    /// image's averages at 1/2, 1/4 and 1/8 size.
    fn settle_levels(&mut self, src: ValueId) -> Result<[Place; 3], Error> {
        let graph = self.index.graph;
        let mut images = vec![src];
        for level in 0..3 {
            let from = images[level];
            let pool = self.index.consumers(from).find(|node| node.op == Op::AveragePool2);
            let pool = pool.ok_or_else(|| self.index.error(from, "is not averaged"))?;
            self.absorbed.insert(pool.output);
            images.push(pool.output);
        }
        let mut places = Vec::new();
        for &image in &images[1..] {
            let concat = self.index.consumers(image).find(|node| {
                let first = self.index.producer(node.inputs[0]).map(|node| &node.op);
                node.op == Op::Concat && first == Some(&Op::Upsample2) && node.inputs.last() == Some(&image)
            });
            let concat = concat.ok_or_else(|| self.index.error(image, "is in no decoder level"))?;
            places.push(self.settle_concat(concat, image)?);
            self.absorbed.insert(concat.output);
        }
        let given = graph.nodes.iter().filter(|node| node.op == Op::AveragePool2).count();
        if given != 3 {
            return Err(self.index.error(src, "expected three averages of the image"));
        }
        <[Place; 3]>::try_from(places).map_err(|_| self.index.error(src, "expected three levels"))
    }

    fn settle_concat(&mut self, concat: &Node, image: ValueId) -> Result<Place, Error> {
        let graph = self.index.graph;
        let mut slices = Vec::new();
        let (mut logical, mut physical) = (0, 0);
        let mut whole = Vec::new();
        for &part in &concat.inputs {
            let channels = graph.shape(part)[0];
            // What is enlarged keeps the physical order of its source.
            let map = match self.index.producer(part) {
                Some(Node { op: Op::Upsample2, inputs, .. }) => self.home(inputs[0])?.map.clone(),
                _ => pack::padded(0, channels),
            };
            whole.extend(map.iter().map(|channel| match channel {
                Channel::Of(c) => Channel::Of(c + logical),
                other => *other,
            }));
            slices.push((part, physical, map.clone()));
            logical += channels;
            physical += map.len();
        }
        let name = &graph.values[concat.output.0].name;
        // Whole sectors of 32 bytes: a launch that writes a part of one has its rest read first.
        let pitch = physical.next_multiple_of(SECTOR);
        let place = self.map_buffer(name, self.size(concat.output), pitch, Life::Scratch);
        let mut image_place = place;
        for (part, offset, map) in slices {
            let place = Place { offset, ..place };
            if part == image {
                image_place = place;
            } else if self.homes.insert(part, Home { place, map }).is_some() {
                return Err(self.index.error(part, "would have to lie in two buffers"));
            }
        }
        self.homes.insert(concat.output, Home { place, map: whole });
        Ok(image_place)
    }

    /// The first convolution reads the `stem` copy, whose fourth channel carries the normalisation's shift.
    fn settle_input(&mut self, src: ValueId, stem: Place) -> Result<(), Error> {
        use Channel::{Of, One, Pad};
        let map = vec![Of(0), Of(1), Of(2), One, Pad, Pad, Pad, Pad];
        let affine = self.index.consumers(src).find_map(|node| match node.op {
            Op::Affine { scale, shift } => Some((node.output, (scale, shift))),
            _ => None,
        });
        if let Some((value, affine)) = affine {
            self.absorbed.insert(value);
            self.src_affine.insert(value, affine);
            self.homes.insert(value, Home { place: stem, map: map.clone() });
        }
        self.homes.insert(src, Home { place: stem, map });
        Ok(())
    }

    /// The convolution of a node, apart from where it writes.
    pub(super) fn conv_step(&mut self, node: &Node, output: &[Channel], y: Place) -> Result<ConvStep, Error> {
        let graph = self.index.graph;
        let Op::Conv { weights, stride, pad, dilation, groups: 1, act, residual } = node.op else {
            return Err(self.index.error(node.output, "expected a dense convolution"));
        };
        let x = node.inputs[0];
        let Home { place, map } = self.home(x)?.clone();
        let conv = &graph.convs[weights.0];
        if conv.shape[1] != graph.shape(x)[0] || conv.shape[0] != graph.shape(node.output)[0] {
            return Err(self.index.error(node.output, "weights do not fit the input"));
        }
        let geometry = Geometry {
            input: self.size(x),
            output: self.size(node.output),
            kernel: conv.shape[2],
            stride,
            pad,
            dilation,
        };
        let residual = match residual {
            true => Some(self.home(node.inputs[1])?.place),
            false => None,
        };
        let in_scale = self.scaled.get(&x).copied();
        if in_scale.is_some() && geometry.kernel != 1 {
            return Err(self.index.error(node.output, "only a 1x1 convolution takes a scaled input"));
        }
        let affine = self.src_affine.get(&x).copied();
        let weights = self.pack(pack::dense(conv, &map, output, affine));
        Ok(ConvStep {
            x: place,
            y,
            residual,
            in_scale,
            out_scale: None,
            cin: map.len(),
            live: map.iter().rposition(|channel| *channel != Channel::Pad).map_or(0, |last| last + 1),
            cout: output.len(),
            geometry,
            act,
            mode: ConvMode::Plain { split: output.len(), second: y },
            weights,
        })
    }
}
