//! PyTorch checkpoints (`.pth`): a zip of a pickled dictionary and one raw file per storage.
//!
//! Reads what `torch.save(model.state_dict())` writes since PyTorch 1.6. Nothing in the file is
//! executed, and no more numbers are kept than the file has bytes for.
#![forbid(unsafe_code)]

use super::checkpoint::{Checkpoint, RawTensor};
use super::error::Error;
use super::numbers::{Element, decode};
use super::pickle::{Id, Object, Pickle};
use std::collections::HashMap;
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// The dictionary of the larger network has 60 kB.
const MAX_PICKLE_BYTES: u64 = 4 << 20;

/// Every tensor of the checkpoint.
pub(super) fn read(file: &[u8]) -> Result<Checkpoint, Error> {
    let mut archive = ZipArchive::new(Cursor::new(file))?;
    // `prefix/data.pkl`, and storages in `prefix/data/KEY`; the prefix is any.
    let names = archive.file_names().collect::<Result<Vec<_>, _>>()?;
    let pickled = names.iter().find(|name| *name == "data.pkl" || name.ends_with("/data.pkl"));
    let Some(pickled) = pickled.map(|name| name.to_string()) else {
        return Err(Error::NoPickle { files: names.len() });
    };
    let prefix = pickled.trim_end_matches("data.pkl").to_owned();
    drop(names);
    let pickle = entry(&mut archive, &pickled, MAX_PICKLE_BYTES)?;
    if let Ok(order) = entry(&mut archive, &format!("{prefix}byteorder"), 16)
        && order != b"little"
    {
        return Err(Error::BigEndian);
    }

    let pickle = Pickle::parse(&pickle)?;
    let Object::Dict(entries) = &pickle.objects[pickle.root] else {
        return Err(Error::Pickle { at_byte: 0, what: "the checkpoint is no dictionary".to_owned() });
    };
    let mut storages = Storages { archive, prefix, bytes_left: file.len(), read: HashMap::new() };
    let mut numbers_left = file.len() / 2;
    let mut checkpoint = Checkpoint::default();
    for &(key, value) in entries {
        // Anything that is no tensor is no weight.
        if let (Object::Text(name), Object::Tensor { .. }) = (&pickle.objects[key], &pickle.objects[value]) {
            let tensor = tensor(&pickle, value, name, &mut storages, &mut numbers_left)?;
            checkpoint.tensors.insert(name.clone(), tensor);
        }
    }
    Ok(checkpoint)
}

fn entry(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str, max: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    archive.by_name(name)?.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(Error::TooLarge { bytes: bytes.len() as u64, max });
    }
    Ok(bytes)
}

/// The raw files, each read once; together they cannot be larger than the archive.
struct Storages<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    prefix: String,
    bytes_left: usize,
    read: HashMap<String, Vec<u8>>,
}

impl Storages<'_> {
    fn get(&mut self, key: &str) -> Result<&[u8], Error> {
        if !self.read.contains_key(key) {
            let name = format!("{}data/{key}", self.prefix);
            let bytes = entry(&mut self.archive, &name, self.bytes_left as u64)?;
            self.bytes_left -= bytes.len();
            self.read.insert(key.to_owned(), bytes);
        }
        Ok(&self.read[key])
    }
}

fn tensor(
    pickle: &Pickle,
    id: Id,
    name: &str,
    storages: &mut Storages<'_>,
    numbers_left: &mut usize,
) -> Result<RawTensor, Error> {
    let Object::Tensor { storage, offset, shape, stride } = &pickle.objects[id] else {
        unreachable!("the caller has looked");
    };
    let Object::Storage { kind, key } = &pickle.objects[*storage] else {
        unreachable!("the pickle reader has looked");
    };
    let element = match kind.as_str() {
        "torch.FloatStorage" => Element::F32,
        "torch.HalfStorage" => Element::F16,
        "torch.BFloat16Storage" => Element::BF16,
        other => return Ok(RawTensor { shape: shape.clone(), data: Err(other.to_owned()) }),
    };
    let all = storages.get(key)?;
    let available = all.len() / element.bytes();
    let outside = || Error::Outside { tensor: name.to_owned(), shape: shape.clone(), available };

    let count = shape.iter().try_fold(1_usize, |count, &extent| count.checked_mul(extent));
    let count = count.filter(|&count| count <= available && count <= *numbers_left).ok_or_else(outside)?;
    *numbers_left -= count;
    let last = shape.iter().zip(stride).try_fold(*offset, |last, (&extent, &step)| {
        last.checked_add(extent.saturating_sub(1).checked_mul(step)?)
    });
    if count > 0 && last.is_none_or(|last| last >= available) {
        return Err(outside());
    }

    let mut packed = Vec::with_capacity(count * element.bytes());
    let mut index = vec![0; shape.len()];
    for _ in 0..count {
        let at: usize = offset + index.iter().zip(stride).map(|(i, step)| i * step).sum::<usize>();
        packed.extend_from_slice(&all[at * element.bytes()..][..element.bytes()]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    Ok(RawTensor { shape: shape.clone(), data: Ok(decode(element, &packed)) })
}
