//! Which lane takes a file: NVDEC and kernels, or software decoding with either, and why.
#![forbid(unsafe_code)]

use super::device::{Found, Gpu};
use super::error::Error;
use super::input::{Input, decode_in_software, feed};
use super::matting::{Models, matte_on_cpu, matte_on_gpu};
use super::report::{MatteReport, SourceReport};
use super::settings::{MatteChoice, Settings};
use crate::frame::{Rect, Size};
use crate::gpu::{Device, nvdec};
use crate::lane::{self, CpuLane, GpuLane, GpuMatte, GpuSource, Matte, Totals};
use crate::software::Decoder;
use crate::telemetry::LaneClocks;
use crate::vp9::{EncodedPair, Pair};
use crate::webm::muxer;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Decoder and matte of one file, ready to go.
pub struct Prepared {
    work: Work,
    size: Size,
    eyes: Vec<Rect>,
    shown: Range<i64>,
    /// What was found and decided about the source.
    pub source: SourceReport,
    /// What was decided about the matte.
    pub matte: MatteReport,
}

enum Work {
    Cpu { decoder: Box<dyn Decoder>, matte: Matte },
    Gpu { source: GpuSource, matte: Box<GpuMatte>, device: Arc<Device> },
}

/// Chooses and starts decoder and matte for an input.
///
/// # Errors
/// When there is no decoder for it, no weights, no screen to key, or the device fails.
pub fn prepare(
    path: &Path,
    input: Input,
    settings: &Settings,
    (found, models): (&Found, &Models),
) -> Result<Prepared, Error> {
    let video = input.video.clone();
    let eyes = input.layout.packing.eyes(video.size);
    let mut report = SourceReport {
        container: input.container.clone(),
        codec: video.codec,
        size: video.size,
        depth: video.depth,
        colour: video.colour,
        frames: video.frame_count,
        layout: input.layout.clone(),
        decoder: String::new(),
        decoder_reason: String::new(),
    };
    let shown = input.shown.clone();
    let software = |source| decode_in_software(path, source, settings.stall, settings.threads);
    let (work, matte) = match (found, &settings.matte) {
        (Found::Gpu(gpu), MatteChoice::Network { model, detail }) => {
            let (matte, matte_report) = matte_on_gpu(gpu, model, *detail, models, &video, &eyes)?;
            let source = match gpu.decoder_for(&video) {
                Ok(library) => {
                    report.decoder = "NVDEC".to_owned();
                    report.decoder_reason = format!("on {}", gpu.name);
                    open_nvdec(path, &library, gpu, input, settings)?
                }
                Err(reason) => {
                    let decoder = software(input.source)?;
                    report.decoder = decoder.name().to_owned();
                    report.decoder_reason = format!("on the CPU, uploaded to {}, as {reason}", gpu.name);
                    GpuSource::Upload { decoder, depth: video.depth }
                }
            };
            let device = Arc::clone(&gpu.device);
            (Work::Gpu { source, matte: Box::new(matte), device }, matte_report)
        }
        (found, choice) => {
            let decoder = software(input.source)?;
            report.decoder = decoder.name().to_owned();
            report.decoder_reason = match found {
                Found::Cpu(reason) => format!("on the CPU: {reason}"),
                Found::Gpu(_) => "on the CPU: the chroma key runs there".to_owned(),
            };
            let (matte, matte_report, decoder) =
                matte_on_cpu(path, choice, models, decoder, video.colour.matrix, &eyes)?;
            (Work::Cpu { decoder, matte }, matte_report)
        }
    };
    Ok(Prepared { work, size: video.size, eyes, shown, source: report, matte })
}

fn open_nvdec(
    path: &Path,
    library: &Arc<nvdec::Library>,
    gpu: &Gpu,
    input: Input,
    settings: &Settings,
) -> Result<GpuSource, Error> {
    let info = (&input.video).into();
    let options = nvdec::Options { stall: settings.stall, ..nvdec::Options::default() };
    nvdec::Decoder::open(library, &gpu.device, info, feed(input.source), options)
        .map(GpuSource::Nvdec)
        .map_err(|source| Error::Nvdec { path: path.to_path_buf(), source })
}

impl Prepared {
    /// Runs the lane to the end.
    ///
    /// # Errors
    /// The first failure of any stage.
    pub fn run(
        self,
        pair: Pair,
        clocks: &LaneClocks,
        cancel: &AtomicBool,
        sink: &mut (dyn FnMut(EncodedPair) -> Result<(), muxer::Error> + Send),
    ) -> Result<Totals, lane::Error> {
        let Self { work, size, eyes, shown, .. } = self;
        match work {
            Work::Cpu { decoder, matte } => {
                CpuLane { decoder, size, eyes, shown, matte, pair, clocks, cancel }.run(sink)
            }
            Work::Gpu { source, matte, device } => {
                GpuLane { source, device, size, shown, matte: *matte, pair, clocks, cancel }.run(sink)
            }
        }
    }
}
