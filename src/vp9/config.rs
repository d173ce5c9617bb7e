//! Settings of one encoder, checked here so that an error names the setting and what it may be.
//!
//! Rate control is always constant quality: files are made in batches and nobody waits for a bit
//! rate. Ranges are those of libvpx's `vp9_cx_iface.c` unless narrowed with a reason.
#![forbid(unsafe_code)]

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::{Error, ffi};
use crate::frame::{Colour, Matrix, Range, Size};

/// Longest side of a picture, encoded or decoded, in pixels. VP9 itself goes to 65536; twice 8K is
/// beyond every headset and keeps an encoder's memory (about 20 bytes a pixel, 70 reserved) within reach.
pub const MAX_SIDE: usize = 16384;

/// What a stream shows, as far as its header tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// A picture; matrix and range are written to the header of each key frame.
    Colour(Colour),
    /// A matte in the luma plane: colour space unknown, full range.
    Matte,
}

impl Content {
    /// `color_space` and `color_range` of the VP9 header (VP9 specification, section 7.2.2).
    pub(super) fn header_bits(self) -> (u32, u32) {
        match self {
            Self::Matte => (0, 1),
            Self::Colour(colour) => {
                let space = match colour.matrix {
                    // The same weights have two codes; 3 is SMPTE 170M, as H.273 code 6 in the container.
                    Matrix::Bt601 => 3,
                    Matrix::Bt709 => 2,
                    Matrix::Bt2020 => 5,
                };
                (space, u32::from(colour.range == Range::Full))
            }
        }
    }
}

/// How thoroughly libvpx searches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deadline {
    /// The fast code paths; `cpu_used` 5 to 9.
    Realtime,
    /// Rate-distortion search; `cpu_used` 0 to 4 (5 is where libvpx leaves row threads out).
    Good,
}

/// Settings of one encoder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncoderConfig {
    /// Frame size, 1 to [`MAX_SIDE`] each way, odd sizes included.
    pub size: Size,
    /// Picture or matte.
    pub content: Content,
    /// Search effort.
    pub deadline: Deadline,
    /// Speed within the deadline, higher is faster.
    pub cpu_used: u8,
    /// Constant quality level, 0 (best) to 63. One-pass libvpx takes it as the level of the plainest
    /// frames: key frames get a quarter of it, every eighth frame half.
    pub crf: u8,
    /// Bounds of the quantizer, 0 to 63, which clamp what `crf` asks for; equal bounds make it flat.
    pub quantizer: RangeInclusive<u8>,
    /// Lossless coding; `crf` and `quantizer` then say nothing.
    pub lossless: bool,
    /// Threads, 1 to 64; 2 to 64 with `row_mt`. The bytes do not depend on it. Without `row_mt` a thread
    /// works on whole tile columns, so more of them than columns have nothing to do.
    pub threads: usize,
    /// Tile columns as a power of two, see [`EncoderConfig::tile_columns_log2_for`].
    pub tile_columns_log2: u32,
    /// Whether threads work on rows of blocks rather than on whole tiles. The bytes are then others, and
    /// equal for any number of threads but one: libvpx leaves its row threads out when there is one and
    /// adapts its search differently (measured on 1.12 at every speed), so one is refused.
    pub row_mt: bool,
    /// Frames looked ahead, 0 to 25; above 0 hidden reference frames are allowed.
    pub lag: u32,
    /// Leaves out the adaptation of probabilities from frame to frame: easier to decode in parallel, larger.
    pub frame_parallel: bool,
    /// Loop filter sharpness, 0 (smooth) to 7.
    pub sharpness: u32,
    /// Error below which a block of an inter frame is taken as unchanged; 0 is off.
    pub static_threshold: u32,
    /// libvpx's tuning for screen content.
    pub screen_content: bool,
}

impl EncoderConfig {
    /// Realtime settings at the fastest speed for frames of `size`, one thread.
    pub fn new(size: Size, content: Content) -> Self {
        Self {
            size,
            content,
            deadline: Deadline::Realtime,
            cpu_used: 9,
            crf: 32,
            quantizer: 0..=63,
            lossless: false,
            threads: 1,
            tile_columns_log2: Self::tile_columns_log2_for(size.width),
            row_mt: false,
            lag: 0,
            frame_parallel: false,
            sharpness: 0,
            static_threshold: 0,
            screen_content: false,
        }
    }

    /// The power of two of tile columns for frames `width` pixels wide: tiles of 512 to 1023 pixels.
    /// It follows from the width alone, never from the number of threads, so that the bytes do not
    /// depend on the machine; 7680 pixels get 8 columns, enough for a player's decoder threads.
    pub fn tile_columns_log2_for(width: usize) -> u32 {
        let (min, max) = tile_columns_log2_bounds(width);
        (width / 512).max(1).ilog2().clamp(min, max)
    }

    /// Says which setting libvpx would refuse, or quietly clamp.
    pub(super) fn check(&self) -> Result<(), Error> {
        within("frame width", self.size.width, 1..=MAX_SIDE)?;
        within("frame height", self.size.height, 1..=MAX_SIDE)?;
        match self.deadline {
            Deadline::Realtime => within("realtime cpu_used", self.cpu_used, 5..=9)?,
            Deadline::Good => within("good cpu_used", self.cpu_used, 0..=4)?,
        }
        within("crf", self.crf, 0..=63)?;
        within("lowest quantizer", *self.quantizer.start(), 0..=63)?;
        within("highest quantizer", *self.quantizer.end(), *self.quantizer.start()..=63)?;
        match self.row_mt {
            false => within("threads", self.threads, 1..=64)?,
            true => within("threads with row_mt", self.threads, 2..=64)?,
        }
        let (min, max) = tile_columns_log2_bounds(self.size.width);
        within("log2 of tile columns", self.tile_columns_log2, min..=max)?;
        within("lag in frames", self.lag, 0..=25)?;
        within("sharpness", self.sharpness, 0..=7)?;
        within("static threshold", self.static_threshold, 0..=i32::MAX as u32)
    }

    /// The settings as the shim takes them. Only meaningful after [`EncoderConfig::check`].
    pub(super) fn to_ffi(&self) -> ffi::EncoderConfig {
        let (color_space, full_range) = self.content.header_bits();
        ffi::EncoderConfig {
            width: self.size.width as u32,
            height: self.size.height as u32,
            threads: self.threads as u32,
            lag: self.lag,
            good_deadline: u32::from(self.deadline == Deadline::Good),
            cpu_used: i32::from(self.cpu_used),
            cq_level: u32::from(self.crf),
            min_quantizer: u32::from(*self.quantizer.start()),
            max_quantizer: u32::from(*self.quantizer.end()),
            lossless: u32::from(self.lossless),
            tile_columns_log2: self.tile_columns_log2,
            row_mt: u32::from(self.row_mt),
            frame_parallel: u32::from(self.frame_parallel),
            sharpness: self.sharpness,
            static_threshold: self.static_threshold,
            screen_content: u32::from(self.screen_content),
            color_space,
            full_range,
        }
    }
}

/// Smallest and largest power of two of tile columns: a tile is 4 to 64 superblocks of 64 pixels wide
/// (VP9 specification, section 7.2.6, calc_min_log2_tile_cols and calc_max_log2_tile_cols).
pub(super) fn tile_columns_log2_bounds(width: usize) -> (u32, u32) {
    let superblocks = width.div_ceil(64);
    let min = (0..6).find(|&log2| 64 << log2 >= superblocks).unwrap_or(6);
    let max = (1..=6).take_while(|&log2| superblocks >> log2 >= 4).last().unwrap_or(0);
    (min, max)
}

/// `Ok` when `got` lies in `allowed`.
pub(super) fn within<T>(what: &'static str, got: T, allowed: RangeInclusive<T>) -> Result<(), Error>
where
    T: PartialOrd + Display,
{
    if allowed.contains(&got) {
        return Ok(());
    }
    let allowed = format!("{} to {}", allowed.start(), allowed.end());
    Err(Error::Config { what, got: got.to_string(), allowed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tile_columns_follow_the_width() {
        // Bounds measured on libvpx 1.12.
        let max: Vec<u32> = [1280, 1920, 2560, 3840, 4096, 5760, 7680, 8192]
            .map(|w| 1 << tile_columns_log2_bounds(w).1)
            .into();
        assert_eq!(max, [4, 4, 8, 8, 16, 16, 16, 32]);
        assert_eq!([4096, 4097, 8193].map(|w| tile_columns_log2_bounds(w).0), [0, 1, 2]);
        let chosen =
            [1, 255, 512, 1280, 1920, 3840, 7680, 8192, 16384].map(EncoderConfig::tile_columns_log2_for);
        assert_eq!(chosen, [0, 0, 0, 1, 1, 2, 3, 4, 5]);
    }
}
