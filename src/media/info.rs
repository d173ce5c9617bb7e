//! What probing a file finds: the container, its tracks, and the video track in detail.
//!
//! Plain values without I/O. Sizes are pixels, times are ticks of the track's own base. What the
//! file states and what is assumed are kept apart ([`DeclaredColour`] against [`Colour`]).
#![forbid(unsafe_code)]

use crate::frame::{Colour, Light, Matrix, Range, Size};
use crate::layout::Statements;
use crate::packet::Codec;
use crate::units::{Rational, TimeBase};

use super::Error;
use super::audio::AudioTrack;

/// A container format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// ISO base media file with one sample table per track.
    Mp4,
    /// ISO base media file in movie fragments.
    FragmentedMp4,
    /// QuickTime.
    Mov,
    /// Matroska.
    Matroska,
    /// WebM.
    WebM,
}

impl std::fmt::Display for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Mp4 => "MP4",
            Self::FragmentedMp4 => "fragmented MP4",
            Self::Mov => "MOV",
            Self::Matroska => "Matroska",
            Self::WebM => "WebM",
        })
    }
}

/// Chroma format of a track.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub enum Chroma {
    /// Luma only.
    #[serde(rename = "4:0:0")]
    Monochrome,
    /// Chroma at half width and half height.
    #[serde(rename = "4:2:0")]
    Yuv420,
    /// Chroma at half width.
    #[serde(rename = "4:2:2")]
    Yuv422,
    /// Chroma at full size.
    #[serde(rename = "4:4:4")]
    Yuv444,
    /// Chroma at half height, or another rare form.
    #[serde(rename = "other")]
    Other,
}

impl Chroma {
    /// The format of an H.264 or HEVC `chroma_format_idc`.
    pub(crate) fn from_idc(idc: u64) -> Self {
        match idc {
            0 => Self::Monochrome,
            1 => Self::Yuv420,
            2 => Self::Yuv422,
            3 => Self::Yuv444,
            _ => Self::Other,
        }
    }

    /// The format of VP9 and AV1 subsampling flags.
    pub(crate) fn from_subsampling(x: bool, y: bool) -> Self {
        match (x, y) {
            (true, true) => Self::Yuv420,
            (true, false) => Self::Yuv422,
            (false, false) => Self::Yuv444,
            (false, true) => Self::Other,
        }
    }
}

impl std::fmt::Display for Chroma {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Monochrome => "4:0:0",
            Self::Yuv420 => "4:2:0",
            Self::Yuv422 => "4:2:2",
            Self::Yuv444 => "4:4:4",
            Self::Other => "an unusual subsampling",
        })
    }
}

/// Colour as a file states it; `None` where it says nothing or "unspecified".
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct DeclaredColour {
    /// H.273 MatrixCoefficients.
    pub matrix: Option<u8>,
    /// Code range.
    pub range: Option<Range>,
    /// H.273 ColourPrimaries.
    pub primaries: Option<u8>,
    /// H.273 TransferCharacteristics.
    pub transfer: Option<u8>,
}

impl DeclaredColour {
    /// From H.273 codes, of which 2 means unspecified.
    pub(crate) fn from_codes(primaries: u8, transfer: u8, matrix: u8, range: Option<Range>) -> Self {
        let stated = |code: u8| (code != 2).then_some(code);
        Self { matrix: stated(matrix), range, primaries: stated(primaries), transfer: stated(transfer) }
    }

    /// Field by field, what `self` leaves open is taken from `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            matrix: self.matrix.or(other.matrix),
            range: self.range.or(other.range),
            primaries: self.primaries.or(other.primaries),
            transfer: self.transfer.or(other.transfer),
        }
    }

    /// The colour to work with, by [`Colour::resolve`].
    ///
    /// # Errors
    /// A stated matrix that this program does not convert.
    pub(crate) fn resolve(self, size: Size) -> Result<Colour, Error> {
        let matrix = match self.matrix {
            None => None,
            Some(code) => Some(Matrix::from_h273(code).ok_or_else(|| Error::Unsupported {
                what: "colour matrix",
                got: format!("H.273 MatrixCoefficients {code} (1, 5, 6 and 9 are read)"),
            })?),
        };
        let (primaries, transfer) = (self.primaries.unwrap_or(2), self.transfer.unwrap_or(2));
        Ok(Colour::resolve(matrix, self.range, primaries, transfer, size))
    }
}

/// The video track that is processed.
#[derive(Clone, Debug, serde::Serialize)]
pub struct VideoTrack {
    /// Track ID (MP4) or track number (Matroska).
    pub id: u64,
    /// The codec.
    pub codec: Codec,
    /// Visible size of the decoded picture: as the bitstream says, else as the container does.
    pub size: Size,
    /// Columns cut off on the left and rows cut off at the top of the coded picture, by the bitstream.
    pub crop: [usize; 2],
    /// Bits per sample: 8 or 10.
    pub depth: u8,
    /// Chroma format, always [`Chroma::Yuv420`] in an opened [`super::Source`].
    pub chroma: Chroma,
    /// Length of a tick of packet timestamps.
    pub time_base: TimeBase,
    /// Packets in the track, where the container counts them (plain MP4 only).
    pub frame_count: Option<u64>,
    /// Duration in ticks, where the container states it.
    pub duration_ticks: Option<i64>,
    /// Average (MP4) or nominal (Matroska) frames per second.
    pub frame_rate: Option<Rational>,
    /// Earliest shown time, in ticks: frames with a smaller timestamp are to be decoded but not
    /// shown (MP4 edit list). 0 unless an edit list delays the track.
    pub shown_from_ticks: i64,
    /// End of what is shown, in ticks (exclusive), where an edit list cuts the end off.
    pub shown_until_ticks: Option<i64>,
    /// Body of avcC, hvcC, av1C or vpcC, or Matroska's CodecPrivate; may be empty.
    #[serde(skip)]
    pub configuration: Vec<u8>,
    /// Colour to work with.
    pub colour: Colour,
    /// The file's own, of high range, where [`VideoTrack::colour`] was set to standard range: pictures are to be
    /// mapped.
    #[serde(skip)]
    pub mapped_from: Option<Colour>,
    /// Colour as stated by container or bitstream.
    pub declared_colour: DeclaredColour,
    /// Static HDR metadata stated by the container.
    pub light: Option<Light>,
    /// Frame packing and projection stated by the container, with the very box or element and its value.
    pub layout: Statements,
    /// Clockwise turn for display, in degrees: 0, 90, 180 or 270.
    pub rotation_degrees: u16,
    /// Width of a pixel over its height, where the container states it.
    pub pixel_aspect: Option<Rational>,
    /// Things found that a person should know of, such as a stereo form that is not processed.
    pub notes: Vec<String>,
}

impl VideoTrack {
    /// Whether pictures are to be mapped from high to standard range.
    pub fn is_mapped_to_sdr(&self) -> bool {
        self.mapped_from.is_some()
    }

    /// Colour of pictures as they are decoded.
    pub fn given_colour(&self) -> Colour {
        self.mapped_from.unwrap_or(self.colour)
    }
}

/// A chapter.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Chapter {
    /// Where it begins, on the timeline of the file.
    pub start_ns: i64,
    /// Where it ends, where that is stated.
    pub end_ns: Option<i64>,
    /// Its title, which may be empty.
    pub title: String,
}

/// What probing found.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Info {
    /// The container.
    pub container: Container,
    /// File size in bytes.
    pub file_bytes: u64,
    /// Duration in seconds, where stated; for printing and estimates only.
    pub duration_s: Option<f64>,
    /// The video track that is processed.
    pub video: VideoTrack,
    /// All audio tracks, in file order.
    pub audio: Vec<AudioTrack>,
    /// Video tracks besides [`Info::video`], and tracks of other kinds; not the track that [`Info::chapters`] are
    /// from.
    pub other_tracks: usize,
    /// Chapters, in file order.
    pub chapters: Vec<Chapter>,
    /// Tags of the whole file, with the names that Matroska has for them.
    pub tags: Vec<(String, String)>,
}
