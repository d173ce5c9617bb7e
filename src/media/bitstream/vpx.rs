//! VP8 and VP9: the uncompressed frame header of a key frame.
//!
//! Input: a whole packet (for VP9 perhaps a superframe, whose first frame lies at its start). Specs:
//! RFC 6386 §9.1, VP9 bitstream §6.2 and §7.2.
#![forbid(unsafe_code)]

use crate::frame::{Range, Size};
use crate::media::info::{Chroma, DeclaredColour};

use super::bits::Bits;
use super::header::StreamHeader;

/// Whether a VP8 packet is a key frame: the first bit of its tag is 0.
pub(super) fn vp8_is_key(packet: &[u8]) -> bool {
    packet.first().is_some_and(|b| b & 1 == 0)
}

/// Header of a VP8 key frame.
pub(super) fn vp8_header(packet: &[u8]) -> Option<StreamHeader> {
    if !vp8_is_key(packet) || packet.get(3..6)? != [0x9d, 0x01, 0x2a] {
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

/// Profile, and whether the frame is a key frame; leaves the reader behind error_resilient_mode.
fn vp9_start(b: &mut Bits<'_>) -> Option<(u8, bool)> {
    if b.bits(2)? != 2 {
        return None;
    }
    let profile = u8::from(b.flag()?) | u8::from(b.flag()?) << 1;
    if profile == 3 {
        b.skip(1)?;
    }
    if b.flag()? {
        // show_existing_frame: nothing else follows.
        return Some((profile, false));
    }
    let inter = b.flag()?;
    b.skip(2)?;
    Some((profile, !inter))
}

/// Whether a VP9 packet is a key frame.
pub(super) fn vp9_is_key(packet: &[u8]) -> bool {
    vp9_start(&mut Bits::new(packet)).is_some_and(|(_, key)| key)
}

/// Header of a VP9 key frame.
pub(super) fn vp9_header(packet: &[u8]) -> Option<StreamHeader> {
    let mut b = Bits::new(packet);
    let (profile, key) = vp9_start(&mut b)?;
    if !key || b.bits(24)? != 0x49_83_42 {
        return None;
    }
    let depth = match (profile >= 2, profile >= 2 && b.flag()?) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    let space = b.bits(3)?;
    let odd_profile = profile & 1 == 1;
    let (range, chroma) = if space == 7 {
        (Range::Full, Chroma::Yuv444)
    } else {
        let range = if b.flag()? { Range::Full } else { Range::Limited };
        let chroma =
            if odd_profile { Chroma::from_subsampling(b.flag()?, b.flag()?) } else { Chroma::Yuv420 };
        (range, chroma)
    };
    if odd_profile {
        b.skip(1)?;
    }
    let size = Size::new(b.bits(16)? as usize + 1, b.bits(16)? as usize + 1);
    // color_space of VP9 table 7-2 in H.273 MatrixCoefficients.
    let matrix = match space {
        1 => Some(5),
        2 => Some(1),
        3 => Some(6),
        4 => Some(7),
        5 => Some(9),
        7 => Some(0),
        _ => None,
    };
    let colour = DeclaredColour { matrix, range: Some(range), primaries: None, transfer: None };
    Some(StreamHeader { size, crop: [0; 2], depth, chroma, colour })
}
