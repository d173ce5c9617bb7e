//! EBML element headers and the children of an element in memory.
//!
//! Input: bytes of any kind; sizes are checked before use. Spec: RFC 8794 §4 to §6.
#![forbid(unsafe_code)]

use crate::media::Error;
use crate::media::input::Input;

/// The EBML header element.
pub(super) const EBML: u32 = 0x1A45_DFA3;
/// DocType, in the EBML header.
pub(super) const DOC_TYPE: u32 = 0x4282;
/// The Segment.
pub(super) const SEGMENT: u32 = 0x1853_8067;
/// Info, in the Segment.
pub(super) const INFO: u32 = 0x1549_A966;
/// Tracks, in the Segment.
pub(super) const TRACKS: u32 = 0x1654_AE6B;
/// A Cluster, in the Segment.
pub(super) const CLUSTER: u32 = 0x1F43_B675;
/// A BlockGroup, in a Cluster.
pub(super) const BLOCK_GROUP: u32 = 0xA0;

/// SeekHead, in the Segment, and what is in it.
pub(super) const SEEK_HEAD: u32 = 0x114D_9B74;
pub(super) const SEEK: u32 = 0x4DBB;
pub(super) const SEEK_ID: u32 = 0x53AB;
pub(super) const SEEK_POSITION: u32 = 0x53AC;
/// Chapters, in the Segment, and what is in them.
pub(super) const CHAPTERS: u32 = 0x1043_A770;
pub(super) const EDITION_ENTRY: u32 = 0x45B9;
pub(super) const CHAPTER_ATOM: u32 = 0xB6;
pub(super) const CHAPTER_START: u32 = 0x91;
pub(super) const CHAPTER_END: u32 = 0x92;
pub(super) const CHAPTER_HIDDEN: u32 = 0x98;
pub(super) const CHAPTER_DISPLAY: u32 = 0x80;
pub(super) const CHAPTER_STRING: u32 = 0x85;
/// Tags, in the Segment, and what is in them.
pub(super) const TAGS: u32 = 0x1254_C367;
pub(super) const TAG: u32 = 0x7373;
pub(super) const TARGETS: u32 = 0x63C0;
/// UIDs of a track, an edition, a chapter, an attachment.
pub(super) const TARGET_UIDS: [u32; 4] = [0x63C5, 0x63C9, 0x63C4, 0x63C6];
pub(super) const SIMPLE_TAG: u32 = 0x67C8;
pub(super) const TAG_NAME: u32 = 0x45A3;
pub(super) const TAG_STRING: u32 = 0x4487;
/// Title, in Info.
pub(super) const TITLE: u32 = 0x7BA9;

/// Longest header: an ID of 4 bytes and a size of 8.
pub(super) const MAX_HEADER_BYTES: u64 = 12;

/// Whether the first bytes of a file are an EBML header.
pub(crate) fn is_matroska(head: &[u8]) -> bool {
    head.starts_with(&EBML.to_be_bytes())
}

/// The header of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    /// ID with its length marker.
    pub(super) id: u32,
    /// Size of the body; `None`: unknown.
    pub(super) size: Option<u64>,
    /// Bytes of the header itself.
    pub(super) bytes: usize,
}

/// Why a header could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bad {
    /// The data ends inside it.
    Short,
    /// Its first byte is no ID or no size.
    Invalid,
}

impl Header {
    /// Reads the header at the start of `data`.
    pub(super) fn parse(data: &[u8]) -> Result<Self, Bad> {
        let first = *data.first().ok_or(Bad::Short)?;
        let id_bytes = first.leading_zeros() as usize + 1;
        if id_bytes > 4 {
            return Err(Bad::Invalid);
        }
        let id = data.get(..id_bytes).ok_or(Bad::Short)?;
        let id = id.iter().fold(0u32, |id, &b| id << 8 | u32::from(b));
        let rest = &data[id_bytes..];
        let first = *rest.first().ok_or(Bad::Short)?;
        let size_bytes = first.leading_zeros() as usize + 1;
        if size_bytes > 8 {
            return Err(Bad::Invalid);
        }
        let coded = rest.get(..size_bytes).ok_or(Bad::Short)?;
        let mask = (1u64 << (7 * size_bytes)) - 1;
        let size = coded.iter().fold(0u64, |size, &b| size << 8 | u64::from(b)) & mask;
        Ok(Self { id, size: (size != mask).then_some(size), bytes: id_bytes + size_bytes })
    }

    /// Reads the header at `at` of the file, which ends at `end` for this purpose.
    pub(super) fn read(input: &mut Input, at: u64, end: u64) -> Result<Self, Error> {
        let have = end.saturating_sub(at);
        let data = input.read_vec(at, have.min(MAX_HEADER_BYTES), MAX_HEADER_BYTES, "element header")?;
        Self::parse(&data).map_err(|bad| match bad {
            Bad::Short => Error::Truncated { what: "element header", at_byte: at, need: have + 1, have },
            Bad::Invalid => Error::Malformed {
                what: "element header",
                at_byte: at,
                expected: "an EBML ID of 1 to 4 bytes and a size of 1 to 8",
                got: data.iter().map(|b| format!("{b:02x}")).collect(),
            },
        })
    }
}

/// `(ID, body)` of the children in `data`; ends where a header or size makes no sense.
pub(super) fn children(data: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let header = Header::parse(rest).ok()?;
        let body_and_more = &rest[header.bytes..];
        let size = header.size.map_or(Some(body_and_more.len()), |s| usize::try_from(s).ok())?;
        let (body, more) = body_and_more.split_at_checked(size)?;
        rest = more;
        Some((header.id, body))
    })
}

/// The first child with an ID.
pub(super) fn child(data: &[u8], id: u32) -> Option<&[u8]> {
    children(data).find(|(found, _)| *found == id).map(|(_, body)| body)
}

/// An unsigned integer; `None` beyond 8 bytes.
pub(super) fn unsigned(body: &[u8]) -> Option<u64> {
    (body.len() <= 8).then(|| body.iter().fold(0, |v, &b| v << 8 | u64::from(b)))
}

/// A floating-point number of 4 or 8 bytes, or of none, which is 0; `None` for other lengths.
pub(super) fn float(body: &[u8]) -> Option<f64> {
    match body.len() {
        0 => Some(0.0),
        4 => body.try_into().ok().map(|bytes| f32::from_be_bytes(bytes).into()),
        8 => body.try_into().ok().map(f64::from_be_bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_by_hand() {
        let header = |data: &[u8]| Header::parse(data).map(|h| (h.id, h.size, h.bytes));
        assert_eq!(header(&[0xD7, 0x81]), Ok((0xD7, Some(1), 2)));
        assert_eq!(header(&[0x42, 0x86, 0x40, 0x02]), Ok((0x4286, Some(2), 4)));
        assert_eq!(header(&[0x1F, 0x43, 0xB6, 0x75, 0xFF]), Ok((CLUSTER, None, 5)));
        let live = [0x1F, 0x43, 0xB6, 0x75, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        assert_eq!(header(&live), Ok((CLUSTER, None, 12)));
        assert_eq!(header(&live[..11]), Err(Bad::Short));
        assert_eq!(header(&[0x08, 0, 0, 0, 0, 0]), Err(Bad::Invalid));
        assert_eq!(header(&[0xA0, 0x00]), Err(Bad::Invalid));
        assert_eq!(header(&[]), Err(Bad::Short));
    }

    #[test]
    fn children_stop_at_a_size_that_leads_out() {
        let data = [0xD7, 0x81, 5, 0x83, 0x81, 1, 0x86, 0x85, b'V'];
        let found: Vec<_> = children(&data).collect();
        assert_eq!(found, [(0xD7, &[5][..]), (0x83, &[1][..])]);
        assert_eq!(child(&data, 0x83).and_then(unsigned), Some(1));
        assert_eq!(unsigned(&[0; 9]), None);
    }
}
