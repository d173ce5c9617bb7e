//! What a lane makes of each composed frame: one output or several, all from the one pass over the input.
//!
//! ```text
//! frame ─┬─ Alpha:  both planes ──────────────────────────────> the pair's two encoders
//!        ├─ Opaque: Renderer (all threads, a band each), or
//!         │          what a GPU lane has rendered already ─────> one encoder
//!        └─ Stills: RGBA ─────────────────────────────────────> PNG
//! ```
//! All of it happens on the encode thread, one output after the other: a machine is kept busy by its lanes, and an
//! encoder has threads of its own where lanes are few. A pair is given the frame first, so that its alpha thread works
//! while the others are rendered.
#![forbid(unsafe_code)]

use super::Error;
use super::encode::{Coder, FRAMES, Finished, Rendered};
use crate::frame::Size;
use crate::render::{Opaque, Renderer, Straight};
use crate::telemetry::LaneClocks;
use crate::vp9::{EncodedPacket, EncodedPair, Pair, Single};
use std::sync::Arc;

/// A frame of one output, encoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encoded {
    /// Which of the lane's outputs.
    pub output: usize,
    /// Timestamp of the frame, in ticks of the source.
    pub pts: i64,
    /// Whether decoding can start here.
    pub key: bool,
    /// The packet of the picture, or the bytes of a PNG file.
    pub colour: Vec<u8>,
    /// The packet of alpha, where that is a stream of its own.
    pub alpha: Option<Vec<u8>>,
}

impl Encoded {
    pub(super) fn of_pair(output: usize, pair: EncodedPair) -> Self {
        let EncodedPair { pts, key, colour, alpha } = pair;
        Self { output, pts, key, colour, alpha: Some(alpha) }
    }

    fn of_packet(output: usize, packet: EncodedPacket) -> Self {
        let EncodedPacket { pts, key, data } = packet;
        Self { output, pts, key, colour: data, alpha: None }
    }
}

/// One output of a lane.
pub enum Output {
    /// Colour and alpha, a stream each.
    Alpha(Box<Pair>),
    /// An opaque picture.
    Opaque(Box<OpaqueOutput>),
    /// A PNG file a frame, with straight alpha.
    Stills(Straight),
}

/// An opaque output with the frame that it shows.
pub struct OpaqueOutput {
    renderer: Renderer,
    size: Size,
    /// Made for the first frame that comes unrendered.
    shown: Option<Opaque>,
    encoder: Single,
}

impl Output {
    /// An opaque output of frames of `size`; `encoder` takes what `renderer` makes of them.
    pub fn opaque(renderer: Renderer, size: Size, encoder: Single) -> Self {
        let size = renderer.size(size);
        Self::Opaque(Box::new(OpaqueOutput { renderer, size, shown: None, encoder }))
    }

    /// What renders an opaque output; `None`: it is made of the composite itself.
    pub fn renderer(&self) -> Option<&Renderer> {
        match self {
            Self::Opaque(opaque) => Some(&opaque.renderer),
            Self::Alpha(_) | Self::Stills(_) => None,
        }
    }
}

/// All outputs of a lane, as the encode thread has them.
pub(super) struct OutputsCoder<F> {
    outputs: Vec<Output>,
    last_pts: Option<i64>,
    /// What a pair may still be reading.
    held: Vec<Arc<F>>,
}

impl<F> OutputsCoder<F> {
    /// Pairs are worked on first, whatever their place; packets carry the place.
    pub(super) fn new(outputs: Vec<Output>) -> Self {
        Self { outputs, last_pts: None, held: Vec::with_capacity(FRAMES) }
    }
}

/// Whether an output is worked on in this round: pairs in the first.
fn is_due(output: &Output, round: usize) -> bool {
    matches!(output, Output::Alpha(_)) == (round == 0)
}

impl<F: Finished> Coder<F> for OutputsCoder<F> {
    fn encode(
        &mut self,
        frame: F,
        pts: i64,
        clocks: &LaneClocks,
        spent: &mut dyn FnMut(F),
    ) -> Result<Vec<Encoded>, Error> {
        clocks.device_wait.time(|| frame.wait())?;
        // Encoders want times that rise: a frame with the time of the one before it is a tick later.
        let pts = self.last_pts.map_or(pts, |last| pts.max(last.saturating_add(1)));
        self.last_pts = Some(pts);
        let frame = Arc::new(frame);
        let mut done = Vec::new();
        for round in 0..2 {
            let outputs = self.outputs.iter_mut().enumerate().filter(|(_, output)| is_due(output, round));
            for (place, output) in outputs {
                done.extend(output.encode(place, &frame, pts, clocks)?);
            }
        }
        self.held.push(frame);
        for frame in std::mem::take(&mut self.held) {
            match Arc::try_unwrap(frame) {
                Ok(frame) => spent(frame),
                Err(busy) => self.held.push(busy),
            }
        }
        Ok(done)
    }

    fn finish(self, spent: &mut dyn FnMut(F)) -> Result<Vec<Encoded>, Error> {
        let mut last = Vec::new();
        for (place, output) in self.outputs.into_iter().enumerate() {
            match output {
                Output::Alpha(pair) => {
                    last.extend(pair.finish()?.into_iter().map(|pair| Encoded::of_pair(place, pair)));
                }
                Output::Opaque(opaque) => {
                    let packets = opaque.encoder.finish()?;
                    last.extend(packets.into_iter().map(|packet| Encoded::of_packet(place, packet)));
                }
                Output::Stills(_) => {}
            }
        }
        self.held.into_iter().filter_map(Arc::into_inner).for_each(spent);
        Ok(last)
    }
}

impl Output {
    fn encode<F: Finished>(
        &mut self,
        place: usize,
        frame: &Arc<F>,
        pts: i64,
        clocks: &LaneClocks,
    ) -> Result<Vec<Encoded>, Error> {
        match self {
            Self::Alpha(pair) => {
                let frame = Arc::clone(frame);
                let pairs = clocks.encode.time(|| pair.encode(frame, pts, false))?;
                Ok(pairs.into_iter().map(|pair| Encoded::of_pair(place, pair)).collect())
            }
            Self::Opaque(opaque) => {
                let OpaqueOutput { renderer, size, shown, encoder } = &mut **opaque;
                let Rendered { colour, drawn } = match frame.rendered(place) {
                    Some(rendered) => rendered,
                    None => {
                        let shown = shown.get_or_insert_with(|| Opaque::new(*size));
                        clocks.render.time(|| renderer.render(&**frame, shown))?;
                        Rendered { colour: shown.colour(), drawn: shown.activity() }
                    }
                };
                let still = renderer.still();
                let packets = clocks.encode.time(|| encoder.encode(&colour, Some(drawn), still, pts))?;
                Ok(packets.into_iter().map(|packet| Encoded::of_packet(place, packet)).collect())
            }
            Self::Stills(straight) => {
                let colour = clocks.encode.time(|| straight.png(&**frame))?;
                Ok(vec![Encoded { output: place, pts, key: true, colour, alpha: None }])
            }
        }
    }
}
