//! The network as data: a list of operators in execution order, each writing one new value.
//!
//! Every shape is known when the graph is built, batch norms are folded into the convolutions,
//! and each operator does one thing, so that an engine can fuse what suits it. The CPU engine
//! and the native CUDA engine walk this list; the ONNX writer prints it. Shapes are `[c, h, w]`;
//! the batch (eyes of a frame) is the same for every value.
#![forbid(unsafe_code)]

/// Index of a value in [`Graph::values`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct ValueId(pub usize);

/// Index of a convolution's weights in [`Graph::convs`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConvId(pub usize);

/// Shape and name of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Value {
    /// Name in the ONNX file and in error messages: the layer's name in the published checkpoint.
    pub name: String,
    /// `[channels, height, width]`.
    pub shape: [usize; 3],
}

/// Function applied to each element of a convolution's result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activation {
    /// Identity.
    None,
    /// `max(x, 0)`.
    Relu,
    /// `x * clamp(x / 6 + 1/2, 0, 1)`.
    HardSwish,
    /// `clamp(x / 6 + 1/2, 0, 1)`.
    HardSigmoid,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
}

/// Weights of one convolution, batch norm folded in.
#[derive(Clone, PartialEq, Debug)]
pub struct ConvWeights {
    /// Name of the layer in the published checkpoint, without `.weight`.
    pub name: String,
    /// `[out, in / groups, kernel, kernel]`.
    pub shape: [usize; 4],
    /// Row-major weights.
    pub weight: Vec<f32>,
    /// One per output channel.
    pub bias: Vec<f32>,
}

/// One operator. Inputs are in [`Node::inputs`], in the order named here.
#[derive(Clone, PartialEq, Debug)]
pub enum Op {
    /// `x * scale[c] + shift[c]` on an RGB tensor.
    Affine {
        /// Per channel.
        scale: [f32; 3],
        /// Per channel.
        shift: [f32; 3],
    },
    /// `act(conv(x) + bias [+ residual])`, square kernel, zero padding; inputs `x` and, when
    /// `residual`, a second tensor of the result's shape, added before the activation.
    Conv {
        /// The weights; their shape gives kernel and channels.
        weights: ConvId,
        /// Step in both directions.
        stride: usize,
        /// Zeros on each side.
        pad: usize,
        /// Distance between taps.
        dilation: usize,
        /// 1, or the number of channels (depthwise).
        groups: usize,
        /// Applied last.
        act: Activation,
        /// Whether there is a second input.
        residual: bool,
    },
    /// Mean over height and width: `[c, 1, 1]`.
    GlobalMean,
    /// `x * s`, where `s` is `[c, 1, 1]`.
    ScaleChannels,
    /// 2x2 mean, stride 2, sizes round up; a window over the edge averages what is inside.
    AveragePool2,
    /// 3x3 maximum, stride 2, one pixel of padding that never wins; sizes round up.
    MaxPool3,
    /// Bilinear x2 with half-pixel centres, cropped (bottom, right) to the value's shape.
    Upsample2,
    /// Channels of all inputs after one another.
    Concat,
    /// `len` channels from `start`.
    Slice {
        /// First channel.
        start: usize,
        /// Number of channels.
        len: usize,
    },
    /// Mean over channels: `[1, h, w]`.
    ChannelMean,
    /// `x + y`.
    Add,
    /// `x - y`.
    Sub,
    /// `x * y`.
    Mul,
    /// `x / (y + eps)`.
    DivEps {
        /// Added to the divisor.
        eps: f32,
    },
    /// `(1 - z) * h + z * c`; inputs `z`, `h`, `c`.
    GruMix,
    /// 3x3 mean with zero padding, always divided by nine.
    Box3,
}

/// One step of the network.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// What to compute.
    pub op: Op,
    /// From which values.
    pub inputs: Vec<ValueId>,
    /// Into which value; each value is written once.
    pub output: ValueId,
}

/// The values that come from outside and those that are of interest after a step.
#[derive(Clone, PartialEq, Debug)]
pub struct Ports {
    /// Input RGB in `[0, 1]`, `[3, h, w]`.
    pub src: ValueId,
    /// States before the step, r1 to r4.
    pub state_in: [ValueId; 4],
    /// States after the step, r1 to r4, of the same shapes.
    pub state_out: [ValueId; 4],
    /// Last features of the decoder, `[16, h, w]`.
    pub hid: ValueId,
    /// Foreground residual and alpha at stage size, `[4, h, w]`.
    pub mat: ValueId,
    /// Slope of the guided filter, `[4, h, w]`; `None` at ratio 1, where A is 0.
    pub a: Option<ValueId>,
    /// Intercept of the guided filter, `[4, h, w]`; `mat` itself at ratio 1.
    pub b: ValueId,
}

/// A network for one stage size. `nodes` are in execution order.
#[derive(Clone, PartialEq, Debug)]
pub struct Graph {
    /// Every value, inputs first.
    pub values: Vec<Value>,
    /// Every operator, each after those it reads from.
    pub nodes: Vec<Node>,
    /// Weights of the convolutions, in the order of the published network.
    pub convs: Vec<ConvWeights>,
    /// Inputs and outputs.
    pub ports: Ports,
}

impl Graph {
    /// `[channels, height, width]` of a value.
    pub fn shape(&self, id: ValueId) -> [usize; 3] {
        self.values[id.0].shape
    }
}
