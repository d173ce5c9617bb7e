//! The sample table of a track that is not fragmented.
//!
//! Input: the stbl box; output: any sample's place, time and key flag, looked up in the run-length
//! tables. Memory: about 12 bytes per sample. Spec: ISO/IEC 14496-12 §8.6, §8.7.
#![forbid(unsafe_code)]

use std::num::NonZeroU32;

use shiguredo_mp4::aux::SampleTableAccessor;
use shiguredo_mp4::boxes::{
    Co64Box, CttsBox, SampleEntry, StblBox, StcoBox, StscBox, StsdBox, StssBox, StszBox, SttsBox, UnknownBox,
};
use shiguredo_mp4::{BoxSize, BoxType, Decode, Either};

use crate::media::Error;

use super::boxes::Box;

/// 77 hours at 60 frames a second.
const MAX_SAMPLES: u64 = 1 << 24;

/// One sample: where it lies and when it is shown, before edits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sample {
    pub(super) offset: u64,
    pub(super) size: u32,
    /// Composition time in ticks of the track.
    pub(super) time: i64,
    /// Duration by the decoding times.
    pub(super) duration: u32,
    pub(super) key: bool,
}

/// Decodes one box with the crate.
pub(super) fn decode<T: Decode>(source: &Box<'_>, name: &'static str) -> Result<T, Error> {
    T::decode(source.bytes).map(|(decoded, _)| decoded).map_err(|source_error| Error::Mp4 {
        name,
        at_byte: source.at,
        source: source_error,
    })
}

/// The sample table.
pub(super) struct SampleTable(SampleTableAccessor<StblBox>);

impl SampleTable {
    /// Reads and checks the tables of an stbl box.
    pub(super) fn parse(stbl: &Box<'_>) -> Result<Self, Error> {
        if let Some(compact) = stbl.find(b"stz2")? {
            let got = format!("compact sample sizes (stz2 at byte {})", compact.at);
            return Err(Error::Unsupported { what: "MP4 feature", got });
        }
        let mut stsc_box: StscBox = decode(&stbl.need(b"stsc", "sample-to-chunk table (stsc)")?, "stsc")?;
        one_description(&mut stsc_box)?;
        let stco_or_co64_box = match stbl.find(b"co64")? {
            Some(table) => Either::B(decode::<Co64Box>(&table, "co64")?),
            None => {
                Either::A(decode::<StcoBox>(&stbl.need(b"stco", "chunk offsets (stco or co64)")?, "stco")?)
            }
        };
        let mut ctts_box = stbl.find(b"ctts")?.map(|table| decode::<CttsBox>(&table, "ctts")).transpose()?;
        for entry in ctts_box.iter_mut().flat_map(|table| &mut table.entries) {
            // Version 0 is unsigned by the letter, yet muxers write negative offsets into it.
            entry.sample_offset = i64::from(entry.sample_offset as i32);
        }
        let stsz_box: StszBox = decode(&stbl.need(b"stsz", "sample sizes (stsz)")?, "stsz")?;
        let count = match &stsz_box {
            StszBox::Fixed { sample_count, .. } => u64::from(*sample_count),
            StszBox::Variable { entry_sizes } => entry_sizes.len() as u64,
        };
        if count > MAX_SAMPLES {
            return Err(Error::Limit { what: "number of samples", got: count, max: MAX_SAMPLES });
        }
        let table = StblBox {
            stsd_box: StsdBox { entries: vec![placeholder()] },
            stts_box: decode::<SttsBox>(&stbl.need(b"stts", "decoding times (stts)")?, "stts")?,
            ctts_box,
            cslg_box: None,
            stsc_box,
            stsz_box,
            stco_or_co64_box,
            stss_box: stbl.find(b"stss")?.map(|table| decode::<StssBox>(&table, "stss")).transpose()?,
            sdtp_box: None,
            unknown_boxes: Vec::new(),
        };
        SampleTableAccessor::new(table).map(Self).map_err(|source| Error::SampleTable { source })
    }

    /// Number of samples.
    pub(super) fn len(&self) -> u32 {
        self.0.sample_count()
    }

    /// Sample `index`, counted from 0.
    pub(super) fn get(&self, index: u32) -> Option<Sample> {
        let sample = self.0.get_sample(NonZeroU32::new(index.checked_add(1)?)?)?;
        let time = i64::try_from(sample.timestamp()).ok()?;
        Some(Sample {
            offset: sample.data_offset(),
            size: sample.data_size(),
            time: time.checked_add(sample.composition_time_offset().unwrap_or(0))?,
            duration: sample.duration(),
            key: sample.is_sync_sample(),
        })
    }

    /// Ticks from the first decoding time to the end of the last sample, and the latest end of a
    /// sample's showing.
    pub(super) fn durations(&self) -> (u64, i64) {
        let total = self.0.samples().last().map_or(0, |s| s.timestamp() + u64::from(s.duration()));
        let ends =
            (0..self.len()).filter_map(|i| self.get(i)).map(|s| s.time.saturating_add(s.duration.into()));
        (total, ends.max().unwrap_or(0))
    }
}

/// Makes every chunk refer to the one sample entry that was read.
fn one_description(table: &mut StscBox) -> Result<(), Error> {
    let first = table.entries.first().map(|e| e.sample_description_index);
    for entry in &mut table.entries {
        if Some(entry.sample_description_index) != first || entry.sample_description_index.get() != 1 {
            let got = format!("sample description {} in use", entry.sample_description_index);
            return Err(Error::Unsupported { what: "change of coding within a track", got });
        }
    }
    Ok(())
}

/// Stands in for the sample entry, which [`super::entry`] reads; the accessor only counts them.
fn placeholder() -> SampleEntry {
    let box_type = BoxType::Normal(*b"none");
    SampleEntry::Unknown(UnknownBox { box_type, box_size: BoxSize::VARIABLE_SIZE, payload: Vec::new() })
}
