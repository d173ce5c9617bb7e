//! The presets: what `fast`, `balanced` and `best` mean for the colour and the alpha encoder.
#![forbid(unsafe_code)]

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
    /// Constant quality level of the colour stream when none is asked for.
    pub fn default_crf(self) -> u8 {
        32
    }

    pub(super) fn colour(self, size: Size, colour: Colour, crf: Option<u8>) -> EncoderConfig {
        EncoderConfig {
            crf: crf.unwrap_or(self.default_crf()),
            ..self.effort(EncoderConfig::new(size, Content::Colour(colour)))
        }
    }

    pub(super) fn alpha(self, size: Size) -> EncoderConfig {
        EncoderConfig { crf: 20, ..self.effort(EncoderConfig::new(size, Content::Matte)) }
    }

    fn effort(self, config: EncoderConfig) -> EncoderConfig {
        let (deadline, cpu_used, lag) = match self {
            Self::Fast => (Deadline::Realtime, 9, 0),
            Self::Balanced => (Deadline::Realtime, 6, 0),
            Self::Best => (Deadline::Good, 2, 0),
        };
        EncoderConfig { deadline, cpu_used, lag, ..config }
    }
}
