//! Samples of movie fragments, one moof at a time in file order.
//!
//! Memory: the samples of one fragment. Only the track that is processed is kept, but the others
//! are walked, because a run without a data offset starts where the one before it ended. Spec:
//! ISO/IEC 14496-12 §8.8.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use shiguredo_mp4::boxes::{TfdtBox, TfhdBox, TrexBox, TrunBox};

use crate::media::Error;
use crate::media::input::Input;

use super::boxes::{self, Box};
use super::samples::{Sample, decode};

/// A fragment header describes seconds of video; this is hours of it.
const MAX_MOOF_BYTES: u64 = 64 << 20;
/// Samples of all tracks in one fragment.
const MAX_FRAGMENT_SAMPLES: u64 = 1 << 20;

/// The fragments of a file.
pub(super) struct Fragments {
    track: u32,
    defaults: Vec<TrexBox>,
    /// Where the first box behind moov starts.
    first_box: u64,
    /// Where the next box of the file starts.
    next_box: u64,
    /// Decoding time of the next sample, where a fragment does not say.
    next_time: i64,
    samples: VecDeque<Sample>,
}

impl Fragments {
    /// The fragments of `track` from the box at `next_box` on.
    pub(super) fn new(track: u32, defaults: Vec<TrexBox>, next_box: u64) -> Self {
        Self { track, defaults, first_box: next_box, next_box, next_time: 0, samples: VecDeque::new() }
    }

    /// The next sample, or `None` at the end of the file.
    pub(super) fn next(&mut self, input: &mut Input) -> Result<Option<Sample>, Error> {
        loop {
            if let Some(sample) = self.samples.pop_front() {
                return Ok(Some(sample));
            }
            if !self.read_fragment(input)? {
                return Ok(None);
            }
        }
    }

    /// The samples known so far that [`Fragments::next`] has not given yet.
    pub(super) fn waiting(&self) -> &VecDeque<Sample> {
        &self.samples
    }

    /// Goes back to the first fragment.
    pub(super) fn rewind(&mut self) {
        self.seek(self.first_box, 0);
    }

    /// Goes to the box at `next_box`, with the decoding time that holds if a fragment there names none.
    pub(super) fn seek(&mut self, next_box: u64, time: i64) {
        (self.next_box, self.next_time) = (next_box, time);
        self.samples.clear();
    }

    /// Where the next fragment will be looked for, and its decoding time if it names none.
    pub(super) fn position(&self) -> (u64, i64) {
        (self.next_box, self.next_time)
    }

    /// Takes the samples that [`Fragments::next`] would give before it reads on.
    pub(super) fn take_waiting(&mut self) -> VecDeque<Sample> {
        std::mem::take(&mut self.samples)
    }

    /// Goes to the next moof box and queues its samples; false at the end of the file.
    pub(super) fn read_fragment(&mut self, input: &mut Input) -> Result<bool, Error> {
        loop {
            if self.next_box > input.len() {
                let (what, at_byte) = ("last box", input.len());
                return Err(Error::Truncated { what, at_byte, need: self.next_box - input.len(), have: 0 });
            }
            let Some(found) = boxes::file_box(input, self.next_box)? else { return Ok(false) };
            if &found.kind == b"moof" {
                let bytes = boxes::load(input, found, MAX_MOOF_BYTES, "movie fragment (moof)")?;
                self.next_box = found.end;
                for moof in boxes::children(&bytes, found.at) {
                    self.parse(&moof?)?;
                }
                return Ok(true);
            }
            self.next_box = found.end;
        }
    }

    fn parse(&mut self, moof: &Box<'_>) -> Result<(), Error> {
        // End of the data of the track fragment before, for those without a base of their own.
        let mut data_end = moof.at;
        let mut samples_left = MAX_FRAGMENT_SAMPLES;
        for (index, traf) in
            moof.children().filter(|c| c.as_ref().map_or(true, |c| &c.kind == b"traf")).enumerate()
        {
            let traf = traf?;
            let header: TfhdBox = decode(&traf.need(b"tfhd", "track fragment header (tfhd)")?, "tfhd")?;
            let base = match header.base_data_offset {
                Some(base) => base,
                None if header.default_base_is_moof || index == 0 => moof.at,
                None => data_end,
            };
            data_end = self.parse_track(&traf, &header, base, &mut samples_left)?;
        }
        Ok(())
    }

    /// Reads one traf box; gives the end of its data.
    fn parse_track(
        &mut self,
        traf: &Box<'_>,
        header: &TfhdBox,
        base: u64,
        samples_left: &mut u64,
    ) -> Result<u64, Error> {
        let ours = header.track_id == self.track;
        let defaults = self.defaults.iter().find(|d| d.track_id == header.track_id);
        let default_duration =
            header.default_sample_duration.or(defaults.map(|d| d.default_sample_duration)).unwrap_or(0);
        let default_size =
            header.default_sample_size.or(defaults.map(|d| d.default_sample_size)).unwrap_or(0);
        let default_flags =
            header.default_sample_flags.or(defaults.map(|d| d.default_sample_flags)).map_or(0, |f| f.get());
        if ours && let Some(start) = traf.find(b"tfdt")? {
            let start: TfdtBox = decode(&start, "tfdt")?;
            self.next_time = i64::try_from(start.base_media_decode_time).unwrap_or(i64::MAX);
        }
        let overflow = |at_byte| Error::Malformed {
            what: "track run (trun)",
            at_byte,
            expected: "offsets and times within 64 bits",
            got: "an overflow".to_owned(),
        };
        let mut offset = base;
        for run_box in traf.children() {
            let run_box = run_box?;
            if &run_box.kind != b"trun" {
                continue;
            }
            // Asked before decoding: a run of defaults names any count in 16 bytes.
            let count = u64::from(run_box.u32_at(4)?);
            *samples_left = samples_left.checked_sub(count).ok_or(Error::Limit {
                what: "number of samples in a fragment",
                got: MAX_FRAGMENT_SAMPLES - *samples_left + count,
                max: MAX_FRAGMENT_SAMPLES,
            })?;
            let run: TrunBox = decode(&run_box, "trun")?;
            if let Some(relative) = run.data_offset {
                offset = base.checked_add_signed(relative.into()).ok_or_else(|| overflow(run_box.at))?;
            }
            for (index, sample) in run.samples.iter().enumerate() {
                let size = sample.size.unwrap_or(default_size);
                let duration = sample.duration.unwrap_or(default_duration);
                let first = run.first_sample_flags.filter(|_| index == 0);
                let flags = first.or(sample.flags).map_or(default_flags, |f| f.get());
                if ours {
                    // Signed in version 1, and in practice in version 0, too.
                    let shift = sample.composition_time_offset.unwrap_or(0) as i32;
                    let time = self.next_time.checked_add(shift.into());
                    let time = time.ok_or_else(|| overflow(run_box.at))?;
                    // Bit 16 is sample_is_non_sync_sample.
                    self.samples.push_back(Sample {
                        offset,
                        size,
                        time,
                        duration,
                        key: flags >> 16 & 1 == 0,
                    });
                    let next = self.next_time.checked_add(duration.into());
                    self.next_time = next.ok_or_else(|| overflow(run_box.at))?;
                }
                offset = offset.checked_add(size.into()).ok_or_else(|| overflow(run_box.at))?;
            }
        }
        Ok(offset)
    }
}
