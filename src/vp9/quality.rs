//! The presets: what `fast`, `balanced` and `best` mean for the colour and the alpha encoder.
//!
//! All of them run without lag: in one pass libvpx makes no hidden reference frames, and 16 or 25
//! frames of lag gave the same bytes as none. The figures behind each choice are in
//! `docs/encoder.md`.
#![forbid(unsafe_code)]

use super::native::{self, PairLevels};
use super::{Content, Deadline, EncoderConfig};
use crate::frame::{Colour, Size};

/// How much time is spent on small files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// For batches where time counts.
    Fast,
    /// The default.
    #[default]
    Balanced,
    /// For files that are made once and played often.
    Best,
}

impl Quality {
    /// Constant quality level of the colour stream when none is asked for, 0 to 63.
    pub fn default_crf(self) -> u8 {
        match self {
            Self::Fast => 32,
            Self::Balanced => 28,
            Self::Best => 24,
        }
    }

    /// Levels of our own encoder, as quantiser indices. libvpx means its level for the plainest frames and codes key
    /// frames and every eighth finer; ours holds for all, so two thirds of it give the same fidelity
    /// (docs/native-encoder.md).
    pub fn native_levels(self, crf: Option<u8>) -> PairLevels {
        let matte = match self {
            Self::Fast => 8,
            Self::Balanced => 6,
            Self::Best => 4,
        };
        let colour = crf.unwrap_or(self.default_crf()) * 2 / 3;
        let index = native::pixels::index_of_level;
        PairLevels { colour: index(colour), matte: index(matte) }
    }

    /// Settings of the colour encoder, on one thread.
    pub(super) fn colour(self, size: Size, colour: Colour, crf: Option<u8>) -> EncoderConfig {
        let crf = crf.unwrap_or(self.default_crf());
        EncoderConfig { crf, ..self.effort(size, Content::Colour(colour)) }
    }

    /// Settings of the alpha encoder, on one thread.
    ///
    /// A wrong colour is hardly seen; a background that is not quite transparent is a veil. So the
    /// level is low: a key frame gets a quarter of it, and what it leaves off stays so (at 16, as many
    /// pixels as one 8x8 block has in all 60 frames were not quite 0). Screen content makes the realtime speeds look at flat blocks one
    /// by one: flat pixels that changed fell from thousands to a hundred or none on a real matte, for a
    /// tenth to a quarter more bytes. (`static_threshold` did harm, `sharpness` little for its bytes.)
    pub(super) fn alpha(self, size: Size) -> EncoderConfig {
        let crf = match self {
            Self::Fast => 12,
            Self::Balanced => 8,
            Self::Best => 6,
        };
        EncoderConfig { crf, screen_content: true, ..self.effort(size, Content::Matte) }
    }

    fn effort(self, size: Size, content: Content) -> EncoderConfig {
        let (deadline, cpu_used) = match self {
            Self::Fast => (Deadline::Realtime, 9),
            Self::Balanced => (Deadline::Realtime, 6),
            Self::Best => (Deadline::Good, 2),
        };
        EncoderConfig { deadline, cpu_used, ..EncoderConfig::new(size, content) }
    }
}
