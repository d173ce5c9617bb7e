//! From a decoded picture to colour and alpha planes, by the network or by a chroma key.
#![forbid(unsafe_code)]

use super::Error;
use crate::engine::Engine;
use crate::frame::{Composite, Picture, Rect, Size};
use crate::kernels::key::ChromaKey;
use crate::kernels::{compose, sample};
use crate::rvm::StageSize;
use crate::telemetry::LaneClocks;
use crate::tensor::{Coefficients, Tensor};

/// What finds the background of a picture.
pub enum Matte {
    /// A network with the state of one video.
    Network(Network),
    /// A screen of one colour.
    Key(ChromaKey),
}

/// An engine with its buffers.
pub struct Network {
    engine: Box<dyn Engine>,
    stage: sample::Stage,
    small: Tensor,
    coefficients: Coefficients,
}

impl Matte {
    /// Mattes by `engine`; `ratio` is the scale from an eye to the engine's stage.
    pub fn network(engine: Box<dyn Engine>, ratio: f64) -> Self {
        let StageSize { height, width } = engine.stage_size();
        let stage = sample::Stage { ratio, size: Size::new(width, height) };
        let small = Tensor::zeros([engine.eyes(), 3, height, width]);
        Self::Network(Network { engine, stage, small, coefficients: Coefficients::default() })
    }

    /// Forgets the state: what comes next is the first picture of a video.
    pub fn reset(&mut self) {
        match self {
            Self::Network(network) => network.engine.reset(),
            Self::Key(_) => {}
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
        match self {
            Self::Network(Network { engine, stage, small, coefficients }) => {
                clocks.sample.time(|| sample::sample(picture, eyes, stage, small))?;
                clocks.network.time(|| engine.step(small, coefficients))?;
                clocks.compose.time(|| {
                    let matte = compose::Matte::new(coefficients, eyes)?;
                    compose::compose(picture, eyes, &matte, out)
                })?;
            }
            Self::Key(key) => clocks.compose.time(|| compose::compose(picture, eyes, key, out))?,
        }
        Ok(())
    }
}
