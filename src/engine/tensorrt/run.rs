//! One lane's engine: two execution contexts on fixed addresses, states going to and fro between them.
//!
//! ```text
//! even step: context 0, states 0 -> 1        odd step: context 1, states 1 -> 0
//! ```
//! Addresses never change after [`TensorRtEngine::new`], so the library may replay each context as a CUDA graph,
//! and nothing is allocated or copied between frames. A and b leave as `[eyes, h, w, 4]`.

use super::Prepared;
use super::model::{Cache, Model};
use super::toolkit::{failed, forget, logger};
use crate::engine::{DeviceEngine, Engine, Error};
use crate::gpu::{Device, DeviceBuffer, Event, Part, Stream};
use crate::rvm::StageSize;
use crate::tensor::{Coefficients, Tensor};
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;
use trtx::{CudaEngine, ExecutionContext, Runtime, RuntimeConfig};

/// Steps of each context before the first frame: kernels are specialised and graphs captured in them.
const WARM_UP_STEPS: usize = 2;

/// An engine for one lane.
///
/// # Errors
/// When the plan cannot be read or is refused, or the device fails.
pub fn lane_engine(device: &Arc<Device>, prepared: &Prepared) -> Result<Box<dyn DeviceEngine>, Error> {
    let Prepared { path, key, graph, .. } = prepared;
    let model = Arc::new(Model::read(device, path, key.clone(), graph)?);
    Ok(Box::new(TensorRtEngine::new(&model)?))
}

/// The library's objects, in the order in which they must go.
struct Loaded {
    contexts: [ExecutionContext<'static>; 2],
    // The binding lets go of a context's config before it lets go of the context.
    _config: Rc<RuntimeConfig<'static>>,
    _engine: CudaEngine<'static>,
    _runtime: Runtime<'static>,
}

/// The network as TensorRT runs it.
pub struct TensorRtEngine {
    loaded: ManuallyDrop<Loaded>,
    src: DeviceBuffer,
    /// A, then b.
    maps: [DeviceBuffer; 2],
    /// Two sets of r1 to r4.
    states: [[DeviceBuffer; 4]; 2],
    /// The context of the next step, and the set of states that it reads.
    turn: usize,
    /// The next step starts from states of zero, which are yet to be written.
    fresh: bool,
    /// For what is not enqueued on a stream of the caller's.
    stream: Stream,
    /// The end of the last step, whatever stream it ran on.
    done: Event,
    model: Arc<Model>,
}

// SAFETY: TensorRT's objects belong to no thread; they must not be used by two at once, which `&mut self` rules
// out, and need the CUDA context to be current, which every use here sees to. The `Rc` of the contexts' config is
// shared within this one struct only, whose parts move together.
unsafe impl Send for TensorRtEngine {}

impl TensorRtEngine {
    /// Takes memory for one lane, loads the plan and runs it a few times.
    ///
    /// # Errors
    /// When the library refuses the plan or the GPU, or the device fails.
    pub fn new(model: &Arc<Model>) -> Result<Self, Error> {
        let device = model.device();
        device.bind()?;
        let stream = Stream::new(device)?;
        let done = Event::new(device)?;
        let floats =
            |count: usize, part| Ok::<_, Error>(DeviceBuffer::zeroed(device, count * 4)?.held_for(part));
        let [r1, r2, r3, r4] = model.state_lengths();
        let state = |length| floats(length, Part::State);
        let set = || Ok::<_, Error>([state(r1)?, state(r2)?, state(r3)?, state(r4)?]);
        let states = [set()?, set()?];
        let pixels = model.pixels();
        let src = floats(pixels * 3, Part::Activations)?;
        let maps = [floats(pixels * 4, Part::Activations)?, floats(pixels * 4, Part::Activations)?];
        let (loaded, cache) = load(model)?;
        let (turn, fresh, model) = (0, true, Arc::clone(model));
        let loaded = ManuallyDrop::new(loaded);
        let mut made = Self { loaded, src, maps, states, turn, fresh, stream, done, model };
        made.bind_tensors()?;
        made.warm_up()?;
        made.model.keep_cache(&cache)?;
        Ok(made)
    }

    /// Tells both contexts where their tensors lie, once and for all.
    fn bind_tensors(&mut self) -> Result<(), Error> {
        for turn in 0..2 {
            let mut all =
                vec![("src".to_owned(), self.src.address()), ("b".to_owned(), self.maps[1].address())];
            if self.model.has_slope() {
                all.push(("A".to_owned(), self.maps[0].address()));
            }
            for index in 0..4 {
                all.push((format!("r{}i", index + 1), self.states[turn][index].address()));
                all.push((format!("r{}o", index + 1), self.states[1 - turn][index].address()));
            }
            for (name, address) in all {
                // SAFETY: each buffer has the size that the model's shapes give its tensor, and lives as long
                // as the context.
                unsafe { self.loaded.contexts[turn].set_tensor_address(&name, address as *mut _) }
                    .map_err(failed("setTensorAddress"))?;
            }
        }
        Ok(())
    }

    fn warm_up(&mut self) -> Result<(), Error> {
        let device = Arc::clone(self.model.device());
        // The library compiles, takes memory and captures as it sees fit.
        let _apart = device.while_nothing_captures();
        for _ in 0..2 * WARM_UP_STEPS {
            self.enqueue_raw(None)?;
        }
        self.stream.synchronize()?;
        self.turn = 0;
        self.reset();
        Ok(())
    }

    /// One step on `stream`, or on the engine's own.
    fn enqueue_raw(&mut self, stream: Option<&Stream>) -> Result<(), Error> {
        let stream = stream.unwrap_or(&self.stream);
        stream.device().bind()?;
        if std::mem::take(&mut self.fresh) {
            for state in &mut self.states[self.turn] {
                state.clear_range(stream, 0, state.len_bytes())?;
            }
        }
        let context = &mut self.loaded.contexts[self.turn];
        // SAFETY: all tensors are bound to memory of this engine, and the stream is of the same CUDA context.
        unsafe { context.enqueue_v3(stream.raw().cast()) }.map_err(failed("enqueueV3"))?;
        self.done.record(stream)?;
        self.turn ^= 1;
        Ok(())
    }

    fn download(&self, buffer: &DeviceBuffer, shape: [usize; 4]) -> Result<Tensor, Error> {
        let mut tensor = Tensor::zeros(shape);
        self.stream.wait(&self.done)?;
        buffer.download_sync(&self.stream, &mut tensor.data)?;
        Ok(tensor)
    }

    /// `[eyes, h, w, 4]` as `[eyes, 4, h, w]`.
    fn map(&self, which: usize) -> Result<Tensor, Error> {
        let (StageSize { height, width }, eyes) = (self.stage_size(), self.eyes());
        let last = self.download(&self.maps[which], [eyes, height, width, 4])?;
        let mut first = Tensor::zeros([eyes, 4, height, width]);
        let pixels = height * width;
        for (at, &value) in last.data.iter().enumerate() {
            let (pixel, channel) = (at / 4, at % 4);
            first.data[(pixel / pixels * 4 + channel) * pixels + pixel % pixels] = value;
        }
        Ok(first)
    }
}

/// The plan as contexts that are ready to be bound, and the kernels compiled for it so far.
fn load(model: &Model) -> Result<(Loaded, Cache), Error> {
    // The library takes memory and waits as it sees fit.
    let _apart = model.device().while_nothing_captures();
    forget();
    let mut runtime = Runtime::new(logger()?).map_err(failed("createInferRuntime"))?;
    let engine = runtime.deserialize_cuda_engine(model.plan());
    let mut engine = engine.map_err(failed("deserializeCudaEngine"))?;
    let (config, cache) = model.configure(&mut engine)?;
    let config = Rc::new(config);
    let mut context = || {
        let made = engine.create_execution_context_with_config(Rc::clone(&config));
        made.map_err(failed("createExecutionContext"))
    };
    let contexts = [context()?, context()?];
    Ok((Loaded { contexts, _config: config, _engine: engine, _runtime: runtime }, cache))
}

impl DeviceEngine for TensorRtEngine {
    fn src_address(&self) -> u64 {
        self.src.address()
    }

    fn coefficient_addresses(&self) -> (u64, u64) {
        (self.maps[0].address(), self.maps[1].address())
    }

    fn state_ranges(&self) -> [(u64, usize); 4] {
        std::array::from_fn(|index| {
            let state = &self.states[self.turn][index];
            (state.address(), state.len_bytes())
        })
    }

    fn enqueue_on(&mut self, stream: &Stream) -> Result<(), Error> {
        self.enqueue_raw(Some(stream))
    }
}

impl Engine for TensorRtEngine {
    fn stage_size(&self) -> StageSize {
        self.model.stage_size()
    }

    fn eyes(&self) -> usize {
        self.model.eyes()
    }

    fn reset(&mut self) {
        self.fresh = true;
    }

    fn step(&mut self, src: &Tensor, out: &mut Coefficients) -> Result<(), Error> {
        let StageSize { height, width } = self.stage_size();
        check_shape("src", [self.eyes(), 3, height, width], src.shape)?;
        self.stream.wait(&self.done)?;
        self.src.upload_sync(&self.stream, &src.data)?;
        self.enqueue_raw(None)?;
        out.a = self.map(0)?;
        out.b = self.map(1)?;
        Ok(())
    }

    fn state(&self) -> Result<[Tensor; 4], Error> {
        let mut states = <[Tensor; 4]>::default();
        // The last step wrote the set that the next one reads.
        let shapes = self.model.states();
        for ((to, from), [c, h, w]) in states.iter_mut().zip(&self.states[self.turn]).zip(shapes) {
            *to = self.download(from, [self.eyes(), c, h, w])?;
        }
        Ok(states)
    }

    fn set_state(&mut self, state: &[Tensor; 4]) -> Result<(), Error> {
        let (eyes, shapes) = (self.eyes(), self.model.states());
        for (given, [c, h, w]) in state.iter().zip(shapes) {
            check_shape("state", [eyes, c, h, w], given.shape)?;
        }
        self.stream.wait(&self.done)?;
        for (buffer, given) in self.states[self.turn].iter_mut().zip(state) {
            buffer.upload_sync(&self.stream, &given.data)?;
        }
        self.fresh = false;
        Ok(())
    }
}

impl Drop for TensorRtEngine {
    fn drop(&mut self) {
        // Nothing of it may run when the contexts go. A failure here leaves a device that is of no more use;
        // whoever uses it next is told.
        let _ = self.model.device().bind().and_then(|()| self.done.synchronize());
        let _apart = self.model.device().while_nothing_captures();
        // SAFETY: here only, and nothing uses it afterwards.
        unsafe { ManuallyDrop::drop(&mut self.loaded) };
    }
}

fn check_shape(what: &'static str, expected: [usize; 4], got: [usize; 4]) -> Result<(), Error> {
    if expected == got { Ok(()) } else { Err(Error::Shape { what, expected, got }) }
}
