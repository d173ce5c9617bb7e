//! One segment through a lane, into a file of its own for every output that lacks it.
#![forbid(unsafe_code)]

use super::device::{Found, Gpu};
use super::encoding::{GpuBuffers, outputs};
use super::error::Error;
use super::input::{decode_in_software, feed};
use super::matting::{Models, matte_on_cpu, matte_on_gpu, treatment};
use super::outputs::Looks;
use super::piece::Piece;
use super::plan::segments::Segment;
use super::plan::{Coding, FilePlan, MattePlan};
use super::settings::Settings;
use super::store::Store;
use crate::frame::{Colour, Composite, Light, Rect, Size};
use crate::gpu::nvdec;
use crate::lane::{self, CpuLane, Encoded, GpuLane, GpuMatte, GpuSource, Matte, Span, Totals};
use crate::layout::Edge;
use crate::media::Source;
use crate::telemetry::LaneClocks;
use crate::vp9::PairConfig;
use crate::webm::muxer;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a lane keeps from one segment to the next: memory that takes long to get, pinned memory above all.
pub(super) struct Kit<'a> {
    /// What it was made for.
    shape: Shape,
    gear: Gear<'a>,
}

/// All that a lane's memory depends on: files that agree in it follow each other without any set-up.
#[derive(Clone, PartialEq, Debug)]
struct Shape {
    size: Size,
    colour: Colour,
    eyes: Vec<Rect>,
    edge: Edge,
    matte: MattePlan,
    /// What high dynamic range is mapped by, and its depth.
    mapped: Option<(Colour, Option<Light>, u8)>,
}

impl Shape {
    fn of(plan: &FilePlan) -> Self {
        let FilePlan { video, layout, matte, .. } = plan;
        let eyes = layout.packing.eyes(video.size);
        let edge = layout.projection.edge();
        let mapped = video.mapped_from.map(|given| (given, video.light, video.depth));
        Self { size: video.size, colour: video.colour, eyes, edge, matte: matte.clone(), mapped }
    }
}

enum Gear<'a> {
    Cpu { matte: Matte, frames: Vec<Composite> },
    Gpu { gpu: &'a Gpu, matte: Box<GpuMatte>, buffers: GpuBuffers, spare: Option<nvdec::Spare> },
}

/// One lane, on one device.
pub(super) struct Worker<'a> {
    pub(super) found: &'a Found,
    pub(super) settings: &'a Settings,
    pub(super) models: &'a Models,
    pub(super) looks: &'a Looks,
    /// Held while libvpx encodes what was planned for the native encoder: it needs ten times the memory, so lanes
    /// take turns.
    pub(super) fallback: &'a Mutex<()>,
    pub(super) kit: Option<Kit<'a>>,
}

/// A segment to be done.
pub(super) struct Order<'a> {
    pub(super) plan: &'a FilePlan,
    pub(super) segment: &'a Segment,
    /// Where finished segments of each output lie.
    pub(super) stores: &'a [Arc<Store>],
    /// Threads of each encoder.
    pub(super) threads: usize,
    pub(super) clocks: &'a LaneClocks,
    pub(super) cancel: &'a AtomicBool,
    /// Told of every frame that is written.
    pub(super) written: &'a (dyn Fn() + Sync),
    /// Told of frames that were written for nothing.
    pub(super) lost: &'a (dyn Fn(u64) + Sync),
}

impl<'a> Worker<'a> {
    /// Does a segment for the outputs that lack it: its files are in place and the journals know it.
    ///
    /// # Errors
    /// The first failure of any stage. The worker can go on with another segment.
    pub(super) fn run(&mut self, order: &Order<'_>) -> Result<(), Error> {
        let shape = Shape::of(order.plan);
        let kit = match self.kit.take().filter(|kit| kit.shape == shape) {
            Some(kit) => kit,
            None => order.clocks.open.time(|| self.kit(order))?,
        };
        let written = AtomicU64::new(0);
        let kit = match self.work(kit, order, order.plan.coding, &written) {
            Err(Error::Lane { source: lane::Error::TooMuchDetail, .. }) => {
                // From the segment's first frame on, so that its bytes depend on nothing but the plan.
                (order.lost)(written.into_inner());
                let _turn = self.fallback.lock().unwrap_or_else(PoisonError::into_inner);
                self.work(self.kit(order)?, order, Coding::Libvpx, &AtomicU64::new(0))?
            }
            done => done?,
        };
        self.kit = Some(kit);
        Ok(())
    }

    fn kit(&self, order: &Order<'_>) -> Result<Kit<'a>, Error> {
        let FilePlan { video, layout, matte, job, .. } = order.plan;
        let eyes = layout.packing.eyes(video.size);
        let gear = match (self.found, matte) {
            (Found::Gpu(gpu), MattePlan::Network { model, detail }) => {
                let treatment = treatment(video, layout, self.settings.touch);
                let format = (video.size, video.given_colour());
                let matte = matte_on_gpu(gpu, model, *detail, self.models, format, &eyes, &treatment)?;
                Gear::Gpu { gpu, matte: Box::new(matte), buffers: GpuBuffers::default(), spare: None }
            }
            (_, matte) => {
                let (matrix, sides) = (video.colour.matrix, (&eyes[..], layout.projection.edge()));
                let matte = matte_on_cpu(&job.input, matte, self.models, matrix, sides)?;
                let matte = matte.touched(self.settings.touch);
                Gear::Cpu { matte, frames: Vec::new() }
            }
        };
        Ok(Kit { shape: Shape::of(order.plan), gear })
    }

    fn work(
        &self,
        mut kit: Kit<'a>,
        order: &Order<'_>,
        coding: Coding,
        written: &AtomicU64,
    ) -> Result<Kit<'a>, Error> {
        let Order { plan, segment, stores, clocks, .. } = order;
        let lacking: Vec<usize> =
            (0..plan.outputs.len()).filter(|&output| !stores[output].has(segment.number)).collect();
        let begin = |&output: &usize| Piece::begin(plan, &plan.outputs[output], &stores[output], segment);
        let mut pieces = lacking.iter().map(begin).collect::<Result<Vec<_>, _>>()?;
        let mut at_work = 0;
        let totals = self.lane(&mut kit, order, (&lacking, coding), &mut |encoded| {
            at_work = encoded.output;
            pieces[encoded.output].write(&encoded)?;
            // A frame counts once, however many outputs it goes to.
            if encoded.output == 0 {
                written.fetch_add(1, Ordering::Relaxed);
                (order.written)();
            }
            Ok(())
        });
        let path = &plan.job.input;
        let totals = totals?.map_err(|source| {
            let output = pieces.get(at_work).map_or(path, Piece::path);
            Error::from_lane(source, path, output)
        })?;
        let finish = |piece: Piece<'_>| piece.finish(totals, coding != plan.coding);
        clocks.store.time(|| pieces.into_iter().try_for_each(|piece| finish(piece).map(drop)))?;
        Ok(kit)
    }

    /// Runs the lane for the outputs `places`; an error of the lane itself comes inside.
    fn lane(
        &self,
        kit: &mut Kit<'_>,
        order: &Order<'_>,
        (places, coding): (&[usize], Coding),
        sink: &mut (dyn FnMut(Encoded) -> Result<(), muxer::Error> + Send),
    ) -> Result<Result<Totals, lane::Error>, Error> {
        let Order { plan, segment, clocks, cancel, .. } = *order;
        let (video, path) = (&plan.video, &plan.job.input);
        let Settings { quality, crf, .. } = *self.settings;
        let config = PairConfig {
            size: video.size,
            colour: video.colour,
            quality,
            crf,
            threads: order.threads,
            key_interval: Some(segment.key_interval),
        };
        let made = || outputs(plan, places, &config, self.looks);
        let span = Span { matted_from: segment.matted_from, shown: segment.shown.clone() };
        let source = clocks.open.time(|| open_at(path, segment))?;
        Ok(match &mut kit.gear {
            Gear::Cpu { matte, frames } => {
                matte.reset();
                let eyes = plan.layout.packing.eyes(video.size);
                let threads = (self.settings.stall, order.threads);
                let opened = || decode_in_software(path, source, video.colour, threads);
                let decoder = clocks.open.time(opened)?;
                let outputs = clocks.open.time(made)?;
                CpuLane { decoder, size: video.size, eyes, span, matte, frames, outputs, clocks, cancel }
                    .run(sink)
            }
            Gear::Gpu { gpu, matte, buffers, spare } => {
                matte.reset();
                let coding = clocks.open.time(|| buffers.coding(gpu, coding, &config, made))?;
                let source = clocks.open.time(|| self.on_gpu(gpu, order, source, spare.take()))?;
                let device = Arc::clone(&gpu.device);
                GpuLane { source, device, size: video.size, span, matte, spare, coding, clocks, cancel }
                    .run(sink)
            }
        })
    }

    /// The pictures of `source`, decoded on the GPU if it can; `spare` decoded the segment before.
    fn on_gpu(
        &self,
        gpu: &Gpu,
        order: &Order<'_>,
        source: Source,
        spare: Option<nvdec::Spare>,
    ) -> Result<GpuSource, Error> {
        let (video, path) = (&order.plan.video, &order.plan.job.input);
        let (library, _) = self.found.decode_path(video);
        let Some(library) = library else {
            // Mapping, if any, is the lane's.
            let patience = (self.settings.stall, order.threads);
            let decoder = decode_in_software(path, source, video.given_colour(), patience)?;
            return Ok(GpuSource::Upload { decoder, depth: video.depth });
        };
        let options = nvdec::Options { stall: self.settings.stall, ..nvdec::Options::default() };
        nvdec::Decoder::open_on(spare, &library, &gpu.device, video.into(), feed(source), options)
            .map(GpuSource::Nvdec)
            .map_err(|source| Error::Nvdec { path: path.clone(), source })
    }
}

/// The input, standing where the segment's decoding starts.
fn open_at(path: &Path, segment: &Segment) -> Result<Source, Error> {
    let opening = |source| Error::Open { path: path.to_path_buf(), source };
    let mut source = Source::open(path).map_err(opening)?;
    if let Some(point) = &segment.decode_from {
        source.seek(point).map_err(opening)?;
    }
    Ok(source)
}
