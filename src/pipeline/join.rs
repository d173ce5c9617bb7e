//! Finished segments into an output: video packets are copied, one at a time, nothing is encoded again; sound
//! is read from the input and goes in between them.
#![forbid(unsafe_code)]

use super::error::{Error, chain};
use super::output::PendingFile;
use super::outputs::OutputKind;
use super::plan::{FilePlan, OutputPlan};
use super::settings::Settings;
use super::stills;
use super::store::{Finished, Store};
use super::timeline::{Rising, end_ms, header, span};
use crate::sound::{Action, Interleave, TrackPlan};
use crate::webm::muxer::{self, Muxer};
use crate::webm::reader::Reader;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// Segments that libvpx encoded in place of our own encoder.
    pub(super) by_libvpx: u64,
    /// Packets of the source that gave no picture.
    pub(super) unseen: u64,
    /// What a user should know of the sound.
    pub(super) notes: Vec<String>,
}

/// The sound of the input on its way into the output.
struct Sound<'a> {
    tracks: Interleave,
    plans: Vec<&'a TrackPlan>,
    ended_early: Vec<String>,
}

impl<'a> Sound<'a> {
    fn open(plan: &'a FilePlan, settings: &Settings) -> Result<Self, Error> {
        let tracks = Interleave::open(&plan.job.input, &plan.sound, span(plan), &settings.decoding())
            .map_err(|source| Error::Sound { path: plan.job.input.clone(), source })?;
        let plans = plan.sound.iter().filter(|track| !matches!(track.action, Action::LeaveOut { .. }));
        Ok(Self { tracks, plans: plans.collect(), ended_early: Vec::new() })
    }

    /// Gives `write` what is due. Damage ends a track, not the file: the pictures are worth hours.
    fn write_until(
        &mut self,
        pts_ms: i64,
        write: &mut dyn FnMut(muxer::AudioFrame) -> Result<(), Error>,
    ) -> Result<(), Error> {
        loop {
            match self.tracks.next_until(pts_ms) {
                Ok(Some(block)) => write(block)?,
                Ok(None) => return Ok(()),
                Err(error) => self.ended_early.push(format!("sound ends early: {}", chain(&error))),
            }
        }
    }

    fn notes(self) -> Vec<String> {
        let mut notes = self.ended_early;
        for (plan, tally) in self.plans.iter().zip(self.tracks.tallies()) {
            let id = plan.track.id;
            if tally.damaged > 0 {
                notes.push(format!("audio {id}: {} packets could not be used", tally.damaged));
            }
            if tally.filled > 0 {
                notes.push(format!("audio {id}: gaps of {} samples were filled with silence", tally.filled));
            }
            if tally.cut > 0 {
                notes.push(format!("audio {id}: {} samples that overlapped were cut", tally.cut));
            }
        }
        notes
    }
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
/// When a segment cannot be read, the output not be written, or there is no frame at all; [`Error::Interrupted`] when
/// `cancel` is set. Finished segments stay, but for one that cannot be read.
pub(super) fn join(
    plan: &FilePlan,
    (output, store): (&OutputPlan, &Store),
    settings: &Settings,
    cancel: &AtomicBool,
) -> Result<Joined, Error> {
    let go_on = || if cancel.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) };
    let path = &output.target.path;
    let finished = store.finished();
    let frames = finished.values().map(|done| done.frames).sum();
    if frames == 0 {
        return Err(Error::NoFrames { path: plan.job.input.clone() });
    }
    let sum = |of: fn(&Finished) -> u64| finished.values().map(of).sum::<u64>();
    let joined = Joined {
        frames,
        end_ms: 0,
        bytes: 0,
        nudged: sum(|done| done.nudged),
        complaints: sum(|done| done.complaints),
        by_libvpx: sum(|done| u64::from(done.by_libvpx)),
        unseen: sum(|done| done.unseen),
        notes: Vec::new(),
    };
    let failed = |source| Error::Output { path: path.clone(), source };
    if output.target.kind == OutputKind::Png {
        let folders: Vec<_> =
            finished.iter().map(|(number, done)| (store.piece(*number), done.frames)).collect();
        let bytes = stills::join(output, &folders).map_err(failed)?;
        // Files have no times.
        return Ok(Joined { bytes, end_ms: end_ms(&plan.video, 0, frames), nudged: 0, ..joined });
    }
    let muxing = |source| Error::Mux { path: path.clone(), source };
    let (pending, file) = PendingFile::create(path).map_err(failed)?;
    let copy = BufWriter::with_capacity(1 << 20, file.try_clone().map_err(failed)?);
    let key_frames = finished.values().map(|done| done.key_frames).sum();
    let mut sound = Sound::open(plan, settings)?;
    let header = header(plan, output, key_frames);
    let mut muxer = Muxer::create_with_audio(copy, &header, &sound.tracks.headers()).map_err(muxing)?;
    let mut rising = Rising::default();
    for (number, done) in finished.iter().filter(|(_, done)| done.frames > 0) {
        let copied = copy_segment(&store.piece(*number), done, &mut rising, &mut |frame| {
            sound.write_until(frame.pts_ms, &mut |block| {
                go_on()?;
                muxer.write_audio(block).map_err(muxing)
            })?;
            go_on()?;
            muxer.write_frame(frame).map_err(muxing)
        });
        if let Err(Error::Segment { .. }) = &copied {
            // What is damaged is no use to the next run: it makes the segment anew.
            let _ = store.forget(*number);
        }
        copied?;
    }
    sound.write_until(i64::MAX, &mut |block| {
        go_on()?;
        muxer.write_audio(block).map_err(muxing)
    })?;
    let end_ms = end_ms(&plan.video, rising.last_ms.unwrap_or(0), frames);
    let buffer = muxer.finish(end_ms).map_err(muxing)?;
    buffer.into_inner().map_err(|e| failed(e.into_error()))?;
    let bytes = file.metadata().map_err(failed)?.len();
    pending.commit(&file).map_err(failed)?;
    let nudged = rising.moved + joined.nudged;
    Ok(Joined { end_ms, bytes, nudged, notes: sound.notes(), ..joined })
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
