//! The structures and numbers of cuviddec.h and nvcuvid.h that are used, with Rust names.
//!
//! Source: headers of Video Codec SDK 12.1. Order and types follow the C declarations; the tests
//! compare sizes and offsets with numbers that a C program printed from the real headers. Enums
//! are plain integers here: what a library writes into them may be any number.

use std::ffi::{c_int, c_longlong, c_short, c_uchar, c_uint, c_ulong, c_ulonglong, c_ushort, c_void};

use crate::media::Chroma;
use crate::packet::Codec;

/// A `CUvideodecoder` or `CUvideoparser`.
pub(super) type Handle = *mut c_void;

/// CUDA_ERROR_ALREADY_MAPPED.
pub(super) const ALREADY_MAPPED: c_int = 208;
/// CUDA_ERROR_NOT_SUPPORTED.
pub(super) const NOT_SUPPORTED: c_int = 801;
/// cudaVideoSurfaceFormat_NV12.
pub(super) const SURFACE_NV12: c_uint = 0;
/// cudaVideoSurfaceFormat_P016.
pub(super) const SURFACE_P016: c_uint = 1;
/// cudaVideoDeinterlaceMode_Weave.
pub(super) const DEINTERLACE_WEAVE: c_uint = 0;
/// cudaVideoCreate_PreferCUVID.
pub(super) const PREFER_CUVID: c_ulong = 4;
/// CUVID_PKT_ENDOFSTREAM.
pub(super) const PACKET_END_OF_STREAM: c_ulong = 1;
/// CUVID_PKT_TIMESTAMP.
pub(super) const PACKET_TIMESTAMP: c_ulong = 2;
/// CUVID_PKT_ENDOFPICTURE.
pub(super) const PACKET_END_OF_PICTURE: c_ulong = 8;
/// cuvidDecodeStatus_Error.
pub(super) const STATUS_ERROR: c_uint = 8;
/// cuvidDecodeStatus_Error_Concealed.
pub(super) const STATUS_CONCEALED: c_uint = 9;

/// cudaVideoCodec of a codec.
pub(super) fn codec(codec: Codec) -> c_uint {
    match codec {
        Codec::H264 => 4,
        Codec::Hevc => 8,
        Codec::Vp8 => 9,
        Codec::Vp9 => 10,
        Codec::Av1 => 11,
    }
}

/// cudaVideoChromaFormat of a chroma format; `None` for those without a number.
pub(super) fn chroma(chroma: Chroma) -> Option<c_uint> {
    match chroma {
        Chroma::Monochrome => Some(0),
        Chroma::Yuv420 => Some(1),
        Chroma::Yuv422 => Some(2),
        Chroma::Yuv444 => Some(3),
        Chroma::Other => None,
    }
}

/// The reverse of [`chroma`].
pub(super) fn chroma_from(number: c_uint) -> Chroma {
    match number {
        0 => Chroma::Monochrome,
        1 => Chroma::Yuv420,
        2 => Chroma::Yuv422,
        3 => Chroma::Yuv444,
        _ => Chroma::Other,
    }
}

/// Structures of which all bytes zero is a value, and the one that the headers ask to start from.
///
/// # Safety
/// Integers, arrays of them, raw pointers and optional function pointers only.
pub(super) unsafe trait Blank: Sized {
    fn blank() -> Self {
        // SAFETY: whoever implements the trait vouches for zeros.
        unsafe { std::mem::zeroed() }
    }
}

/// CUVIDDECODECAPS.
#[repr(C)]
pub(super) struct DecodeCaps {
    pub(super) codec: c_uint,
    pub(super) chroma: c_uint,
    pub(super) depth_minus_8: c_uint,
    pub(super) reserved1: [c_uint; 3],
    pub(super) supported: c_uchar,
    pub(super) engines: c_uchar,
    pub(super) output_formats: c_ushort,
    pub(super) max_width: c_uint,
    pub(super) max_height: c_uint,
    pub(super) max_macroblocks: c_uint,
    pub(super) min_width: c_ushort,
    pub(super) min_height: c_ushort,
    pub(super) histogram: c_uchar,
    pub(super) counter_depth: c_uchar,
    pub(super) histogram_bins: c_ushort,
    pub(super) reserved3: [c_uint; 10],
}

/// The anonymous rectangle of `short`.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Area {
    pub(super) left: c_short,
    pub(super) top: c_short,
    pub(super) right: c_short,
    pub(super) bottom: c_short,
}

/// CUVIDDECODECREATEINFO.
#[repr(C)]
pub(super) struct CreateInfo {
    pub(super) width: c_ulong,
    pub(super) height: c_ulong,
    pub(super) decode_surfaces: c_ulong,
    pub(super) codec: c_uint,
    pub(super) chroma: c_uint,
    pub(super) flags: c_ulong,
    pub(super) depth_minus_8: c_ulong,
    pub(super) intra_only: c_ulong,
    pub(super) max_width: c_ulong,
    pub(super) max_height: c_ulong,
    pub(super) reserved1: c_ulong,
    pub(super) display_area: Area,
    pub(super) output_format: c_uint,
    pub(super) deinterlace: c_uint,
    pub(super) target_width: c_ulong,
    pub(super) target_height: c_ulong,
    pub(super) output_surfaces: c_ulong,
    pub(super) lock: *mut c_void,
    pub(super) target_rect: Area,
    pub(super) histogram: c_ulong,
    pub(super) reserved2: [c_ulong; 4],
}

/// CUVIDEOFORMAT.
#[repr(C)]
pub(super) struct VideoFormat {
    pub(super) codec: c_uint,
    pub(super) frame_rate: [c_uint; 2],
    pub(super) progressive: c_uchar,
    pub(super) luma_depth_minus_8: c_uchar,
    pub(super) chroma_depth_minus_8: c_uchar,
    pub(super) min_decode_surfaces: c_uchar,
    pub(super) coded_width: c_uint,
    pub(super) coded_height: c_uint,
    /// Left, top, right, bottom.
    pub(super) display_area: [c_int; 4],
    pub(super) chroma: c_uint,
    pub(super) bitrate: c_uint,
    pub(super) aspect_ratio: [c_int; 2],
    pub(super) signal: [c_uchar; 4],
    pub(super) header_bytes: c_uint,
}

/// CUVIDSOURCEDATAPACKET.
#[repr(C)]
pub(super) struct SourcePacket {
    pub(super) flags: c_ulong,
    pub(super) payload_bytes: c_ulong,
    pub(super) payload: *const u8,
    pub(super) timestamp: c_longlong,
}

/// CUVIDPARSERDISPINFO.
#[repr(C)]
pub(super) struct DisplayInfo {
    pub(super) picture: c_int,
    pub(super) progressive: c_int,
    pub(super) top_field_first: c_int,
    pub(super) repeat_first_field: c_int,
    pub(super) timestamp: c_longlong,
}

pub(super) type OnSequence = unsafe extern "C" fn(*mut c_void, *mut VideoFormat) -> c_int;
pub(super) type OnDecode = unsafe extern "C" fn(*mut c_void, *mut PictureParams) -> c_int;
pub(super) type OnDisplay = unsafe extern "C" fn(*mut c_void, *mut DisplayInfo) -> c_int;

/// CUVIDPARSERPARAMS.
#[repr(C)]
pub(super) struct ParserParams {
    pub(super) codec: c_uint,
    pub(super) max_decode_surfaces: c_uint,
    pub(super) clock_rate: c_uint,
    pub(super) error_threshold: c_uint,
    pub(super) max_display_delay: c_uint,
    /// A bit field; its first bit is bAnnexb.
    pub(super) bits: c_uint,
    pub(super) reserved1: [c_uint; 4],
    pub(super) user: *mut c_void,
    pub(super) on_sequence: Option<OnSequence>,
    pub(super) on_decode: Option<OnDecode>,
    pub(super) on_display: Option<OnDisplay>,
    pub(super) on_operating_point: *mut c_void,
    pub(super) on_sei: *mut c_void,
    pub(super) reserved2: [*mut c_void; 5],
    pub(super) extended_format: *mut c_void,
}

/// The first fields of CUVIDPICPARAMS; the parser makes it and the decoder reads it.
#[repr(C)]
pub(super) struct PictureParams {
    pub(super) width_macroblocks: c_int,
    pub(super) height_macroblocks: c_int,
    pub(super) picture: c_int,
}

/// CUVIDPROCPARAMS.
#[repr(C)]
pub(super) struct ProcParams {
    pub(super) progressive: c_int,
    pub(super) second_field: c_int,
    pub(super) top_field_first: c_int,
    pub(super) unpaired_field: c_int,
    pub(super) reserved_flags: c_uint,
    pub(super) reserved_zero: c_uint,
    pub(super) raw_input: c_ulonglong,
    pub(super) raw_input_pitch: c_uint,
    pub(super) raw_input_format: c_uint,
    pub(super) raw_output: c_ulonglong,
    pub(super) raw_output_pitch: c_uint,
    pub(super) reserved1: c_uint,
    pub(super) output_stream: *mut c_void,
    pub(super) reserved: [c_uint; 46],
    pub(super) histogram: *mut c_ulonglong,
    pub(super) reserved2: [*mut c_void; 1],
}

/// CUVIDGETDECODESTATUS.
#[repr(C)]
pub(super) struct DecodeStatus {
    pub(super) status: c_uint,
    pub(super) reserved: [c_uint; 31],
    pub(super) reserved_pointers: [*mut c_void; 8],
}

// SAFETY: integers only.
unsafe impl Blank for DecodeCaps {}
// SAFETY: integers and a raw pointer.
unsafe impl Blank for CreateInfo {}
// SAFETY: integers only.
unsafe impl Blank for VideoFormat {}
// SAFETY: integers and a raw pointer.
unsafe impl Blank for SourcePacket {}
// SAFETY: integers, raw pointers and optional function pointers.
unsafe impl Blank for ParserParams {}
// SAFETY: integers and raw pointers.
unsafe impl Blank for ProcParams {}
// SAFETY: integers and raw pointers.
unsafe impl Blank for DecodeStatus {}
