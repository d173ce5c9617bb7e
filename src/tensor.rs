//! Float tensors in NCHW order, and the coefficients that the network hands to compose.
#![forbid(unsafe_code)]

/// A dense tensor of 32-bit floats, `[n, c, h, w]`, `w` fastest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    /// Extent of each axis: n, c, h, w.
    pub shape: [usize; 4],
    /// `n * c * h * w` values.
    pub data: Vec<f32>,
}

impl Tensor {
    /// A tensor of zeros.
    pub fn zeros(shape: [usize; 4]) -> Self {
        Self { shape, data: vec![0.0; shape.iter().product()] }
    }

    /// Wraps `data`.
    ///
    /// # Panics
    /// When the length of `data` is not the product of `shape`: a bug in the caller.
    pub fn from_vec(shape: [usize; 4], data: Vec<f32>) -> Self {
        assert_eq!(data.len(), shape.iter().product::<usize>(), "tensor {shape:?}");
        Self { shape, data }
    }

    /// The `h * w` values of channel `c` of batch item `n`.
    pub fn channel(&self, n: usize, c: usize) -> &[f32] {
        let hw = self.shape[2] * self.shape[3];
        let at = (n * self.shape[1] + c) * hw;
        &self.data[at..at + hw]
    }

    /// Mutable form of [`Tensor::channel`].
    pub fn channel_mut(&mut self, n: usize, c: usize) -> &mut [f32] {
        let hw = self.shape[2] * self.shape[3];
        let at = (n * self.shape[1] + c) * hw;
        &mut self.data[at..at + hw]
    }
}

/// What the network gives for one frame: `[residual r, g, b, alpha] = up(A) * [r, g, b, gray] + up(b)`,
/// where `up` is a bilinear resize to the size of an eye and gray is the mean of r, g and b.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coefficients {
    /// Slope, `[eyes, 4, h, w]`.
    pub a: Tensor,
    /// Intercept, `[eyes, 4, h, w]`.
    pub b: Tensor,
}
