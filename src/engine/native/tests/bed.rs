//! A bed for single launches: the buffers of one step in one allocation, with guards between them.
//!
//! Every byte that the step may not write must come back as it went: guards, inputs, weights, and the channels of
//! wider buffers beside a slice. Guards and those channels hold bits that are no number as halfs and as floats, so
//! that a result made of them shows. A second run must give the same bits.

use std::sync::OnceLock;

use half::f16;
use proptest::prelude::ProptestConfig;

use super::super::arena::Arena;
use super::super::launch::{Bindings, Kernels, resolve};
use super::super::plan::{Buffer, BufferId, Life, Place, Plan, StatePort, Step};
use crate::gpu::{Device, DeviceBuffer, Stream};
use crate::kernels::fixtures::Random;
use crate::tensor::Tensor;

const GUARD: u8 = 0xFF;
const ALIGN: usize = 256;

/// The kernels, loaded once for all tests.
pub fn kernels() -> &'static Kernels {
    static KERNELS: OnceLock<Kernels> = OnceLock::new();
    KERNELS.get_or_init(|| {
        let device = Device::open(0).expect("the feature gpu-tests asks for a device");
        Kernels::load(&device).unwrap()
    })
}

/// So many cases, fewer where `$PROPTEST_CASES` says so: tools that watch every access are slow.
pub fn cases(most: u32) -> ProptestConfig {
    let limit = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(most.min(limit.unwrap_or(most)))
    }
}

/// What a tensor holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values {
    Random,
    Zero,
    Most,
    Least,
    Checker,
    Spike,
}

pub const VALUES: [Values; 6] =
    [Values::Random, Values::Zero, Values::Most, Values::Least, Values::Checker, Values::Spike];

/// A tensor of halfs within `scale` of 0; worst cases are at the bounds.
pub fn tensor(shape: [usize; 4], values: Values, scale: f32, seed: u64) -> Tensor {
    let mut random = Random(seed);
    let count = shape.iter().product::<usize>();
    let spike = random.next() as usize % count;
    let [_, _, h, w] = shape;
    let made = (0..count).map(|at| match values {
        Values::Random => random.normal() / 6.0 * scale,
        Values::Zero => 0.0,
        Values::Most => scale,
        Values::Least => -scale,
        Values::Checker => scale * if (at % w + at / w % h).is_multiple_of(2) { 1.0 } else { -1.0 },
        Values::Spike => scale * f32::from(u8::from(at == spike)),
    });
    Tensor::from_vec(shape, made.map(|value| f16::from_f32(value).to_f32()).collect())
}

/// Groups of eight channels ahead of a slice and behind it.
#[derive(Clone, Copy, Debug)]
pub struct Room(pub usize, pub usize);

/// The buffers of one step.
pub struct Bed {
    eyes: usize,
    bytes: Vec<u8>,
    may_change: Vec<bool>,
    offsets: Vec<usize>,
    buffers: Vec<Buffer>,
}

impl Bed {
    pub fn new(eyes: usize) -> Self {
        Self { eyes, bytes: vec![], may_change: vec![], offsets: vec![], buffers: vec![] }
    }

    fn put(&mut self, bytes: &[u8], may_change: bool) -> BufferId {
        // At least a line of guards, then to where the arena would put a buffer.
        let start = (self.bytes.len() + 64).next_multiple_of(ALIGN);
        self.bytes.resize(start, GUARD);
        self.may_change.resize(start, false);
        self.bytes.extend_from_slice(bytes);
        self.may_change.resize(self.bytes.len(), may_change);
        self.offsets.push(start);
        self.buffers.push(Buffer { name: String::new(), bytes: bytes.len(), life: Life::Step });
        BufferId(self.offsets.len() - 1)
    }

    pub fn floats(&mut self, data: &[f32]) -> BufferId {
        self.put(&data.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>(), false)
    }

    pub fn halfs(&mut self, data: &[f16]) -> BufferId {
        self.put(&data.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>(), false)
    }

    /// Floats that the step reads and writes.
    pub fn changing(&mut self, data: &[f32]) -> BufferId {
        self.put(&data.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>(), true)
    }

    /// Halfs that the step writes over.
    pub fn changing_halfs(&mut self, data: &[f16]) -> BufferId {
        self.put(&data.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>(), true)
    }

    /// Bytes to write, nothing yet.
    pub fn output(&mut self, len_bytes: usize) -> BufferId {
        self.put(&vec![GUARD; len_bytes], true)
    }

    /// A tensor as a slice of a buffer, between other channels.
    pub fn map(&mut self, tensor: &Tensor, room: Room) -> Place {
        let place = self.slice(tensor.shape, room, false);
        let (start, shape) = (self.offsets[place.buffer.0], tensor.shape);
        for (at, value) in positions(shape, place) {
            let bytes = f16::from_f32(tensor.data[value]).to_le_bytes();
            self.bytes[start + at..start + at + 2].copy_from_slice(&bytes);
        }
        place
    }

    /// A slice to write.
    pub fn slice_out(&mut self, shape: [usize; 4], room: Room) -> Place {
        self.slice(shape, room, true)
    }

    fn slice(&mut self, shape: [usize; 4], room: Room, may_change: bool) -> Place {
        let [n, c, h, w] = shape;
        let (offset, pitch) = (room.0 * 8, room.0 * 8 + c + room.1 * 8);
        let buffer = self.put(&vec![GUARD; n * h * w * pitch * 2], false);
        let place = Place { buffer, offset, pitch };
        let start = self.offsets[buffer.0];
        for (at, _) in positions(shape, place) {
            self.may_change[start + at..start + at + 2].fill(may_change);
        }
        place
    }

    /// Runs the step twice and checks what it must leave alone. Weights are the step's own list, `partial` the
    /// scratch of a divided convolution and its counters.
    pub fn run(
        &self,
        step: &Step,
        tile: usize,
        weights: &[(BufferId, BufferId)],
        partial: (BufferId, BufferId),
    ) -> Ran<'_> {
        let first = self.once(step, tile, weights, partial);
        let wrong = first.iter().zip(&self.bytes).zip(&self.may_change);
        let at = wrong.enumerate().find(|(_, ((got, was), may))| got != was && !**may).map(|(at, _)| at);
        let near = at.map(|at| (self.offsets.iter().rposition(|&start| start <= at), at));
        assert!(
            near.is_none(),
            "wrote outside its destination, (buffer, byte): {near:?} of {:?}",
            self.offsets
        );
        assert!(first == self.once(step, tile, weights, partial), "a second run differs");
        Ran { bed: self, bytes: first }
    }

    fn once(
        &self,
        step: &Step,
        tile: usize,
        weights: &[(BufferId, BufferId)],
        partial: (BufferId, BufferId),
    ) -> Vec<u8> {
        let device = kernels().device();
        // Guards behind the last buffer too.
        let all = [&self.bytes[..], &[GUARD; 4096]].concat();
        let memory = DeviceBuffer::from_slice(device, &all).unwrap();
        let arena = Arena { offsets: self.offsets.clone(), state_bytes: 0, total_bytes: self.bytes.len() };
        let address = |id: BufferId| memory.address() + self.offsets[id.0] as u64;
        let weights: Vec<_> = weights.iter().map(|&(w, bias)| (address(w), address(bias))).collect();
        let plan = self.plan(step);
        let partial = (address(partial.0), address(partial.1));
        let bindings = Bindings { plan: &plan, arena: &arena, memory: &memory, weights: &weights, partial };
        let stream = Stream::new(device).unwrap();
        let launch = resolve(kernels(), &bindings, step, tile);
        // SAFETY: `memory` holds every buffer of the step and outlives the launch, which is waited for.
        unsafe { launch.enqueue(&stream).unwrap() };
        stream.synchronize().unwrap();
        let mut back = vec![0u8; all.len()];
        memory.download_sync(&stream, &mut back).unwrap();
        assert!(back.split_off(self.bytes.len()).iter().all(|&byte| byte == GUARD), "wrote beyond the end");
        back
    }

    fn plan(&self, step: &Step) -> Plan {
        let buffer = BufferId(0);
        let state = StatePort { buffer, copy: Place { buffer, offset: 0, pitch: 8 }, shape: [1, 1, 1] };
        Plan {
            eyes: self.eyes,
            size: [1, 1],
            steps: vec![step.clone()],
            buffers: self.buffers.clone(),
            weights: Vec::new(),
            written: Vec::new(),
            src: buffer,
            a: buffer,
            b: buffer,
            states: [state; 4],
        }
    }
}

/// `(byte in its buffer, index in the tensor)` of each value of a slice.
fn positions([n, c, h, w]: [usize; 4], place: Place) -> impl Iterator<Item = (usize, usize)> {
    let values = (0..n * c * h * w)
        .map(move |index| (index / (c * h * w), index / (h * w) % c, index % (h * w), index));
    values.map(move |(n, channel, at, index)| {
        (2 * ((n * h * w + at) * place.pitch + place.offset + channel), index)
    })
}

/// The bed after a run.
pub struct Ran<'a> {
    bed: &'a Bed,
    bytes: Vec<u8>,
}

impl Ran<'_> {
    pub fn map(&self, place: Place, shape: [usize; 4]) -> Tensor {
        let start = self.bed.offsets[place.buffer.0];
        let mut out = Tensor::zeros(shape);
        for (at, index) in positions(shape, place) {
            out.data[index] =
                f16::from_le_bytes([self.bytes[start + at], self.bytes[start + at + 1]]).to_f32();
        }
        out
    }

    pub fn floats(&self, id: BufferId) -> Vec<f32> {
        self.raw(id).as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    pub fn halfs(&self, id: BufferId) -> Vec<f32> {
        self.raw(id).as_chunks::<2>().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect()
    }

    fn raw(&self, id: BufferId) -> &[u8] {
        let start = self.bed.offsets[id.0];
        &self.bytes[start..start + self.bed.buffers[id.0].bytes]
    }
}

/// `[n, c, h, w]` as the kernels keep floats: `[n, h, w, c]`.
pub fn interleaved(tensor: &Tensor) -> Vec<f32> {
    let [n, c, h, w] = tensor.shape;
    let pixels = (0..n).flat_map(|n| (0..h * w).map(move |at| (n, at)));
    pixels.flat_map(|(n, at)| (0..c).map(move |channel| tensor.channel(n, channel)[at])).collect()
}

/// The other way round.
pub fn planar(floats: &[f32], shape: [usize; 4]) -> Tensor {
    let [_, c, h, w] = shape;
    let mut out = Tensor::zeros(shape);
    for (index, &value) in floats.iter().enumerate() {
        let (pixel, channel) = (index / c, index % c);
        out.channel_mut(pixel / (h * w), channel)[pixel % (h * w)] = value;
    }
    out
}

/// Whether each value is within its own bound; says the first that is not.
pub fn compare(what: &str, got: &[f32], want: &[f32], bound: impl Fn(usize) -> f32) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (at, (&got, &want)) in got.iter().zip(want).enumerate() {
        let bound = bound(at);
        assert!((got - want).abs() <= bound, "{what}, value {at}: {got} for {want}, at most {bound:e} off");
    }
}

/// Half a step of a half at `value`.
pub fn half_step(value: f32) -> f32 {
    value.abs() / 2048.0 + 6e-8
}
