//! What lowering makes of a graph: launches in order, the buffers that they share, packed weights.
//!
//! Plain data, no CUDA: a plan can be made and checked on any machine. Feature maps are channels
//! last in halfs, channels padded to eight; a tensor may be a slice of the channels of a buffer,
//! so that a concatenation is a buffer whose slices are written by their producers.
#![forbid(unsafe_code)]

use super::pack::Channel;
use crate::rvm::graph::{Activation, ValueId};
use half::f16;

/// Channels per group: 16 bytes of halfs.
pub const GROUP: usize = 8;

/// Rows of packed weights are padded to it, and the inner sum of a convolution is divided in units of it.
pub const UNIT_K: usize = 64;

/// Index of a buffer in [`Plan::buffers`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BufferId(pub usize);

/// A slice of the channels of a buffer of halfs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The buffer.
    pub buffer: BufferId,
    /// First channel.
    pub offset: usize,
    /// Channels of the whole buffer: the distance of pixels, in halfs.
    pub pitch: usize,
}

/// How long a buffer's contents matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// From frame to frame; zeros before a first frame.
    State,
    /// Through the whole step and after it: inputs, results, and what must keep its zeros.
    Step,
    /// Between the first and the last launch that touch it.
    Scratch,
}

/// A buffer that launches share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Buffer {
    /// For messages and the report of memory.
    pub name: String,
    /// Size.
    pub bytes: usize,
    /// How long it is kept.
    pub life: Life,
}

/// Height and width before and after, and how a kernel moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Step.
    pub stride: usize,
    /// Zeros on each side.
    pub pad: usize,
    /// Distance between taps.
    pub dilation: usize,
}

/// What becomes of a convolution's sums.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConvMode {
    /// Activation, and channels from `split` on go to `second`.
    Plain {
        /// First channel of the second destination.
        split: usize,
        /// Where those go; equal to the first destination when there is only one.
        second: Place,
    },
    /// Gates of a ConvGRU: `r * state` to the destination, z to its buffer.
    Gates {
        /// `[n, h, w, channels]` floats.
        state: BufferId,
        /// As the state.
        z: BufferId,
    },
    /// Candidate of a ConvGRU: the state is mixed in place, and copied to the destination.
    State {
        /// `[n, h, w, channels]` floats.
        state: BufferId,
        /// As the state.
        z: BufferId,
    },
}

/// A dense convolution.
#[derive(Clone, PartialEq, Debug)]
pub struct ConvStep {
    /// Input; its channels are `cin`.
    pub x: Place,
    /// Destination.
    pub y: Place,
    /// Added before the activation.
    pub residual: Option<Place>,
    /// `[n, k_padded]` halfs that scale the input channels of a 1x1 kernel.
    pub in_scale: Option<BufferId>,
    /// `[n, cout]` floats that scale the result.
    pub out_scale: Option<BufferId>,
    /// Padded input channels.
    pub cin: usize,
    /// Those before the padding at the end.
    pub live: usize,
    /// Padded output channels.
    pub cout: usize,
    /// Sizes.
    pub geometry: Geometry,
    /// Applied to the sums.
    pub act: Activation,
    /// Where they go.
    pub mode: ConvMode,
    /// Index into [`Plan::weights`].
    pub weights: usize,
}

impl ConvStep {
    /// Length of the inner sum, padded to whole units.
    pub fn k_padded(&self) -> usize {
        (self.geometry.kernel.pow(2) * self.cin).next_multiple_of(UNIT_K)
    }

    /// Pixels of an image of the result.
    pub fn pixels(&self) -> usize {
        self.geometry.output[0] * self.geometry.output[1]
    }
}

/// How the guided filter finds its slope.
#[derive(Clone, PartialEq, Debug)]
pub enum Slope {
    /// Covariance over variance plus this.
    Fast(f32),
    /// Three layers, each `[out][in]` followed by its biases.
    Deep(Vec<f32>),
}

/// One launch.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// The input to everyone who wants it, and its averages.
    Entry {
        /// `[n, 3, h, w]` floats.
        src: BufferId,
        /// `[n, h, w, 4]` floats.
        guide: BufferId,
        /// `[n, h, w, 8]` halfs, for the first convolution.
        stem: Place,
        /// Slices at 1/2, 1/4 and 1/8 size.
        levels: [Place; 3],
        /// Height and width.
        size: [usize; 2],
    },
    /// A dense convolution.
    Conv(ConvStep),
    /// A depthwise convolution.
    Depthwise {
        /// Input.
        x: Place,
        /// Result.
        y: Place,
        /// Padded channels.
        channels: usize,
        /// Sizes.
        geometry: Geometry,
        /// Applied last.
        act: Activation,
        /// Index into [`Plan::weights`].
        weights: usize,
    },
    /// Sums over pixels, in parts.
    Sums {
        /// Input.
        x: Place,
        /// `[n, parts, channels]` floats.
        y: BufferId,
        /// Padded channels.
        channels: usize,
        /// Pixels of an image.
        pixels: usize,
        /// Number of parts.
        parts: usize,
    },
    /// A fully connected layer on a vector.
    Gate {
        /// `[n, parts, inputs]` floats, summed over parts and scaled.
        x: BufferId,
        /// Number of parts.
        parts: usize,
        /// Times each input.
        scale: f32,
        /// Padded inputs.
        inputs: usize,
        /// Padded outputs.
        outputs: usize,
        /// Result, `[n, pitch]`.
        y: BufferId,
        /// Whether the result is in halfs rather than floats.
        half: bool,
        /// Elements between vectors of the result.
        pitch: usize,
        /// Applied last.
        act: Activation,
        /// Index into [`Plan::weights`].
        weights: usize,
    },
    /// Twice the size, bilinear, or half the size by 3x3 maximum.
    Resize {
        /// Whether it enlarges.
        up: bool,
        /// Input.
        x: Place,
        /// Result.
        y: Place,
        /// Padded channels.
        channels: usize,
        /// Height and width before.
        input: [usize; 2],
        /// Height and width after.
        output: [usize; 2],
    },
    /// The decoder's last level: enlarged, joined with the image, two convolutions, the matte.
    Tail {
        /// The level before, 32 channels.
        x: Place,
        /// `[n, h, w, 4]` floats: r, g, b, mean.
        guide: BufferId,
        /// Last features, 16 channels.
        hid: Place,
        /// `[n, h, w, 4]` floats.
        mat: BufferId,
        /// Height and width of the level before.
        input: [usize; 2],
        /// Height and width.
        size: [usize; 2],
        /// Index into [`Plan::weights`].
        weights: usize,
    },
    /// The guided filter.
    Guided {
        /// Features, 16 channels.
        hid: Place,
        /// `[n, h, w, 4]` floats: r, g, b, mean.
        guide: BufferId,
        /// `[n, h, w, 4]` floats.
        mat: BufferId,
        /// `[n, h, w, 4]` floats.
        a: BufferId,
        /// `[n, h, w, 4]` floats.
        b: BufferId,
        /// Height and width.
        size: [usize; 2],
        /// How the slope is found.
        slope: Slope,
    },
}

/// Weights of a launch as its kernel wants them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Packed {
    /// Name of the layer.
    pub name: String,
    /// Weights, zeros where channels are padding.
    pub weight: Vec<f16>,
    /// Biases; for the tail the matte's weights too.
    pub bias: Vec<f32>,
}

/// A recurrent state: where it lives and its true shape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatePort {
    /// `[n, h, w, padded]` floats: the state itself.
    pub buffer: BufferId,
    /// The copy in halfs that the convolutions read.
    pub copy: Place,
    /// Channels, height, width.
    pub shape: [usize; 3],
}

impl StatePort {
    /// Channels of the buffer.
    pub fn padded(&self) -> usize {
        self.shape[0].next_multiple_of(GROUP)
    }
}

/// Where a value of the graph lies after a step; for tests, which compare it with the reference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// Index into [`Plan::steps`].
    pub step: usize,
    /// The value.
    pub value: ValueId,
    /// Where it lies.
    pub place: Place,
    /// Which of its channels each physical channel is.
    pub map: Vec<Channel>,
}

/// A network for one stage size and number of eyes.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// Number of images.
    pub eyes: usize,
    /// Height and width of the stage.
    pub size: [usize; 2],
    /// Launches in order.
    pub steps: Vec<Step>,
    /// What they share.
    pub buffers: Vec<Buffer>,
    /// What they multiply with.
    pub weights: Vec<Packed>,
    /// Feature maps in the order in which they are written.
    pub written: Vec<Written>,
    /// Input, `[n, 3, h, w]` floats.
    pub src: BufferId,
    /// Slope, `[n, h, w, 4]` floats; zeros at ratio 1.
    pub a: BufferId,
    /// Intercept, `[n, h, w, 4]` floats.
    pub b: BufferId,
    /// r1 to r4.
    pub states: [StatePort; 4],
}

impl Step {
    /// Buffers that the launch reads or writes.
    pub fn touches(&self) -> Vec<BufferId> {
        match self {
            Step::Entry { src, guide, stem, levels, .. } => {
                let mut all = vec![*src, *guide, stem.buffer];
                all.extend(levels.iter().map(|place| place.buffer));
                all
            }
            Step::Conv(conv) => {
                let mut all = vec![conv.x.buffer, conv.y.buffer];
                all.extend(conv.residual.map(|place| place.buffer));
                all.extend(conv.in_scale);
                all.extend(conv.out_scale);
                match conv.mode {
                    ConvMode::Plain { second, .. } => all.push(second.buffer),
                    ConvMode::Gates { state, z } | ConvMode::State { state, z } => all.extend([state, z]),
                }
                all
            }
            Step::Depthwise { x, y, .. } | Step::Resize { x, y, .. } => vec![x.buffer, y.buffer],
            Step::Sums { x, y, .. } => vec![x.buffer, *y],
            Step::Gate { x, y, .. } => vec![*x, *y],
            Step::Tail { x, guide, hid, mat, .. } => vec![x.buffer, *guide, hid.buffer, *mat],
            Step::Guided { hid, guide, mat, a, b, .. } => vec![hid.buffer, *guide, *mat, *a, *b],
        }
    }
}
