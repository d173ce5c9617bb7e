//! H.264: size, depth, chroma format and colour from a sequence parameter set; key frames.
//!
//! Input: a NAL unit with its one-byte header. Spec: ITU-T H.264 §7.3.2.1.1, §E.1.1, table 7-1.
#![forbid(unsafe_code)]

use crate::frame::Range;
use crate::media::info::{Chroma, DeclaredColour};

use super::bits::Bits;
use super::header::StreamHeader;
use super::nal;

const NAL_IDR: u8 = 5;
const NAL_SPS: u8 = 7;

/// `nal_unit_type`.
fn unit_type(unit: &[u8]) -> Option<u8> {
    unit.first().map(|b| b & 31)
}

/// Header of the first sequence parameter set among `units`; outer `None`: there is none.
pub(super) fn find_header<'a>(mut units: impl Iterator<Item = &'a [u8]>) -> Option<Option<StreamHeader>> {
    units.find(|u| unit_type(u) == Some(NAL_SPS)).map(|unit| parse_sps(&nal::unescape(unit)))
}

/// Whether a sample holds an IDR picture.
pub(super) fn is_key(sample: &[u8], length_bytes: usize) -> bool {
    nal::units(sample, length_bytes).flatten().any(|u| unit_type(u) == Some(NAL_IDR))
}

/// seq_parameter_set_data, from the NAL header byte on.
fn parse_sps(rbsp: &[u8]) -> Option<StreamHeader> {
    let mut b = Bits::new(rbsp);
    b.skip(8)?;
    let profile = b.byte()?;
    b.skip(16)?;
    b.ue()?;
    let (mut chroma_idc, mut depth) = (1, 8);
    // The profiles that carry a chroma format, §7.3.2.1.1.
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma_idc = b.ue()?;
        if chroma_idc == 3 {
            b.skip(1)?;
        }
        depth = b.ue()?.checked_add(8)?;
        b.ue()?;
        b.skip(1)?;
        if b.flag()? {
            for i in 0..if chroma_idc == 3 { 12 } else { 8 } {
                if b.flag()? {
                    skip_scaling_list(&mut b, if i < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    b.ue()?;
    match b.ue()? {
        0 => {
            b.ue()?;
        }
        1 => {
            b.skip(1)?;
            b.se()?;
            b.se()?;
            let cycle = b.ue()?;
            if cycle > 255 {
                return None;
            }
            for _ in 0..cycle {
                b.se()?;
            }
        }
        2 => {}
        _ => return None,
    }
    b.ue()?;
    b.skip(1)?;
    let width = (b.ue()? + 1).checked_mul(16)?;
    let map_units = b.ue()? + 1;
    let frame_mbs_only = b.flag()?;
    let height = map_units.checked_mul(if frame_mbs_only { 16 } else { 32 })?;
    if !frame_mbs_only {
        b.skip(1)?;
    }
    b.skip(1)?;
    let crop = if b.flag()? { [b.ue()?, b.ue()?, b.ue()?, b.ue()?] } else { [0; 4] };
    let unit_x = if matches!(chroma_idc, 1 | 2) { 2 } else { 1 };
    let unit_y = if chroma_idc == 1 { 2 } else { 1 } * if frame_mbs_only { 1 } else { 2 };
    let (size, crop) = StreamHeader::cropped(width, height, crop, [unit_x, unit_y])?;
    let colour = if b.flag()? { vui_colour(&mut b)? } else { DeclaredColour::default() };
    let depth = u8::try_from(depth).ok()?;
    Some(StreamHeader { size, crop, depth, chroma: Chroma::from_idc(chroma_idc), colour })
}

fn skip_scaling_list(b: &mut Bits<'_>, count: usize) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..count {
        if next != 0 {
            next = (last + b.se()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

/// The colour part at the start of vui_parameters; the same in H.264 §E.1.1 and H.265 §E.2.1.
pub(super) fn vui_colour(b: &mut Bits<'_>) -> Option<DeclaredColour> {
    if b.flag()? && b.byte()? == 255 {
        b.skip(32)?;
    }
    if b.flag()? {
        b.skip(1)?;
    }
    if !b.flag()? {
        return Some(DeclaredColour::default());
    }
    b.skip(3)?;
    let range = Some(if b.flag()? { Range::Full } else { Range::Limited });
    if !b.flag()? {
        return Some(DeclaredColour { range, ..DeclaredColour::default() });
    }
    Some(DeclaredColour::from_codes(b.byte()?, b.byte()?, b.byte()?, range))
}
