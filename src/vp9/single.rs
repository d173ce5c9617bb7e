//! One opaque stream: an encoder with the active map of what it shows, on the calling thread.
#![forbid(unsafe_code)]

use super::activity::{ALPHA_ENDS, ActiveMap, MatteActivity, blocks_of};
use super::config::Content;
use super::{EncodedPacket, Encoder, EncoderConfig, Error, PairConfig, PlaneRef, Planes};
use std::num::NonZeroU32;

/// What a stream shows, which decides how finely it is coded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    /// A picture: the preset's settings for colour.
    Picture,
    /// A matte as grey: the preset's settings for alpha, because its errors show as veils here, too.
    Grey,
}

/// A running encoder of one stream. Without lag, so that each frame gives its packet at once.
pub struct Single {
    encoder: Encoder,
    still: Still,
    key_interval: Option<NonZeroU32>,
    since_key: u32,
}

/// What is known of blocks that do not change.
enum Still {
    Background(ActiveMap),
    Flat(MatteActivity),
}

impl Single {
    /// Starts an encoder; `config` says the same as of a pair's colour stream.
    ///
    /// # Errors
    /// As [`super::Pair::new`].
    pub fn new(config: &PairConfig, shown: Shown) -> Result<Self, Error> {
        let PairConfig { size, colour, quality, crf, threads, key_interval } = *config;
        let (settings, still) = match shown {
            Shown::Picture => (quality.colour(size, colour, crf), Still::Background(ActiveMap::new(size))),
            Shown::Grey => {
                let settings = EncoderConfig { content: Content::Colour(colour), ..quality.alpha(size) };
                (settings, Still::Flat(MatteActivity::new(size)))
            }
        };
        let encoder = Encoder::new(EncoderConfig { threads, ..settings })?;
        Ok(Self { encoder, still, key_interval, since_key: 0 })
    }

    /// Encodes a frame; `pts` must rise. The first one is a key frame, and each that is due by the interval.
    /// `activity` is 0 for blocks that show the background, the same in all frames. Where grey is shown, blocks that are all
    /// of one of the codes `still` count as still, too: those of clear and opaque.
    ///
    /// # Errors
    /// Planes of a wrong size, a time that does not rise, or libvpx's own refusal.
    pub fn encode(
        &mut self,
        planes: &Planes<'_>,
        activity: Option<PlaneRef<'_>>,
        still: Option<[u8; 2]>,
        pts: i64,
    ) -> Result<Vec<EncodedPacket>, Error> {
        let size = self.encoder.config().size;
        if let Some(activity) = activity {
            activity.check("activity", blocks_of(size))?;
        }
        let due = self.key_interval.is_some_and(|interval| self.since_key >= interval.get());
        let key = due || self.since_key == 0;
        self.since_key = if key { 1 } else { self.since_key.saturating_add(1) };
        let coded = match &mut self.still {
            Still::Background(map) => map.next(key, activity),
            Still::Flat(map) => {
                planes.y.check("luma", size)?;
                map.next(key, activity, planes.y, still.unwrap_or(ALPHA_ENDS))
            }
        };
        self.encoder.encode_part(planes, coded, pts, key)
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// As [`Encoder::finish`].
    pub fn finish(self) -> Result<Vec<EncodedPacket>, Error> {
        self.encoder.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Colour, Composite, Matrix, Plane, Range, Size, Yuv420};
    use crate::vp9::{Decoder, Quality};

    /// A square that moves one block a frame over a background, encoded with all that is known of stillness.
    #[test]
    fn still_blocks_show_what_they_should_and_keys_come_in_time() {
        let size = Size::new(128, 64);
        let colour = Colour { matrix: Matrix::Bt709, range: Range::Limited, primaries: 1, transfer: 1 };
        let key_interval = NonZeroU32::new(3);
        let config =
            PairConfig { size, colour, quality: Quality::Fast, crf: Some(10), threads: 1, key_interval };
        for shown in [Shown::Picture, Shown::Grey] {
            let mut single = Single::new(&config, shown).unwrap();
            let mut decoder = Decoder::new(1).unwrap();
            for number in 0..7usize {
                let mut planes = Yuv420 {
                    y: Plane::filled(size, 60u8),
                    u: Plane::filled(size.chroma(), 128),
                    v: Plane::filled(size.chroma(), 128),
                };
                let mut frame = Composite::new(size);
                let left = 16 * number;
                for y in 16..48 {
                    planes.y.row_mut(y)[left..left + 24].fill(200);
                }
                (1..3).for_each(|row| frame.activity.row_mut(row)[number..number + 2].fill(1));
                let (activity, still) = (Some((&frame.activity).into()), Some([60, 200]));
                let packets = single.encode(&(&planes).into(), activity, still, number as i64).unwrap();
                assert_eq!((packets.len(), packets[0].key), (1, number % 3 == 0));
                let shown = decoder.decode(&packets[0].data).unwrap().unwrap();
                let crate::frame::Samples::Eight(got) = shown.to_samples() else { panic!("8 bits") };
                let worst = got.y.data.iter().zip(&planes.y.data).map(|(a, b)| a.abs_diff(*b)).max();
                assert!(worst < Some(24), "frame {number}: {worst:?}");
            }
            assert_eq!(single.finish().unwrap(), []);
        }
    }
}
