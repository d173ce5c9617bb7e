//! Writers of EBML elements. All append to a `Vec<u8>` and cannot fail; sizes are the shortest
//! possible, so equal input gives equal bytes. Spec: RFC 8794 §4 to §7.
//!
//! A live stream opens Segment and Clusters with [`open_unknown`] and never closes them.
#![forbid(unsafe_code)]

use super::vint;
use crate::webm::ids::{self, Id};

/// Appends an ID.
pub fn id(out: &mut Vec<u8>, id: Id) {
    out.extend_from_slice(id.bytes().as_ref());
}

/// Appends a size in its shortest form.
///
/// # Panics
/// Above [`vint::MAX_SIZE`], which no payload that fits in memory reaches.
pub fn size(out: &mut Vec<u8>, size_bytes: u64) {
    let bytes = vint::eight_bytes(size_bytes).expect("a payload in memory is below 2^56 bytes");
    let length = vint::shortest(size_bytes);
    let start = out.len();
    out.extend_from_slice(&bytes[8 - length..]);
    out[start] |= 0x80 >> (length - 1);
}

/// Bytes that [`binary`] appends for a payload of `payload_bytes`.
pub fn element_bytes(id: Id, payload_bytes: u64) -> u64 {
    id.bytes().as_ref().len() as u64 + vint::shortest(payload_bytes) as u64 + payload_bytes
}

/// Appends an unsigned integer in its shortest form; zero takes one byte.
pub fn uint(out: &mut Vec<u8>, id: Id, value: u64) {
    let skip = (value.leading_zeros() / 8).min(7) as usize;
    binary(out, id, &value.to_be_bytes()[skip..]);
}

/// Appends a signed integer (two's complement) in its shortest form.
pub fn sint(out: &mut Vec<u8>, id: Id, value: i64) {
    // The sign bit must survive: bits needed are those of the magnitude plus one.
    let magnitude = if value < 0 { !value } else { value };
    let skip = ((magnitude.leading_zeros() - 1) / 8).min(7) as usize;
    binary(out, id, &value.to_be_bytes()[skip..]);
}

/// Appends a float of eight bytes.
pub fn float(out: &mut Vec<u8>, id: Id, value: f64) {
    binary(out, id, &value.to_be_bytes());
}

/// Appends a UTF-8 string, without terminator.
pub fn string(out: &mut Vec<u8>, id: Id, value: &str) {
    binary(out, id, value.as_bytes());
}

/// Appends an element with these bytes as its payload.
pub fn binary(out: &mut Vec<u8>, element: Id, payload: &[u8]) {
    id(out, element);
    size(out, payload.len() as u64);
    out.extend_from_slice(payload);
}

/// Appends a master element whose children `body` writes. They are moved once to make room for
/// the size, so this is for headers; blocks compute their sizes beforehand.
pub fn master(out: &mut Vec<u8>, element: Id, body: impl FnOnce(&mut Vec<u8>)) {
    let mut children = Vec::new();
    body(&mut children);
    binary(out, element, &children);
}

/// Opens a master element of unknown size (eight bytes, so it can be patched); whatever follows
/// lies in it. Allowed for Segment and Cluster only.
pub fn open_unknown(out: &mut Vec<u8>, element: Id) {
    debug_assert!(element.may_be_unknown_size());
    id(out, element);
    out.extend_from_slice(&vint::UNKNOWN_SIZE);
}

/// Appends a Void element of exactly `total_bytes`, header included. One byte cannot be voided:
/// below two nothing is written and `false` comes back.
pub fn void(out: &mut Vec<u8>, total_bytes: u64) -> bool {
    if total_bytes < 2 {
        return false;
    }
    id(out, ids::VOID);
    // A size field of eight bytes from nine on: some totals cannot be met with a shortest one.
    let payload = if total_bytes < 9 {
        size(out, total_bytes - 2);
        total_bytes - 2
    } else {
        let payload = total_bytes - 9;
        out.extend_from_slice(&vint::eight_bytes(payload).expect("a reservation is below 2^56 bytes"));
        payload
    };
    out.resize(out.len() + payload as usize, 0);
    true
}

/// Appends the EBML header of a Matroska or WebM file: `doc_type` is `"matroska"` or `"webm"`.
/// Versions are those libwebm and ffmpeg write for files with alpha: 4, readable from 2.
pub fn header(out: &mut Vec<u8>, doc_type: &str) {
    master(out, ids::EBML, |out| {
        uint(out, ids::EBML_VERSION, 1);
        uint(out, ids::EBML_READ_VERSION, 1);
        uint(out, ids::EBML_MAX_ID_LENGTH, 4);
        uint(out, ids::EBML_MAX_SIZE_LENGTH, 8);
        string(out, ids::DOC_TYPE, doc_type);
        uint(out, ids::DOC_TYPE_VERSION, 4);
        uint(out, ids::DOC_TYPE_READ_VERSION, 2);
    });
}

/// First bytes of a Block or SimpleBlock payload without lacing: track, time relative to the
/// cluster in ticks, flags (`0x80` key frame, of SimpleBlock only). RFC 9559 §10.
pub fn block_header(track: u8, relative_ticks: i16, flags: u8) -> [u8; 4] {
    debug_assert!((1..=126).contains(&track), "one-byte track numbers only");
    let [high, low] = relative_ticks.to_be_bytes();
    [0x80 | track, high, low, flags]
}

/// Appends a SimpleBlock: what a live stream without alpha is made of.
pub fn simple_block(out: &mut Vec<u8>, track: u8, relative_ticks: i16, key: bool, data: &[u8]) {
    id(out, ids::SIMPLE_BLOCK);
    size(out, data.len() as u64 + 4);
    out.extend_from_slice(&block_header(track, relative_ticks, if key { 0x80 } else { 0 }));
    out.extend_from_slice(data);
}
