//! What a file says of an audio track: its codec, its channels, how it names itself.
//!
//! Plain values without I/O. Configurations are in the form of Matroska's CodecPrivate whatever the
//! container was, so that what follows knows one form only. Specs: ISO/IEC 14496-12 §12.2,
//! Matroska codec mappings, RFC 7845 §5.1, Google's spatial audio box (SA3D).
#![forbid(unsafe_code)]

/// Coding of an audio track.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioCodec {
    /// Opus; configured by OpusHead.
    Opus,
    /// Vorbis; configured by its three headers, laced.
    Vorbis,
    /// AAC of any profile; configured by AudioSpecificConfig.
    Aac,
    /// MPEG-1 or -2 layer III.
    Mp3,
    /// FLAC; configured by `fLaC` and its metadata blocks.
    Flac,
    /// Apple Lossless; configured by its cookie.
    Alac,
    /// Linear samples.
    Pcm(PcmFormat),
    /// Anything else; [`AudioTrack::matroska_id`] may say what.
    Other,
}

/// How linear samples lie in a packet, interleaved by channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
pub struct PcmFormat {
    /// Bits of a sample: 8, 16, 24, 32 or 64.
    pub bits: u8,
    /// IEEE floats instead of integers.
    pub float: bool,
    /// Most significant byte first.
    pub big_endian: bool,
    /// Offset binary instead of two's complement.
    pub unsigned: bool,
}

impl PcmFormat {
    /// Bytes of a sample.
    pub fn bytes(self) -> usize {
        usize::from(self.bits / 8)
    }
}

/// Where a loudspeaker stands; the number is its bit in a WAVE channel mask.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize)]
#[repr(u8)]
pub enum Speaker {
    /// Front left.
    FrontLeft = 0,
    /// Front right.
    FrontRight = 1,
    /// Front centre, or the one channel of mono.
    FrontCentre = 2,
    /// Low frequency effects.
    Lfe = 3,
    /// Back left.
    BackLeft = 4,
    /// Back right.
    BackRight = 5,
    /// Left of centre.
    FrontLeftOfCentre = 6,
    /// Right of centre.
    FrontRightOfCentre = 7,
    /// Back centre.
    BackCentre = 8,
    /// Side left.
    SideLeft = 9,
    /// Side right.
    SideRight = 10,
}

impl Speaker {
    /// All of them in mask order.
    pub const ALL: [Self; 11] = [
        Self::FrontLeft,
        Self::FrontRight,
        Self::FrontCentre,
        Self::Lfe,
        Self::BackLeft,
        Self::BackRight,
        Self::FrontLeftOfCentre,
        Self::FrontRightOfCentre,
        Self::BackCentre,
        Self::SideLeft,
        Self::SideRight,
    ];

    /// The loudspeakers of a WAVE channel mask; `None` when it names others too.
    pub fn from_mask(mask: u32) -> Option<Vec<Self>> {
        let known = mask < 1 << Self::ALL.len();
        known.then(|| Self::ALL.into_iter().filter(|s| mask >> (*s as u8) & 1 == 1).collect())
    }

    /// What a WAVE file of so many channels without a mask is taken to have; `None` above 8.
    pub fn usual(channels: usize) -> Option<Vec<Self>> {
        const MASKS: [u32; 8] = [0x4, 0x3, 0x7, 0x33, 0x37, 0x3f, 0x70f, 0x63f];
        Self::from_mask(*MASKS.get(channels.checked_sub(1)?)?)
    }
}

/// What the channels of a track are, in the order in which they are coded.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelLayout {
    /// The container says nothing; the number of channels or the decoder must do.
    #[default]
    Unstated,
    /// One loudspeaker per channel.
    Speakers(Vec<Speaker>),
    /// A sound field, SN3D: for each component in ACN order the channel that holds it.
    Ambisonic(Vec<u8>),
}

/// An audio track as its container describes it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct AudioTrack {
    /// Track ID (MP4) or track number (Matroska).
    pub id: u64,
    /// Name of the codec: "AAC", "Opus", or the four-character code or CodecID itself.
    pub codec: String,
    /// The codec as a type.
    #[serde(skip)]
    pub coding: AudioCodec,
    /// What Matroska calls this coding, where it has a name for it.
    #[serde(skip)]
    pub matroska_id: Option<String>,
    /// Channels; 0 when unknown.
    pub channels: u16,
    /// Samples per second; 0 when unknown.
    pub rate_hz: u32,
    /// What the channels are.
    pub layout: ChannelLayout,
    /// CodecPrivate, see [`AudioCodec`]; may be empty.
    #[serde(skip)]
    pub configuration: Vec<u8>,
    /// ISO 639-2 or BCP 47 code; `None` where the file says nothing or "und".
    pub language: Option<String>,
    /// Name for people.
    pub name: Option<String>,
    /// Whether a player should choose this track unasked.
    pub default: bool,
}

impl AudioTrack {
    /// A track of which nothing is known but its number and what its coding is called.
    pub(super) fn new(id: u64, codec: impl Into<String>) -> Self {
        Self {
            id,
            codec: codec.into(),
            coding: AudioCodec::Other,
            matroska_id: None,
            channels: 0,
            rate_hz: 0,
            layout: ChannelLayout::Unstated,
            configuration: Vec::new(),
            language: None,
            name: None,
            default: true,
        }
    }
}

/// One compressed piece of sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioPacket {
    /// When its first sample is due, in ticks of the track, edits and codec delay taken into
    /// account; may be negative. `None`: right behind the packet before (Matroska lacing).
    pub pts: Option<i64>,
    /// Ticks it lasts, where the container says so.
    pub duration: Option<i64>,
    /// The bytes.
    pub data: Vec<u8>,
    /// Nanoseconds of its end that are padding (Matroska's DiscardPadding).
    pub discard_end_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_usual_layouts_agree_with_the_number_of_channels() {
        for channels in 1..=8 {
            assert_eq!(Speaker::usual(channels).unwrap().len(), channels);
        }
        assert_eq!(Speaker::usual(0), None);
        assert_eq!(Speaker::usual(9), None);
        assert_eq!(Speaker::from_mask(1 << 11), None);
        assert_eq!(Speaker::from_mask(0b1010).unwrap(), [Speaker::FrontRight, Speaker::Lfe]);
        for (bit, speaker) in Speaker::ALL.into_iter().enumerate() {
            assert_eq!(speaker as usize, bit);
        }
    }
}
