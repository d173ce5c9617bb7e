//! What makes a piece of work the same work: the source's bytes, the settings, the cut.
//!
//! Two identities that are equal give the same output, byte for byte. Where they differ, the names of what
//! differs are for people: "quality was balanced and is fast".
#![forbid(unsafe_code)]

use crate::pipeline::plan::segments::Segment;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Bytes hashed at either end of a source. Headers and indexes lie there; a video that was edited in
/// between has another size or time.
const HASHED_BYTES: u64 = 1 << 20;

/// A source file as it was.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SourceIdentity {
    /// Size in bytes.
    pub bytes: u64,
    /// Time of the last change, in nanoseconds since 1970; a copy of the file has another.
    pub modified_ns: u128,
    /// SHA-256 of its first and last MiB.
    pub ends_sha256: String,
}

impl SourceIdentity {
    /// Looks at a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut ends = Vec::new();
        (&mut file).take(HASHED_BYTES).read_to_end(&mut ends)?;
        file.seek(SeekFrom::Start(metadata.len().saturating_sub(HASHED_BYTES)))?;
        (&mut file).take(HASHED_BYTES).read_to_end(&mut ends)?;
        Ok(Self {
            bytes: metadata.len(),
            modified_ns: modified.as_nanos(),
            ends_sha256: hex(&Sha256::digest(&ends)),
        })
    }
}

/// A piece of work.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// The source.
    pub source: SourceIdentity,
    /// Settings that the bytes depend on, by name.
    pub settings: BTreeMap<String, String>,
    /// SHA-256 over the segments.
    pub segments_sha256: String,
}

impl Identity {
    /// The identity of a cut source under settings.
    pub fn new(source: SourceIdentity, settings: BTreeMap<String, String>, segments: &[Segment]) -> Self {
        let mut hash = Sha256::new();
        for segment in segments {
            let from = segment.decode_from.map_or(0, |point| point.ordinal as u64);
            let times = [segment.matted_from, segment.shown.start, segment.shown.end];
            hash.update(from.to_le_bytes());
            times.iter().for_each(|time| hash.update(time.to_le_bytes()));
            hash.update(segment.key_interval.get().to_le_bytes());
        }
        Self { source, settings, segments_sha256: hex(&hash.finalize()) }
    }

    /// A name for the work, with this `sound` beside it; the same for a copy of the source: what an output says
    /// it is.
    pub fn name(&self, sound: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(self.source.bytes.to_le_bytes());
        for text in [&self.source.ends_sha256, &self.segments_sha256] {
            hash.update(text.as_bytes());
        }
        for (name, value) in &self.settings {
            hash.update(format!("\n{name}={value}").as_bytes());
        }
        hash.update(format!("\nsound={sound}").as_bytes());
        hex(&hash.finalize())
    }

    /// What differs from an earlier identity, in words; `None` when nothing does.
    pub fn difference(&self, earlier: &Self) -> Option<String> {
        if self == earlier {
            return None;
        }
        let mut found = Vec::new();
        if self.source.bytes != earlier.source.bytes {
            found
                .push(format!("the source had {} bytes and has {}", earlier.source.bytes, self.source.bytes));
        } else if self.source.ends_sha256 != earlier.source.ends_sha256 {
            found.push("the source holds other bytes".to_owned());
        } else if self.source != earlier.source {
            found.push("the source was changed or copied since".to_owned());
        }
        let names = self.settings.keys().chain(earlier.settings.keys());
        let mut names: Vec<&String> = names.collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let [was, is] = [earlier, self].map(|work| work.settings.get(name).map_or("not set", |v| v));
            if was != is {
                found.push(format!("{name} was {was} and is {is}"));
            }
        }
        if found.is_empty() {
            found.push("the video is cut otherwise".to_owned());
        }
        Some(found.join("; "))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(source: &SourceIdentity, settings: &[(&str, &str)]) -> Identity {
        let settings = settings.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        Identity::new(source.clone(), settings, &[])
    }

    #[test]
    fn differences_are_told_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, vec![7u8; 3 << 20]).unwrap();
        let source = SourceIdentity::of(&path).unwrap();
        let old = identity(&source, &[("quality", "fast"), ("crf", "30")]);
        assert_eq!(old.difference(&old), None);
        let new = identity(&source, &[("quality", "best"), ("detail", "512")]);
        assert_eq!(
            new.difference(&old).unwrap(),
            "crf was 30 and is not set; detail was not set and is 512; quality was fast and is best"
        );
        assert_ne!(new.name(""), old.name(""));
        assert_ne!(old.name("copied"), old.name(""));

        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() = 8;
        std::fs::write(&path, bytes).unwrap();
        let changed = SourceIdentity::of(&path).unwrap();
        let other = identity(&changed, &[("quality", "fast"), ("crf", "30")]);
        assert_eq!(other.difference(&old).unwrap(), "the source holds other bytes");
        assert_ne!(other.name(""), old.name(""));
    }

    #[test]
    fn a_copy_has_the_same_name_but_is_not_the_same_work() {
        let source = SourceIdentity { bytes: 5, modified_ns: 1, ends_sha256: "ab".to_owned() };
        let copy = SourceIdentity { modified_ns: 2, ..source.clone() };
        let [a, b] = [source, copy].map(|s| identity(&s, &[]));
        assert_eq!(a.name(""), b.name(""));
        assert!(b.difference(&a).unwrap().contains("copied"));
    }
}
