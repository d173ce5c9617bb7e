//! The elements of EBML and Matroska that this program writes or reads: number, name, kind.
//!
//! An ID is written as it appears in a file, length marker included. Elements that are not listed
//! are skipped as opaque leaves, whatever they hold. Spec: RFC 8794 §11, RFC 9559 §5.1.
#![forbid(unsafe_code)]

/// Number of an element, with its length marker, as in the file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u32);

impl Id {
    /// The bytes of the ID, 1 to 4 of them.
    pub fn bytes(self) -> impl AsRef<[u8]> {
        struct Bytes([u8; 4], usize);
        impl AsRef<[u8]> for Bytes {
            fn as_ref(&self) -> &[u8] {
                &self.0[self.1..]
            }
        }
        Bytes(self.0.to_be_bytes(), (self.0.leading_zeros() / 8).min(3) as usize)
    }

    /// Whether the element is a child of Segment: such an element ends a Cluster of unknown size
    /// (RFC 9559 §5.1, RFC 8794 §6.2).
    pub fn is_top_level(self) -> bool {
        matches!(self, SEEK_HEAD | INFO | TRACKS | CLUSTER | CUES | TAGS | CHAPTERS | ATTACHMENTS)
    }

    /// Whether the element may have an unknown size (unknownsizeallowed in RFC 9559).
    pub fn may_be_unknown_size(self) -> bool {
        matches!(self, SEGMENT | CLUSTER)
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({:X})", self.0),
            None => write!(f, "element {:X}", self.0),
        }
    }
}

impl std::fmt::Debug for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

macro_rules! elements {
    (masters { $($master:ident = $mid:literal $mname:ident,)* } leaves { $($leaf:ident = $lid:literal $lname:ident,)* }) => {
        $(#[doc = concat!("Master element ", stringify!($mname), ".")] pub const $master: Id = Id($mid);)*
        $(#[doc = concat!("Element ", stringify!($lname), ".")] pub const $leaf: Id = Id($lid);)*
        /// Every element listed here.
        pub const ALL: &[Id] = &[$($master,)* $($leaf,)*];

        impl Id {
            /// The element's name in its specification; `None` if it is not listed here.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $($master => Some(stringify!($mname)),)*
                    $($leaf => Some(stringify!($lname)),)*
                    _ => None,
                }
            }

            /// Whether the element is known to hold other elements.
            pub fn is_master(self) -> bool {
                matches!(self, $($master)|*)
            }
        }
    };
}

elements! {
    masters {
        EBML = 0x1A45_DFA3 EBML,
        SEGMENT = 0x1853_8067 Segment,
        SEEK_HEAD = 0x114D_9B74 SeekHead,
        SEEK = 0x4DBB Seek,
        INFO = 0x1549_A966 Info,
        TRACKS = 0x1654_AE6B Tracks,
        TRACK_ENTRY = 0xAE TrackEntry,
        VIDEO = 0xE0 Video,
        COLOUR = 0x55B0 Colour,
        PROJECTION = 0x7670 Projection,
        AUDIO = 0xE1 Audio,
        CLUSTER = 0x1F43_B675 Cluster,
        BLOCK_GROUP = 0xA0 BlockGroup,
        BLOCK_ADDITIONS = 0x75A1 BlockAdditions,
        BLOCK_MORE = 0xA6 BlockMore,
        TAGS = 0x1254_C367 Tags,
        TAG = 0x7373 Tag,
        TARGETS = 0x63C0 Targets,
        SIMPLE_TAG = 0x67C8 SimpleTag,
        EDITION_ENTRY = 0x45B9 EditionEntry,
        CHAPTER_ATOM = 0xB6 ChapterAtom,
        CHAPTER_DISPLAY = 0x80 ChapterDisplay,
        MASTERING_METADATA = 0x55D0 MasteringMetadata,
        CUES = 0x1C53_BB6B Cues,
        CUE_POINT = 0xBB CuePoint,
        CUE_TRACK_POSITIONS = 0xB7 CueTrackPositions,
    }
    leaves {
        VOID = 0xEC Void,
        CRC_32 = 0xBF CRC32,
        EBML_VERSION = 0x4286 EBMLVersion,
        EBML_READ_VERSION = 0x42F7 EBMLReadVersion,
        EBML_MAX_ID_LENGTH = 0x42F2 EBMLMaxIDLength,
        EBML_MAX_SIZE_LENGTH = 0x42F3 EBMLMaxSizeLength,
        DOC_TYPE = 0x4282 DocType,
        DOC_TYPE_VERSION = 0x4287 DocTypeVersion,
        DOC_TYPE_READ_VERSION = 0x4285 DocTypeReadVersion,
        CHAPTERS = 0x1043_A770 Chapters,
        ATTACHMENTS = 0x1941_A469 Attachments,
        SEEK_ID = 0x53AB SeekID,
        SEEK_POSITION = 0x53AC SeekPosition,
        TIMESTAMP_SCALE = 0x2A_D7B1 TimestampScale,
        DURATION = 0x4489 Duration,
        TITLE = 0x7BA9 Title,
        MUXING_APP = 0x4D80 MuxingApp,
        WRITING_APP = 0x5741 WritingApp,
        TRACK_NUMBER = 0xD7 TrackNumber,
        TRACK_UID = 0x73C5 TrackUID,
        TRACK_TYPE = 0x83 TrackType,
        FLAG_DEFAULT = 0x88 FlagDefault,
        FLAG_LACING = 0x9C FlagLacing,
        DEFAULT_DURATION = 0x23_E383 DefaultDuration,
        NAME = 0x536E Name,
        LANGUAGE = 0x22_B59C Language,
        CODEC_DELAY = 0x56AA CodecDelay,
        SEEK_PRE_ROLL = 0x56BB SeekPreRoll,
        SAMPLING_FREQUENCY = 0xB5 SamplingFrequency,
        CHANNELS = 0x9F Channels,
        CODEC_ID = 0x86 CodecID,
        CODEC_PRIVATE = 0x63A2 CodecPrivate,
        MAX_BLOCK_ADDITION_ID = 0x55EE MaxBlockAdditionID,
        CONTENT_ENCODINGS = 0x6D80 ContentEncodings,
        PIXEL_WIDTH = 0xB0 PixelWidth,
        PIXEL_HEIGHT = 0xBA PixelHeight,
        DISPLAY_WIDTH = 0x54B0 DisplayWidth,
        DISPLAY_HEIGHT = 0x54BA DisplayHeight,
        DISPLAY_UNIT = 0x54B2 DisplayUnit,
        FLAG_INTERLACED = 0x9A FlagInterlaced,
        STEREO_MODE = 0x53B8 StereoMode,
        ALPHA_MODE = 0x53C0 AlphaMode,
        MATRIX_COEFFICIENTS = 0x55B1 MatrixCoefficients,
        BITS_PER_CHANNEL = 0x55B2 BitsPerChannel,
        CHROMA_SUBSAMPLING_HORZ = 0x55B3 ChromaSubsamplingHorz,
        CHROMA_SUBSAMPLING_VERT = 0x55B4 ChromaSubsamplingVert,
        RANGE = 0x55B9 Range,
        TRANSFER_CHARACTERISTICS = 0x55BA TransferCharacteristics,
        PRIMARIES = 0x55BB Primaries,
        PROJECTION_TYPE = 0x7671 ProjectionType,
        PROJECTION_PRIVATE = 0x7672 ProjectionPrivate,
        PROJECTION_POSE_YAW = 0x7673 ProjectionPoseYaw,
        PROJECTION_POSE_PITCH = 0x7674 ProjectionPosePitch,
        PROJECTION_POSE_ROLL = 0x7675 ProjectionPoseRoll,
        TIMESTAMP = 0xE7 Timestamp,
        SIMPLE_BLOCK = 0xA3 SimpleBlock,
        BLOCK = 0xA1 Block,
        BLOCK_ADD_ID = 0xEE BlockAddID,
        BLOCK_ADDITIONAL = 0xA5 BlockAdditional,
        BLOCK_DURATION = 0x9B BlockDuration,
        DISCARD_PADDING = 0x75A2 DiscardPadding,
        REFERENCE_BLOCK = 0xFB ReferenceBlock,
        TAG_NAME = 0x45A3 TagName,
        TAG_STRING = 0x4487 TagString,
        CHAPTER_UID = 0x73C4 ChapterUID,
        CHAPTER_TIME_START = 0x91 ChapterTimeStart,
        CHAPTER_TIME_END = 0x92 ChapterTimeEnd,
        CHAP_STRING = 0x85 ChapString,
        CHAP_LANGUAGE = 0x437C ChapLanguage,
        MAX_CLL = 0x55BC MaxCLL,
        MAX_FALL = 0x55BD MaxFALL,
        PRIMARY_R_X = 0x55D1 PrimaryRChromaticityX,
        PRIMARY_R_Y = 0x55D2 PrimaryRChromaticityY,
        PRIMARY_G_X = 0x55D3 PrimaryGChromaticityX,
        PRIMARY_G_Y = 0x55D4 PrimaryGChromaticityY,
        PRIMARY_B_X = 0x55D5 PrimaryBChromaticityX,
        PRIMARY_B_Y = 0x55D6 PrimaryBChromaticityY,
        WHITE_POINT_X = 0x55D7 WhitePointChromaticityX,
        WHITE_POINT_Y = 0x55D8 WhitePointChromaticityY,
        LUMINANCE_MAX = 0x55D9 LuminanceMax,
        LUMINANCE_MIN = 0x55DA LuminanceMin,
        CUE_TIME = 0xB3 CueTime,
        CUE_TRACK = 0xF7 CueTrack,
        CUE_CLUSTER_POSITION = 0xF1 CueClusterPosition,
        CUE_RELATIVE_POSITION = 0xF0 CueRelativePosition,
    }
}
