//! Where every value of the graph lies in memory, decided once.
//!
//! A value is a list of channel planes, so `Concat` and `Slice` move nothing: they name planes of
//! other values. All other values get a slot, a buffer that is handed on once its last reader has
//! run. Slots of the source, the states, the results and the values asked for are never handed on.
#![forbid(unsafe_code)]

use crate::engine::Error;
use crate::rvm::graph::{Graph, Op, ValueId};

/// One channel of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Plane {
    /// The value that owns the memory.
    owner: ValueId,
    /// Which of its channels.
    channel: usize,
}

/// One channel of a value, in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Index of the buffer.
    pub slot: usize,
    /// First float of this channel, for the first eye.
    pub offset: usize,
    /// Floats from one eye's channel to the next eye's.
    pub eye_step: usize,
}

/// A value as operators read it.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// One place for each channel.
    pub planes: Vec<Place>,
    /// Height and width.
    pub size: [usize; 2],
}

/// A view together with the memory that it refers to.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// All buffers.
    pub slots: &'a [Vec<f32>],
    /// Which planes of them.
    pub view: &'a View,
}

impl<'a> Input<'a> {
    /// The `h * w` values of one channel.
    #[inline]
    pub fn plane(&self, eye: usize, channel: usize) -> &'a [f32] {
        let place = self.view.planes[channel];
        let at = place.offset + eye * place.eye_step;
        &self.slots[place.slot][at..at + self.view.size[0] * self.view.size[1]]
    }

    /// `len` channels from `first` on, where they lie behind one another in memory.
    pub fn run_of_planes(&self, eye: usize, first: usize, len: usize) -> Option<&'a [f32]> {
        let places = &self.view.planes[first..first + len];
        let floats = self.view.size[0] * self.view.size[1];
        let start = places[0];
        let next = |(i, place): (usize, &Place)| {
            place.slot == start.slot && place.offset == start.offset + i * floats
        };
        let at = start.offset + eye * start.eye_step;
        places.iter().enumerate().all(next).then(|| &self.slots[start.slot][at..at + len * floats])
    }

    /// Height and width.
    pub fn size(&self) -> [usize; 2] {
        self.view.size
    }

    /// Number of channels.
    pub fn channels(&self) -> usize {
        self.view.planes.len()
    }
}

/// The layout of a graph's values for a number of eyes.
#[derive(Debug)]
pub struct Plan {
    /// How each value is read, by [`ValueId`].
    pub views: Vec<View>,
    /// The slot that a value owns; `None` for those that are put together from others.
    pub slot_of: Vec<Option<usize>>,
    /// Length of each slot in floats.
    pub slot_len: Vec<usize>,
}

/// Never handed on.
const FOREVER: usize = usize::MAX;

impl Plan {
    /// Lays out `graph`; `keep` names values that must still be there after a step.
    ///
    /// # Errors
    /// When a node reads what is not yet written, or a state's result is not a value of its own.
    pub fn new(graph: &Graph, eyes: usize, keep: &[ValueId]) -> Result<Self, Error> {
        let planes = resolve(graph)?;
        let ports = &graph.ports;
        let mut last_use = vec![0usize; graph.values.len()];
        for (at, node) in graph.nodes.iter().enumerate() {
            last_use[node.output.0] = last_use[node.output.0].max(at);
            for plane in node.inputs.iter().flat_map(|id| &planes[id.0]) {
                last_use[plane.owner.0] = last_use[plane.owner.0].max(at);
            }
        }
        let fixed = [ports.src, ports.b].into_iter().chain(ports.a);
        for id in fixed.chain(ports.state_in).chain(ports.state_out).chain(keep.iter().copied()) {
            for plane in &planes[id.0] {
                last_use[plane.owner.0] = FOREVER;
            }
        }

        let mut plan =
            Self { views: Vec::new(), slot_of: vec![None; graph.values.len()], slot_len: Vec::new() };
        let mut free: Vec<usize> = Vec::new();
        let floats = |id: ValueId| eyes * graph.shape(id).iter().product::<usize>();
        for id in std::iter::once(ports.src).chain(ports.state_in) {
            plan.assign(id, floats(id), &mut Vec::new());
        }
        for (at, node) in graph.nodes.iter().enumerate() {
            let id = node.output;
            if is_view(&node.op) {
                continue;
            }
            // A value that outlives the step must not lie in a slot that others used before: the
            // next step would write there first.
            let reuse = if last_use[id.0] == FOREVER { &mut Vec::new() } else { &mut free };
            plan.assign(id, floats(id), reuse);
            let done = (0..graph.values.len()).filter(|&v| last_use[v] == at);
            free.extend(done.filter_map(|v| plan.slot_of[v]));
        }
        for (before, id) in ports.state_in.into_iter().zip(ports.state_out) {
            if graph.shape(before) != graph.shape(id) {
                return Err(fault(graph, id, "is a state and has another shape than the one before"));
            }
            if plan.slot_of[id.0].is_none() || ports.state_in.contains(&id) || id == ports.src {
                return Err(fault(graph, id, "a state must be a value that an operator writes"));
            }
        }
        plan.views = planes.iter().zip(&graph.values).map(|(p, v)| plan.view(graph, p, v.shape)).collect();
        Ok(plan)
    }

    /// Gives `id` a slot of at least `len` floats: the smallest free one that is large enough,
    /// else the largest, grown, else a new one.
    fn assign(&mut self, id: ValueId, len: usize, free: &mut Vec<usize>) {
        let fits = |slot: usize| self.slot_len[slot] >= len;
        let best = (0..free.len()).min_by_key(|&i| {
            let has = self.slot_len[free[i]];
            if fits(free[i]) { (0, has) } else { (1, usize::MAX - has) }
        });
        let slot = match best {
            Some(i) => free.swap_remove(i),
            None => {
                self.slot_len.push(0);
                self.slot_len.len() - 1
            }
        };
        self.slot_len[slot] = self.slot_len[slot].max(len);
        self.slot_of[id.0] = Some(slot);
    }

    fn view(&self, graph: &Graph, planes: &[Plane], [_, h, w]: [usize; 3]) -> View {
        let place = |plane: &Plane| {
            let slot = self.slot_of[plane.owner.0]?;
            let eye_step = graph.shape(plane.owner)[0] * h * w;
            Some(Place { slot, offset: plane.channel * h * w, eye_step })
        };
        // A value that nothing writes and nothing reads has no slot and an empty view.
        View { planes: planes.iter().filter_map(place).collect(), size: [h, w] }
    }
}

/// Whether the operator only names planes of its inputs.
pub fn is_view(op: &Op) -> bool {
    matches!(op, Op::Concat | Op::Slice { .. })
}

/// The planes that each value consists of.
fn resolve(graph: &Graph) -> Result<Vec<Vec<Plane>>, Error> {
    let own = |id: ValueId| -> Vec<Plane> {
        (0..graph.shape(id)[0]).map(|channel| Plane { owner: id, channel }).collect()
    };
    let mut planes: Vec<Option<Vec<Plane>>> = vec![None; graph.values.len()];
    for id in std::iter::once(graph.ports.src).chain(graph.ports.state_in) {
        planes[id.0] = Some(own(id));
    }
    for node in &graph.nodes {
        let id = node.output;
        if planes[id.0].is_some() {
            return Err(fault(graph, id, "is written twice"));
        }
        let mut read = Vec::new();
        for input in &node.inputs {
            let known = planes[input.0].as_deref();
            read.push(known.ok_or_else(|| fault(graph, id, "reads a value before it is written"))?);
        }
        let made = match node.op {
            Op::Concat => read.concat(),
            Op::Slice { start, len } => {
                let part = read.first().and_then(|p| p.get(start..start + len));
                part.ok_or_else(|| fault(graph, id, "takes channels that are not there"))?.to_vec()
            }
            _ => own(id),
        };
        if made.len() != graph.shape(id)[0] {
            return Err(fault(graph, id, "has another number of channels than its inputs"));
        }
        if made.iter().any(|p| graph.shape(p.owner)[1..] != graph.shape(id)[1..]) {
            return Err(fault(graph, id, "has another size than its inputs"));
        }
        planes[id.0] = Some(made);
    }
    let ports = &graph.ports;
    for id in ports.state_out.into_iter().chain([ports.hid, ports.mat, ports.b]).chain(ports.a) {
        if planes[id.0].is_none() {
            return Err(fault(graph, id, "is a result and is never written"));
        }
    }
    Ok(planes.into_iter().map(Option::unwrap_or_default).collect())
}

/// An error about the node that writes `id`.
pub fn fault(graph: &Graph, id: ValueId, what: &'static str) -> Error {
    Error::Graph { value: graph.values[id.0].name.clone(), what }
}
