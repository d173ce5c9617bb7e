//! Linear samples to floats; no decoder is needed.
#![forbid(unsafe_code)]

use super::Error;
use super::decode::{Chunk, Decode, sample_at, unreadable};
use crate::media::{AudioSource, PcmFormat};

/// A reader of linear samples.
pub(super) struct Linear {
    source: AudioSource,
    format: PcmFormat,
    channels: usize,
    rate_hz: u32,
    damaged: u64,
}

impl Linear {
    /// The samples of a track that has them in this form.
    pub(super) fn open(source: AudioSource, format: PcmFormat) -> Result<Self, Error> {
        let (channels, rate_hz) = (usize::from(source.track().channels), source.track().rate_hz);
        if channels == 0 {
            return Err(Error::Channels { channels });
        }
        Ok(Self { source, format, channels, rate_hz, damaged: 0 })
    }
}

impl Decode for Linear {
    fn next_chunk(&mut self) -> Result<Option<Chunk>, Error> {
        let Some(packet) = self.source.next_packet().map_err(unreadable(&self.source))? else {
            return Ok(None);
        };
        let frame_bytes = self.format.bytes() * self.channels;
        let whole = packet.data.len() / frame_bytes * frame_bytes;
        if whole != packet.data.len() {
            self.damaged += 1;
        }
        let samples = packet.data[..whole].chunks_exact(self.format.bytes()).map(|b| float(b, self.format));
        let at = packet.pts.map(|pts| sample_at(pts, self.source.timing().time_base, self.rate_hz));
        Ok(Some(Chunk { at, samples: samples.collect() }))
    }

    fn damaged(&self) -> u64 {
        self.damaged
    }
}

/// One sample, full scale to 1.
fn float(bytes: &[u8], format: PcmFormat) -> f32 {
    let most_significant_first =
        |i: usize| if format.big_endian { bytes[i] } else { bytes[bytes.len() - 1 - i] };
    let word = (0..bytes.len()).fold(0u64, |word, i| word << 8 | u64::from(most_significant_first(i)));
    let value = match (format.float, format.bits) {
        (true, 64) => f64::from_bits(word) as f32,
        (true, _) => f32::from_bits(word as u32),
        (false, bits) => {
            // To the top of 64 bits, where the sign of two's complement belongs.
            let flip = if format.unsigned { 1 << 63 } else { 0 };
            let signed = (word << (64 - u32::from(bits)) ^ flip) as i64;
            (signed as f64 / 9_223_372_036_854_775_808.0) as f32
        }
    };
    if value.is_finite() { value } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_every_form() {
        let integer = |bits, big_endian, unsigned| PcmFormat { bits, float: false, big_endian, unsigned };
        assert_eq!(float(&[0x80], integer(8, false, true)), 0.0);
        assert_eq!(float(&[0xC0], integer(8, false, true)), 0.5);
        assert_eq!(float(&[0xC0], integer(8, false, false)), -0.5);
        assert_eq!(float(&[0x00, 0x40], integer(16, false, false)), 0.5);
        assert_eq!(float(&[0x80, 0x00], integer(16, true, false)), -1.0);
        assert_eq!(float(&[0, 0, 0xE0], integer(24, false, false)), -0.25);
        assert_eq!(float(&[0x20, 0, 0, 0], integer(32, true, false)), 0.25);
        let real = |bits, big_endian| PcmFormat { bits, float: true, big_endian, unsigned: false };
        assert_eq!(float(&0.75f32.to_le_bytes(), real(32, false)), 0.75);
        assert_eq!(float(&(-0.5f64).to_be_bytes(), real(64, true)), -0.5);
        assert_eq!(float(&f32::NAN.to_le_bytes(), real(32, false)), 0.0);
    }
}
