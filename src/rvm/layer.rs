//! Description of a convolution in a published checkpoint: which tensors it is made of.
//!
//! The lists come from `network`, in the order in which the original network runs its
//! convolutions, so that a file without names (ONNX) can be matched too.
#![forbid(unsafe_code)]

/// Batch norm that follows a convolution.
#[derive(Clone, PartialEq, Debug)]
pub struct Norm {
    /// Tensor names are this with `.weight`, `.bias`, `.running_mean`, `.running_var` after it.
    pub name: String,
    /// Added to the variance.
    pub eps: f64,
}

/// A convolution of the checkpoint.
#[derive(Clone, PartialEq, Debug)]
pub struct Layer {
    /// Tensor names are this with `.weight` and `.bias` after it.
    pub name: String,
    /// `[out, in / groups, kernel, kernel]`.
    pub shape: [usize; 4],
    /// Whether there is a `.bias` tensor.
    pub bias: bool,
    /// The norm to fold in.
    pub norm: Option<Norm>,
}

impl Layer {
    /// A convolution with a bias of its own and no norm.
    pub fn biased(name: impl Into<String>, shape: [usize; 4]) -> Self {
        Self { name: name.into(), shape, bias: true, norm: None }
    }

    /// A convolution with neither bias nor norm.
    pub fn plain(name: impl Into<String>, shape: [usize; 4]) -> Self {
        Self { name: name.into(), shape, bias: false, norm: None }
    }

    /// A convolution without bias, followed by the norm called `norm`.
    pub fn normed(name: impl Into<String>, shape: [usize; 4], norm: impl Into<String>, eps: f64) -> Self {
        Self { name: name.into(), shape, bias: false, norm: Some(Norm { name: norm.into(), eps }) }
    }

    /// Every tensor of the checkpoint that this layer needs, with its shape.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let per_channel = vec![self.shape[0]];
        let mut all = vec![(format!("{}.weight", self.name), self.shape.to_vec())];
        if self.bias {
            all.push((format!("{}.bias", self.name), per_channel.clone()));
        }
        if let Some(norm) = &self.norm {
            for part in ["weight", "bias", "running_mean", "running_var"] {
                all.push((format!("{}.{part}", norm.name), per_channel.clone()));
            }
        }
        all
    }
}
