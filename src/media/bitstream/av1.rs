//! AV1: the sequence header, found in av1C or in a temporal unit; key frames.
//!
//! Input: low-overhead OBUs as MP4 and Matroska hold them. Spec: AV1 bitstream §5.3, §5.5, §5.9.2;
//! AV1 in ISOBMFF §2.3.3 for the record.
#![forbid(unsafe_code)]

use crate::frame::{Range, Size};
use crate::media::info::{Chroma, DeclaredColour};

use super::bits::Bits;
use super::header::StreamHeader;

const OBU_SEQUENCE_HEADER: u8 = 1;
const OBU_FRAME_HEADER: u8 = 3;
const OBU_FRAME: u8 = 6;

/// The OBUs of an av1C record body, without its four leading bytes; what a decoder may be given
/// ahead of the first packet. Empty when the record is too short.
pub fn config_obus(av1c: &[u8]) -> &[u8] {
    av1c.get(4..).unwrap_or_default()
}

/// Whether a sequence header is among the OBUs of a packet. OBUs that make no sense end the search.
pub fn has_sequence_header(packet: &[u8]) -> bool {
    obus(packet).any(|(kind, _)| kind == OBU_SEQUENCE_HEADER)
}

/// `(type, payload)` of each OBU; ends where sizes or headers make no sense.
fn obus(data: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = data;
    std::iter::from_fn(move || {
        // The first bit is 0 in every header.
        let header = rest.first().copied().filter(|header| header & 0x80 == 0)?;
        let mut at = if header & 4 != 0 { 2 } else { 1 };
        let size = if header & 2 != 0 {
            let mut size = 0u64;
            // leb128() of 8 bytes at most (§4.10.5).
            let bytes = rest.get(at..)?.iter().take(8).position(|byte| byte & 0x80 == 0)? + 1;
            for (i, byte) in rest[at..at + bytes].iter().enumerate() {
                size |= u64::from(byte & 0x7f) << (7 * i);
            }
            at += bytes;
            usize::try_from(size).ok()?
        } else {
            rest.len().checked_sub(at)?
        };
        let payload = rest.get(at..at.checked_add(size)?)?;
        rest = &rest[at + size..];
        Some((header >> 3 & 15, payload))
    })
}

/// Header of the first sequence header OBU; outer `None`: there is none.
pub(super) fn find_header(data: &[u8]) -> Option<Option<StreamHeader>> {
    obus(data).find(|(kind, _)| *kind == OBU_SEQUENCE_HEADER).map(|(_, payload)| parse_sequence(payload))
}

/// Whether the first frame of a temporal unit is a key frame that is coded here.
pub(super) fn is_key(unit: &[u8]) -> bool {
    obus(unit)
        .find(|(kind, _)| matches!(*kind, OBU_FRAME | OBU_FRAME_HEADER))
        // show_existing_frame 0, frame_type 00 (KEY_FRAME).
        .is_some_and(|(_, payload)| payload.first().is_some_and(|b| b & 0xe0 == 0))
}

fn parse_sequence(payload: &[u8]) -> Option<StreamHeader> {
    let mut b = Bits::new(payload);
    let profile = b.bits(3)?;
    b.skip(1)?;
    let reduced = b.flag()?;
    if reduced {
        b.skip(5)?;
    } else {
        skip_operating_points(&mut b)?;
    }
    let (width_bits, height_bits) = (b.bits(4)? as u32 + 1, b.bits(4)? as u32 + 1);
    let size = Size::new(b.bits(width_bits)? as usize + 1, b.bits(height_bits)? as usize + 1);
    if !reduced && b.flag()? {
        b.skip(4 + 3)?;
    }
    b.skip(3)?;
    if !reduced {
        b.skip(4)?;
        let order_hint = b.flag()?;
        if order_hint {
            b.skip(2)?;
        }
        // seq_choose_screen_content_tools; 2 stands for SELECT.
        let screen_content = if b.flag()? { 2 } else { u8::from(b.flag()?) };
        if screen_content > 0 && !b.flag()? {
            b.skip(1)?;
        }
        if order_hint {
            b.skip(3)?;
        }
    }
    b.skip(3)?;
    colour_config(&mut b, profile, size)
}

/// timing_info, decoder_model_info and the operating points of §5.5.1.
fn skip_operating_points(b: &mut Bits<'_>) -> Option<()> {
    let mut delay_bits = None;
    if b.flag()? {
        b.skip(64)?;
        if b.flag()? {
            b.ue()?;
        }
        if b.flag()? {
            delay_bits = Some(b.bits(5)? as usize + 1);
            b.skip(32 + 5 + 5)?;
        }
    }
    let display_delay = b.flag()?;
    for _ in 0..=b.bits(5)? {
        b.skip(12)?;
        if b.bits(5)? > 7 {
            b.skip(1)?;
        }
        if let Some(bits) = delay_bits
            && b.flag()?
        {
            b.skip(2 * bits + 1)?;
        }
        if display_delay && b.flag()? {
            b.skip(4)?;
        }
    }
    Some(())
}

fn colour_config(b: &mut Bits<'_>, profile: u64, size: Size) -> Option<StreamHeader> {
    let high = b.flag()?;
    let depth = match (high, profile == 2 && high && b.flag()?) {
        (_, true) => 12,
        (true, false) => 10,
        (false, false) => 8,
    };
    let monochrome = profile != 1 && b.flag()?;
    let [primaries, transfer, matrix] = if b.flag()? { [b.byte()?, b.byte()?, b.byte()?] } else { [2; 3] };
    let full_range = |full: bool| Some(if full { Range::Full } else { Range::Limited });
    let (range, chroma) = if monochrome {
        (full_range(b.flag()?), Chroma::Monochrome)
    } else if (primaries, transfer, matrix) == (1, 13, 0) {
        (full_range(true), Chroma::Yuv444)
    } else {
        let range = full_range(b.flag()?);
        let chroma = match (profile, depth) {
            (0, _) => Chroma::Yuv420,
            (1, _) => Chroma::Yuv444,
            (_, 12) => {
                let x = b.flag()?;
                Chroma::from_subsampling(x, x && b.flag()?)
            }
            _ => Chroma::Yuv422,
        };
        (range, chroma)
    };
    let colour = DeclaredColour::from_codes(primaries, transfer, matrix, range);
    Some(StreamHeader { size, crop: [0; 2], depth, chroma, colour })
}
