//! The Video element of a Matroska track, with codes as the file has them; audio descriptions.
//!
//! Input: the body of Tracks. Spec: RFC 9559 §5.1.4.1.28, element numbers in its table 35.
#![forbid(unsafe_code)]

use matroska_demuxer::TrackEntry;

use crate::frame::{Light, MasteringDisplay, Range, Size};
use crate::layout::{Packing, Statements};
use crate::media::audio::{AudioCodec, AudioTrack, PcmFormat};
use crate::media::info::{Chroma, DeclaredColour};
use crate::packet::Codec;
use crate::units::Rational;

use super::ebml::{child, children, float, unsigned};
use super::projection;

const TRACK_ENTRY: u32 = 0xAE;
const TRACK_NUMBER: u32 = 0xD7;
const VIDEO: u32 = 0xE0;
const PIXEL_WIDTH: u32 = 0xB0;
const PIXEL_HEIGHT: u32 = 0xBA;
const DISPLAY_WIDTH: u32 = 0x54B0;
const DISPLAY_HEIGHT: u32 = 0x54BA;
const DISPLAY_UNIT: u32 = 0x54B2;
const STEREO_MODE: u32 = 0x53B8;
const COLOUR: u32 = 0x55B0;
const MATRIX: u32 = 0x55B1;
const BITS_PER_CHANNEL: u32 = 0x55B2;
const SUBSAMPLING_HORZ: u32 = 0x55B3;
const SUBSAMPLING_VERT: u32 = 0x55B4;
const RANGE: u32 = 0x55B9;
const TRANSFER: u32 = 0x55BA;
const PRIMARIES: u32 = 0x55BB;
const MAX_CLL: u32 = 0x55BC;
const MAX_FALL: u32 = 0x55BD;
const MASTERING: u32 = 0x55D0;
const FIRST_PRIMARY: u32 = 0x55D1;
const LUMINANCE_MAX: u32 = 0x55D9;

/// What the Video element says.
#[derive(Debug, Default)]
pub(super) struct Video {
    pub(super) size: Option<Size>,
    pub(super) format: Option<(u8, Chroma)>,
    pub(super) colour: DeclaredColour,
    pub(super) light: Option<Light>,
    pub(super) pixel_aspect: Option<Rational>,
    pub(super) layout: Statements,
    /// Clockwise turn of a flat picture.
    pub(super) rotation_degrees: u16,
    pub(super) notes: Vec<String>,
}

/// The codec of a CodecID.
pub(super) fn codec(id: &str) -> Option<Codec> {
    match id {
        "V_MPEG4/ISO/AVC" => Some(Codec::H264),
        "V_MPEGH/ISO/HEVC" => Some(Codec::Hevc),
        "V_VP8" => Some(Codec::Vp8),
        "V_VP9" => Some(Codec::Vp9),
        "V_AV1" => Some(Codec::Av1),
        _ => None,
    }
}

/// The Video element of track `number`.
pub(super) fn video(tracks: &[u8], number: u64) -> Video {
    let entry = children(tracks)
        .filter(|(id, _)| *id == TRACK_ENTRY)
        .map(|(_, entry)| entry)
        .find(|entry| child(entry, TRACK_NUMBER).and_then(unsigned) == Some(number));
    let Some(video) = entry.and_then(|entry| child(entry, VIDEO)) else { return Video::default() };
    let value = |id| child(video, id).and_then(unsigned);
    let side = |id| value(id).and_then(|v| usize::try_from(v).ok());
    let size = side(PIXEL_WIDTH).zip(side(PIXEL_HEIGHT)).map(|(w, h)| Size::new(w, h));
    let stereo = value(STEREO_MODE);
    let packing = stereo.and_then(Packing::from_stereo_mode);
    let mut notes = Vec::new();
    if let (Some(mode), None) = (stereo, packing) {
        notes.push(format!("element StereoMode: mode {mode} is not processed"));
    }
    let packing_stated = packing.zip(stereo).map(|(p, mode)| (p, format!("element StereoMode: {mode}, {p}")));
    let projection = projection::read(video, &mut notes);
    let rotation_degrees = projection::quarter_turns(projection.as_ref());
    let (colour, format) = child(video, COLOUR).map(colour).unwrap_or_default();
    Video {
        size: size.filter(|s| s.width > 0 && s.height > 0),
        format,
        colour,
        light: child(video, COLOUR).and_then(light),
        pixel_aspect: size.and_then(|size| pixel_aspect(size, packing, value)),
        layout: Statements { packing: packing_stated, projection },
        rotation_degrees,
        notes,
    }
}

fn colour(colour: &[u8]) -> (DeclaredColour, Option<(u8, Chroma)>) {
    let value = |id| child(colour, id).and_then(unsigned);
    let code = |id| value(id).and_then(|v| u8::try_from(v).ok()).unwrap_or(2);
    let range = match value(RANGE) {
        Some(1) => Some(Range::Limited),
        Some(2) => Some(Range::Full),
        _ => None,
    };
    let declared = DeclaredColour::from_codes(code(PRIMARIES), code(TRANSFER), code(MATRIX), range);
    // 0 stands for "unspecified".
    let bits = value(BITS_PER_CHANNEL).and_then(|v| u8::try_from(v).ok()).filter(|v| *v > 0);
    let chroma = value(SUBSAMPLING_HORZ).zip(value(SUBSAMPLING_VERT));
    (declared, bits.zip(chroma.map(|(x, y)| Chroma::from_subsampling(x == 1, y == 1))))
}

/// Static HDR metadata; a mastering display with parts missing is none.
fn light(colour: &[u8]) -> Option<Light> {
    let level = |id| u32::try_from(child(colour, id).and_then(unsigned)?).ok().filter(|v| *v > 0);
    let mastering = child(colour, MASTERING).and_then(|element| {
        let number = |id: u32| child(element, id).and_then(float).filter(|v| v.is_finite());
        // Red, green, blue, white, x and y of each.
        let point =
            |index: u32| Some([number(FIRST_PRIMARY + 2 * index)?, number(FIRST_PRIMARY + 2 * index + 1)?]);
        let (max_nits, min_nits) = (number(LUMINANCE_MAX)?, number(LUMINANCE_MAX + 1)?);
        let [red, green, blue, white] = [point(0)?, point(1)?, point(2)?, point(3)?];
        Some(MasteringDisplay { red, green, blue, white, max_nits, min_nits })
    });
    let light = Light { mastering, max_cll: level(MAX_CLL), max_fall: level(MAX_FALL) };
    (light != Light::default()).then_some(light)
}

/// Shape of a pixel by the display size, when that is in pixels. It is the size of one eye: muxers
/// halve it along the packing, and readers double it again.
fn pixel_aspect(
    size: Size,
    packing: Option<Packing>,
    value: impl Fn(u32) -> Option<u64>,
) -> Option<Rational> {
    if value(DISPLAY_UNIT).unwrap_or(0) != 0 {
        return None;
    }
    let (eyes_x, eyes_y) = match packing {
        Some(Packing::SideBySide | Packing::SideBySideSwapped) => (2, 1),
        Some(Packing::TopBottom | Packing::TopBottomSwapped) => (1, 2),
        Some(Packing::Mono) | None => (1, 1),
    };
    let product = |a: u64, b: usize, eyes: u64| {
        let product = a.checked_mul(u64::try_from(b).ok()?)?.checked_mul(eyes)?;
        i64::try_from(product).ok().filter(|p| *p > 0)
    };
    let width = product(value(DISPLAY_WIDTH)?, size.height, eyes_x)?;
    let height = product(value(DISPLAY_HEIGHT)?, size.width, eyes_y)?;
    Rational::new(width, height)
}

/// Frames per second of a DefaultDuration in ns. It is a rounded number, so the nearest common
/// rate is taken when it rounds to the same.
pub(super) fn frame_rate(frame_ns: u64) -> Option<Rational> {
    const COMMON: [(i64, i64); 16] = [
        (24_000, 1001),
        (24, 1),
        (25, 1),
        (30_000, 1001),
        (30, 1),
        (48_000, 1001),
        (48, 1),
        (50, 1),
        (60_000, 1001),
        (60, 1),
        (72, 1),
        (90, 1),
        (100, 1),
        (120_000, 1001),
        (120, 1),
        (15, 1),
    ];
    let frame_ns = i64::try_from(frame_ns).ok()?;
    let rounds_to = |(num, den): (i64, i64)| (frame_ns * num - den * 1_000_000_000).abs() <= num;
    if (1_000_000..=1_000_000_000).contains(&frame_ns)
        && let Some((num, den)) = COMMON.into_iter().find(|rate| rounds_to(*rate))
    {
        return Rational::new(num, den);
    }
    Rational::new(1_000_000_000, frame_ns)
}

/// Describes an audio track.
pub(super) fn audio(track: &TrackEntry) -> AudioTrack {
    let id = track.codec_id();
    let bits =
        track.audio().and_then(|a| a.bit_depth()).and_then(|b| u8::try_from(b.get()).ok()).unwrap_or(16);
    let pcm = |float, big_endian| AudioCodec::Pcm(PcmFormat { bits, float, big_endian, unsigned: bits == 8 });
    let (codec, coding) = match id {
        "A_OPUS" => ("Opus", AudioCodec::Opus),
        "A_VORBIS" => ("Vorbis", AudioCodec::Vorbis),
        "A_FLAC" => ("FLAC", AudioCodec::Flac),
        "A_ALAC" => ("ALAC", AudioCodec::Alac),
        "A_AC3" => ("AC-3", AudioCodec::Other),
        "A_EAC3" => ("E-AC-3", AudioCodec::Other),
        "A_MPEG/L3" => ("MP3", AudioCodec::Mp3),
        "A_PCM/INT/LIT" if matches!(bits, 8 | 16 | 24 | 32) => ("PCM", pcm(false, false)),
        "A_PCM/INT/BIG" if matches!(bits, 8 | 16 | 24 | 32) => ("PCM", pcm(false, true)),
        "A_PCM/FLOAT/IEEE" if matches!(bits, 32 | 64) => ("PCM", pcm(true, false)),
        "A_AAC" => ("AAC", AudioCodec::Aac),
        // Old names that stand for a configuration (A_AAC/MPEG4/LC/SBR): there is none to read.
        _ if id.starts_with("A_AAC") => ("AAC", AudioCodec::Other),
        _ if id.starts_with("A_PCM") => ("PCM", AudioCodec::Other),
        other => (other, AudioCodec::Other),
    };
    let language = track.language_bcp47().or(track.language()).filter(|l| !l.is_empty() && *l != "und");
    let mut described = AudioTrack::new(track.track_number().get(), codec);
    described.coding = coding;
    described.matroska_id = Some(id.to_owned());
    described.channels = track.audio().map_or(0, |a| u16::try_from(a.channels().get()).unwrap_or(u16::MAX));
    described.rate_hz = track.audio().map_or(0, |a| a.sampling_frequency() as u32);
    described.configuration = track.codec_private().unwrap_or_default().to_vec();
    described.language = language.map(str::to_owned);
    described.name = track.name().map(str::to_owned);
    described.default = track.flag_default();
    described
}
