//! The sequence header of any codec: which parser to ask, and what its silence means.
//!
//! Input: a configuration record or a packet, as [`crate::packet::Packet`] defines it.
#![forbid(unsafe_code)]

use crate::frame::Size;
use crate::media::Error;
use crate::media::info::{Chroma, DeclaredColour};
use crate::packet::Codec;

use super::{av1, h264, hevc, nal, vp8, vp9};

/// What a codec's own header says of the pictures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StreamHeader {
    /// Visible size.
    pub(crate) size: Size,
    /// Columns cut off on the left and rows cut off at the top of the coded picture.
    pub(crate) crop: [usize; 2],
    /// Bits per luma sample.
    pub(crate) depth: u8,
    /// Chroma format.
    pub(crate) chroma: Chroma,
    /// Colour description.
    pub(crate) colour: DeclaredColour,
}

impl StreamHeader {
    /// Size and crop (left, top) after cutting `[left, right, top, bottom]` off, in units of so many columns and
    /// rows; `None` when nothing is left or a side passes 65536.
    pub(super) fn cropped(
        width: u64,
        height: u64,
        [left, right, top, bottom]: [u64; 4],
        [unit_x, unit_y]: [u64; 2],
    ) -> Option<(Size, [usize; 2])> {
        let side = |full: u64, cut: u64| {
            let left = full.checked_sub(cut)?;
            (1..=1 << 16).contains(&left).then_some(left as usize)
        };
        let size = Size::new(side(width, (left + right) * unit_x)?, side(height, (top + bottom) * unit_y)?);
        // Less than the whole, which was checked.
        Some((size, [(left * unit_x) as usize, (top * unit_y) as usize]))
    }
}

fn malformed(codec: Codec, bytes: &[u8]) -> Error {
    let (what, expected) = match codec {
        Codec::H264 => ("H.264 sequence parameter set", "the syntax of H.264 7.3.2.1"),
        Codec::Hevc => ("HEVC sequence parameter set", "the syntax of H.265 7.3.2.2"),
        Codec::Vp8 => ("VP8 frame header", "a key frame header"),
        Codec::Vp9 => ("VP9 frame header", "a key frame header"),
        Codec::Av1 => ("AV1 sequence header", "the syntax of AV1 5.5"),
    };
    let begins: String = bytes.iter().take(16).map(|b| format!("{b:02x}")).collect();
    Error::Malformed { what, at_byte: 0, expected, got: format!("{} bytes, {begins}...", bytes.len()) }
}

/// The record's NAL length size and units; `None` for codecs without NAL units or an empty record.
pub(super) fn nal_record(codec: Codec, configuration: &[u8]) -> Result<Option<nal::Record<'_>>, Error> {
    if configuration.is_empty() {
        return Ok(None);
    }
    let record = match codec {
        Codec::H264 => nal::avc_record(configuration),
        Codec::Hevc => nal::hevc_record(configuration),
        Codec::Vp8 | Codec::Vp9 | Codec::Av1 => return Ok(None),
    };
    record.map(Some).ok_or_else(|| {
        let begins: String = configuration.iter().take(8).map(|b| format!("{b:02x}")).collect();
        Error::Malformed {
            what: "decoder configuration record",
            at_byte: 0,
            expected: "an avcC or hvcC record",
            got: format!("{} bytes, {begins}...", configuration.len()),
        }
    })
}

/// The header held by a configuration record; `None` when the record does not hold one.
///
/// # Errors
/// A record or header that breaks its syntax.
pub(crate) fn from_configuration(codec: Codec, configuration: &[u8]) -> Result<Option<StreamHeader>, Error> {
    let units = nal_record(codec, configuration)?.map(|r| r.units).unwrap_or_default();
    let found = match codec {
        Codec::H264 => h264::find_header(units.into_iter()),
        Codec::Hevc => hevc::find_header(units.into_iter()),
        Codec::Av1 => av1::find_header(av1::config_obus(configuration)),
        // Neither vpcC nor the Matroska feature list holds the size; the first key frame does.
        Codec::Vp8 | Codec::Vp9 => None,
    };
    found.map(|header| header.ok_or_else(|| malformed(codec, configuration))).transpose()
}

/// The header held by a key frame's packet; `None` when it does not hold one.
///
/// # Errors
/// As [`from_configuration`].
pub(crate) fn from_packet(
    codec: Codec,
    configuration: &[u8],
    packet: &[u8],
) -> Result<Option<StreamHeader>, Error> {
    let length_bytes = nal_record(codec, configuration)?.map_or(4, |r| r.length_bytes);
    let found = match codec {
        Codec::H264 => h264::find_header(nal::units(packet, length_bytes).flatten()),
        Codec::Hevc => hevc::find_header(nal::units(packet, length_bytes).flatten()),
        Codec::Av1 => av1::find_header(packet),
        Codec::Vp8 => Some(vp8::header(packet)),
        Codec::Vp9 => Some(vp9::header(packet)),
    };
    found.map(|header| header.ok_or_else(|| malformed(codec, packet))).transpose()
}

/// Whether decoding can start at a packet, by the packet's own bits.
pub(crate) fn is_key(codec: Codec, configuration: &[u8], packet: &[u8]) -> bool {
    let length_bytes = nal_record(codec, configuration).ok().flatten().map_or(4, |r| r.length_bytes);
    match codec {
        Codec::H264 => h264::is_key(packet, length_bytes),
        Codec::Hevc => hevc::is_key(packet, length_bytes),
        Codec::Av1 => av1::is_key(packet),
        Codec::Vp8 => vp8::is_key(packet),
        Codec::Vp9 => vp9::is_key(packet),
    }
}
