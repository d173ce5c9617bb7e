//! The functions of libopus used here, declared by hand: types are opaque, constants are fixed by
//! its headers (`opus_defines.h`) and have not changed since 1.0. Linked by `build/libopus.rs`.

use std::ffi::{c_char, c_int};

/// OpusMSEncoder; only ever behind a pointer.
#[repr(C)]
pub(super) struct MultistreamEncoder {
    _opaque: [u8; 0],
}

pub(super) const APPLICATION_AUDIO: c_int = 2049;
pub(super) const SET_BITRATE: c_int = 4002;
pub(super) const SET_VBR: c_int = 4006;
pub(super) const SET_COMPLEXITY: c_int = 4010;
pub(super) const GET_LOOKAHEAD: c_int = 4027;

unsafe extern "C" {
    /// Chooses streams and mapping for `channels` by the mapping family.
    pub(super) fn opus_multistream_surround_encoder_create(
        rate_hz: i32,
        channels: c_int,
        mapping_family: c_int,
        streams: *mut c_int,
        coupled_streams: *mut c_int,
        mapping: *mut u8,
        application: c_int,
        error: *mut c_int,
    ) -> *mut MultistreamEncoder;
    /// Encodes one frame of interleaved samples; bytes written, or an error below zero.
    pub(super) fn opus_multistream_encode_float(
        encoder: *mut MultistreamEncoder,
        pcm: *const f32,
        frame_size: c_int,
        data: *mut u8,
        max_data_bytes: i32,
    ) -> i32;
    pub(super) fn opus_multistream_encoder_ctl(
        encoder: *mut MultistreamEncoder,
        request: c_int,
        ...
    ) -> c_int;
    pub(super) fn opus_multistream_encoder_destroy(encoder: *mut MultistreamEncoder);
    /// A static string.
    pub(super) fn opus_strerror(error: c_int) -> *const c_char;
}
