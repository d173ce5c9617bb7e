//! Finished segments into the output: packets are copied, one at a time, nothing is encoded again.
#![forbid(unsafe_code)]

use super::error::Error;
use super::output::PendingFile;
use super::plan::FilePlan;
use super::store::{Finished, Store};
use super::timeline::{Rising, end_ms, header};
use crate::webm::muxer::{self, Muxer};
use crate::webm::reader::Reader;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// What was joined.
pub(super) struct Joined {
    /// Frames of the output.
    pub(super) frames: u64,
    /// Where its last frame ends.
    pub(super) end_ms: i64,
    /// Its size.
    pub(super) bytes: u64,
    /// Frames moved on by a millisecond.
    pub(super) nudged: u64,
    /// What the decoder complained of.
    pub(super) complaints: u64,
    /// Packets of the source that gave no picture.
    pub(super) unseen: u64,
}

/// A segment's file that is not as it was left.
#[derive(Debug, thiserror::Error)]
#[error("{got} frames are in it, {expected} were put there")]
struct Changed {
    expected: u64,
    got: u64,
}

/// Joins all segments and puts the output in place.
///
/// # Errors
/// When a segment cannot be read, the output not be written, or there is no frame at all.
pub(super) fn join(plan: &FilePlan, store: &Store) -> Result<Joined, Error> {
    let path = &plan.job.output;
    let finished = store.finished();
    let frames = finished.iter().map(|(_, done)| done.frames).sum();
    if frames == 0 {
        return Err(Error::NoFrames { path: plan.job.input.clone() });
    }
    let output = |source| Error::Output { path: path.clone(), source };
    let muxing = |source| Error::Mux { path: path.clone(), source };
    let (pending, file) = PendingFile::create(path).map_err(output)?;
    let copy = BufWriter::with_capacity(1 << 20, file.try_clone().map_err(output)?);
    let key_frames = finished.iter().map(|(_, done)| done.key_frames).sum();
    let mut muxer = Muxer::create(copy, &header(plan, key_frames)).map_err(muxing)?;
    let mut rising = Rising::default();
    for (number, done) in finished.iter().filter(|(_, done)| done.frames > 0) {
        copy_segment(&store.file(*number), done, &mut rising, &mut |frame| {
            muxer.write_frame(frame).map_err(muxing)
        })?;
    }
    let end_ms = end_ms(&plan.video, rising.last_ms.unwrap_or(0), frames);
    let buffer = muxer.finish(end_ms).map_err(muxing)?;
    buffer.into_inner().map_err(|e| output(e.into_error()))?;
    let bytes = file.metadata().map_err(output)?.len();
    pending.commit(&file).map_err(output)?;
    let sum = |of: fn(&Finished) -> u64| finished.iter().map(|(_, done)| of(done)).sum::<u64>();
    Ok(Joined {
        frames,
        end_ms,
        bytes,
        nudged: rising.moved + sum(|done| done.nudged),
        complaints: sum(|done| done.complaints),
        unseen: sum(|done| done.unseen),
    })
}

fn copy_segment(
    path: &Path,
    done: &Finished,
    rising: &mut Rising,
    write: &mut dyn FnMut(muxer::Frame<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Segment {
        path: path.to_path_buf(),
        source,
    };
    let file = File::open(path).map_err(|e| failed(e.into()))?;
    let mut reader = Reader::open(file).map_err(|e| failed(e.into()))?;
    let mut got = 0;
    while let Some(block) = reader.next_block().map_err(|e| failed(e.into()))? {
        write(muxer::Frame {
            pts_ms: rising.after(block.pts_ticks),
            key: block.key,
            colour: &block.data,
            alpha: block.additional.as_deref(),
        })?;
        got += 1;
    }
    if got != done.frames {
        return Err(failed(Changed { expected: done.frames, got }.into()));
    }
    Ok(())
}
