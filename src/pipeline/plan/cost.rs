//! What a file costs, roughly: CPU time, GPU time, bytes of output. For forecasts, never for results.
#![forbid(unsafe_code)]

use super::lanes::Lanes;
use super::{Coding, FilePlan};
use crate::pipeline::outputs::OutputKind;
use crate::vp9::Quality;

/// The expected cost of a file.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Cost {
    /// CPU time of both encoders, and of the network where it runs on the CPU, in seconds.
    pub cpu_seconds: f64,
    /// Time that one GPU takes for it, in seconds; 0 without one.
    pub gpu_seconds: f64,
    /// Bytes of the output.
    pub output_bytes: u64,
}

/// CPU nanoseconds for a pixel of a frame, both encoders, and bytes for a pixel; measured with a person on a
/// third of the picture (docs/encoder.md, docs/native-encoder.md), and quite different for other pictures.
fn per_pixel(coding: Coding, quality: Quality) -> (f64, f64) {
    match (coding, quality) {
        // All CPU time of a whole run on 16 cores, 47 ms a frame of 7680x3840.
        (Coding::Native, _) => (1.6, 0.0059),
        (Coding::Libvpx, Quality::Fast) => (14.0, 0.004),
        (Coding::Libvpx, Quality::Balanced) => (24.0, 0.004),
        (Coding::Libvpx, Quality::Best) => (140.0, 0.004),
    }
}

/// CPU nanoseconds for a pixel that the network sees, on the CPU: mobilenetv3, 629 ms on two threads for two eyes of
/// 512x512 (README); resnet50 takes five times as long.
const NETWORK_NANOSECONDS: f64 = 2400.0;

/// Milliseconds for a frame and nanoseconds for each of its pixels with our own encoder on an H100, whole runs:
/// 246, 557 and 768 frames a second at 7680x3840, 3840x1920 and 1920x1080 (docs/native-encoder.md). With libvpx a
/// GPU does less, and never limits.
const GPU_FRAME_MS: f64 = 1.1;
const GPU_PIXEL_NS: f64 = 0.1;
/// What one opaque stream takes of the time of two.
const STREAM_SHARE: f64 = 0.6;
/// CPU nanoseconds and bytes for a pixel of a PNG file.
const PNG_NANOSECONDS: f64 = 15.0;
const PNG_BYTES: f64 = 0.7;

impl Cost {
    /// What is left of the cost where this share of the frames is done already. The output is as large as ever.
    #[must_use]
    pub fn without(self, share: f64) -> Self {
        let left = 1.0 - share.clamp(0.0, 1.0);
        Self { cpu_seconds: left * self.cpu_seconds, gpu_seconds: left * self.gpu_seconds, ..self }
    }

    /// The cost of a file at a quality; nothing where the file does not tell its length.
    pub fn of(plan: &FilePlan, quality: Quality, on_gpu: bool) -> Self {
        let frames = plan.frames.unwrap_or(0) as f64;
        let pixels = plan.video.size.area() as f64 * frames;
        let eyes = plan.layout.packing.eyes(plan.video.size).len();
        let seen = plan.matte_report.stage.filter(|_| !on_gpu).map_or(0, |stage| stage.area() * eyes);
        let (nanoseconds, bytes) = per_pixel(plan.coding, quality);
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
        let gpu_ms = if on_gpu { frames * GPU_FRAME_MS + pixels * GPU_PIXEL_NS * 1e-6 } else { 0.0 };
        Self {
            cpu_seconds: nanoseconds * 1e-9,
            gpu_seconds: gpu_ms * 1e-3,
            output_bytes: (pixels * bytes) as u64,
        }
    }
}

/// Wall time of a run: all threads and all GPUs share in the work while there are segments, and what takes longer
/// limits.
pub fn expected_seconds(costs: &[Cost], lanes: &Lanes) -> f64 {
    let threads = lanes.threads.min(2 * lanes.count()).max(1);
    let gpus = lanes.per_device.iter().filter(|&&lanes| lanes > 0).count().max(1);
    let sum = |part: fn(&Cost) -> f64| costs.iter().map(part).sum::<f64>();
    let (cpu, gpu) = (sum(|cost| cost.cpu_seconds), sum(|cost| cost.gpu_seconds));
    (cpu / threads as f64).max(gpu / gpus as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_takes_no_time_and_its_room() {
        let cost = Cost { cpu_seconds: 32.0, gpu_seconds: 4.0, output_bytes: 100 };
        assert_eq!(cost.without(0.0), cost);
        assert_eq!(cost.without(0.75), Cost { cpu_seconds: 8.0, gpu_seconds: 1.0, ..cost });
        assert_eq!(cost.without(1.01), Cost { cpu_seconds: 0.0, gpu_seconds: 0.0, ..cost });
    }

    #[test]
    fn what_takes_longer_limits_and_two_gpus_halve_it() {
        let lanes = |per_device: &[usize], threads| Lanes {
            per_device: per_device.to_vec(),
            threads,
            limit: String::new(),
        };
        let cost = |cpu_seconds, gpu_seconds| Cost { cpu_seconds, gpu_seconds, output_bytes: 0 };
        assert_eq!(expected_seconds(&[cost(32.0, 1.0); 2], &lanes(&[8], 16)), 4.0);
        assert_eq!(expected_seconds(&[cost(16.0, 3.0); 2], &lanes(&[8], 16)), 6.0);
        assert_eq!(expected_seconds(&[cost(16.0, 3.0); 2], &lanes(&[8, 8], 32)), 3.0);
        assert_eq!(
            expected_seconds(&[cost(8.0, 0.0)], &lanes(&[1], 16)),
            4.0,
            "a lane keeps two threads busy"
        );
    }
}
