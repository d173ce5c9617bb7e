//! VP8: the header of a key frame. Input: a whole packet. Spec: RFC 6386 §9.1.
#![forbid(unsafe_code)]

use crate::frame::{Range, Size};
use crate::media::info::{Chroma, DeclaredColour};

use super::header::StreamHeader;

/// Whether a VP8 packet is a key frame: the first bit of its tag is 0.
pub(super) fn is_key(packet: &[u8]) -> bool {
    packet.first().is_some_and(|b| b & 1 == 0)
}

/// Header of a VP8 key frame.
pub(super) fn header(packet: &[u8]) -> Option<StreamHeader> {
    if !is_key(packet) || packet.get(3..6)? != [0x9d, 0x01, 0x2a] {
        return None;
    }
    // 14 bits of size, 2 of upscaling that decoders ignore.
    let side =
        |at: usize| Some(usize::from(u16::from_le_bytes([*packet.get(at)?, *packet.get(at + 1)?]) & 0x3fff));
    let size = Size::new(side(6)?, side(8)?);
    // VP8 knows one colour space only, BT.601 limited (RFC 6386 §9.2).
    let colour =
        DeclaredColour { matrix: Some(6), range: Some(Range::Limited), primaries: None, transfer: None };
    Some(StreamHeader { size, crop: [0; 2], depth: 8, chroma: Chroma::Yuv420, colour })
}
