//! The bits of our own encoder alone: one stream, both, and what the muxer is measured with.
#![forbid(unsafe_code)]

use super::on_cpu::turns;
use super::report::{Resource, StageRow};
use super::scene::Scene;
use super::timing::together;
use crate::pipeline::error::Error;
use crate::vp9::EncodedPair;
use crate::vp9::native::pixels::Frame;
use crate::vp9::native::{Coded, PairWriter};

/// A coded picture of one stream that outlives the buffers it came in.
pub(super) struct CodedPicture(Frame);

impl From<Coded<'_>> for CodedPicture {
    fn from(coded: Coded<'_>) -> Self {
        Self(Frame {
            size: coded.size,
            index: coded.index.to_vec(),
            blocks: coded.blocks.to_vec(),
            levels: coded.levels.to_vec(),
        })
    }
}

fn writer(scene: &Scene, threads: usize) -> Result<PairWriter, Error> {
    PairWriter::new(scene.size, scene.colour, scene.levels(), threads).map_err(|e| Error::GpuLane(e.into()))
}

/// Writing the bits of both streams, on one thread and as the lanes of the machine have them.
pub(super) fn bits(scene: &Scene, coded: &[[CodedPicture; 2]]) -> Result<Vec<StageRow>, Error> {
    let lanes = scene.lanes.count();
    let mut sets = vec![(1, 1), (lanes, 2 * scene.lanes.encoder_threads(lanes))];
    sets.dedup();
    let row = |(workers, threads)| {
        let measured = together(workers, scene.until, &|| {
            let (mut writer, mut at, mut pts) = (writer(scene, threads)?, turns(coded.len()), 0..);
            Ok(Box::new(move || {
                let pts = pts.next().unwrap_or(i64::MAX);
                let streams = coded[at()].each_ref().map(|picture| picture.0.coded());
                writer.write(&streams, false, pts).map_err(|e| Error::GpuLane(e.into()))?;
                Ok(true)
            }))
        })?;
        Ok(measured.row("encode (bits)", Resource::Cpu, workers, threads))
    };
    sets.into_iter().map(row).collect()
}

/// Packets of the coded pictures, the first as a key point.
pub(super) fn packets(scene: &Scene, coded: &[[CodedPicture; 2]]) -> Result<Vec<EncodedPair>, Error> {
    let mut writer = writer(scene, scene.settings.threads)?;
    let mut packet = |(n, pictures): (usize, &[CodedPicture; 2])| {
        let streams = pictures.each_ref().map(|picture| picture.0.coded());
        writer.write(&streams, n == 0, n as i64).map_err(|e| Error::GpuLane(e.into()))
    };
    coded.iter().enumerate().map(&mut packet).collect()
}
