//! Checkpoints as `.safetensors`, with the tensor names of the published `.pth`.
#![forbid(unsafe_code)]

use super::checkpoint::{Checkpoint, RawTensor};
use super::error::Error;
use super::numbers::{Element, decode};
use safetensors::{Dtype, SafeTensors};

/// Every tensor of the file.
pub(super) fn read(file: &[u8]) -> Result<Checkpoint, Error> {
    let mut checkpoint = Checkpoint::default();
    for (name, view) in SafeTensors::deserialize(file)?.tensors() {
        let data = match view.dtype() {
            Dtype::F32 => Ok(decode(Element::F32, view.data())),
            Dtype::F16 => Ok(decode(Element::F16, view.data())),
            Dtype::BF16 => Ok(decode(Element::BF16, view.data())),
            other => Err(format!("{other:?}")),
        };
        checkpoint.tensors.insert(name, RawTensor { shape: view.shape().to_vec(), data });
    }
    Ok(checkpoint)
}

/// Whether the file begins like one: a length that fits, then a JSON object.
pub(super) fn is_safetensors(file: &[u8]) -> bool {
    let Some((length, rest)) = file.split_first_chunk::<8>() else { return false };
    rest.first() == Some(&b'{') && u64::from_le_bytes(*length) <= 100_000_000
}
