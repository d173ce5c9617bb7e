//! Weights out of nothing, so that any variant can be tested and timed without a download.
//!
//! Tensor by tensor as in a checkpoint, norms included, then folded like one. A number depends
//! only on the tensor's name and the index in it: splitmix64 (Steele et al., 2014) of the sum of
//! both, the name hashed by 64-bit FNV-1a.
#![forbid(unsafe_code)]

use super::canonical::Weights;
use super::checkpoint::{Checkpoint, RawTensor};
use super::fold::fold;
use crate::rvm::network::layers;
use crate::rvm::variant::{Refiner, Variant};

impl Weights {
    /// Deterministic weights, the same on every machine: of no use for matting, but of the right
    /// shapes and magnitudes.
    pub fn synthetic(variant: Variant, refiner: Refiner) -> Self {
        fold(checkpoint(variant, refiner)).expect("it has the tensors that the layers ask for")
    }
}

/// The checkpoint before folding.
pub(super) fn checkpoint(variant: Variant, refiner: Refiner) -> Checkpoint {
    let mut tensors = std::collections::BTreeMap::new();
    for layer in layers(variant, refiner) {
        for (name, shape) in layer.tensors() {
            let data = numbers(&name, &shape);
            tensors.insert(name, RawTensor { shape, data: Ok(data) });
        }
    }
    Checkpoint { tensors }
}

fn numbers(name: &str, shape: &[usize]) -> Vec<f32> {
    let seed = fnv1a64(name.as_bytes());
    let (center, scale) = match name.rsplit('.').next() {
        Some("weight") if shape.len() == 4 => {
            let fan_in: usize = shape[1..].iter().product();
            (0.0, (3.0 / fan_in as f64).sqrt())
        }
        Some("weight" | "running_var") => (1.0, 0.1),
        _ => (0.0, 0.1),
    };
    let count = shape.iter().product::<usize>() as u64;
    (0..count).map(|index| (center + scale * uniform(seed.wrapping_add(index))) as f32).collect()
}

/// In [-1, 1), by splitmix64; 24 bits, so exact in a 32-bit float too.
fn uniform(state: u64) -> f64 {
    let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 40) as f64 / f64::from(1 << 24) * 2.0 - 1.0
}

fn fnv1a64(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_match_published_values() {
        // Test vectors of FNV-1a (Fowler, Noll, Vo) and of splitmix64 with seed 0.
        assert_eq!(fnv1a64(b""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv1a64(b"foobar"), 0x8594_4171_F739_67E8);
        let expected = (0xE220_A839_7B1D_CDAF_u64 >> 40) as f64 / f64::from(1 << 24) * 2.0 - 1.0;
        assert_eq!(uniform(0), expected);
    }

    #[test]
    fn magnitudes_are_as_described() {
        let all = checkpoint(Variant::MobileNetV3, Refiner::Deep);
        let data = |name: &str| all.tensors[name].data.clone().unwrap();
        let conv = data("decoder.decode3.conv.0.weight");
        let bound = (3.0 / (171.0 * 9.0_f32)).sqrt();
        assert!(conv.iter().all(|w| w.abs() <= bound));
        assert!(conv.iter().any(|w| w.abs() > 0.99 * bound));
        assert!(data("aspp.aspp1.1.running_var").iter().all(|v| (0.9..=1.1).contains(v)));
        assert!(data("aspp.aspp1.1.bias").iter().all(|b| b.abs() <= 0.1));
    }
}
