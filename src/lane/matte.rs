//! From a decoded picture to colour and alpha planes, by the network or by a chroma key.
//!
//! The reference of what the GPU lane does. At the sides of an eye the picture may go round or end at a
//! lens's circle ([`Edge`]): see `maps::pad` and `compose::Lens`.
#![forbid(unsafe_code)]

use super::Error;
use super::touch::{Toned, Touch};
use crate::engine::Engine;
use crate::frame::{Composite, Picture, Rect, Size};
use crate::kernels::compose::{Lens, Shade};
use crate::kernels::key::ChromaKey;
use crate::kernels::maps::{self, Cuts, TouchedMaps};
use crate::kernels::{compose, sample};
use crate::layout::Edge;
use crate::rvm::StageSize;
use crate::telemetry::LaneClocks;
use crate::tensor::{Coefficients, Tensor};

/// What finds the background of a picture.
pub struct Matte {
    finder: Finder,
    edge: Edge,
    touch: Touch,
}

enum Finder {
    Network(Box<Network>),
    Key(ChromaKey),
}

/// An engine with its buffers and the state of one video.
struct Network {
    engine: Box<dyn Engine>,
    stage: sample::Stage,
    /// Columns shown to the engine beyond each side of an eye.
    margin: usize,
    small: Tensor,
    /// `small` with its margins; empty without.
    padded: Tensor,
    coefficients: Coefficients,
    cuts: Cuts,
    touched: TouchedMaps,
}

impl Matte {
    /// Mattes by `engine`; `ratio` is the scale from an eye to the engine's stage.
    pub fn network(engine: Box<dyn Engine>, ratio: f64) -> Self {
        Self::network_at(engine, ratio, Edge::Plain, 0)
    }

    /// As [`Matte::network`], by an engine whose stage is `margin` columns wider than an eye on either side.
    pub fn network_at(engine: Box<dyn Engine>, ratio: f64, edge: Edge, margin: usize) -> Self {
        let StageSize { height, width: padded } = engine.stage_size();
        let width = padded - 2 * margin;
        let stage = sample::Stage { ratio, size: Size::new(width, height) };
        let eyes = engine.eyes();
        let small = Tensor::zeros([eyes, 3, height, width]);
        let padded = if margin > 0 { Tensor::zeros([eyes, 3, height, padded]) } else { Tensor::default() };
        let coefficients = Coefficients::default();
        let (cuts, touched) = (Cuts::default(), TouchedMaps::default());
        let network = Network { engine, stage, margin, small, padded, coefficients, cuts, touched };
        Self { finder: Finder::Network(Box::new(network)), edge, touch: Touch::default() }
    }

    /// Mattes by a key on the colour of a screen.
    pub fn key(key: ChromaKey, edge: Edge) -> Self {
        Self { finder: Finder::Key(key), edge, touch: Touch::default() }
    }

    /// The same with its opacity changed. Maps are the network's: a key knows none to grow or smooth.
    #[must_use]
    pub fn touched(self, touch: Touch) -> Self {
        Self { touch, ..self }
    }

    /// Forgets the state: what comes next is the first picture of a video.
    pub fn reset(&mut self) {
        match &mut self.finder {
            Finder::Network(network) => network.reset(),
            Finder::Key(_) => {}
        }
    }

    /// Fills `out` from `picture`, whose eyes lie at `eyes`, and carries the state on.
    ///
    /// # Errors
    /// When shapes contradict each other or the engine fails.
    pub fn compose(
        &mut self,
        picture: &Picture,
        eyes: &[Rect],
        out: &mut Composite,
        clocks: &LaneClocks,
    ) -> Result<(), Error> {
        let how = (self.edge, self.touch);
        match &mut self.finder {
            Finder::Network(network) => {
                network.step(picture, eyes, &self.touch, clocks)?;
                clocks.compose.time(|| {
                    let matte = compose::Matte::with_margin(&network.coefficients, eyes, network.margin)?;
                    composed(how, picture, eyes, &matte, out)
                })?;
            }
            Finder::Key(key) => clocks.compose.time(|| composed(how, picture, eyes, key, out))?,
        }
        Ok(())
    }
}

impl Network {
    fn reset(&mut self) {
        self.engine.reset();
        self.cuts.reset();
        self.touched.reset();
    }

    /// The coefficients of the next picture. A state of another scene is forgotten first.
    fn step(
        &mut self,
        picture: &Picture,
        eyes: &[Rect],
        touch: &Touch,
        clocks: &LaneClocks,
    ) -> Result<(), Error> {
        let Self { engine, stage, margin, small, padded, coefficients, cuts, touched } = self;
        clocks.sample.time(|| sample::sample(picture, eyes, stage, small))?;
        if cuts.is_cut(small) {
            engine.reset();
            touched.reset();
        }
        if *margin == 0 {
            clocks.network.time(|| engine.step(small, coefficients))?;
        } else {
            maps::pad(small, *margin, padded);
            clocks.network.time(|| engine.step(padded, coefficients))?;
            maps::close_seam(coefficients, *margin);
        }
        let touch = touch.maps();
        if touch.changes_maps() {
            let seen = if *margin == 0 { &*small } else { &*padded };
            touched.apply(&touch, stage.ratio, seen, coefficients);
        }
        Ok(())
    }
}

/// Composes what the sides of an eye let be seen, as opaque as the user wants it.
fn composed<S: Shade>(
    (edge, touch): (Edge, Touch),
    picture: &Picture,
    eyes: &[Rect],
    shade: &S,
    out: &mut Composite,
) -> Result<(), crate::kernels::Error> {
    if touch.changes_pixels() {
        return inside(edge, picture, eyes, &Toned { shade, touch }, out);
    }
    inside(edge, picture, eyes, shade, out)
}

/// Composes what `edge` lets be seen.
fn inside<S: Shade>(
    edge: Edge,
    picture: &Picture,
    eyes: &[Rect],
    shade: &S,
    out: &mut Composite,
) -> Result<(), crate::kernels::Error> {
    match edge {
        Edge::LensCircle => compose::compose(picture, eyes, &Lens::new(shade, eyes), out),
        Edge::Plain | Edge::Wraps => compose::compose(picture, eyes, shade, out),
    }
}
