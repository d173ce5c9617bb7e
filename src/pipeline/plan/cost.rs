//! What a file costs, roughly: CPU time, bytes of output. For forecasts, never for results.
#![forbid(unsafe_code)]

use super::FilePlan;
use super::lanes::Lanes;
use crate::pipeline::outputs::OutputKind;
use crate::vp9::Quality;

/// The expected cost of a file.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cost {
    /// CPU time of both encoders, and of the network where it runs on the CPU, in seconds.
    pub cpu_seconds: f64,
    /// Bytes of the output.
    pub output_bytes: u64,
}

/// CPU nanoseconds for a pixel of a frame, both encoders, and bytes for a pixel; measured with a person on a
/// third of the picture (docs/encoder.md), and quite different for other pictures.
fn per_pixel(quality: Quality) -> (f64, f64) {
    match quality {
        Quality::Fast => (14.0, 0.004),
        Quality::Balanced => (24.0, 0.004),
        Quality::Best => (140.0, 0.004),
    }
}

/// CPU nanoseconds for a pixel that the network sees, on the CPU: mobilenetv3, 629 ms on two threads for two eyes of
/// 512x512 (README); resnet50 takes five times as long.
const NETWORK_NANOSECONDS: f64 = 2400.0;

/// What one opaque stream takes of the time of two.
const STREAM_SHARE: f64 = 0.6;
/// CPU nanoseconds and bytes for a pixel of a PNG file.
const PNG_NANOSECONDS: f64 = 15.0;
const PNG_BYTES: f64 = 0.7;

impl Cost {
    /// The cost of a file at a quality; nothing where the file does not tell its length.
    pub fn of(plan: &FilePlan, quality: Quality, on_gpu: bool) -> Self {
        let frames = plan.frames.unwrap_or(0) as f64;
        let pixels = plan.video.size.area() as f64 * frames;
        let eyes = plan.layout.packing.eyes(plan.video.size).len();
        let seen = plan.matte_report.stage.filter(|_| !on_gpu).map_or(0, |stage| stage.area() * eyes);
        let (nanoseconds, bytes) = per_pixel(quality);
        let outputs = plan.outputs.iter().map(|output| {
            let share = output.size.area() as f64 / plan.video.size.area().max(1) as f64;
            match output.target.kind {
                OutputKind::Alpha => (nanoseconds, bytes),
                OutputKind::Png => (PNG_NANOSECONDS, PNG_BYTES),
                _ => (share * STREAM_SHARE * nanoseconds, share * bytes),
            }
        });
        let (nanoseconds, bytes) = outputs.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let nanoseconds = pixels * nanoseconds + frames * seen as f64 * NETWORK_NANOSECONDS;
        Self { cpu_seconds: nanoseconds * 1e-9, output_bytes: (pixels * bytes) as u64 }
    }
}

/// Wall time of a run: the CPU is what limits it, and all threads share in the work while there are segments.
pub fn expected_seconds(costs: &[Cost], lanes: &Lanes) -> f64 {
    let threads = lanes.threads.min(2 * lanes.count()).max(1);
    costs.iter().map(|cost| cost.cpu_seconds).sum::<f64>() / threads as f64
}
