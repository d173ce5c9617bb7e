//! Packets in the form that NVDEC's parser takes.
//!
//! H.264 and HEVC: Annex B, parameter sets ahead of the first packet and of each key frame. AV1:
//! low-overhead OBUs, those of av1C ahead of the first packet. VP8, VP9: as they are, a VP9
//! superframe whole.
#![forbid(unsafe_code)]

use crate::media::{AnnexB, config_obus};
use crate::packet::{Codec, Packet};
use crate::units::TimeBase;

use super::{Error, StreamInfo};

/// A converter for one stream.
pub(super) struct Payload {
    annexb: Option<AnnexB>,
    /// Goes ahead of the first packet.
    lead: Vec<u8>,
    first: bool,
    buffer: Vec<u8>,
}

impl Payload {
    /// For packets that `info` describes.
    pub(super) fn new(info: &StreamInfo) -> Result<Self, Error> {
        let annexb = AnnexB::new(info.codec, &info.configuration)?;
        let lead = match info.codec {
            // With the record's own four bytes in front the parser fails with an unknown error.
            Codec::Av1 => config_obus(&info.configuration).to_vec(),
            _ => Vec::new(),
        };
        Ok(Self { annexb, lead, first: true, buffer: Vec::new() })
    }

    /// The packet's bytes for the parser.
    pub(super) fn bytes<'a>(&'a mut self, packet: &'a Packet) -> Result<&'a [u8], Error> {
        let first = std::mem::take(&mut self.first);
        if let Some(annexb) = &self.annexb {
            annexb.convert(&packet.data, packet.key || first, &mut self.buffer)?;
            return Ok(&self.buffer);
        }
        if first && !self.lead.is_empty() {
            self.buffer.clear();
            self.buffer.extend_from_slice(&self.lead);
            self.buffer.extend_from_slice(&packet.data);
            return Ok(&self.buffer);
        }
        Ok(&packet.data)
    }
}

/// Ticks per second for the parser, so that timestamps are in its own unit and nothing is converted.
/// It uses the rate only to invent timestamps, and every packet here has one.
pub(super) fn clock_rate(time_base: TimeBase) -> u32 {
    let seconds = time_base.seconds();
    let rate = seconds.den() / seconds.num();
    u32::try_from(rate).unwrap_or(u32::MAX).max(1)
}
