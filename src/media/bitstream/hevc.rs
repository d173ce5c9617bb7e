//! HEVC: size, depth, chroma format and colour from a sequence parameter set; key frames.
//!
//! Input: a NAL unit with its two-byte header. Everything between the profile and the VUI must be
//! walked, because the VUI comes last. Spec: ITU-T H.265 §7.3.2.2, §7.3.3, §7.3.4, §7.3.7, table 7-1.
#![forbid(unsafe_code)]

use crate::media::info::{Chroma, DeclaredColour};

use super::bits::Bits;
use super::h264::vui_colour;
use super::header::StreamHeader;
use super::nal;

const NAL_SPS: u8 = 33;

fn unit_type(unit: &[u8]) -> Option<u8> {
    unit.first().map(|b| b >> 1 & 63)
}

/// `nuh_layer_id`: 0 in the base layer, which is the only one that is decoded.
fn layer(unit: &[u8]) -> Option<u8> {
    Some((unit.first()? & 1) << 5 | unit.get(1)? >> 3)
}

/// Header of the base layer's sequence parameter set among `units`; outer `None`: there is none.
pub(super) fn find_header<'a>(mut units: impl Iterator<Item = &'a [u8]>) -> Option<Option<StreamHeader>> {
    units
        .find(|u| unit_type(u) == Some(NAL_SPS) && layer(u) == Some(0))
        .map(|unit| parse_sps(&nal::unescape(unit)))
}

/// Whether a sample holds an intra random access point (unit types 16 to 23).
pub(super) fn is_key(sample: &[u8], length_bytes: usize) -> bool {
    nal::units(sample, length_bytes).flatten().any(|u| matches!(unit_type(u), Some(16..=23)))
}

fn parse_sps(rbsp: &[u8]) -> Option<StreamHeader> {
    let mut b = Bits::new(rbsp);
    b.skip(16 + 4)?;
    let sub_layers = b.bits(3)? as usize;
    b.skip(1)?;
    skip_profile_tier_level(&mut b, sub_layers)?;
    b.ue()?;
    let chroma_idc = b.ue()?;
    if chroma_idc == 3 {
        b.skip(1)?;
    }
    let (width, height) = (b.ue()?, b.ue()?);
    let window = if b.flag()? { [b.ue()?, b.ue()?, b.ue()?, b.ue()?] } else { [0; 4] };
    let unit_x = if matches!(chroma_idc, 1 | 2) { 2 } else { 1 };
    let unit_y = if chroma_idc == 1 { 2 } else { 1 };
    let (size, crop) = StreamHeader::cropped(width, height, window, [unit_x, unit_y])?;
    let depth = u8::try_from(b.ue()?.checked_add(8)?).ok()?;
    b.ue()?;
    let poc_bits = b.ue()?.checked_add(4)?;
    let first = if b.flag()? { 0 } else { sub_layers };
    for _ in first..=sub_layers {
        b.ue()?;
        b.ue()?;
        b.ue()?;
    }
    for _ in 0..6 {
        b.ue()?;
    }
    if b.flag()? && b.flag()? {
        skip_scaling_lists(&mut b)?;
    }
    b.skip(2)?;
    if b.flag()? {
        b.skip(8)?;
        b.ue()?;
        b.ue()?;
        b.skip(1)?;
    }
    skip_reference_sets(&mut b)?;
    if b.flag()? {
        let count = b.ue()?;
        if count > 32 || poc_bits > 16 {
            return None;
        }
        b.skip(count as usize * (poc_bits as usize + 1))?;
    }
    b.skip(2)?;
    let colour = if b.flag()? { vui_colour(&mut b)? } else { DeclaredColour::default() };
    Some(StreamHeader { size, crop, depth, chroma: Chroma::from_idc(chroma_idc), colour })
}

/// profile_tier_level(1, sub_layers): 88 bits of profile and 8 of level, once and per sub-layer.
fn skip_profile_tier_level(b: &mut Bits<'_>, sub_layers: usize) -> Option<()> {
    b.skip(88 + 8)?;
    let mut present = Vec::with_capacity(sub_layers);
    for _ in 0..sub_layers {
        present.push((b.flag()?, b.flag()?));
    }
    if sub_layers > 0 {
        b.skip(2 * (8 - sub_layers))?;
    }
    for (profile, level) in present {
        b.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

fn skip_scaling_lists(b: &mut Bits<'_>) -> Option<()> {
    for size_id in 0..4 {
        for _ in (0..6).step_by(if size_id == 3 { 3 } else { 1 }) {
            if !b.flag()? {
                b.ue()?;
                continue;
            }
            if size_id > 1 {
                b.se()?;
            }
            for _ in 0..64.min(1 << (4 + (size_id << 1))) {
                b.se()?;
            }
        }
    }
    Some(())
}

/// All st_ref_pic_set structures of the set; at most 64 with at most 16 + 16 pictures (§7.4.8).
fn skip_reference_sets(b: &mut Bits<'_>) -> Option<()> {
    let count = b.ue()?;
    if count > 64 {
        return None;
    }
    let mut pictures = 0;
    for index in 0..count {
        if index > 0 && b.flag()? {
            b.skip(1)?;
            b.ue()?;
            let mut kept = 0;
            for _ in 0..=pictures {
                // used_by_curr_pic_flag, else use_delta_flag.
                if b.flag()? || b.flag()? {
                    kept += 1;
                }
            }
            pictures = kept;
            continue;
        }
        let (negative, positive) = (b.ue()?, b.ue()?);
        if negative > 16 || positive > 16 {
            return None;
        }
        pictures = negative + positive;
        for _ in 0..pictures {
            b.ue()?;
            b.skip(1)?;
        }
    }
    Some(())
}
