//! The head of a Matroska file: DocType, Info, Tracks, and where the Clusters start.
//!
//! Walks the children of the Segment up to the first Cluster, bounded in number and bytes. Spec:
//! RFC 9559 §4.5, §5.1.
#![forbid(unsafe_code)]

use crate::media::Error;
use crate::media::input::Input;

use super::ebml::{self, Header};
use super::extras::Extras;

/// The EBML header has some 40 bytes.
const MAX_EBML_BYTES: u64 = 64 << 10;
/// Info and Tracks hold at most a few KiB of configuration per track.
const MAX_HEAD_BYTES: u64 = 16 << 20;
/// Children of the Segment ahead of the first Cluster.
const MAX_ELEMENTS: u64 = 10_000;

/// What was found, with the elements as they stand in the file.
pub(super) struct Segment {
    pub(super) doc_type: String,
    /// Info with its header.
    pub(super) info: Vec<u8>,
    /// Tracks with its header.
    pub(super) tracks: Vec<u8>,
    /// Bytes of the header of Tracks.
    pub(super) tracks_header_bytes: usize,
    /// Chapters and tags.
    pub(super) extras: Extras,
    /// File offset of the first Cluster.
    pub(super) clusters_at: u64,
    /// File offset behind the Segment, where its size is known.
    pub(super) end: Option<u64>,
}

impl Segment {
    /// Reads the head of a file.
    pub(super) fn read(input: &mut Input) -> Result<Self, Error> {
        let len = input.len();
        let header = Header::read(input, 0, len)?;
        let size = header.size.unwrap_or(u64::MAX);
        let body = input.read_vec(header.bytes as u64, size, MAX_EBML_BYTES, "EBML header")?;
        let doc_type = ebml::child(&body, ebml::DOC_TYPE).unwrap_or_default();
        let doc_type = String::from_utf8_lossy(doc_type).trim_end_matches('\0').to_owned();
        if !matches!(doc_type.as_str(), "matroska" | "webm") {
            return Err(Error::Unsupported { what: "EBML document type", got: format!("{doc_type:?}") });
        }
        let mut at = header.bytes as u64 + size;
        let segment = loop {
            let header = Header::read(input, at, len)?;
            if header.id == ebml::SEGMENT {
                break header;
            }
            // Void may stand between; anything else without a size cannot be passed.
            at = after(at, header)?;
        };
        let start = at + segment.bytes as u64;
        let end = segment.size.map(|size| start.saturating_add(size));
        Self::walk(input, doc_type, start, end)
    }

    fn walk(input: &mut Input, doc_type: String, start: u64, end: Option<u64>) -> Result<Self, Error> {
        let stop = end.unwrap_or(u64::MAX).min(input.len());
        let (mut info, mut tracks, mut extras) = (None, None, Extras::default());
        let mut at = start;
        for _ in 0..MAX_ELEMENTS {
            if at >= stop {
                let what = "element ahead of the first Cluster";
                return Err(match end {
                    Some(end) if end <= input.len() => Error::Missing {
                        what: "Cluster element",
                        detail: format!("the Segment ends at byte {end}"),
                    },
                    _ => Error::Truncated { what, at_byte: stop, need: at - stop + 1, have: 0 },
                });
            }
            let header = Header::read(input, at, stop)?;
            if header.id == ebml::CLUSTER {
                let missing = |what| Error::Missing {
                    what,
                    detail: format!("the first Cluster is at byte {at}, nothing of the kind is ahead of it"),
                };
                let info = info.ok_or_else(|| missing("Info element"))?;
                let (tracks, tracks_header_bytes) = tracks.ok_or_else(|| missing("Tracks element"))?;
                extras.follow(input, start, stop);
                return Ok(Self {
                    doc_type,
                    info,
                    tracks,
                    tracks_header_bytes,
                    extras,
                    clusters_at: at,
                    end,
                });
            }
            let next = after(at, header)?;
            match header.id {
                ebml::INFO => info = Some(input.read_vec(at, next - at, MAX_HEAD_BYTES, "Info element")?),
                ebml::TRACKS => {
                    let bytes = input.read_vec(at, next - at, MAX_HEAD_BYTES, "Tracks element")?;
                    tracks = Some((bytes, header.bytes));
                }
                id if Extras::wants(id) => extras.take(input, (at, next), header),
                _ => {}
            }
            at = next;
        }
        Err(Error::Limit {
            what: "number of elements ahead of the first Cluster",
            got: MAX_ELEMENTS + 1,
            max: MAX_ELEMENTS,
        })
    }
}

/// The offset behind an element whose size must be known.
fn after(at: u64, header: Header) -> Result<u64, Error> {
    let end = header.size.and_then(|size| at.checked_add(header.bytes as u64)?.checked_add(size));
    end.ok_or_else(|| Error::Malformed {
        what: "element ahead of the first Cluster",
        at_byte: at,
        expected: "a known size",
        got: format!("unknown size in element {:X}", header.id),
    })
}

/// Whether the data from `at` to the end is made of whole elements: the crate calls any end of the
/// data the end of the file, whole or not.
pub(super) fn check_tail(
    input: &mut Input,
    mut at: u64,
    end: u64,
    declared: Option<u64>,
) -> Result<(), Error> {
    // Behind the last block there are Cues and Tags, not more than this.
    for _ in 0..MAX_ELEMENTS {
        if at >= end {
            break;
        }
        let header = match Header::read(input, at, end) {
            Ok(header) => header,
            // Whatever garbage this is, no block was in it.
            Err(Error::Malformed { .. }) => break,
            Err(cut) => return Err(cut),
        };
        let body_at = at + header.bytes as u64;
        at = match (header.id, header.size) {
            (ebml::CLUSTER | ebml::BLOCK_GROUP, _) => body_at,
            (_, None) => break,
            (_, Some(size)) if size > end - body_at => {
                let what = "Matroska element";
                return Err(Error::Truncated { what, at_byte: at, need: size, have: end - body_at });
            }
            (_, Some(size)) => body_at + size,
        };
    }
    match declared {
        Some(declared) if declared > end => {
            Err(Error::Truncated { what: "Matroska segment", at_byte: end, need: declared - end, have: 0 })
        }
        _ => Ok(()),
    }
}
