//! The canonical form of weights: every convolution of the network, in its order, norms folded in.
#![forbid(unsafe_code)]

use crate::rvm::graph::ConvWeights;
use crate::rvm::variant::{Refiner, Variant};
use sha2::{Digest, Sha256};

/// Weights of one network. Each convolution has the name and shape that `network::layers` gives,
/// which is why these cannot be put together from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    variant: Variant,
    refiner: Refiner,
    convs: Vec<ConvWeights>,
}

impl Weights {
    /// The caller has matched `convs` with `network::layers`.
    pub(super) fn new(variant: Variant, refiner: Refiner, convs: Vec<ConvWeights>) -> Self {
        Self { variant, refiner, convs }
    }

    /// The backbone.
    pub fn variant(&self) -> Variant {
        self.variant
    }

    /// The filter used below ratio 1.
    pub fn refiner(&self) -> Refiner {
        self.refiner
    }

    /// Every convolution, in the order of the published network.
    pub fn convs(&self) -> &[ConvWeights] {
        &self.convs
    }

    /// SHA-256 of the canonical content, in hex: equal for files of different kinds that hold the
    /// same weights.
    pub fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(format!("vrpipe rvm weights 1\n{}\n{}\n", self.variant, self.refiner));
        let mut bytes = Vec::new();
        for conv in &self.convs {
            hasher.update(format!("{} {:?}\n", conv.name, conv.shape));
            bytes.clear();
            bytes.extend(conv.weight.iter().chain(&conv.bias).flat_map(|number| number.to_le_bytes()));
            hasher.update(&bytes);
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
