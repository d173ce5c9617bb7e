//! What lanes on one GPU share: kernels, packed weights, the plan, and the choice of tile shapes.

use std::sync::Arc;

use super::arena::{self, Arena};
use super::launch::{Bindings, Kernels, resolve};
use super::lower::lower;
use super::plan::{ConvStep, Geometry, Plan, Step};
use super::tile::{self, Kind, TILES};
use crate::engine::Error;
use crate::gpu::{Device, DeviceBuffer, Event, Part, Stream};
use crate::rvm::graph::Graph;

/// Alignment of weights in their buffer: a line of the L2 cache.
const ALIGN: usize = 256;

/// Runs of a candidate that are timed together.
const TIMED_RUNS: usize = 10;

/// How often; the least time counts.
const TIMED_LAUNCHES: usize = 3;

/// How tile shapes are chosen. Results do not depend on it, only time does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tiles {
    /// By a formula.
    Guessed,
    /// By timing each on the device, once: up to a second.
    Timed,
    /// One index into the list of shapes wherever it fits; for tests.
    Fixed(usize),
}

/// A network prepared for one stage size and number of eyes on one GPU.
pub struct Model {
    pub(super) kernels: Kernels,
    pub(super) plan: Plan,
    pub(super) arena: Arena,
    pub(super) tiles: Vec<usize>,
    pub(super) addresses: Vec<(u64, u64)>,
    weights: DeviceBuffer,
}

/// Memory of one lane: buffers of the plan, room for divided sums, their counters.
pub(super) struct Memory {
    pub(super) buffers: DeviceBuffer,
    partial: DeviceBuffer,
    counters: DeviceBuffer,
}

impl Model {
    /// Lowers `graph`, uploads its weights and chooses tile shapes.
    ///
    /// # Errors
    /// When the graph is not one that this engine runs, or the device fails.
    pub fn new(device: &Arc<Device>, graph: &Graph, eyes: usize, tiles: Tiles) -> Result<Self, Error> {
        let mut plan = lower(graph, eyes)?;
        let mut bytes: Vec<u8> = Vec::new();
        let mut offsets = Vec::with_capacity(plan.weights.len());
        for packed in std::mem::take(&mut plan.weights) {
            let halfs = bytes.len();
            bytes.extend(packed.weight.iter().flat_map(|value| value.to_le_bytes()));
            bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
            let floats = bytes.len();
            bytes.extend(packed.bias.iter().flat_map(|value| value.to_le_bytes()));
            bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
            offsets.push((halfs as u64, floats as u64));
        }
        let weights = DeviceBuffer::from_slice(device, &bytes)?.held_for(Part::Weights);
        let base = weights.address();
        let addresses = offsets.into_iter().map(|(halfs, floats)| (base + halfs, base + floats)).collect();
        let kernels = Kernels::load(device)?;
        let arena = arena::lay_out(&plan);
        let mut model = Self { kernels, plan, arena, tiles: Vec::new(), addresses, weights };
        model.tiles = model.choose(tiles)?;
        Ok(model)
    }

    /// The device.
    pub fn device(&self) -> &Arc<Device> {
        self.kernels.device()
    }

    /// Bytes of weights, shared by all lanes, and of buffers, per lane.
    pub fn memory_bytes(&self) -> (usize, usize) {
        let (floats, counters) = self.partial_room();
        (self.weights.len_bytes(), self.arena.total_bytes + 4 * (floats + counters))
    }

    /// A line about a step, for benches.
    pub(super) fn describe(&self, index: usize) -> String {
        match &self.plan.steps[index] {
            Step::Conv(conv) => {
                let g = &conv.geometry;
                let tile = TILES[self.tiles[index]].name;
                let splits = tile::splits(conv, self.plan.eyes);
                let ([h, w], k) = (g.output, g.kernel);
                format!("conv {k}x{k} {} -> {} at {h}x{w}, {tile} / {splits}", conv.cin, conv.cout)
            }
            Step::Depthwise { channels, geometry: g, .. } => {
                let ([h, w], k) = (g.output, g.kernel);
                format!("depthwise {k}x{k} {channels} at {h}x{w}")
            }
            Step::Sums { channels, pixels, .. } => format!("sums {channels} over {pixels}"),
            Step::Gate { inputs, outputs, .. } => format!("gate {inputs} -> {outputs}"),
            Step::Resize { up, channels, output: [h, w], .. } => {
                format!("{} {channels} to {h}x{w}", if *up { "upsample" } else { "max pool" })
            }
            Step::Entry { .. } => "entry".to_owned(),
            Step::Tail { .. } => "tail".to_owned(),
            Step::Guided { .. } => "guided filter".to_owned(),
        }
    }

    fn convs(&self) -> impl Iterator<Item = &ConvStep> {
        self.plan.steps.iter().filter_map(|step| match step {
            Step::Conv(conv) => Some(conv),
            _ => None,
        })
    }

    fn partial_room(&self) -> (usize, usize) {
        let rooms = self.convs().map(|conv| tile::partial_room(conv, self.plan.eyes));
        rooms.fold((0, 0), |(floats, counters), (f, c)| (floats.max(f), counters.max(c)))
    }

    pub(super) fn allocate(&self) -> Result<Memory, Error> {
        let (floats, counters) = self.partial_room();
        let device = self.device();
        Ok(Memory {
            buffers: DeviceBuffer::zeroed(device, self.arena.total_bytes)?
                .partly_held_for(Part::State, self.arena.state_bytes)
                .held_for(Part::Activations),
            partial: DeviceBuffer::zeroed(device, floats * 4)?.held_for(Part::Activations),
            counters: DeviceBuffer::zeroed(device, counters * 4)?.held_for(Part::Activations),
        })
    }

    pub(super) fn bindings<'a>(&'a self, memory: &'a Memory) -> Bindings<'a> {
        Bindings {
            plan: &self.plan,
            arena: &self.arena,
            memory: &memory.buffers,
            weights: &self.addresses,
            partial: (memory.partial.address(), memory.counters.address()),
        }
    }

    fn choose(&self, tiles: Tiles) -> Result<Vec<usize>, Error> {
        let fits = |tile: usize| self.kernels.has_tile(tile);
        let multiprocessors = self.device().multiprocessors() as usize;
        let guess = |step: &Step| match step {
            Step::Conv(conv) => tile::guess(conv, self.plan.eyes, multiprocessors, fits),
            _ => 0,
        };
        match tiles {
            Tiles::Guessed => Ok(self.plan.steps.iter().map(guess).collect()),
            Tiles::Fixed(tile) => {
                let fixed = |step: &Step| match step {
                    Step::Conv(conv) if fits(tile) && TILES[tile].kind == tile::kind(conv) => tile,
                    step => guess(step),
                };
                Ok(self.plan.steps.iter().map(fixed).collect())
            }
            Tiles::Timed => self.time(),
        }
    }

    /// Times every tile shape on every dense convolution. Operands are zeros; what is compared is loading
    /// and occupancy, which do not depend on values.
    fn time(&self) -> Result<Vec<usize>, Error> {
        let memory = self.allocate()?;
        let stream = Stream::new(self.device())?;
        let (start, end) = (Event::timing(self.device())?, Event::timing(self.device())?);
        let bindings = self.bindings(&memory);
        let mut tiles = Vec::with_capacity(self.plan.steps.len());
        let mut known = Vec::new();
        for step in &self.plan.steps {
            let mut best = (f32::INFINITY, 0);
            if let Step::Conv(conv) = step {
                // Blocks of a network repeat each other; one timing does for all layers of a shape.
                let key = shape(conv);
                if let Some((_, tile)) = known.iter().find(|(other, _)| *other == key) {
                    tiles.push(*tile);
                    continue;
                }
                let kind = tile::kind(conv);
                let candidates = (0..TILES.len()).filter(|&tile| TILES[tile].kind == kind);
                for tile in candidates.filter(|&tile| self.kernels.has_tile(tile)) {
                    let launch = resolve(&self.kernels, &bindings, step, tile);
                    // As a graph, so that what is timed is the device and not the enqueuing.
                    let mut runs = stream.capture::<Error>(|stream| {
                        for _ in 0..TIMED_RUNS {
                            // SAFETY: `memory` outlives the loop, and this is the only stream.
                            unsafe { launch.enqueue(stream)? };
                        }
                        Ok(())
                    })?;
                    runs.launch(&stream)?;
                    let mut ms = f32::INFINITY;
                    for _ in 0..TIMED_LAUNCHES {
                        start.record(&stream)?;
                        runs.launch(&stream)?;
                        end.record(&stream)?;
                        end.synchronize()?;
                        ms = ms.min(end.ms_since(&start)?);
                    }
                    if ms < best.0 {
                        best = (ms, tile);
                    }
                }
            }
            if let Step::Conv(conv) = step {
                known.push((shape(conv), best.1));
            }
            tiles.push(best.1);
        }
        stream.synchronize()?;
        Ok(tiles)
    }
}

/// What a convolution's time depends on, and which kernels can run it.
fn shape(conv: &ConvStep) -> (Kind, usize, usize, Geometry, bool, bool) {
    let (residual, in_scale) = (conv.residual.is_some(), conv.in_scale.is_some());
    (tile::kind(conv), conv.cin, conv.cout, conv.geometry, residual, in_scale)
}
