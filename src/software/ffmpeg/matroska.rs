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

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use matroska_demuxer::{Frame, MatroskaFile, TrackType};

    use super::*;
    use crate::frame::{Colour, Size};
    use crate::units::TimeBase;

    /// Read back by a reader that is not ours.
    #[test]
    fn a_foreign_demuxer_finds_every_packet() {
        let size = Size::new(7680, 3840);
        let colour = Colour::resolve(None, None, 2, 2, size);
        let time_base = TimeBase::MILLISECOND;
        let private = vec![1, 2, 3, 4, 5];
        let info =
            StreamInfo { codec: Codec::Hevc, size, depth: 10, colour, time_base, configuration: private };
        let packets: Vec<Packet> = [1, 126, 127, 16_382, 16_383, 70_000]
            .iter()
            .enumerate()
            .map(|(index, &len)| Packet { pts: 0, key: index % 2 == 0, data: vec![index as u8; len] })
            .collect();
        let stamps = [0, 255, 256, 1 << 40, (1 << 40) + 1, (1 << 47) - 1];
        let mut stream = header(&info);
        let mut start = Vec::new();
        for (packet, stamp) in packets.iter().zip(stamps) {
            cluster_start(&mut start, stamp, packet);
            stream.extend_from_slice(&start);
            stream.extend_from_slice(&packet.data);
        }
        let mut file = MatroskaFile::open(Cursor::new(stream)).unwrap();
        assert_eq!(file.info().timestamp_scale().get(), TIMESTAMP_SCALE_NS);
        let track = &file.tracks()[0];
        assert_eq!((track.track_type(), track.codec_id()), (TrackType::Video, "V_MPEGH/ISO/HEVC"));
        assert_eq!(track.codec_private(), Some(&[1, 2, 3, 4, 5][..]));
        let video = track.video().unwrap();
        assert_eq!((video.pixel_width().get(), video.pixel_height().get()), (7680, 3840));
        let mut frame = Frame::default();
        for (packet, stamp) in packets.iter().zip(stamps) {
            assert!(file.next_frame(&mut frame).unwrap());
            assert_eq!((frame.timestamp, frame.is_keyframe), (stamp, Some(packet.key)));
            assert_eq!(frame.data, packet.data);
        }
        assert!(!file.next_frame(&mut frame).unwrap());
    }

    #[test]
    fn configuration_goes_only_where_it_means_something() {
        for codec in [Codec::H264, Codec::Vp8, Codec::Vp9, Codec::Av1] {
            let size = Size::new(16, 16);
            let colour = Colour::resolve(None, None, 2, 2, size);
            let time_base = TimeBase::MILLISECOND;
            let info = StreamInfo { codec, size, depth: 8, colour, time_base, configuration: vec![9; 40] };
            let stream = header(&info);
            let found = stream.windows(40).any(|window| window == [9; 40]);
            assert_eq!(found, !matches!(codec, Codec::Vp8 | Codec::Vp9), "{codec}");
        }
    }
}
