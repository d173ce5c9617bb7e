//! Declarations of `shim.h`, and nothing else of libvpx. The structs mirror the header field by field;
//! a test compares their sizes with what the C compiler says.

use std::ffi::{c_char, c_int};

use super::Error;

/// `vrp_vp9_failure`.
#[repr(C)]
pub(super) struct Failure {
    code: i32,
    call: [c_char; 32],
    message: [c_char; 64],
    detail: [c_char; 160],
}

/// `vrp_vp9_encoder_config`.
#[repr(C)]
pub(super) struct EncoderConfig {
    pub width: u32,
    pub height: u32,
    pub threads: u32,
    pub lag: u32,
    pub good_deadline: u32,
    pub cpu_used: i32,
    pub cq_level: u32,
    pub min_quantizer: u32,
    pub max_quantizer: u32,
    pub lossless: u32,
    pub tile_columns_log2: u32,
    pub row_mt: u32,
    pub frame_parallel: u32,
    pub sharpness: u32,
    pub static_threshold: u32,
    pub screen_content: u32,
    pub color_space: u32,
    pub full_range: u32,
}

/// `vrp_vp9_picture`.
#[repr(C)]
pub(super) struct Picture {
    pub planes: [*const u8; 3],
    pub strides: [i64; 3],
    pub width: u32,
    pub height: u32,
    pub depth: u32,
    pub sample_bytes: u32,
    pub color_space: u32,
    pub full_range: u32,
}

/// `vrp_vp9_packet`.
#[repr(C)]
pub(super) struct Packet {
    pub data: *const u8,
    pub len: u64,
    pub frame: i64,
    pub key: u32,
    pub reserved: u32,
}

/// `vrp_vp9_encoder`, known to C only.
#[repr(C)]
pub(super) struct Encoder {
    _opaque: [u8; 0],
}

/// `vrp_vp9_decoder`, known to C only.
#[repr(C)]
pub(super) struct Decoder {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    pub(super) safe fn vrp_vp9_version() -> c_int;
    pub(super) fn vrp_vp9_encoder_new(config: *const EncoderConfig, failure: *mut Failure) -> *mut Encoder;
    pub(super) fn vrp_vp9_encoder_encode(
        encoder: *mut Encoder,
        picture: *const Picture,
        frame: i64,
        force_key: u32,
        failure: *mut Failure,
    ) -> c_int;
    pub(super) fn vrp_vp9_encoder_packet(encoder: *mut Encoder, packet: *mut Packet) -> c_int;
    pub(super) fn vrp_vp9_encoder_active_map(
        encoder: *mut Encoder,
        map: *const u8,
        rows: u32,
        columns: u32,
        failure: *mut Failure,
    ) -> c_int;
    pub(super) fn vrp_vp9_encoder_free(encoder: *mut Encoder);
    pub(super) fn vrp_vp9_decoder_new(threads: u32, failure: *mut Failure) -> *mut Decoder;
    pub(super) fn vrp_vp9_decoder_decode(
        decoder: *mut Decoder,
        data: *const u8,
        len: u32,
        failure: *mut Failure,
    ) -> c_int;
    pub(super) fn vrp_vp9_decoder_picture(decoder: *mut Decoder, picture: *mut Picture) -> c_int;
    pub(super) fn vrp_vp9_decoder_free(decoder: *mut Decoder);
    #[cfg(test)]
    pub(super) safe fn vrp_vp9_blocks() -> u64;
    #[cfg(test)]
    pub(super) fn vrp_vp9_struct_sizes(sizes: *mut u64);
}

impl Failure {
    /// An empty failure for a call to fill.
    pub(super) fn new() -> Self {
        Self { code: 0, call: [0; 32], message: [0; 64], detail: [0; 160] }
    }

    /// The failure as an error. Call it only after a function said that it failed.
    pub(super) fn into_error(self) -> Error {
        let (message, detail) = (text(&self.message), text(&self.detail));
        let detail = if detail.is_empty() { message } else { format!("{message}: {detail}") };
        Error::Codec { call: text(&self.call), code: self.code, detail }
    }
}

impl Picture {
    /// A picture without planes for a call to fill.
    pub(super) fn empty() -> Self {
        Self {
            planes: [std::ptr::null(); 3],
            strides: [0; 3],
            width: 0,
            height: 0,
            depth: 0,
            sample_bytes: 0,
            color_space: 0,
            full_range: 0,
        }
    }
}

/// Text of a fixed C buffer up to its first zero byte or its end.
fn text(buffer: &[c_char]) -> String {
    let bytes: Vec<u8> = buffer.iter().take_while(|&&c| c != 0).map(|&c| c as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Version of the linked libvpx: major, minor, patch.
pub fn library_version() -> (u8, u8, u8) {
    let [_, major, minor, patch] = vrp_vp9_version().to_be_bytes();
    (major, minor, patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_have_the_sizes_that_c_gives_them() {
        let mut sizes = [0u64; 4];
        // SAFETY: the function writes four numbers, and the array holds four.
        unsafe { vrp_vp9_struct_sizes(sizes.as_mut_ptr()) };
        let ours =
            [size_of::<Failure>(), size_of::<EncoderConfig>(), size_of::<Picture>(), size_of::<Packet>()];
        assert_eq!(sizes, ours.map(|size| size as u64));
    }

    #[test]
    fn libvpx_allocates_by_our_functions() {
        let before = vrp_vp9_blocks();
        let size = crate::frame::Size::new(64, 64);
        let config = crate::vp9::EncoderConfig::new(size, crate::vp9::Content::Matte);
        let encoder = crate::vp9::Encoder::new(config).unwrap();
        assert!(vrp_vp9_blocks() > before + 10, "{} blocks before and {before} now", vrp_vp9_blocks());
        drop(encoder);
    }

    #[test]
    fn the_library_is_one_of_those_the_shim_was_written_for() {
        assert!(library_version() >= (1, 11, 0), "{:?}", library_version());
    }
}
