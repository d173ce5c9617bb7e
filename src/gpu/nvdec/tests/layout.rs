//! Sizes and offsets of the C structures, as a C program printed them from the headers of Video Codec
//! SDK 12.1 (cuviddec.h, nvcuvid.h; 64-bit Linux).

use std::mem::{offset_of, size_of};

use crate::gpu::nvdec::abi::*;

#[cfg(all(unix, target_pointer_width = "64"))]
#[test]
fn structures_are_those_of_the_headers() {
    let rows = [
        ("CUVIDDECODECAPS", size_of::<DecodeCaps>(), 88),
        ("nBitDepthMinus8", offset_of!(DecodeCaps, depth_minus_8), 8),
        ("bIsSupported", offset_of!(DecodeCaps, supported), 24),
        ("nNumNVDECs", offset_of!(DecodeCaps, engines), 25),
        ("nOutputFormatMask", offset_of!(DecodeCaps, output_formats), 26),
        ("nMaxWidth", offset_of!(DecodeCaps, max_width), 28),
        ("nMaxMBCount", offset_of!(DecodeCaps, max_macroblocks), 36),
        ("nMinWidth", offset_of!(DecodeCaps, min_width), 40),
        ("reserved3", offset_of!(DecodeCaps, reserved3), 48),
        ("CUVIDDECODECREATEINFO", size_of::<CreateInfo>(), 176),
        ("ulNumDecodeSurfaces", offset_of!(CreateInfo, decode_surfaces), 16),
        ("CodecType", offset_of!(CreateInfo, codec), 24),
        ("ulCreationFlags", offset_of!(CreateInfo, flags), 32),
        ("bitDepthMinus8", offset_of!(CreateInfo, depth_minus_8), 40),
        ("ulMaxWidth", offset_of!(CreateInfo, max_width), 56),
        ("display_area", offset_of!(CreateInfo, display_area), 80),
        ("OutputFormat", offset_of!(CreateInfo, output_format), 88),
        ("ulTargetWidth", offset_of!(CreateInfo, target_width), 96),
        ("ulNumOutputSurfaces", offset_of!(CreateInfo, output_surfaces), 112),
        ("vidLock", offset_of!(CreateInfo, lock), 120),
        ("target_rect", offset_of!(CreateInfo, target_rect), 128),
        ("enableHistogram", offset_of!(CreateInfo, histogram), 136),
        ("CUVIDEOFORMAT", size_of::<VideoFormat>(), 64),
        ("frame_rate", offset_of!(VideoFormat, frame_rate), 4),
        ("progressive_sequence", offset_of!(VideoFormat, progressive), 12),
        ("min_num_decode_surfaces", offset_of!(VideoFormat, min_decode_surfaces), 15),
        ("coded_width", offset_of!(VideoFormat, coded_width), 16),
        ("display_area", offset_of!(VideoFormat, display_area), 24),
        ("chroma_format", offset_of!(VideoFormat, chroma), 40),
        ("bitrate", offset_of!(VideoFormat, bitrate), 44),
        ("display_aspect_ratio", offset_of!(VideoFormat, aspect_ratio), 48),
        ("video_signal_description", offset_of!(VideoFormat, signal), 56),
        ("seqhdr_data_length", offset_of!(VideoFormat, header_bytes), 60),
        ("CUVIDSOURCEDATAPACKET", size_of::<SourcePacket>(), 32),
        ("payload_size", offset_of!(SourcePacket, payload_bytes), 8),
        ("payload", offset_of!(SourcePacket, payload), 16),
        ("timestamp", offset_of!(SourcePacket, timestamp), 24),
        ("CUVIDPARSERDISPINFO", size_of::<DisplayInfo>(), 24),
        ("repeat_first_field", offset_of!(DisplayInfo, repeat_first_field), 12),
        ("timestamp", offset_of!(DisplayInfo, timestamp), 16),
        ("CUVIDPARSERPARAMS", size_of::<ParserParams>(), 136),
        ("ulMaxDisplayDelay", offset_of!(ParserParams, max_display_delay), 16),
        ("uReserved1", offset_of!(ParserParams, reserved1), 24),
        ("pUserData", offset_of!(ParserParams, user), 40),
        ("pfnSequenceCallback", offset_of!(ParserParams, on_sequence), 48),
        ("pfnDisplayPicture", offset_of!(ParserParams, on_display), 64),
        ("pfnGetSEIMsg", offset_of!(ParserParams, on_sei), 80),
        ("pvReserved2", offset_of!(ParserParams, reserved2), 88),
        ("pExtVideoInfo", offset_of!(ParserParams, extended_format), 128),
        ("CurrPicIdx", offset_of!(PictureParams, picture), 8),
        ("CUVIDPROCPARAMS", size_of::<ProcParams>(), 264),
        ("unpaired_field", offset_of!(ProcParams, unpaired_field), 12),
        ("raw_input_dptr", offset_of!(ProcParams, raw_input), 24),
        ("raw_output_dptr", offset_of!(ProcParams, raw_output), 40),
        ("output_stream", offset_of!(ProcParams, output_stream), 56),
        ("Reserved", offset_of!(ProcParams, reserved), 64),
        ("histogram_dptr", offset_of!(ProcParams, histogram), 248),
        ("Reserved2", offset_of!(ProcParams, reserved2), 256),
        ("CUVIDGETDECODESTATUS", size_of::<DecodeStatus>(), 192),
        ("reserved", offset_of!(DecodeStatus, reserved), 4),
        ("pReserved", offset_of!(DecodeStatus, reserved_pointers), 128),
    ];
    for (name, ours, header) in rows {
        assert_eq!(ours, header, "{name}");
    }
}
