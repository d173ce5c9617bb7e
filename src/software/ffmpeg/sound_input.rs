//! Sound as the child reads it (live Matroska, a cluster for each packet) and, for asking what
//! comes out, the header of a WAVE stream as it writes it.
//!
//! Pure. Specs: RFC 9559, Matroska codec mappings; WAVEFORMATEXTENSIBLE.
#![forbid(unsafe_code)]

use super::sound::{SoundFormat, SoundPacket, SoundStream};
use crate::webm::ebml::write::{
    binary, block_header, element_bytes, float, header as ebml_header, id, master, open_unknown, size,
    string, uint,
};
use crate::webm::ids;

/// Nanoseconds to a tick of the stream: microseconds.
const TIMESTAMP_SCALE_NS: u64 = 1000;
const TRACK: u8 = 1;

/// Bytes of a WAVE header of ffmpeg's, at most.
pub(super) const MAX_WAVE_HEADER_BYTES: usize = 4096;

/// All that comes before the first packet.
pub(super) fn header(stream: &SoundStream) -> Vec<u8> {
    let mut out = Vec::new();
    ebml_header(&mut out, "matroska");
    open_unknown(&mut out, ids::SEGMENT);
    master(&mut out, ids::INFO, |out| {
        uint(out, ids::TIMESTAMP_SCALE, TIMESTAMP_SCALE_NS);
        string(out, ids::MUXING_APP, "vrpipe");
        string(out, ids::WRITING_APP, "vrpipe");
    });
    master(&mut out, ids::TRACKS, |out| {
        master(out, ids::TRACK_ENTRY, |out| {
            uint(out, ids::TRACK_NUMBER, u64::from(TRACK));
            uint(out, ids::TRACK_UID, 1);
            uint(out, ids::TRACK_TYPE, 2);
            uint(out, ids::FLAG_LACING, 0);
            string(out, ids::CODEC_ID, &stream.codec_id);
            if !stream.configuration.is_empty() {
                binary(out, ids::CODEC_PRIVATE, &stream.configuration);
            }
            master(out, ids::AUDIO, |out| {
                if stream.rate_hz > 0 {
                    float(out, ids::SAMPLING_FREQUENCY, f64::from(stream.rate_hz));
                }
                if stream.channels > 0 {
                    uint(out, ids::CHANNELS, stream.channels.into());
                }
            });
        });
    });
    out
}

/// A cluster with this packet; its time must not be negative.
pub(super) fn cluster(out: &mut Vec<u8>, stamp_us: u64, packet: &SoundPacket) {
    out.clear();
    let mut time = Vec::with_capacity(10);
    uint(&mut time, ids::TIMESTAMP, stamp_us);
    let block_bytes = packet.data.len() as u64 + 4;
    id(out, ids::CLUSTER);
    size(out, time.len() as u64 + element_bytes(ids::SIMPLE_BLOCK, block_bytes));
    out.extend_from_slice(&time);
    id(out, ids::SIMPLE_BLOCK);
    size(out, block_bytes);
    out.extend_from_slice(&block_header(TRACK, 0, 0x80));
    out.extend_from_slice(&packet.data);
}

/// The format in a WAVE header; `None` while it is not complete, or when it is none.
pub(super) fn wave_format(bytes: &[u8]) -> Option<SoundFormat> {
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let half = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    if !bytes.starts_with(b"RIFF") || bytes.get(8..12)? != b"WAVE" {
        return None;
    }
    let (mut at, mut format) = (12, None);
    loop {
        let (kind, length) = (bytes.get(at..at + 4)?, word(at + 4)? as usize);
        match kind {
            b"fmt " => {
                // 0xFFFE: the mask of channels lies at 20, behind the fixed part and two fields.
                let mask = if half(at + 8)? == 0xFFFE { word(at + 8 + 20)? } else { 0 };
                format = Some(SoundFormat { rate_hz: word(at + 12)?, channels: half(at + 10)?, mask });
            }
            b"data" => return format,
            _ => {}
        }
        at = at.checked_add(8)?.checked_add(length)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wave_headers_with_and_without_a_mask() {
        let chunk = |kind: &[u8], body: &[u8]| [kind, &(body.len() as u32).to_le_bytes(), body].concat();
        let file = |fmt: &[u8]| {
            [
                &b"RIFF\0\0\0\0WAVE"[..],
                &chunk(b"fmt ", fmt),
                &chunk(b"LIST", &[0; 6]),
                b"data\xff\xff\xff\xff",
            ]
            .concat()
        };
        let plain = [3, 0, 2, 0, 0x44, 0xAC, 0, 0, 0, 0, 0, 0, 8, 0, 32, 0];
        assert_eq!(wave_format(&file(&plain)), Some(SoundFormat { rate_hz: 44_100, channels: 2, mask: 0 }));
        let mut extended = [&plain[..], &[22, 0, 32, 0, 0x3f, 0, 0, 0], &[0; 16]].concat();
        (extended[0], extended[1], extended[2]) = (0xFE, 0xFF, 6);
        let whole = file(&extended);
        assert_eq!(wave_format(&whole), Some(SoundFormat { rate_hz: 44_100, channels: 6, mask: 0x3f }));
        for cut in 0..whole.len() - 4 {
            assert_eq!(wave_format(&whole[..cut]), None);
        }
    }
}
