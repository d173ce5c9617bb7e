//! What the decoder of a GPU can do, and in words why it cannot take a stream.
//!
//! Plain values; [`super::Library::caps`] fills them.
#![forbid(unsafe_code)]

use crate::frame::Size;
use crate::media::Chroma;
use crate::packet::Codec;

use super::StreamInfo;

/// What NVDEC can do with one codec, chroma format and bit depth.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Caps {
    /// Whether it decodes such streams at all; if not, the rest is zero.
    pub supported: bool,
    /// Engines that can; sessions are spread over them, one session uses one.
    pub engines: u8,
    /// Smallest coded size.
    pub min: Size,
    /// Largest coded size.
    pub max: Size,
    /// Most macroblocks of 16x16 in a coded frame.
    pub max_macroblocks: u32,
    /// Whether surfaces can be NV12.
    pub nv12: bool,
    /// Whether surfaces can be P016.
    pub p016: bool,
}

impl Caps {
    /// No support.
    pub const NONE: Self = Self {
        supported: false,
        engines: 0,
        min: Size::new(0, 0),
        max: Size::new(0, 0),
        max_macroblocks: 0,
        nv12: false,
        p016: false,
    };

    /// Whether a stream fits; `device` is named in the reason when it does not.
    ///
    /// # Errors
    /// The first [`Reason`] against it.
    pub(super) fn suit(&self, device: &str, info: &StreamInfo) -> Result<(), Reason> {
        let StreamInfo { codec, size, crop, depth, chroma, .. } = *info;
        let device = || device.to_owned();
        if chroma != Chroma::Yuv420 {
            return Err(Reason::Chroma { chroma });
        }
        let [left, top] = crop;
        if left > 0 || top > 0 {
            return Err(Reason::Crop { left, top });
        }
        if !self.supported {
            return Err(Reason::Codec { device: device(), codec, chroma, depth });
        }
        if !(if depth > 8 { self.p016 } else { self.nv12 }) {
            return Err(Reason::Output { device: device(), codec, depth });
        }
        if size.width > self.max.width || size.height > self.max.height {
            return Err(Reason::TooLarge { device: device(), codec, size, max: self.max });
        }
        if size.width < self.min.width || size.height < self.min.height {
            return Err(Reason::TooSmall { device: device(), codec, size, min: self.min });
        }
        let macroblocks = size.width.div_ceil(16) * size.height.div_ceil(16);
        if macroblocks > self.max_macroblocks as usize {
            let max = self.max_macroblocks;
            return Err(Reason::Macroblocks { device: device(), codec, size, macroblocks, max });
        }
        Ok(())
    }
}

/// Why a GPU cannot decode a stream.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Reason {
    /// No support for the codec at this depth.
    #[error("{device} does not decode {codec} {chroma} at {depth} bits")]
    Codec {
        /// Name of the GPU.
        device: String,
        /// The codec.
        codec: Codec,
        /// The chroma format.
        chroma: Chroma,
        /// Bits per sample.
        depth: u8,
    },
    /// A chroma format that this program does not take from the GPU.
    #[error("surfaces are read as 4:2:0 only, the video has {chroma}")]
    Chroma {
        /// The chroma format.
        chroma: Chroma,
    },
    /// The visible part does not begin at the first coded sample, and NVDEC's parser does not tell where.
    #[error("NVDEC does not say where a picture begins of which {left} columns and {top} rows are cut off")]
    Crop {
        /// Columns cut off on the left.
        left: usize,
        /// Rows cut off at the top.
        top: usize,
    },
    /// The surface format that this program reads is not offered.
    #[error("{device} offers no surface format for {codec} at {depth} bits that is read here")]
    Output {
        /// Name of the GPU.
        device: String,
        /// The codec.
        codec: Codec,
        /// Bits per sample.
        depth: u8,
    },
    /// Larger than the decoder takes.
    #[error("{device} decodes {codec} up to {max}, the video has {size}")]
    TooLarge {
        /// Name of the GPU.
        device: String,
        /// The codec.
        codec: Codec,
        /// Size of the stream.
        size: Size,
        /// Largest size.
        max: Size,
    },
    /// Smaller than the decoder takes.
    #[error("{device} decodes {codec} from {min} on, the video has {size}")]
    TooSmall {
        /// Name of the GPU.
        device: String,
        /// The codec.
        codec: Codec,
        /// Size of the stream.
        size: Size,
        /// Smallest size.
        min: Size,
    },
    /// Too many macroblocks, though each side is within bounds.
    #[error("{device} decodes {codec} up to {max} macroblocks, the video has {macroblocks} ({size})")]
    Macroblocks {
        /// Name of the GPU.
        device: String,
        /// The codec.
        codec: Codec,
        /// Size of the stream.
        size: Size,
        /// Its macroblocks.
        macroblocks: usize,
        /// The most there may be.
        max: u32,
    },
}
