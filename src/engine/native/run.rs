//! One lane's engine: its memory, its state, and the step captured as one CUDA graph.
//!
//! The state is updated in place: the launch that computes the new state of a pixel is the last to
//! read the old one there. So a single graph serves every frame, and nothing is copied between frames.

use std::sync::Arc;

use super::launch::{Launch, announce_weights, resolve};
use super::model::{Memory, Model};
use super::plan::{BufferId, StatePort};
use crate::engine::{DeviceEngine, Engine, Error};
use crate::gpu::{Event, Graph, Stream};
use crate::rvm::StageSize;
use crate::tensor::{Coefficients, Tensor};
use half::f16;

/// The network on a GPU.
pub struct NativeEngine {
    // Before what the graph points at, so that it goes first.
    graph: Graph,
    launches: Vec<Launch>,
    memory: Memory,
    stream: Stream,
    /// The next step starts from states of zero, which are yet to be written.
    fresh: bool,
    model: Arc<Model>,
}

impl NativeEngine {
    /// Takes memory for one lane and captures the step.
    ///
    /// # Errors
    /// When the device has not enough memory, or fails.
    pub fn new(model: &Arc<Model>) -> Result<Self, Error> {
        let memory = model.allocate()?;
        let stream = Stream::new(model.device())?;
        let mut launches = {
            let bindings = model.bindings(&memory);
            let steps = model.plan.steps.iter().zip(&model.tiles);
            steps.map(|(step, &tile)| resolve(&model.kernels, &bindings, step, tile)).collect::<Vec<_>>()
        };
        announce_weights(&mut launches);
        let graph = stream.capture::<Error>(|stream| {
            for launch in &launches {
                // SAFETY: the engine keeps memory and model as long as the graph; steps run in order.
                unsafe { launch.enqueue(stream)? };
            }
            Ok(())
        })?;
        Ok(Self { graph, launches, memory, stream, fresh: false, model: model.clone() })
    }

    /// Address of the input, `[eyes, 3, h, w]` floats in `[0, 1]`, to be written before [`Self::enqueue`].
    pub fn src_address(&self) -> u64 {
        self.address(self.model.plan.src)
    }

    /// Addresses of A and b, each `[eyes, h, w, 4]` floats, valid after [`Self::enqueue`] until the next.
    pub fn coefficient_addresses(&self) -> (u64, u64) {
        (self.address(self.model.plan.a), self.address(self.model.plan.b))
    }

    /// The engine's own stream; other work on it is ordered with the engine's.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Enqueues one step on the engine's stream, and returns at once.
    ///
    /// # Errors
    /// When the driver refuses.
    pub fn enqueue(&mut self) -> Result<(), Error> {
        let state_bytes = self.model.arena.state_bytes;
        if std::mem::take(&mut self.fresh) {
            self.memory.buffers.clear_range(&self.stream, 0, state_bytes)?;
        }
        Ok(self.graph.launch(&self.stream)?)
    }

    /// As [`Self::enqueue`], on another stream, which must be ordered with all else that uses the engine.
    ///
    /// # Errors
    /// When the driver refuses.
    pub fn enqueue_on(&mut self, stream: &Stream) -> Result<(), Error> {
        let state_bytes = self.model.arena.state_bytes;
        if std::mem::take(&mut self.fresh) {
            self.memory.buffers.clear_range(stream, 0, state_bytes)?;
        }
        Ok(self.graph.launch(stream)?)
    }

    /// Uploads the input from host memory and waits.
    ///
    /// # Errors
    /// When it is longer than the input, or the driver fails.
    pub fn upload_src(&mut self, src: &[f32]) -> Result<(), Error> {
        let offset = self.model.arena.offsets[self.model.plan.src.0];
        Ok(self.memory.buffers.upload_range_sync(&self.stream, offset, src)?)
    }

    /// Times each launch by itself, in ms: the mean of `runs`; the state is spoilt. For benches.
    ///
    /// # Errors
    /// When the device fails.
    pub fn profile(&mut self, runs: usize) -> Result<Vec<(String, f32)>, Error> {
        let device = self.model.device();
        let (start, end) = (Event::timing(device)?, Event::timing(device)?);
        let mut times = Vec::with_capacity(self.launches.len());
        for (index, launch) in self.launches.iter().enumerate() {
            start.record(&self.stream)?;
            for _ in 0..runs {
                // SAFETY: the memory is the engine's, and this is the only stream that uses it.
                unsafe { launch.enqueue(&self.stream)? };
            }
            end.record(&self.stream)?;
            end.synchronize()?;
            times.push((self.model.describe(index), end.ms_since(&start)? / runs as f32));
        }
        self.reset();
        Ok(times)
    }

    /// What each launch adds to a step, in ms: the difference between the times of the steps that end with it and
    /// with the one before it, each behind a whole step, so that caches hold what they hold in a run. The mean of
    /// `runs`; the state is spoilt. For benches.
    ///
    /// # Errors
    /// When the device fails.
    pub fn profile_in_place(&mut self, runs: usize) -> Result<Vec<(String, f32)>, Error> {
        let device = self.model.device().clone();
        let (start, end) = (Event::timing(&device)?, Event::timing(&device)?);
        let mut times = Vec::with_capacity(self.launches.len());
        let mut before = None;
        for count in 0..=self.launches.len() {
            let mut part = self.stream.capture::<Error>(|stream| {
                for launch in &self.launches[..count] {
                    // SAFETY: the graph lives in this loop only, the memory as long as the engine.
                    unsafe { launch.enqueue(stream)? };
                }
                Ok(())
            })?;
            let mut best = f32::INFINITY;
            for _ in 0..3 {
                start.record(&self.stream)?;
                for _ in 0..runs {
                    self.graph.launch(&self.stream)?;
                    part.launch(&self.stream)?;
                }
                end.record(&self.stream)?;
                end.synchronize()?;
                best = best.min(end.ms_since(&start)? / runs as f32);
            }
            if let Some(before) = before {
                times.push((self.model.describe(count - 1), best - before));
            }
            before = Some(best);
        }
        self.reset();
        Ok(times)
    }

    fn address(&self, id: BufferId) -> u64 {
        self.memory.buffers.address() + self.model.arena.offsets[id.0] as u64
    }

    /// Downloads `[n, h, w, padded]` floats as `[n, c, h, w]`.
    fn download(&self, id: BufferId, [c, h, w]: [usize; 3], padded: usize) -> Result<Tensor, Error> {
        let eyes = self.model.plan.eyes;
        let mut floats = vec![0f32; eyes * h * w * padded];
        let offset = self.model.arena.offsets[id.0];
        self.memory.buffers.download_range_sync(&self.stream, offset, &mut floats)?;
        let mut out = Tensor::zeros([eyes, c, h, w]);
        for n in 0..eyes {
            for channel in 0..c {
                let pixels = floats[n * h * w * padded..].iter().skip(channel).step_by(padded);
                for (to, from) in out.channel_mut(n, channel).iter_mut().zip(pixels) {
                    *to = *from;
                }
            }
        }
        Ok(out)
    }

    fn set_one(&mut self, port: StatePort, state: &Tensor) -> Result<(), Error> {
        let [_, h, w] = port.shape;
        let (pixels, padded) = (self.model.plan.eyes * h * w, port.padded());
        let mut floats = vec![0f32; pixels * padded];
        let pitch = port.copy.pitch;
        let mut halfs = vec![f16::ZERO; pixels * pitch];
        for pixel in 0..pixels {
            let (n, at) = (pixel / (h * w), pixel % (h * w));
            for channel in 0..port.shape[0] {
                let value = state.channel(n, channel)[at];
                floats[pixel * padded + channel] = value;
                halfs[pixel * pitch + port.copy.offset + channel] = f16::from_f32(value);
            }
        }
        // The other slices of the copy's buffer are written anew by every step.
        let offsets = &self.model.arena.offsets;
        let (state_at, copy_at) = (offsets[port.buffer.0], offsets[port.copy.buffer.0]);
        self.memory.buffers.upload_range_sync(&self.stream, state_at, &floats)?;
        self.memory.buffers.upload_range_sync(&self.stream, copy_at, &halfs)?;
        Ok(())
    }

    fn check_shape(what: &'static str, expected: [usize; 4], got: [usize; 4]) -> Result<(), Error> {
        if expected == got { Ok(()) } else { Err(Error::Shape { what, expected, got }) }
    }
}

impl DeviceEngine for NativeEngine {
    fn src_address(&self) -> u64 {
        Self::src_address(self)
    }

    fn coefficient_addresses(&self) -> (u64, u64) {
        Self::coefficient_addresses(self)
    }

    fn state_ranges(&self) -> [(u64, usize); 4] {
        let all = (self.memory.buffers.address(), self.model.arena.state_bytes);
        [all, (0, 0), (0, 0), (0, 0)]
    }

    fn enqueue_on(&mut self, stream: &Stream) -> Result<(), Error> {
        Self::enqueue_on(self, stream)
    }
}

impl Engine for NativeEngine {
    fn stage_size(&self) -> StageSize {
        let [height, width] = self.model.plan.size;
        StageSize { height, width }
    }

    fn eyes(&self) -> usize {
        self.model.plan.eyes
    }

    fn reset(&mut self) {
        self.fresh = true;
    }

    fn step(&mut self, src: &Tensor, out: &mut Coefficients) -> Result<(), Error> {
        let [h, w] = self.model.plan.size;
        Self::check_shape("src", [self.eyes(), 3, h, w], src.shape)?;
        self.upload_src(&src.data)?;
        self.enqueue()?;
        out.a = self.download(self.model.plan.a, [4, h, w], 4)?;
        out.b = self.download(self.model.plan.b, [4, h, w], 4)?;
        Ok(())
    }

    fn state(&self) -> Result<[Tensor; 4], Error> {
        let mut states = <[Tensor; 4]>::default();
        for (to, port) in states.iter_mut().zip(&self.model.plan.states) {
            *to = self.download(port.buffer, port.shape, port.padded())?;
        }
        Ok(states)
    }

    fn set_state(&mut self, state: &[Tensor; 4]) -> Result<(), Error> {
        self.fresh = false;
        let eyes = self.model.plan.eyes;
        for (port, given) in self.model.plan.states.into_iter().zip(state) {
            let [c, h, w] = port.shape;
            Self::check_shape("state", [eyes, c, h, w], given.shape)?;
            self.set_one(port, given)?;
        }
        Ok(())
    }
}
