//! The uncompressed header of the two kinds of frames, and the superframe index.
//!
//! VP9 specification, section 6.2 and annex B. Both kinds are error resilient: probabilities start from
//! the defaults and no motion of the frame before is used, so a lost or repeated frame breaks nothing.
#![forbid(unsafe_code)]

use crate::frame::Size;

/// `interp_filter` of the regular eight-tap filter as a frame's header has it (section 7.2).
const EIGHTTAP: u32 = 1;
/// Sync code of key frames (section 7.2).
const SYNC: u32 = 0x49_83_42;

/// What a header says.
pub(super) struct Header {
    /// Size and colour, in key frames, which are hidden; other frames are shown and take them over.
    pub(super) key: Option<KeyHeader>,
    pub(super) base_q_index: u8,
    pub(super) filter_level: u8,
    pub(super) tiles: TileColumns,
    pub(super) compressed_bytes: u16,
}

/// The part of key frames.
#[derive(Clone, Copy)]
pub(super) struct KeyHeader {
    pub(super) size: Size,
    pub(super) space: u32,
    pub(super) full_range: bool,
}

/// Powers of two of tile columns: what the width allows at least and at most, and what is taken.
#[derive(Clone, Copy)]
pub(super) struct TileColumns {
    pub(super) min_log2: u32,
    pub(super) max_log2: u32,
    pub(super) log2: u32,
}

impl Header {
    /// Appends the header.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        let mut bits = Bits { bytes, free: 0 };
        bits.put(0b10, 2); // frame_marker
        bits.put(0, 2); // profile
        bits.put(0, 1); // show_existing_frame
        bits.flag(self.key.is_none()); // frame_type
        bits.flag(self.key.is_none()); // show_frame
        bits.put(1, 1); // error_resilient_mode
        match self.key {
            Some(key) => {
                bits.put(SYNC, 24);
                bits.put(key.space, 3);
                bits.flag(key.full_range);
                bits.put(key.size.width as u32 - 1, 16);
                bits.put(key.size.height as u32 - 1, 16);
                bits.put(0, 1); // render_and_frame_size_different
            }
            None => {
                bits.put(1, 8); // refresh_frame_flags: slot 0
                bits.put(0, 12); // each of three references: slot 0, no sign bias
                bits.put(1, 1); // found_ref: the size is that of the first
                bits.put(0, 1); // render_and_frame_size_different
                bits.put(0, 1); // allow_high_precision_mv
                bits.put(0, 1); // is_filter_switchable
                bits.put(EIGHTTAP, 2);
            }
        }
        bits.put(0, 2); // frame_context_idx
        bits.put(self.filter_level.into(), 6);
        bits.put(0, 3); // sharpness
        bits.put(0, 1); // loop_filter_delta_enabled
        bits.put(self.base_q_index.into(), 8);
        bits.put(0, 3); // no delta of luma DC, chroma DC, chroma AC
        bits.put(0, 1); // segmentation_enabled
        (self.tiles.min_log2..self.tiles.log2).for_each(|_| bits.put(1, 1));
        if self.tiles.log2 < self.tiles.max_log2 {
            bits.put(0, 1);
        }
        bits.put(0, 1); // tile_rows_log2
        bits.put(self.compressed_bytes.into(), 16);
    }
}

/// Whole bits, the highest first; the last byte is padded with zeros.
struct Bits<'a> {
    bytes: &'a mut Vec<u8>,
    /// Bits of the last byte that are not set yet.
    free: u32,
}

impl Bits<'_> {
    fn put(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            self.free -= 1;
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> bit & 1) as u8) << self.free;
            }
        }
    }

    fn flag(&mut self, flag: bool) {
        self.put(flag.into(), 1);
    }
}

/// Appends the index of a superframe with frames of these sizes, 2 to 8, each in four bytes (annex B: bits 110, 11,
/// then the number of frames less one).
pub(super) fn superframe_index(bytes: &mut Vec<u8>, sizes: &[usize]) {
    let marker = 0b1101_1000 | (sizes.len() - 1) as u8;
    bytes.push(marker);
    sizes.iter().for_each(|&size| bytes.extend_from_slice(&(size as u32).to_le_bytes()));
    bytes.push(marker);
}
