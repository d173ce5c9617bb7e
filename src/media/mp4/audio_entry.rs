//! Audio sample entries: coding, rate, channels, and a configuration as Matroska would have it.
//!
//! Input: the first box of stsd; boxes in it are read leniently. Specs: ISO/IEC 14496-12 §12.2,
//! ISO/IEC 14496-1 §7.2.6 (esds), ISO/IEC 23003-5 (pcmC), Opus and FLAC in ISOBMFF, QuickTime file
//! format (entries of version 1 and 2, wave, chan), Google's spatial audio RFC (SA3D).
#![forbid(unsafe_code)]

use crate::media::audio::{AudioCodec, AudioTrack, ChannelLayout, PcmFormat, Speaker};

use super::boxes::{self, Box, be16, be32, be64};
use super::movie::Track;

/// Largest order of a sound field that is looked at: 16 channels.
const MAX_AMBISONIC_CHANNELS: u32 = 16;

/// Describes an audio track.
pub(super) fn describe(track: &Track<'_>) -> AudioTrack {
    let id = track.id.into();
    let Some(entry) = track.entry else { return AudioTrack::new(id, "none") };
    let mut described = AudioTrack::new(id, boxes::name(&entry.kind));
    described.language = track.language.clone();
    described.name = track.name.clone();
    described.default = track.enabled;
    // QuickTime version 1 adds 16 bytes, version 2 a block with its own rate and channels.
    let version = be16(entry.body, 8).unwrap_or(0);
    let boxes_at = match version {
        1 => 28 + 16,
        2 => 28 + 36,
        _ => 28,
    };
    described.channels = be16(entry.body, 16).unwrap_or(0);
    described.rate_hz = be32(entry.body, 24).unwrap_or(0) >> 16;
    if version == 2 {
        let rate = be64(entry.body, 32).map_or(0.0, f64::from_bits);
        described.rate_hz = rate as u32;
        described.channels = be32(entry.body, 40).and_then(|n| u16::try_from(n).ok()).unwrap_or(0);
    }
    let mut inner: Vec<Box<'_>> = entry.children_after(boxes_at).take(64).collect();
    if let Some(wave) = inner.iter().find(|b| &b.kind == b"wave").copied() {
        inner.extend(wave.children_after(0).take(64));
    }
    let body = |kind: &[u8; 4]| inner.iter().find(|b| &b.kind == kind).map(|b| b.body);
    code(&mut described, &entry, version, &body);
    described.layout = body(b"SA3D")
        .and_then(sound_field)
        .or_else(|| body(b"chan").and_then(|chan| speakers(chan, described.channels)))
        .unwrap_or_default();
    described
}

/// Fills in the coding and its configuration.
fn code<'a>(
    track: &mut AudioTrack,
    entry: &Box<'a>,
    version: u16,
    body: &impl Fn(&[u8; 4]) -> Option<&'a [u8]>,
) {
    let mut set = |name: &str, coding, matroska_id: &str, configuration: Vec<u8>| {
        track.codec = name.to_owned();
        track.coding = coding;
        track.matroska_id = Some(matroska_id.to_owned()).filter(|id| !id.is_empty());
        track.configuration = configuration;
    };
    let full_box = |kind| body(kind).and_then(|b| b.get(4..)).unwrap_or_default();
    match &entry.kind {
        b"mp4a" => {
            let (object_type, specific) = body(b"esds").and_then(elementary_stream).unwrap_or((0x40, &[]));
            let specific = specific.to_vec();
            match object_type {
                0x40 | 0x66..=0x68 => set("AAC", AudioCodec::Aac, "A_AAC", specific),
                0x69 | 0x6B => set("MP3", AudioCodec::Mp3, "A_MPEG/L3", Vec::new()),
                0xA5 => set("AC-3", AudioCodec::Other, "A_AC3", Vec::new()),
                0xA6 => set("E-AC-3", AudioCodec::Other, "A_EAC3", Vec::new()),
                0xA9 => set("DTS", AudioCodec::Other, "A_DTS", Vec::new()),
                0xAD => set("Opus", AudioCodec::Opus, "A_OPUS", specific),
                0xDD => set("Vorbis", AudioCodec::Vorbis, "A_VORBIS", specific),
                other => set(&format!("mp4a.{other:02X}"), AudioCodec::Other, "", Vec::new()),
            }
        }
        b"Opus" => {
            let head = body(b"dOps").and_then(opus_head).unwrap_or_default();
            set("Opus", AudioCodec::Opus, "A_OPUS", head);
        }
        b"fLaC" => {
            let blocks = [b"fLaC", full_box(b"dfLa")].concat();
            set("FLAC", AudioCodec::Flac, "A_FLAC", blocks);
        }
        b"ac-3" => set("AC-3", AudioCodec::Other, "A_AC3", Vec::new()),
        b"ec-3" => set("E-AC-3", AudioCodec::Other, "A_EAC3", Vec::new()),
        b"dtsc" | b"dtsh" | b"dtsl" | b"dtse" => set("DTS", AudioCodec::Other, "A_DTS", Vec::new()),
        b"mlpa" => set("TrueHD", AudioCodec::Other, "A_TRUEHD", Vec::new()),
        b"alac" => set("ALAC", AudioCodec::Alac, "A_ALAC", full_box(b"alac").to_vec()),
        b".mp3" => set("MP3", AudioCodec::Mp3, "A_MPEG/L3", Vec::new()),
        _ => {
            if let Some(format) = pcm(entry, version, body) {
                set("PCM", AudioCodec::Pcm(format), "", Vec::new());
            }
        }
    }
}

/// The format of linear samples; `None` where they are not, or not of a size known here.
fn pcm<'a>(entry: &Box<'a>, version: u16, body: &impl Fn(&[u8; 4]) -> Option<&'a [u8]>) -> Option<PcmFormat> {
    let stated = be16(entry.body, 18)?;
    // enda says 1 where samples of the kinds in.. and fl.. are little-endian.
    let little = body(b"enda").and_then(|b| be16(b, 0)) == Some(1);
    let of =
        |bits: u64, float, big_endian, unsigned| PcmFormat { bits: bits as u8, float, big_endian, unsigned };
    let format = match &entry.kind {
        b"sowt" => of(stated.into(), false, false, false),
        b"twos" => of(stated.into(), false, true, false),
        b"raw " => of(8, false, false, true),
        b"in24" => of(24, false, !little, false),
        b"in32" => of(32, false, !little, false),
        b"fl32" => of(32, true, !little, false),
        b"fl64" => of(64, true, !little, false),
        b"lpcm" if version == 2 => {
            let (bits, flags) = (be32(entry.body, 48)?, be32(entry.body, 52)?);
            of(bits.into(), flags & 1 != 0, flags & 2 != 0, flags & 4 == 0 && flags & 1 == 0)
        }
        b"ipcm" | b"fpcm" => {
            let record = body(b"pcmC")?;
            let (flags, bits) = (*record.get(4)?, *record.get(5)?);
            of(bits.into(), &entry.kind == b"fpcm", flags & 1 == 0, false)
        }
        _ => return None,
    };
    let known =
        if format.float { matches!(format.bits, 32 | 64) } else { matches!(format.bits, 8 | 16 | 24 | 32) };
    known.then_some(format)
}

/// objectTypeIndication and DecoderSpecificInfo of an esds body.
fn elementary_stream(esds: &[u8]) -> Option<(u8, &[u8])> {
    let (tag, stream, _) = descriptor(esds.get(4..)?)?;
    if tag != 3 {
        return None;
    }
    let flags = *stream.get(2)?;
    let mut at = 3;
    if flags & 0x80 != 0 {
        at += 2;
    }
    if flags & 0x40 != 0 {
        at += 1 + usize::from(*stream.get(at)?);
    }
    if flags & 0x20 != 0 {
        at += 2;
    }
    let mut rest = stream.get(at..)?;
    loop {
        let (tag, config, more) = descriptor(rest)?;
        if tag == 4 {
            let specific = descriptor(config.get(13..)?).filter(|(tag, ..)| *tag == 5);
            return Some((*config.first()?, specific.map_or(&[][..], |(_, body, _)| body)));
        }
        rest = more;
    }
}

/// Tag, body and what follows of a descriptor; its size is coded seven bits a byte.
fn descriptor(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, mut rest) = data.split_first()?;
    let mut size = 0usize;
    for _ in 0..4 {
        let (&byte, more) = rest.split_first()?;
        rest = more;
        size = size << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    // A body that is said to be longer than what holds it is taken as far as it goes.
    let (body, more) = rest.split_at(size.min(rest.len()));
    Some((tag, body, more))
}

/// OpusHead from dOps: big-endian there, little-endian here, version 0 there, 1 here.
fn opus_head(dops: &[u8]) -> Option<Vec<u8>> {
    let (&channels, &family) = (dops.get(1)?, dops.get(10)?);
    let mut head = b"OpusHead\x01".to_vec();
    head.push(channels);
    head.extend(be16(dops, 2)?.to_le_bytes());
    head.extend(be32(dops, 4)?.to_le_bytes());
    head.extend(be16(dops, 8)?.to_le_bytes());
    head.push(family);
    if family != 0 {
        head.extend(dops.get(11..13 + usize::from(channels))?);
    }
    Some(head)
}

/// SA3D: a full sphere in ACN order and SN3D scale, the only kind there is.
fn sound_field(sa3d: &[u8]) -> Option<ChannelLayout> {
    let [version, kind, ..] = *sa3d else { return None };
    let (ordering, scale, count) = (*sa3d.get(6)?, *sa3d.get(7)?, be32(sa3d, 8)?);
    // Bit 7 of the type announces two more channels, of head-locked stereo.
    if (version, kind & 0x7f, ordering, scale) != (0, 0, 0, 0)
        || !(1..=MAX_AMBISONIC_CHANNELS).contains(&count)
    {
        return None;
    }
    let map = (0..count as usize).map(|i| be32(sa3d, 12 + 4 * i).and_then(|c| u8::try_from(c).ok()));
    let map: Vec<u8> = map.collect::<Option<_>>()?;
    let mut sorted = map.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let whole = sorted.len() == map.len() && usize::from(*sorted.last()?) == map.len() - 1;
    whole.then_some(ChannelLayout::Ambisonic(map))
}

/// The loudspeakers of a chan box, as far as WAVE has names for them.
fn speakers(chan: &[u8], channels: u16) -> Option<ChannelLayout> {
    use Speaker::{BackLeft, BackRight, FrontCentre, FrontLeft, FrontRight, Lfe};
    let tag = be32(chan, 4)?;
    let layout = match (tag >> 16, tag) {
        // A bitmap of WAVE's own.
        (1, _) => Speaker::from_mask(be32(chan, 8)?)?,
        (100, _) => vec![FrontCentre],
        (101, _) => vec![FrontLeft, FrontRight],
        (121, _) => vec![FrontLeft, FrontRight, FrontCentre, Lfe, BackLeft, BackRight],
        (122, _) => vec![FrontLeft, FrontRight, BackLeft, BackRight, FrontCentre, Lfe],
        (123, _) => vec![FrontLeft, FrontCentre, FrontRight, BackLeft, BackRight, Lfe],
        (124, _) => vec![FrontCentre, FrontLeft, FrontRight, BackLeft, BackRight, Lfe],
        // HOA_ACN_SN3D with any number of channels.
        (190, _) => return Some(ChannelLayout::Ambisonic((0..u8::try_from(channels).ok()?).collect())),
        (0, 0) => {
            let count = be32(chan, 12)?.min(64);
            let label = |i: u32| be32(chan, 16 + 20 * i as usize);
            let labels: Vec<u32> = (0..count).map(label).collect::<Option<_>>()?;
            // Labels of ACN components begin at 2 << 16, those of loudspeakers at 1, in mask order.
            let component = |l: &u32| l.checked_sub(2 << 16).filter(|c| *c < MAX_AMBISONIC_CHANNELS);
            if !labels.is_empty() && labels.iter().all(|l| component(l).is_some()) {
                let find = |acn| labels.iter().position(|l| component(l) == Some(acn)).map(|at| at as u8);
                let map = (0..labels.len() as u32).map(find).collect::<Option<_>>()?;
                return Some(ChannelLayout::Ambisonic(map));
            }
            let speaker = |l: &u32| Speaker::ALL.get(l.checked_sub(1)? as usize).copied();
            labels.iter().map(speaker).collect::<Option<_>>()?
        }
        _ => return None,
    };
    (layout.len() == usize::from(channels)).then_some(ChannelLayout::Speakers(layout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_lead_to_the_specific_configuration() {
        let specific = [5, 2, 0x12, 0x10];
        let config = [&[4, 17, 0x40, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &specific].concat();
        let esds = [&[0, 0, 0, 0, 3, 0x80, 0x80, 0x80, 22, 0, 1, 0][..], &config].concat();
        assert_eq!(elementary_stream(&esds), Some((0x40, &[0x12, 0x10][..])));
        for cut in 0..esds.len() {
            elementary_stream(&esds[..cut]);
        }
    }

    #[test]
    fn the_opus_record_is_turned_into_the_header_of_ogg() {
        let dops = [0, 2, 0x01, 0x38, 0, 0, 0xBB, 0x80, 0, 0, 0];
        assert_eq!(opus_head(&dops).unwrap(), b"OpusHead\x01\x02\x38\x01\x80\xBB\0\0\0\0\0");
        let six = [&[0, 6, 0x01, 0x38, 0, 0, 0xBB, 0x80, 0, 0, 1, 4, 2][..], &[0, 4, 1, 2, 3, 5]].concat();
        assert_eq!(opus_head(&six).unwrap()[18..], [1, 4, 2, 0, 4, 1, 2, 3, 5]);
        assert_eq!(opus_head(&six[..18]), None);
    }

    #[test]
    fn sound_fields_and_loudspeakers() {
        let sa3d = |map: &[u32]| {
            let mut body = vec![0, 0, 0, 0, 0, 1, 0, 0];
            body.extend((map.len() as u32).to_be_bytes());
            body.extend(map.iter().flat_map(|c| c.to_be_bytes()));
            sound_field(&body)
        };
        assert_eq!(sa3d(&[0, 1, 2, 3]), Some(ChannelLayout::Ambisonic(vec![0, 1, 2, 3])));
        assert_eq!(sa3d(&[0, 3, 1, 2]), Some(ChannelLayout::Ambisonic(vec![0, 3, 1, 2])));
        assert_eq!(sa3d(&[0, 0, 1, 2]), None);
        assert_eq!(sa3d(&[0, 7]), None);
        let chan = |tag: u32, bits: u32| [[0; 4], tag.to_be_bytes(), bits.to_be_bytes(), [0; 4]].concat();
        let surround = speakers(&chan(121 << 16 | 6, 0), 6).unwrap();
        assert_eq!(surround, ChannelLayout::Speakers(Speaker::usual(6).unwrap()));
        assert_eq!(speakers(&chan(1 << 16, 3), 2), Some(ChannelLayout::Speakers(Speaker::usual(2).unwrap())));
        assert_eq!(speakers(&chan(1 << 16, 3), 6), None);
    }
}
