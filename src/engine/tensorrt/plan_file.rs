//! A plan in a file: what it was built from, a checksum, and TensorRT's bytes.
//!
//! ```text
//! "VRPPLAN1" | u32 length of the head | head: JSON of PlanKey, SHA-256 and length of the plan | the plan
//! ```
//! TensorRT itself looks at no more than a plan's own header; so whatever may have happened to a file is
//! found here, before the library sees it. Numbers are little-endian. Written under a temporary name, synced,
//! renamed.
#![forbid(unsafe_code)]

use super::Error;
use super::capability::Capability;
use super::library::{PRODUCT, Version};
use crate::rvm::{StageSize, Weights};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const MAGIC: &[u8; 8] = b"VRPPLAN1";
/// A head is some hundred bytes.
const MAX_HEAD_BYTES: u32 = 1 << 16;
/// Ending of the files' names.
pub const EXTENSION: &str = "plan";

/// All that a plan depends on.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct PlanKey {
    /// Which TensorRT: RTX or enterprise.
    pub product: String,
    /// The library that built it.
    pub version: Version,
    /// The one kind of GPU it is for.
    pub capability: Capability,
    /// Name of the network.
    pub network: String,
    /// Name of its refiner; `none` at ratio 1.
    pub refiner: String,
    /// SHA-256 of the weights, in hex.
    pub weights: String,
    /// What the network sees, in pixels.
    pub width: usize,
    /// Rows of it.
    pub height: usize,
    /// Eyes of a frame.
    pub eyes: usize,
}

impl PlanKey {
    /// Of what `eyes` eyes of this size, which may be their own, need on a GPU of this kind.
    pub fn new(
        version: Version,
        capability: Capability,
        weights: &Weights,
        (size, ratio_is_one): (StageSize, bool),
        eyes: usize,
    ) -> Self {
        let refiner = if ratio_is_one { "none" } else { weights.refiner().name() };
        Self {
            product: PRODUCT.to_owned(),
            version,
            capability,
            network: weights.variant().name().to_owned(),
            refiner: refiner.to_owned(),
            weights: weights.hash(),
            width: size.width,
            height: size.height,
            eyes,
        }
    }

    /// What it is for, without the weights, for people.
    pub fn describe(&self) -> String {
        let Self { network, refiner, width, height, eyes, product, version, capability, .. } = self;
        let filter = match refiner.as_str() {
            "none" => "without guided filter".to_owned(),
            name => format!("with the {name} guided filter"),
        };
        let many = if *eyes == 1 { "one eye".to_owned() } else { format!("{eyes} eyes") };
        format!(
            "{network} {filter}, {many} of {width}x{height}, {product} {version}, compute capability {capability}"
        )
    }

    /// `mobilenetv3-fast-0123456789ab-512x512x2-rtx1.7.1-sm89.plan`.
    pub fn file_name(&self) -> String {
        let Self { network, refiner, width, height, eyes, version, capability, .. } = self;
        let flavour = if self.product.contains("RTX") { "rtx" } else { "trt" };
        let weights = self.weights.get(..12).unwrap_or(&self.weights);
        format!(
            "{network}-{refiner}-{weights}-{width}x{height}x{eyes}-{flavour}{version}-{}.{EXTENSION}",
            capability.sm()
        )
    }

    /// Compares with a plan that was read from `path`.
    ///
    /// # Errors
    /// [`Error::OtherPlan`] with the first thing that differs.
    fn expect(&self, found: &Self, path: &Path) -> Result<(), Error> {
        let size = |key: &Self| format!("{}x{} ({} eyes)", key.width, key.height, key.eyes);
        let library = |key: &Self| format!("{} {}", key.product, key.version);
        let pairs = [
            ("library", library(self), library(found)),
            ("compute capability", self.capability.to_string(), found.capability.to_string()),
            ("network", self.network.clone(), found.network.clone()),
            ("refiner", self.refiner.clone(), found.refiner.clone()),
            ("weights", self.weights.clone(), found.weights.clone()),
            ("size", size(self), size(found)),
        ];
        match pairs.into_iter().find(|(_, expected, got)| expected != got) {
            None => Ok(()),
            Some((what, expected, got)) => {
                Err(Error::OtherPlan { path: path.to_path_buf(), what, expected, got })
            }
        }
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Head {
    key: PlanKey,
    sha256: String,
    plan_bytes: u64,
}

/// Writes a plan into `folder`, under the key's name, and gives its path.
///
/// # Errors
/// [`Error::Io`].
pub fn write(folder: &Path, key: &PlanKey, plan: &[u8]) -> Result<PathBuf, Error> {
    let path = folder.join(key.file_name());
    let head = Head { key: key.clone(), sha256: hex(plan), plan_bytes: plan.len() as u64 };
    let head = serde_json::to_vec(&head).expect("a head of strings and numbers is JSON");
    let length = u32::try_from(head.len()).expect("a head is short").to_le_bytes();
    store(&path, &[MAGIC, &length, &head, plan])?;
    Ok(path)
}

/// Puts a file in place, whole or not at all; makes its folder.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn store(path: &Path, parts: &[&[u8]]) -> Result<(), Error> {
    let failed = |source| Error::Io { path: path.to_path_buf(), source };
    // Lanes and programs may write the same file at the same time.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}-{}.part", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let written = File::create(&temporary).and_then(|mut file| {
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    });
    if written.is_err() {
        // What failed is told; that the remains stay as well would help nobody.
        let _ = std::fs::remove_file(&temporary);
    }
    written.map_err(failed)
}

/// Reads a plan and checks that it is whole.
///
/// # Errors
/// [`Error::NotAPlan`], [`Error::Length`], [`Error::Damaged`], [`Error::Io`].
pub fn read(path: &Path) -> Result<(PlanKey, Vec<u8>), Error> {
    let (head, mut file, rest) = open(path)?;
    let failed = |source| Error::Io { path: path.to_path_buf(), source };
    if rest != head.plan_bytes {
        return Err(Error::Length { path: path.to_path_buf(), expected: head.plan_bytes, got: rest });
    }
    let mut plan = Vec::new();
    file.read_to_end(&mut plan).map_err(failed)?;
    if hex(&plan) != head.sha256 {
        return Err(Error::Damaged { path: path.to_path_buf() });
    }
    Ok((head.key, plan))
}

/// As [`read`], for a plan that is to be of `key`.
///
/// # Errors
/// Those of [`read`], and [`Error::OtherPlan`].
pub fn read_for(path: &Path, key: &PlanKey) -> Result<Vec<u8>, Error> {
    let (found, plan) = read(path)?;
    key.expect(&found, path)?;
    Ok(plan)
}

/// A file that is named like a plan, and what it is.
pub type Listed = (PathBuf, Result<PlanKey, Error>);

/// All files of `folder` that are named like plans, with what they are; none where there is no such folder.
///
/// # Errors
/// [`Error::Io`] when the folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<Listed>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::Io { path: folder.to_path_buf(), source }),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    paths.sort();
    Ok(paths.into_iter().map(|path| (path.clone(), read(&path).map(|(key, _)| key))).collect())
}

/// The head, the file standing behind it, and the number of bytes that follow.
fn open(path: &Path) -> Result<(Head, File, u64), Error> {
    let failed = |source| Error::Io { path: path.to_path_buf(), source };
    let no_plan = || Error::NotAPlan { path: path.to_path_buf() };
    let mut file = File::open(path).map_err(failed)?;
    let total = file.metadata().map_err(failed)?.len();
    let mut start = [0; 12];
    file.read_exact(&mut start).map_err(|_| no_plan())?;
    let (magic, length) = start.split_at(8);
    let length = u32::from_le_bytes(length.try_into().expect("twelve less eight is four"));
    if magic != MAGIC || length > MAX_HEAD_BYTES {
        return Err(no_plan());
    }
    let mut head = vec![0; length as usize];
    let cut = |_| Error::Length { path: path.to_path_buf(), expected: 12 + u64::from(length), got: total };
    file.read_exact(&mut head).map_err(cut)?;
    let head = serde_json::from_slice(&head).map_err(|_| no_plan())?;
    Ok((head, file, total - 12 - u64::from(length)))
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PlanKey {
        PlanKey {
            product: "TensorRT-RTX".into(),
            version: Version { major: 1, minor: 7, patch: 1 },
            capability: Capability::new(8, 9),
            network: "mobilenetv3".into(),
            refiner: "fast".into(),
            weights: "0123456789abcdef".repeat(4),
            width: 512,
            height: 288,
            eyes: 2,
        }
    }

    #[test]
    fn a_plan_comes_back_under_its_name() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("engines");
        assert!(list(&folder).unwrap().is_empty());
        let path = write(&folder, &key(), b"plan").unwrap();
        let name = "mobilenetv3-fast-0123456789ab-512x288x2-rtx1.7.1-sm89.plan";
        assert_eq!(path, folder.join(name));
        assert_eq!(read_for(&path, &key()).unwrap(), b"plan");
        let all = list(&folder).unwrap();
        assert!(matches!(&all[..], [(at, Ok(found))] if *at == path && *found == key()), "{all:?}");
    }

    #[test]
    fn a_plan_of_something_else_says_what() {
        let root = tempfile::tempdir().unwrap();
        let path = write(root.path(), &key(), b"plan").unwrap();
        let said = |other: PlanKey| read_for(&path, &other).unwrap_err().to_string();
        let newer = Version { major: 1, minor: 8, patch: 0 };
        let text = said(PlanKey { version: newer, ..key() });
        assert!(text.contains("TensorRT-RTX 1.7.1, needed is TensorRT-RTX 1.8.0"), "{text}");
        let text = said(PlanKey { capability: Capability::new(12, 0), ..key() });
        assert!(text.contains("compute capability 8.9, needed is 12.0"), "{text}");
        assert!(said(PlanKey { eyes: 1, ..key() }).contains("512x288 (2 eyes), needed is 512x288 (1 eyes)"));
    }

    #[test]
    fn a_plan_cut_anywhere_or_changed_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = write(root.path(), &key(), b"a plan of TensorRT").unwrap();
        let whole = std::fs::read(&path).unwrap();
        let other = root.path().join("other.plan");
        let refusal = |bytes: &[u8]| {
            std::fs::write(&other, bytes).unwrap();
            read(&other).unwrap_err()
        };
        for end in 0..whole.len() {
            let error = refusal(&whole[..end]);
            assert!(matches!(error, Error::NotAPlan { .. } | Error::Length { .. }), "{end}: {error}");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert!(matches!(refusal(&longer), Error::Length { expected: 18, got: 19, .. }));
        let mut changed = whole.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(matches!(refusal(&changed), Error::Damaged { .. }));
        let mut huge = whole;
        huge[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(refusal(&huge), Error::NotAPlan { .. }));
        assert!(matches!(refusal(b"ONNX or anything else"), Error::NotAPlan { .. }));
    }
}
