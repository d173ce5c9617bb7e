//! One finished segment of one output in the making: a WebM file, or a folder of PNG files.
#![forbid(unsafe_code)]

use super::error::Error;
use super::output::PendingFile;
use super::outputs::OutputKind;
use super::plan::segments::Segment;
use super::plan::{FilePlan, OutputPlan};
use super::stills::PendingFrames;
use super::store::{Finished, Store};
use super::timeline::{Rising, Timeline, end_ms, header};
use crate::lane::{Encoded, Totals};
use crate::webm::muxer::{self, Muxer};
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

/// A segment that frames are written to.
pub(super) struct Piece<'a> {
    plan: &'a FilePlan,
    store: &'a Store,
    number: u32,
    path: PathBuf,
    timeline: Timeline,
    key_frames: u64,
    form: Form,
}

/// What it lies in.
enum Form {
    WebM { pending: PendingFile, file: File, muxer: Box<Muxer<BufWriter<File>>> },
    Frames(PendingFrames),
}

impl<'a> Piece<'a> {
    /// Begins a segment of an output whose finished segments lie in `store`.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn begin(
        plan: &'a FilePlan,
        output: &OutputPlan,
        store: &'a Store,
        segment: &Segment,
    ) -> Result<Self, Error> {
        let (number, path) = (segment.number, store.piece(segment.number));
        let storing = |source| Error::Store { path: store.folder().to_path_buf(), source };
        let form = if output.target.kind == OutputKind::Png {
            Form::Frames(PendingFrames::create(&path).map_err(storing)?)
        } else {
            let (pending, file) = PendingFile::create(&path).map_err(storing)?;
            let buffer = BufWriter::with_capacity(1 << 20, file.try_clone().map_err(storing)?);
            let key_frames = segment.frames.div_ceil(segment.key_interval.get().into()) + 1;
            let muxer = Muxer::create(buffer, &header(plan, output, key_frames))
                .map_err(|source| Error::Mux { path: path.clone(), source })?;
            Form::WebM { pending, file, muxer: Box::new(muxer) }
        };
        Ok(Self { plan, store, number, path, timeline: Timeline::new(plan), key_frames: 0, form })
    }

    /// The file or folder that it will be.
    pub(super) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Puts a frame behind the others.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&mut self, encoded: &Encoded) -> Result<(), muxer::Error> {
        let pts_ms = self.timeline.ms(encoded.pts);
        match &mut self.form {
            Form::WebM { muxer, .. } => muxer.write_frame(muxer::Frame {
                pts_ms,
                key: encoded.key,
                colour: &encoded.colour,
                alpha: encoded.alpha.as_deref(),
            })?,
            Form::Frames(frames) => frames.write(&encoded.colour).map_err(|source| muxer::Error::Io {
                what: "a PNG file",
                at_byte: 0,
                source,
            })?,
        }
        self.key_frames += u64::from(encoded.key);
        Ok(())
    }

    /// Puts it in place and enters it into the journal. Without a frame there is nothing to be put.
    ///
    /// # Errors
    /// When it cannot be completed, or the journal not be replaced.
    pub(super) fn finish(self, totals: Totals, by_libvpx: bool) -> Result<Finished, Error> {
        let Self { plan, store, number, path, timeline, key_frames, form } = self;
        let storing = |source| Error::Store { path: store.folder().to_path_buf(), source };
        let Rising { last_ms, moved } = timeline.rising();
        let bytes = match (form, last_ms) {
            (_, None) => 0,
            (Form::WebM { pending, file, muxer }, Some(last_ms)) => {
                let end = end_ms(&plan.video, last_ms, totals.frames);
                let buffer = muxer.finish(end).map_err(|source| Error::Mux { path, source })?;
                buffer.into_inner().map_err(|e| storing(e.into_error()))?;
                let bytes = file.metadata().map(|m| m.len()).map_err(storing)?;
                pending.commit(&file).map_err(storing)?;
                bytes
            }
            (Form::Frames(frames), Some(_)) => frames.commit().map_err(storing)?,
        };
        let finished = Finished {
            frames: totals.frames,
            key_frames,
            bytes,
            unseen: totals.unseen,
            complaints: totals.complaints,
            nudged: moved,
            by_libvpx,
        };
        store.finish(number, finished.clone()).map_err(storing)?;
        Ok(finished)
    }
}
