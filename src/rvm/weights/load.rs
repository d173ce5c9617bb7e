//! Weights from a file of any of the three kinds, told apart by content.
#![forbid(unsafe_code)]

use super::canonical::Weights;
use super::error::Error;
use super::fold::fold;
use super::{onnx, pth, tensors};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The largest published file has 108 MB; a checkpoint in doubles would have twice that.
const MAX_FILE_BYTES: u64 = 512 << 20;

impl Weights {
    /// Reads a `.pth`, a `.safetensors` or an `.onnx`. The same weights give the same result from
    /// each, to the bit between the first two and to rounding with the third.
    ///
    /// # Errors
    /// [`Error::File`] with the path and, as its source, what is wrong with the file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let read = || {
            let file = File::open(path)?;
            let mut bytes = Vec::new();
            file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
            Self::from_bytes(&bytes)
        };
        read().map_err(|source| Error::File { path: path.to_owned(), source: Box::new(source) })
    }

    /// As [`Weights::load`], for the content of a file.
    ///
    /// # Errors
    /// Any [`Error`] but [`Error::File`] and [`Error::StageSize`].
    pub fn from_bytes(file: &[u8]) -> Result<Self, Error> {
        if file.len() as u64 > MAX_FILE_BYTES {
            return Err(Error::TooLarge { bytes: file.len() as u64, max: MAX_FILE_BYTES });
        }
        if tensors::is_safetensors(file) {
            fold(tensors::read(file)?)
        } else if file.starts_with(b"PK\x03\x04") {
            fold(pth::read(file)?)
        } else if file.first() == Some(&ONNX_FIRST_BYTE) {
            onnx::read(file)
        } else {
            let head = file[..file.len().min(16)].escape_ascii().to_string();
            Err(Error::UnknownFormat { head })
        }
    }
}

/// Field 1 (`ir_version`) as a varint: every exporter writes it first.
const ONNX_FIRST_BYTE: u8 = 0x08;
