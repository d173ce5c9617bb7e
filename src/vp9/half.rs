//! One encoder of a pair by itself, to be measured: the same settings, maps and planes as in the pair,
//! on the calling thread.
#![forbid(unsafe_code)]

use super::activity::{ALPHA_ENDS, ActiveMap, MatteActivity};
use super::{EncodedPacket, Encoder, Error, PairConfig, PairSource, PlaneRef, Planes};

/// Which encoder of a pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stream {
    /// Colour.
    Colour,
    /// The matte.
    Alpha,
}

/// A running encoder of one of the two streams.
pub struct Half {
    encoder: Encoder,
    state: State,
    first: bool,
}

enum State {
    Colour(ActiveMap),
    Alpha { active: MatteActivity, neutral: Vec<u8> },
}

impl Half {
    /// Starts the encoder that a pair of these settings would have for `stream`.
    ///
    /// # Errors
    /// As [`super::Pair::new`].
    pub fn new(config: &PairConfig, stream: Stream) -> Result<Self, Error> {
        let [colour, alpha] = config.encoders();
        let (config, state) = match stream {
            Stream::Colour => (colour, State::Colour(ActiveMap::new(config.size))),
            Stream::Alpha => {
                let neutral = vec![128; config.size.chroma().width];
                (alpha, State::Alpha { active: MatteActivity::new(config.size), neutral })
            }
        };
        Ok(Self { encoder: Encoder::new(config)?, state, first: true })
    }

    /// Encodes a frame; `pts` must rise. The first one is a key frame.
    ///
    /// # Errors
    /// As [`super::Pair::encode`].
    pub fn encode(&mut self, frame: &dyn PairSource, pts: i64) -> Result<Vec<EncodedPacket>, Error> {
        let key = std::mem::replace(&mut self.first, false);
        let size = self.encoder.config().size;
        match &mut self.state {
            State::Colour(active) => {
                frame.colour().check(size)?;
                let coded = active.next(key, frame.activity());
                self.encoder.encode_part(&frame.colour(), coded, pts, key)
            }
            State::Alpha { active, neutral } => {
                let matte = frame.alpha();
                matte.check("alpha", size)?;
                let coded = active.next(key, frame.activity(), matte, ALPHA_ENDS);
                let neutral = PlaneRef { size: size.chroma(), stride: 0, data: neutral };
                self.encoder.encode_part(&Planes { y: matte, u: neutral, v: neutral }, coded, pts, key)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Colour, Composite, Matrix, Range, Size};
    use crate::vp9::{Pair, Quality};
    use std::sync::Arc;

    #[test]
    fn halves_give_the_packets_of_the_pair() {
        let size = Size::new(96, 64);
        let colour = Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 };
        let config =
            PairConfig { size, colour, quality: Quality::Fast, crf: None, threads: 1, key_interval: None };
        let frames: Vec<Arc<Composite>> = (0..4u8)
            .map(|t| {
                let mut frame = Composite::new(size);
                for y in 16..48 {
                    frame.alpha.row_mut(y)[20 + usize::from(t)..60].fill(255);
                    frame.colour.y.row_mut(y)[20..60].fill(90 + 9 * t);
                    frame.activity.row_mut(y / 16)[1..4].fill(1);
                }
                Arc::new(frame)
            })
            .collect();
        let mut pair = Pair::new(&config).unwrap();
        let mut whole = Vec::new();
        for (pts, frame) in frames.iter().enumerate() {
            whole.extend(pair.encode(Arc::clone(frame) as Arc<dyn PairSource>, pts as i64, false).unwrap());
        }
        whole.extend(pair.finish().unwrap());
        for stream in [Stream::Colour, Stream::Alpha] {
            let mut half = Half::new(&config, stream).unwrap();
            for (pts, (frame, pair)) in frames.iter().zip(&whole).enumerate() {
                let packets = half.encode(&**frame, pts as i64).unwrap();
                let expected = if stream == Stream::Colour { &pair.colour } else { &pair.alpha };
                assert_eq!(&packets[0].data, expected, "{stream:?} {pts}");
            }
        }
    }
}
