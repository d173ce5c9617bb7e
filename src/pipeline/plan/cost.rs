//! What a file costs, roughly: CPU time of encoding, bytes of output. For forecasts, never for results.
#![forbid(unsafe_code)]

use super::FilePlan;
use super::lanes::Lanes;
use crate::vp9::Quality;

/// The expected cost of a file.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cost {
    /// CPU time of both encoders, in seconds.
    pub encode_seconds: f64,
    /// Bytes of the output.
    pub output_bytes: u64,
}

/// CPU nanoseconds for a pixel of a frame, both encoders, and bytes for a pixel; measured with a person on a
/// third of the picture (docs/encoder.md), and quite different for other pictures.
fn per_pixel(quality: Quality) -> (f64, f64) {
    match quality {
        Quality::Fast => (9.0, 0.012),
        Quality::Balanced => (20.0, 0.010),
        Quality::Best => (60.0, 0.008),
    }
}

impl Cost {
    /// The cost of a file at a quality; nothing where the file does not tell its length.
    pub fn of(plan: &FilePlan, quality: Quality) -> Self {
        let pixels = plan.video.size.area() as f64 * plan.frames.unwrap_or(0) as f64;
        let (nanoseconds, bytes) = per_pixel(quality);
        Self { encode_seconds: pixels * nanoseconds * 1e-9, output_bytes: (pixels * bytes) as u64 }
    }
}

/// Wall time of a run: encoding is what limits it, and all threads share in that while there are segments.
pub fn expected_seconds(costs: &[Cost], lanes: &Lanes) -> f64 {
    let threads = lanes.threads.min(2 * lanes.count()).max(1);
    costs.iter().map(|cost| cost.encode_seconds).sum::<f64>() / threads as f64
}
