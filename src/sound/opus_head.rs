//! The header of an Opus stream and the length of an Opus packet.
//!
//! Pure; input is bytes of any kind. Specs: RFC 7845 §5.1 (little-endian), RFC 6716 §3.1.
#![forbid(unsafe_code)]

const MAGIC: &[u8; 8] = b"OpusHead";

/// OpusHead, the CodecPrivate of A_OPUS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OpusHead {
    pub(super) channels: u8,
    /// Samples at 48 kHz to drop from the start of what is decoded.
    pub(super) pre_skip: u16,
    /// Rate of what was encoded, for information.
    pub(super) rate_hz: u32,
    /// Q7.8 dB.
    pub(super) gain: i16,
    pub(super) family: u8,
    pub(super) streams: u8,
    pub(super) coupled: u8,
    /// Decoded channel of each output channel; family 3 has a matrix here.
    pub(super) mapping: Vec<u8>,
}

impl OpusHead {
    /// Reads a header; `None` where it is none, or contradicts itself.
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        let fixed = data.get(..19).filter(|d| d.starts_with(MAGIC))?;
        let (version, channels, family) = (fixed[8], fixed[9], fixed[18]);
        // The upper half is the major version, 0.
        if version >> 4 != 0 || channels == 0 || (family == 0 && channels > 2) {
            return None;
        }
        let (streams, coupled, mapping) = match family {
            0 => (1, channels - 1, (0..channels).collect()),
            3 => (*data.get(19)?, *data.get(20)?, data.get(21..)?.to_vec()),
            _ => (*data.get(19)?, *data.get(20)?, data.get(21..21 + usize::from(channels))?.to_vec()),
        };
        if streams == 0 || coupled > streams {
            return None;
        }
        Some(Self {
            channels,
            pre_skip: u16::from_le_bytes([fixed[10], fixed[11]]),
            rate_hz: u32::from_le_bytes([fixed[12], fixed[13], fixed[14], fixed[15]]),
            gain: i16::from_le_bytes([fixed[16], fixed[17]]),
            family,
            streams,
            coupled,
            mapping,
        })
    }

    /// The header as bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend([1, self.channels]);
        out.extend(self.pre_skip.to_le_bytes());
        out.extend(self.rate_hz.to_le_bytes());
        out.extend(self.gain.to_le_bytes());
        out.push(self.family);
        if self.family != 0 {
            out.extend([self.streams, self.coupled]);
            out.extend(&self.mapping);
        }
        out
    }
}

/// Samples at 48 kHz that a packet decodes to; `None` where it is malformed.
pub(super) fn packet_samples(packet: &[u8]) -> Option<u32> {
    let &toc = packet.first()?;
    let configuration = toc >> 3;
    let frame = match configuration {
        0..=11 => [480, 960, 1920, 2880][usize::from(configuration & 3)],
        12..=15 => [480, 960][usize::from(configuration & 1)],
        _ => [120, 240, 480, 960][usize::from(configuration & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    // No packet is longer than 120 ms.
    Some(frames * frame).filter(|samples| (1..=5760).contains(samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_go_round() {
        let stereo = b"OpusHead\x01\x02\x38\x01\x80\xBB\0\0\0\0\0";
        let head = OpusHead::parse(stereo).unwrap();
        assert_eq!((head.pre_skip, head.rate_hz, head.streams, head.coupled), (312, 48_000, 1, 1));
        assert_eq!(head.to_bytes(), stereo);
        let six = [&stereo[..9], &[6, 0x38, 1, 0x80, 0xBB, 0, 0, 0, 0, 1, 4, 2, 0, 4, 1, 2, 3, 5]].concat();
        assert_eq!(OpusHead::parse(&six).unwrap().to_bytes(), six);
        for cut in 0..six.len() {
            assert_eq!(OpusHead::parse(&six[..cut]), None);
        }
        assert_eq!(OpusHead::parse(&[&stereo[..18], &[1]].concat()), None);
    }

    #[test]
    fn lengths_by_the_table_of_contents() {
        let samples = |toc: u8, second: u8| packet_samples(&[toc, second]);
        assert_eq!(samples(0, 0), Some(480));
        assert_eq!(samples(3 << 3, 0), Some(2880));
        assert_eq!(samples(13 << 3 | 1, 0), Some(1920));
        assert_eq!(samples(31 << 3, 0), Some(960));
        assert_eq!(samples(16 << 3 | 2, 0), Some(240));
        assert_eq!(samples(31 << 3 | 3, 6), Some(5760));
        assert_eq!(samples(31 << 3 | 3, 7), None);
        assert_eq!(samples(31 << 3 | 3, 0x80), None);
        assert_eq!(packet_samples(&[]), None);
        assert_eq!(packet_samples(&[0xFF]), None);
    }
}
