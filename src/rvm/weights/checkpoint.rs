//! Named tensors as a published checkpoint holds them, and what network they are of.
#![forbid(unsafe_code)]

use super::error::Error;
use crate::rvm::variant::{Refiner, Variant};
use std::collections::BTreeMap;

/// A tensor of a checkpoint. Not every tensor is of use, so the numbers may be missing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RawTensor {
    /// Any rank.
    pub(super) shape: Vec<usize>,
    /// The numbers, row-major, or the name of an element type that is not read.
    pub(super) data: Result<Vec<f32>, String>,
}

/// Every tensor of a checkpoint by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Checkpoint {
    pub(super) tensors: BTreeMap<String, RawTensor>,
}

impl Checkpoint {
    /// Backbone and refiner, by the tensors that only they have.
    pub(super) fn network(&self) -> Result<(Variant, Refiner), Error> {
        let has = |name: &str| self.tensors.contains_key(name);
        let variant = if has("backbone.features.0.0.weight") {
            Variant::MobileNetV3
        } else if has("backbone.conv1.weight") {
            Variant::ResNet50
        } else {
            let first = self.tensors.keys().next().cloned().unwrap_or_default();
            return Err(Error::NotRvm { count: self.tensors.len(), first });
        };
        let deep = self.tensors.keys().any(|name| name.starts_with("refiner.conv."));
        Ok((variant, if deep { Refiner::Deep } else { Refiner::Fast }))
    }

    /// The numbers of a tensor that must be there with this shape.
    pub(super) fn take(&mut self, name: &str, shape: &[usize], network: &str) -> Result<Vec<f32>, Error> {
        let Some(tensor) = self.tensors.remove(name) else {
            let (tensor, network) = (name.to_owned(), network.to_owned());
            return Err(Error::Missing { tensor, expected: shape.to_vec(), network });
        };
        if tensor.shape != shape {
            return Err(Error::Shape {
                tensor: name.to_owned(),
                expected: shape.to_vec(),
                got: tensor.shape,
                network: network.to_owned(),
            });
        }
        let data = tensor.data.map_err(|got| Error::DataType { tensor: name.to_owned(), got })?;
        match data.iter().position(|number| !number.is_finite()) {
            None => Ok(data),
            Some(at) => {
                let (tensor, got) = (name.to_owned(), data[at]);
                Err(Error::BadNumber { tensor, at, got, expected: "finite numbers" })
            }
        }
    }
}
