//! H.264 and HEVC samples in Annex B form: start codes for length prefixes, with the parameter
//! sets of the configuration record ahead of every key frame.
//!
//! Hardware parsers and `ffmpeg -f h264|hevc` want this form. Every unit of the sample is kept.
//! Spec: ISO/IEC 14496-15 §5.3.2 in, ITU-T H.264 / H.265 Annex B out.
#![forbid(unsafe_code)]

use crate::media::Error;
use crate::packet::Codec;

use super::header::nal_record;
use super::nal;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// A converter for one track.
#[derive(Clone, Debug)]
pub struct AnnexB {
    length_bytes: usize,
    parameter_sets: Vec<u8>,
}

impl AnnexB {
    /// A converter for samples that `configuration` (avcC or hvcC body) describes. `None` when
    /// there is nothing to convert: another codec, or no record, in which case samples are in
    /// Annex B form already.
    ///
    /// # Errors
    /// A record that breaks its syntax.
    pub fn new(codec: Codec, configuration: &[u8]) -> Result<Option<Self>, Error> {
        Ok(nal_record(codec, configuration)?.map(|record| {
            let parameter_sets = record.units.iter().flat_map(|u| [&START_CODE[..], u].concat()).collect();
            Self { length_bytes: record.length_bytes, parameter_sets }
        }))
    }

    /// The record's parameter sets in Annex B form; may be empty when they are in the samples.
    pub fn parameter_sets(&self) -> &[u8] {
        &self.parameter_sets
    }

    /// Writes `sample` over `out`; parameter sets go ahead of it when `key`.
    ///
    /// # Errors
    /// [`Error::Malformed`] when a length leads out of the sample; `at_byte` counts from its start.
    pub fn convert(&self, sample: &[u8], key: bool, out: &mut Vec<u8>) -> Result<(), Error> {
        out.clear();
        out.reserve(sample.len() + if key { self.parameter_sets.len() } else { 0 } + 64);
        if key {
            out.extend_from_slice(&self.parameter_sets);
        }
        for unit in nal::units(sample, self.length_bytes) {
            let unit = unit.map_err(|at| Error::Malformed {
                what: "NAL unit length in a sample",
                at_byte: at as u64,
                expected: "a unit inside the sample",
                got: format!("{} bytes left of {}", sample.len() - at, sample.len()),
            })?;
            // Some muxers pad with empty units; a start code of its own would be no unit at all.
            if !unit.is_empty() {
                out.extend_from_slice(&START_CODE);
                out.extend_from_slice(unit);
            }
        }
        Ok(())
    }
}
