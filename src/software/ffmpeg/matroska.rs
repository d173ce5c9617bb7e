//! The live Matroska stream that the child reads: header, then a cluster for each packet.
//!
//! One cluster a packet keeps block times at 0, so any 64-bit time fits; the segment's size is
//! unknown. Codec IDs and CodecPrivate: Matroska Codec Mappings (draft-ietf-cellar-codec).
#![forbid(unsafe_code)]

use crate::packet::{Codec, Packet};
use crate::software::StreamInfo;
use crate::webm::ebml::write::{
    binary, block_header, element_bytes, header as ebml_header, id, master, open_unknown, size, string, uint,
};
use crate::webm::ids;

/// Nanoseconds to a tick of the file: milliseconds, see `clock`.
const TIMESTAMP_SCALE_NS: u64 = 1_000_000;

const TRACK: u8 = 1;

fn codec_id(codec: Codec) -> &'static str {
    match codec {
        Codec::H264 => "V_MPEG4/ISO/AVC",
        Codec::Hevc => "V_MPEGH/ISO/HEVC",
        Codec::Vp8 => "V_VP8",
        Codec::Vp9 => "V_VP9",
        Codec::Av1 => "V_AV1",
    }
}

/// All that comes before the first packet.
pub(super) fn header(info: &StreamInfo) -> Vec<u8> {
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
            uint(out, ids::TRACK_TYPE, 1);
            uint(out, ids::FLAG_LACING, 0);
            string(out, ids::CODEC_ID, codec_id(info.codec));
            // VP8 and VP9 need none, and MP4's `vpcC` is not what Matroska means by it.
            let private = !matches!(info.codec, Codec::Vp8 | Codec::Vp9) && !info.configuration.is_empty();
            if private {
                binary(out, ids::CODEC_PRIVATE, &info.configuration);
            }
            master(out, ids::VIDEO, |out| {
                uint(out, ids::PIXEL_WIDTH, info.size.width as u64);
                uint(out, ids::PIXEL_HEIGHT, info.size.height as u64);
            });
        });
    });
    out
}

/// A cluster with this packet, up to the packet's bytes, which must follow.
pub(super) fn cluster_start(out: &mut Vec<u8>, stamp: u64, packet: &Packet) {
    out.clear();
    let mut time = Vec::with_capacity(10);
    uint(&mut time, ids::TIMESTAMP, stamp);
    let block_bytes = packet.data.len() as u64 + 4;
    id(out, ids::CLUSTER);
    size(out, time.len() as u64 + element_bytes(ids::SIMPLE_BLOCK, block_bytes));
    out.extend_from_slice(&time);
    id(out, ids::SIMPLE_BLOCK);
    size(out, block_bytes);
    out.extend_from_slice(&block_header(TRACK, 0, if packet.key { 0x80 } else { 0 }));
}
