//! What precedes the clusters: EBML header, Info, Tracks, from a [`Header`] given once.
//!
//! Every element is one that WebM allows and that Chromium's strict parser knows; those whose
//! default is wrong here (FlagLacing, Language) are always written.
#![forbid(unsafe_code)]

use super::audio::{self, AudioTrack};
use super::chapters::Chapter;
use super::level::codec_private;
use crate::frame::{Colour, Light, Range, Size};
use crate::layout::{Packing, Pose, Projection};
use crate::webm::ebml::write;
use crate::webm::ids;

/// Number and UID of the video track: constants, so that equal input gives equal bytes.
pub(super) const VIDEO_TRACK: u8 = 1;

/// Ticks of all times in the file: one millisecond, as WebM wants.
const TIMESTAMP_SCALE_NS: u64 = 1_000_000;

/// The video track: VP9, profile 0.
#[derive(Clone, PartialEq, Debug)]
pub struct VideoTrack {
    /// Pixels of a frame, both of colour and of alpha.
    pub size: Size,
    /// Size to show a frame at, where its pixels are not square.
    pub display_size: Option<Size>,
    /// What the colour samples mean. Alpha is full range whatever this says.
    pub colour: Colour,
    /// How bright it was mastered; for HDR.
    pub light: Option<Light>,
    /// How the eyes lie in the frame.
    pub packing: Packing,
    /// How directions lie in an eye, and how it is turned; a projection that Matroska has no word for is left
    /// out.
    pub projection: Option<(Projection, Pose)>,
    /// Nanoseconds from frame to frame, where that is constant.
    pub frame_duration_ns: Option<u64>,
    /// Whether each frame brings an alpha frame along.
    pub alpha: bool,
}

/// What a file is to say about itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Header {
    /// The video.
    pub video: VideoTrack,
    /// Key frames to come, as a guess from above: Cues for so many fit before the clusters (27
    /// bytes each). With more of them Cues go to the end, where SeekHead points.
    pub expected_key_frames: u64,
    /// Title for people.
    pub title: Option<String>,
    /// Name and version of the program that has the file made.
    pub writing_app: String,
    /// Chapters, in the order of their times.
    pub chapters: Vec<Chapter>,
    /// Names and values that hold for the whole file.
    pub tags: Vec<(String, String)>,
}

/// Bytes of the Duration element, for which Info holds a Void until the end is known.
pub(super) const DURATION_BYTES: u64 = 11;

/// Info, and where in it (from its first byte) the place of Duration is.
pub(super) fn info(header: &Header) -> (Vec<u8>, u64) {
    let mut body = Vec::new();
    write::uint(&mut body, ids::TIMESTAMP_SCALE, TIMESTAMP_SCALE_NS);
    let duration_in_body = body.len();
    write::void(&mut body, DURATION_BYTES);
    if let Some(title) = &header.title {
        write::string(&mut body, ids::TITLE, title);
    }
    write::string(&mut body, ids::MUXING_APP, "vrpipe");
    write::string(&mut body, ids::WRITING_APP, &header.writing_app);

    let mut out = Vec::new();
    write::binary(&mut out, ids::INFO, &body);
    let duration_at = out.len() - body.len() + duration_in_body;
    (out, duration_at as u64)
}

/// Tags, nothing when there are none. Ahead of the clusters, so that they are found without reading these.
pub(super) fn tags(tags: &[(String, String)]) -> Vec<u8> {
    let mut out = Vec::new();
    if tags.is_empty() {
        return out;
    }
    write::master(&mut out, ids::TAGS, |out| {
        write::master(out, ids::TAG, |out| {
            // Mandatory; empty it stands for the whole file (RFC 9559 §5.1.8.1.1).
            write::master(out, ids::TARGETS, |_| {});
            for (name, value) in tags {
                write::master(out, ids::SIMPLE_TAG, |out| {
                    write::string(out, ids::TAG_NAME, name);
                    write::string(out, ids::TAG_STRING, value);
                });
            }
        });
    });
    out
}

/// Tracks: the video, then the sound.
pub(super) fn tracks(video: &VideoTrack, sound: &[AudioTrack]) -> Vec<u8> {
    let mut out = Vec::new();
    write::master(&mut out, ids::TRACKS, |out| {
        write::master(out, ids::TRACK_ENTRY, |out| entry(out, video));
        for (index, track) in sound.iter().enumerate() {
            write::master(out, ids::TRACK_ENTRY, |out| track.entry(out, audio::number(index)));
        }
    });
    out
}

fn entry(out: &mut Vec<u8>, video: &VideoTrack) {
    write::uint(out, ids::TRACK_NUMBER, VIDEO_TRACK.into());
    write::uint(out, ids::TRACK_UID, VIDEO_TRACK.into());
    write::uint(out, ids::TRACK_TYPE, 1); // video
    write::uint(out, ids::FLAG_LACING, 0);
    write::string(out, ids::LANGUAGE, "und");
    if let Some(duration) = video.frame_duration_ns {
        write::uint(out, ids::DEFAULT_DURATION, duration);
    }
    write::string(out, ids::CODEC_ID, "V_VP9");
    write::binary(out, ids::CODEC_PRIVATE, &codec_private(video.size, video.frame_duration_ns));
    if video.alpha {
        // Readers of plain Matroska drop additions that this does not announce.
        write::uint(out, ids::MAX_BLOCK_ADDITION_ID, 1);
    }
    write::master(out, ids::VIDEO, |out| {
        write::uint(out, ids::PIXEL_WIDTH, video.size.width as u64);
        write::uint(out, ids::PIXEL_HEIGHT, video.size.height as u64);
        if let Some(size) = video.display_size {
            write::uint(out, ids::DISPLAY_WIDTH, size.width as u64);
            write::uint(out, ids::DISPLAY_HEIGHT, size.height as u64);
        }
        write::uint(out, ids::FLAG_INTERLACED, 2); // progressive
        if video.packing != Packing::Mono {
            write::uint(out, ids::STEREO_MODE, video.packing.to_stereo_mode().into());
        }
        if video.alpha {
            write::uint(out, ids::ALPHA_MODE, 1);
        }
        write::master(out, ids::COLOUR, |out| {
            colour(out, video.colour);
            video.light.iter().for_each(|told| light(out, told));
        });
        if let Some((projection, pose)) = &video.projection
            && let Some((kind, private)) = projection.to_matroska()
        {
            write::master(out, ids::PROJECTION, |out| {
                write::uint(out, ids::PROJECTION_TYPE, kind.into());
                if let Some(private) = private {
                    write::binary(out, ids::PROJECTION_PRIVATE, &private);
                }
                // All three, level or not: Chromium's parser calls an element without one incomplete.
                let angles =
                    [ids::PROJECTION_POSE_YAW, ids::PROJECTION_POSE_PITCH, ids::PROJECTION_POSE_ROLL];
                for (id, degrees) in angles.into_iter().zip(pose.degrees()) {
                    write::float(out, id, degrees);
                }
            });
        }
    });
}

/// Always written: Chromium takes a missing Colour for BT.709, whatever the bitstream says.
fn colour(out: &mut Vec<u8>, colour: Colour) {
    write::uint(out, ids::MATRIX_COEFFICIENTS, colour.matrix.to_h273().into());
    write::uint(out, ids::BITS_PER_CHANNEL, 8);
    write::uint(out, ids::CHROMA_SUBSAMPLING_HORZ, 1);
    write::uint(out, ids::CHROMA_SUBSAMPLING_VERT, 1);
    let range = match colour.range {
        Range::Limited => 1,
        Range::Full => 2,
    };
    write::uint(out, ids::RANGE, range);
    write::uint(out, ids::TRANSFER_CHARACTERISTICS, colour.transfer.into());
    write::uint(out, ids::PRIMARIES, colour.primaries.into());
}

/// Static HDR metadata (RFC 9559 §5.1.4.1.28.36 and what follows there).
fn light(out: &mut Vec<u8>, told: &Light) {
    for (id, nits) in [(ids::MAX_CLL, told.max_cll), (ids::MAX_FALL, told.max_fall)] {
        nits.iter().for_each(|nits| write::uint(out, id, u64::from(*nits)));
    }
    let Some(display) = &told.mastering else { return };
    write::master(out, ids::MASTERING_METADATA, |out| {
        let points = [display.red, display.green, display.blue, display.white];
        let places = [
            [ids::PRIMARY_R_X, ids::PRIMARY_R_Y],
            [ids::PRIMARY_G_X, ids::PRIMARY_G_Y],
            [ids::PRIMARY_B_X, ids::PRIMARY_B_Y],
            [ids::WHITE_POINT_X, ids::WHITE_POINT_Y],
        ];
        for (id, value) in places.into_iter().flatten().zip(points.into_iter().flatten()) {
            write::float(out, id, value);
        }
        write::float(out, ids::LUMINANCE_MAX, display.max_nits);
        write::float(out, ids::LUMINANCE_MIN, display.min_nits);
    });
}
