//! What encodes a file: libvpx, or our own encoder, whose pixels are worked on by the GPU.
#![forbid(unsafe_code)]

use crate::pipeline::error::Error;
use crate::pipeline::settings::EncoderChoice;
use crate::vp9::Quality;

/// An encoder that was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Coding {
    /// libvpx, on the CPU.
    Libvpx,
    /// Our own: pixels on the GPU, bits on the CPU.
    Native,
}

impl Coding {
    /// The encoder for a file that is matted on a GPU or not. `auto` takes our own where speed is asked for: eight
    /// times as many 8K frames a second on one H100 with 16 cores, for a picture that is 0.3 to 1.8 dB behind at the
    /// same size (docs/native-encoder.md). It makes colour with alpha only; where anything else is wanted libvpx encodes all
    /// outputs.
    ///
    /// # Errors
    /// [`Error::Usage`] when our own was asked for, and the file is not matted on a GPU or other outputs than
    /// alpha are wanted.
    pub fn choose(
        choice: EncoderChoice,
        quality: Quality,
        on_gpu: bool,
        only_alpha: bool,
    ) -> Result<Self, Error> {
        match choice {
            EncoderChoice::Libvpx => Ok(Self::Libvpx),
            EncoderChoice::Native if !only_alpha => Err(Error::Usage(
                "--encoder native makes --output alpha only; what else is wanted is encoded by libvpx".into(),
            )),
            EncoderChoice::Native if on_gpu => Ok(Self::Native),
            EncoderChoice::Native => {
                Err(Error::Usage("--encoder native needs a GPU that the network runs on".into()))
            }
            EncoderChoice::Auto if on_gpu && only_alpha && quality == Quality::Fast => Ok(Self::Native),
            EncoderChoice::Auto => Ok(Self::Libvpx),
        }
    }

    /// For people.
    pub fn sentence(self, only_alpha: bool, on_gpu: bool) -> &'static str {
        match self {
            Self::Libvpx if only_alpha => "encoded by libvpx on the CPU",
            Self::Libvpx if on_gpu => "opaque outputs rendered on the GPU; encoded by libvpx on the CPU",
            Self::Libvpx => "rendered on the CPU, and encoded there by libvpx",
            Self::Native => "encoded natively: pixels on the GPU, bits on the CPU",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_encoder_needs_a_gpu_and_is_taken_where_speed_counts() {
        let choose = |choice, quality, on_gpu| Coding::choose(choice, quality, on_gpu, true).ok();
        use EncoderChoice::{Auto, Libvpx, Native};
        assert_eq!(choose(Auto, Quality::Fast, true), Some(Coding::Native));
        assert_eq!(choose(Auto, Quality::Fast, false), Some(Coding::Libvpx));
        assert_eq!(choose(Auto, Quality::Best, true), Some(Coding::Libvpx));
        assert_eq!(choose(Libvpx, Quality::Fast, true), Some(Coding::Libvpx));
        assert_eq!(choose(Native, Quality::Best, true), Some(Coding::Native));
        assert_eq!(choose(Native, Quality::Fast, false), None);
        let with_others = |choice| Coding::choose(choice, Quality::Fast, true, false).ok();
        assert_eq!((with_others(Auto), with_others(Native)), (Some(Coding::Libvpx), None));
    }
}
