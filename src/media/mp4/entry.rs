//! Sample entries: what a track's coding is, and the boxes beside it.
//!
//! Input: the first box of stsd. Boxes in an entry are read leniently: ones that make no sense end
//! the list, as other readers do it. Specs: ISO/IEC 14496-12 §8.5.2, §12.1, ISO/IEC 14496-15,
//! VP codec and AV1 bindings. Audio entries are read by `audio_entry`.
#![forbid(unsafe_code)]

use crate::frame::{Light, MasteringDisplay, Range, Size};
use crate::media::info::{Chroma, DeclaredColour};
use crate::packet::Codec;
use crate::units::Rational;

use super::boxes::{Box, be16, be32};
use super::movie::Track;
use super::stereo::{self, Stereo};

/// Bytes of a VisualSampleEntry ahead of its boxes.
const VISUAL_BYTES: usize = 78;

/// A video sample entry.
pub(super) struct VideoEntry<'a> {
    pub(super) codec: Codec,
    pub(super) size: Size,
    /// Body of the configuration box; may be empty.
    pub(super) configuration: &'a [u8],
    pub(super) colour: DeclaredColour,
    /// Depth and chroma format by vpcC.
    pub(super) format: Option<(u8, Chroma)>,
    pub(super) pixel_aspect: Option<Rational>,
    pub(super) stereo: Stereo,
    pub(super) light: Option<Light>,
}

/// The codec of a four-character code.
pub(super) fn codec(kind: &[u8; 4]) -> Option<Codec> {
    match kind {
        b"avc1" | b"avc3" | b"dva1" | b"dvav" => Some(Codec::H264),
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => Some(Codec::Hevc),
        b"vp08" => Some(Codec::Vp8),
        b"vp09" => Some(Codec::Vp9),
        b"av01" => Some(Codec::Av1),
        _ => None,
    }
}

impl<'a> VideoEntry<'a> {
    /// Reads the entry of a track; `None` when its coding is not one of ours.
    pub(super) fn read(track: &Track<'a>) -> Option<Self> {
        let entry = track.entry?;
        let codec = codec(&entry.kind)?;
        let side = |at| be16(entry.body, at).map(usize::from);
        let size = Size::new(side(24)?, side(26)?);
        let inner: Vec<Box<'a>> = entry.children_after(VISUAL_BYTES).take(64).collect();
        let find = |kind: &[u8; 4]| inner.iter().find(|b| &b.kind == kind);
        let configuration_kind: &[u8; 4] = match codec {
            Codec::H264 => b"avcC",
            Codec::Hevc => b"hvcC",
            Codec::Vp8 | Codec::Vp9 => b"vpcC",
            Codec::Av1 => b"av1C",
        };
        let configuration = find(configuration_kind).map_or(&[][..], |b| b.body);
        let (format, vp_colour) = match codec {
            Codec::Vp8 | Codec::Vp9 => vp_record(configuration).unzip(),
            _ => (None, None),
        };
        let colour = inner.iter().filter(|b| &b.kind == b"colr").find_map(colour_box).unwrap_or_default();
        let pixel_aspect = find(b"pasp").and_then(|b| {
            let (h, v) = (be32(b.body, 0)?, be32(b.body, 4)?);
            Rational::new(h.into(), v.into()).filter(|r| r.num() > 0)
        });
        Some(Self {
            codec,
            size,
            configuration,
            colour: colour.or(vp_colour.unwrap_or_default()),
            format,
            pixel_aspect,
            stereo: stereo::read(&inner, track.spherical_v1),
            light: light(find(b"mdcv"), find(b"clli")),
        })
    }
}

/// mdcv and clli (ISO/IEC 14496-12 §12.1.6, §12.1.7): chromaticities in 50000ths, green first; luminance
/// in 10000ths of a cd/m².
fn light(mdcv: Option<&Box<'_>>, clli: Option<&Box<'_>>) -> Option<Light> {
    let mastering = mdcv.and_then(|b| {
        let point = |at| Some([be16(b.body, at)?, be16(b.body, at + 2)?].map(|v| f64::from(v) / 50_000.0));
        let nits = |at| be32(b.body, at).map(|v| f64::from(v) / 10_000.0);
        Some(MasteringDisplay {
            green: point(0)?,
            blue: point(4)?,
            red: point(8)?,
            white: point(12)?,
            max_nits: nits(16)?,
            min_nits: nits(20)?,
        })
    });
    let level = |at| clli.and_then(|b| be16(b.body, at)).filter(|v| *v > 0).map(u32::from);
    let light = Light { mastering, max_cll: level(0), max_fall: level(2) };
    (light != Light::default()).then_some(light)
}

/// colr of type nclx (ISO) or nclc (QuickTime, without the range flag).
fn colour_box(colr: &Box<'_>) -> Option<DeclaredColour> {
    let kind = colr.body.get(..4)?;
    if kind != b"nclx" && kind != b"nclc" {
        return None;
    }
    let code = |at| be16(colr.body, at).and_then(|v| u8::try_from(v).ok());
    let range = (kind == b"nclx").then(|| colr.body.get(10)).flatten();
    let range = range.map(|b| if b & 0x80 != 0 { Range::Full } else { Range::Limited });
    Some(DeclaredColour::from_codes(code(4)?, code(6)?, code(8)?, range))
}

/// Depth, chroma format and colour of a vpcC body (VP codec ISO media binding, version 1).
fn vp_record(record: &[u8]) -> Option<((u8, Chroma), DeclaredColour)> {
    let packed = *record.get(6)?;
    let chroma = match packed >> 1 & 7 {
        0 | 1 => Chroma::Yuv420,
        2 => Chroma::Yuv422,
        3 => Chroma::Yuv444,
        _ => Chroma::Other,
    };
    let range = Some(if packed & 1 == 1 { Range::Full } else { Range::Limited });
    let colour = DeclaredColour::from_codes(*record.get(7)?, *record.get(8)?, *record.get(9)?, range);
    Some(((packed >> 4, chroma), colour))
}
