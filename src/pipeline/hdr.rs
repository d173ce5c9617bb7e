//! Pictures of high dynamic range made standard as they come out of the decoder.
//!
//! All that follows - the network, composing, the encoders, verification - sees a standard picture, on every
//! device. A GPU lane maps decoded pictures there; where pictures come to the host, a decoder maps them.
#![forbid(unsafe_code)]

use crate::frame::{Colour, Light, Picture};
use crate::kernels::hdr::ToSdr;
use crate::media::VideoTrack;
use crate::software::{self, Decoder, Tally};

/// What becomes of high dynamic range.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HdrChoice {
    /// Mapped to standard range.
    #[default]
    Map,
    /// Kept, with its metadata, in 8 bits.
    Keep,
}

impl HdrChoice {
    /// What was chosen for an output with such colour.
    pub(super) fn of_output(colour: Colour) -> Self {
        if colour.is_hdr() { Self::Keep } else { Self::Map }
    }
}

/// A decoder with the mapping behind it.
struct Mapped {
    decoder: Box<dyn Decoder>,
    map: ToSdr,
}

impl Decoder for Mapped {
    fn next_picture(&mut self) -> Result<Option<Picture>, software::Error> {
        Ok(self.decoder.next_picture()?.map(|picture| self.map.picture(&picture)))
    }

    fn name(&self) -> &str {
        self.decoder.name()
    }

    fn tally(&self) -> Tally {
        self.decoder.tally()
    }
}

/// The mapping of a track's pictures as they are decoded, if they are to be mapped.
pub(super) fn mapping(video: &VideoTrack) -> Option<ToSdr> {
    ToSdr::new(video.mapped_from?, video.light.as_ref())
}

/// `decoder` with pictures of standard range where `wanted` is such and `given`, what it decodes, is not.
pub(super) fn mapped(
    decoder: Box<dyn Decoder>,
    (given, light): (Colour, Option<&Light>),
    wanted: Colour,
) -> Box<dyn Decoder> {
    match ToSdr::new(given, light).filter(|_| !wanted.is_hdr()) {
        Some(map) => Box::new(Mapped { decoder, map }),
        None => decoder,
    }
}

/// What a user should know of a video of high dynamic range.
pub(super) fn note(given: Colour, choice: HdrChoice) -> Option<String> {
    let name = match given.transfer {
        Colour::PQ => "PQ",
        Colour::HLG => "HLG",
        _ => return None,
    };
    Some(match choice {
        HdrChoice::Map => format!("HDR ({name}) is mapped to SDR (BT.709); --hdr keep leaves it"),
        HdrChoice::Keep => {
            format!(
                "HDR ({name}) is kept in 8 bits, the only depth with alpha that browsers play: gradients may band"
            )
        }
    })
}
