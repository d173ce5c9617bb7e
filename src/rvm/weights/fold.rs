//! From a checkpoint to canonical weights: batch norms are folded into the convolutions.
//!
//! `norm(conv(x))` is a convolution with weights `w s` and bias `beta - mean s`, where
//! `s = gamma / sqrt(var + eps)` per channel. In doubles, so the result is rounded once.
#![forbid(unsafe_code)]

use super::canonical::Weights;
use super::checkpoint::Checkpoint;
use super::error::Error;
use crate::rvm::graph::ConvWeights;
use crate::rvm::layer::Layer;
use crate::rvm::network::layers;

/// The box filter is a constant, but the deep refiner's checkpoints carry it: a ninth everywhere,
/// to the rounding of 16-bit floats.
const BOX_WEIGHT: f32 = 1.0 / 9.0;
const BOX_TOLERANCE: f32 = 1e-4;

/// Folds every layer, and insists that there is nothing else in the checkpoint.
pub(super) fn fold(mut checkpoint: Checkpoint) -> Result<Weights, Error> {
    let (variant, refiner) = checkpoint.network()?;
    let network = format!("RVM {variant}, {refiner} filter");
    let mut convs = Vec::new();
    for layer in layers(variant, refiner) {
        convs.push(fold_layer(&mut checkpoint, layer, &network)?);
    }
    if checkpoint.tensors.contains_key("refiner.box_filter.weight") {
        let weights = checkpoint.take("refiner.box_filter.weight", &[4, 1, 3, 3], &network)?;
        check_box("refiner.box_filter.weight", &weights)?;
    }
    // Training's counters, and the head for segmentation: neither is used here.
    let ignored = |name: &str| name.ends_with(".num_batches_tracked") || name.starts_with("project_seg.");
    if let Some((name, tensor)) = checkpoint.tensors.into_iter().find(|(name, _)| !ignored(name)) {
        return Err(Error::Unexpected { tensor: name, got: tensor.shape, network });
    }
    Ok(Weights::new(variant, refiner, convs))
}

/// Weights of a box filter must be those of a mean.
pub(super) fn check_box(tensor: &str, weights: &[f32]) -> Result<(), Error> {
    let wrong = weights.iter().position(|weight| (weight - BOX_WEIGHT).abs() > BOX_TOLERANCE);
    match wrong {
        None => Ok(()),
        Some(at) => {
            let (tensor, got) = (tensor.to_owned(), weights[at]);
            Err(Error::BadNumber { tensor, at, got, expected: "1/9 everywhere" })
        }
    }
}

fn fold_layer(checkpoint: &mut Checkpoint, layer: Layer, network: &str) -> Result<ConvWeights, Error> {
    let mut tensors = Vec::new();
    for (name, shape) in layer.tensors() {
        tensors.push(checkpoint.take(&name, &shape, network)?);
    }
    let mut parts = tensors.into_iter();
    let mut next = || parts.next().expect("Layer::tensors lists what the layer has");
    let mut weight = next();
    let channels = layer.shape[0];
    let mut bias = if layer.bias { next() } else { vec![0.0; channels] };
    if let Some(norm) = &layer.norm {
        let (gamma, beta, mean, var) = (next(), next(), next(), next());
        let per_channel = weight.len() / channels;
        for channel in 0..channels {
            let spread = f64::from(var[channel]) + norm.eps;
            if spread <= 0.0 {
                let (tensor, got) = (format!("{}.running_var", norm.name), var[channel]);
                return Err(Error::BadNumber { tensor, at: channel, got, expected: "no negative number" });
            }
            let scale = f64::from(gamma[channel]) / spread.sqrt();
            for w in &mut weight[channel * per_channel..][..per_channel] {
                *w = (f64::from(*w) * scale) as f32;
            }
            let centered = f64::from(bias[channel]) - f64::from(mean[channel]);
            bias[channel] = (f64::from(beta[channel]) + centered * scale) as f32;
        }
    }
    Ok(ConvWeights { name: layer.name, shape: layer.shape, weight, bias })
}
