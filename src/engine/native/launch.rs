//! Argument structs of the kernels, byte for byte, and the launch of each step of a plan.
//!
//! Addresses are resolved once: a step becomes a [`Launch`], a kernel with its grid and arguments, which
//! is then enqueued as often as needed. Sizes that the kernels index with 32 bits are checked here.

use std::ffi::c_void;
use std::sync::Arc;

use super::arena::Arena;
use super::args::*;
use super::plan::{BufferId, ConvMode, ConvStep, Place, Plan, Slope, Step};
use super::tile::{TILES, Tile};
use crate::gpu::{Device, DeviceBuffer, Error, Kernel, Stream};
use crate::rvm::graph::Activation;

/// Kernel size, stride and dilation for which there are depthwise kernels.
pub const DEPTHWISE: [(usize, usize, usize); 5] = [(3, 1, 1), (3, 2, 1), (5, 1, 1), (5, 2, 1), (5, 1, 2)];

/// Every kernel of the engine, looked up once per device.
pub struct Kernels {
    /// One per tile shape; `None` where the device has too little shared memory.
    conv: Vec<Option<Kernel>>,
    depthwise: Vec<Kernel>,
    sums: Kernel,
    gate: Kernel,
    upsample: Kernel,
    max_pool: Kernel,
    entry: Kernel,
    tail: Kernel,
    guided: Kernel,
    device: Arc<Device>,
}

/// Inputs of the widest layer on a vector, which it holds in shared memory.
const GATE_INPUTS_MAX: usize = 4096;

/// Shared memory of the tail: its input, its first result, its weights, as in `kernels/tail.cu`.
const TAIL_SHARED_BYTES: u32 = 2 * (400 * 40 + 336 * 24 + 16 * 376 + 16 * 152);

impl Kernels {
    /// Looks the kernels up.
    ///
    /// # Errors
    /// When the device refuses one.
    pub fn load(device: &Arc<Device>) -> Result<Self, Error> {
        let kernel = |name: &str| device.kernel(name, 0);
        let conv = |tile: &Tile| {
            let fits = tile.shared_bytes() <= device.shared_bytes_max();
            fits.then(|| device.kernel(tile.name, tile.shared_bytes())).transpose()
        };
        let depthwise = |(k, s, d): &(usize, usize, usize)| kernel(&format!("vrp_depthwise_{k}_{s}_{d}"));
        Ok(Self {
            conv: TILES.iter().map(conv).collect::<Result<_, _>>()?,
            depthwise: DEPTHWISE.iter().map(depthwise).collect::<Result<_, _>>()?,
            sums: kernel("vrp_channel_sums")?,
            gate: device.kernel("vrp_gate", (GATE_INPUTS_MAX * 4) as u32)?,
            upsample: kernel("vrp_upsample2")?,
            max_pool: kernel("vrp_max_pool3")?,
            entry: kernel("vrp_entry")?,
            tail: device.kernel("vrp_tail", TAIL_SHARED_BYTES)?,
            guided: kernel("vrp_guided")?,
            device: device.clone(),
        })
    }

    /// The device they are loaded on.
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Whether the device can run a tile shape.
    pub fn has_tile(&self, tile: usize) -> bool {
        self.conv[tile].is_some()
    }
}

/// Addresses that steps are resolved against.
pub struct Bindings<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Where its buffers lie in `memory`.
    pub arena: &'a Arena,
    /// Holds the buffers.
    pub memory: &'a DeviceBuffer,
    /// Address of the halfs and of the floats of each entry of the plan's weights.
    pub weights: &'a [(u64, u64)],
    /// Room for the sums of divided convolutions, and their counters (zeros).
    pub partial: (u64, u64),
}

impl Bindings<'_> {
    fn buffer(&self, id: BufferId) -> u64 {
        self.memory.address() + self.arena.offsets[id.0] as u64
    }

    fn place(&self, place: Place) -> u64 {
        self.buffer(place.buffer) + 2 * place.offset as u64
    }
}

/// Arguments of one launch.
enum Args {
    Conv(ConvArgs),
    Depthwise(DepthwiseArgs),
    Sums(SumsArgs),
    Gate(GateArgs),
    Resize(ResizeArgs),
    Entry(EntryArgs),
    Tail(TailArgs),
    // Large, because it holds the deep filter's weights.
    Guided(Box<GuidedArgs>),
}

/// A kernel with its grid and arguments.
pub struct Launch {
    kernel: Kernel,
    grid: [u32; 3],
    threads: u32,
    args: Args,
}

impl Launch {
    /// Enqueues the kernel.
    ///
    /// # Errors
    /// When the driver refuses.
    ///
    /// # Safety
    /// The memory of the [`Bindings`] that it was made from must live until the stream has run it, and
    /// nothing else may use it at that time.
    pub unsafe fn enqueue(&self, stream: &Stream) -> Result<(), Error> {
        // SAFETY: `resolve` pairs each kernel with its struct and takes addresses and sizes from one
        // plan, in which every place lies inside its buffer; the caller keeps the memory.
        unsafe { self.kernel.launch_raw(stream, self.grid, self.threads, self.args.address()) }
    }
}

/// Tells each convolution which weights come next, the last those of the first: they are on their way into the
/// cache when their launch begins.
pub fn announce_weights(launches: &mut [Launch]) {
    let weights = |launch: &Launch| match &launch.args {
        Args::Conv(conv) => Some((conv.w, 2 * i64::from(conv.cout) * i64::from(conv.k_padded))),
        _ => None,
    };
    let mut next = launches.iter().find_map(weights);
    for launch in launches.iter_mut().rev() {
        let own = weights(launch);
        if let (Args::Conv(conv), Some((address, bytes))) = (&mut launch.args, next) {
            (conv.next_w, conv.next_bytes) = (address, bytes);
            next = own;
        }
    }
}

impl Args {
    fn address(&self) -> *const c_void {
        match self {
            Args::Conv(args) => std::ptr::from_ref(args).cast(),
            Args::Depthwise(args) => std::ptr::from_ref(args).cast(),
            Args::Sums(args) => std::ptr::from_ref(args).cast(),
            Args::Gate(args) => std::ptr::from_ref(args).cast(),
            Args::Resize(args) => std::ptr::from_ref(args).cast(),
            Args::Entry(args) => std::ptr::from_ref(args).cast(),
            Args::Tail(args) => std::ptr::from_ref(args).cast(),
            Args::Guided(args) => std::ptr::from_ref(&**args).cast(),
        }
    }
}

fn blocks(items: usize, per_block: usize) -> u32 {
    items.div_ceil(per_block) as u32
}

fn activation(act: Activation) -> i32 {
    match act {
        Activation::None => 0,
        Activation::Relu => 1,
        Activation::HardSwish => 2,
        Activation::HardSigmoid => 3,
        Activation::Sigmoid => 4,
        Activation::Tanh => 5,
    }
}

/// Resolves a step. `tile` is the tile shape of a dense convolution.
pub fn resolve(kernels: &Kernels, bindings: &Bindings<'_>, step: &Step, tile: usize) -> Launch {
    let eyes = bindings.plan.eyes;
    let images = eyes as i32;
    let at = |place: Place| bindings.place(place);
    let pitch = |place: Place| place.pitch as i32;
    let address = |id: BufferId| bindings.buffer(id);
    match step {
        Step::Conv(conv) => resolve_conv(kernels, bindings, conv, tile),
        Step::Depthwise { x, y, channels, geometry: g, act, weights } => {
            let shape = (g.kernel, g.stride, g.dilation);
            let which = DEPTHWISE.iter().position(|&have| have == shape).expect("lowering checked the shape");
            let (w, bias) = bindings.weights[*weights];
            let items = channels / 8 * g.output[1].div_ceil(4) * g.output[0] * eyes;
            let args = DepthwiseArgs {
                x: at(*x),
                w,
                bias,
                y: at(*y),
                x_pitch: pitch(*x),
                y_pitch: pitch(*y),
                channels: *channels as i32,
                images,
                in_h: g.input[0] as i32,
                in_w: g.input[1] as i32,
                out_h: g.output[0] as i32,
                out_w: g.output[1] as i32,
                pad: g.pad as i32,
                act: activation(*act),
            };
            let kernel = kernels.depthwise[which].clone();
            Launch { kernel, grid: [blocks(items, 128), 1, 1], threads: 128, args: Args::Depthwise(args) }
        }
        Step::Sums { x, y, channels, pixels, parts } => {
            let args = SumsArgs {
                x: at(*x),
                y: address(*y),
                x_pitch: pitch(*x),
                channels: *channels as i32,
                pixels: *pixels as i32,
                parts: *parts as i32,
            };
            let grid = [blocks(*channels, 64), *parts as u32, eyes as u32];
            Launch { kernel: kernels.sums.clone(), grid, threads: 256, args: Args::Sums(args) }
        }
        Step::Gate { x, parts, scale, inputs, outputs, y, half, pitch, act, weights } => {
            assert!(*inputs <= GATE_INPUTS_MAX, "a layer on a vector of {inputs}");
            let (w, bias) = bindings.weights[*weights];
            let (floats, halfs) = if *half { (0, address(*y)) } else { (address(*y), 0) };
            let args = GateArgs {
                x: address(*x),
                w,
                bias,
                y: floats,
                y_half: halfs,
                inputs: *inputs as i32,
                outputs: *outputs as i32,
                parts: *parts as i32,
                y_pitch: *pitch as i32,
                scale: *scale,
                act: activation(*act),
            };
            let grid = [blocks(*outputs, 8), eyes as u32, 1];
            Launch { kernel: kernels.gate.clone(), grid, threads: 256, args: Args::Gate(args) }
        }
        Step::Resize { up, x, y, channels, input, output } => {
            let args = ResizeArgs {
                x: at(*x),
                y: at(*y),
                x_pitch: pitch(*x),
                y_pitch: pitch(*y),
                channels: *channels as i32,
                images,
                in_h: input[0] as i32,
                in_w: input[1] as i32,
                out_h: output[0] as i32,
                out_w: output[1] as i32,
            };
            let kernel = if *up { kernels.upsample.clone() } else { kernels.max_pool.clone() };
            let grid = [blocks(channels / 8 * output[0] * output[1] * eyes, 256), 1, 1];
            Launch { kernel, grid, threads: 256, args: Args::Resize(args) }
        }
        Step::Entry { src, guide, stem, levels, size: [h, w] } => {
            let [half, quarter, eighth] = levels.map(at);
            let [half_pitch, quarter_pitch, eighth_pitch] = levels.map(pitch);
            let args = EntryArgs {
                src: address(*src),
                guide: address(*guide),
                stem: at(*stem),
                half,
                quarter,
                eighth,
                half_pitch,
                quarter_pitch,
                eighth_pitch,
                h: *h as i32,
                w: *w as i32,
            };
            let grid = [blocks(*w, 64), blocks(*h, 16), eyes as u32];
            Launch { kernel: kernels.entry.clone(), grid, threads: 256, args: Args::Entry(args) }
        }
        Step::Tail { x, guide, hid, mat, input, size: [h, w], weights } => {
            let (halfs, floats) = bindings.weights[*weights];
            let args = TailArgs {
                x: at(*x),
                guide: address(*guide),
                hid: at(*hid),
                mat: address(*mat),
                w: halfs,
                bias: floats,
                x_pitch: pitch(*x),
                hid_pitch: pitch(*hid),
                in_h: input[0] as i32,
                in_w: input[1] as i32,
                h: *h as i32,
                w_px: *w as i32,
            };
            let grid = [blocks(*w, 16), blocks(*h, 16), eyes as u32];
            Launch { kernel: kernels.tail.clone(), grid, threads: 256, args: Args::Tail(args) }
        }
        Step::Guided { hid, guide, mat, a, b, size: [h, w], slope } => {
            let mut weights = [0.0; DEEP_WEIGHTS];
            let (deep, eps) = match slope {
                Slope::Fast(eps) => (0, *eps),
                Slope::Deep(layers) => {
                    weights.copy_from_slice(layers);
                    (1, 0.0)
                }
            };
            let args = GuidedArgs {
                hid: at(*hid),
                guide: address(*guide),
                mat: address(*mat),
                a: address(*a),
                b: address(*b),
                hid_pitch: pitch(*hid),
                images,
                h: *h as i32,
                w: *w as i32,
                deep,
                eps,
                weights,
            };
            let grid = [blocks(*w, 32), blocks(*h, 16), eyes as u32];
            Launch { kernel: kernels.guided.clone(), grid, threads: 256, args: Args::Guided(Box::new(args)) }
        }
    }
}

fn resolve_conv(kernels: &Kernels, bindings: &Bindings<'_>, conv: &ConvStep, tile: usize) -> Launch {
    let shape = &TILES[tile];
    let eyes = bindings.plan.eyes;
    let g = &conv.geometry;
    let splits = super::tile::splits(conv, eyes);
    let (w, bias) = bindings.weights[conv.weights];
    let at = |place: Place| bindings.place(place);
    let buffer = |id: Option<BufferId>| id.map_or(0, |id| bindings.buffer(id));
    let (split, second, state, z, mode) = match conv.mode {
        ConvMode::Plain { split, second } => (split, second, None, None, 0),
        ConvMode::Gates { state, z } => (conv.cout, conv.y, Some(state), Some(z), 1),
        ConvMode::State { state, z } => (conv.cout, conv.y, Some(state), Some(z), 2),
    };
    let args = ConvArgs {
        x: at(conv.x),
        w,
        bias,
        residual: conv.residual.map_or(0, at),
        in_scale: buffer(conv.in_scale),
        out_scale: buffer(conv.out_scale),
        y0: at(conv.y),
        y1: at(second),
        state: buffer(state),
        z: buffer(z),
        partial: bindings.partial.0,
        counters: bindings.partial.1,
        next_w: 0,
        next_bytes: 0,
        x_pitch: conv.x.pitch as i32,
        y0_pitch: conv.y.pitch as i32,
        y1_pitch: second.pitch as i32,
        residual_pitch: conv.residual.map_or(0, |place| place.pitch as i32),
        split_channel: split as i32,
        gru_channels: if mode == 1 { conv.cout as i32 / 2 } else { conv.cout as i32 },
        in_h: g.input[0] as i32,
        in_w: g.input[1] as i32,
        out_h: g.output[0] as i32,
        out_w: g.output[1] as i32,
        cin: conv.cin as i32,
        cout: conv.cout as i32,
        k_total: (g.kernel * g.kernel * conv.cin) as i32,
        k_padded: conv.k_padded() as i32,
        kernel: g.kernel as i32,
        stride: g.stride as i32,
        pad: g.pad as i32,
        dilation: g.dilation as i32,
        act: activation(conv.act),
        mode,
        splits: splits as i32,
        images: eyes as i32,
    };
    let grid = shape.grid(conv, eyes);
    let kernel = kernels.conv[tile].clone().expect("the tile was chosen among those that fit");
    Launch { kernel, grid, threads: shape.threads, args: Args::Conv(args) }
}
