//! A decoded picture in host memory: 4:2:0 planes, bit depth and colour description. No I/O.
#![forbid(unsafe_code)]

/// Width and height in pixels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Size {
    /// Pixels per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Size {
    /// Shorthand constructor.
    pub const fn new(width: usize, height: usize) -> Self {
        Self { width, height }
    }

    /// Size of a 4:2:0 chroma plane: halves, rounded up.
    pub const fn chroma(self) -> Self {
        Self { width: self.width.div_ceil(2), height: self.height.div_ceil(2) }
    }

    /// Pixels in the area.
    pub const fn area(self) -> usize {
        self.width * self.height
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

/// A rectangle of whole pixels inside a frame.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Rect {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Extent.
    pub size: Size,
}

/// Luma weights of a YCbCr matrix (ITU-T H.273, table 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Matrix {
    /// H.273 code 5 or 6; Kr 0.299, Kb 0.114.
    Bt601,
    /// H.273 code 1; Kr 0.2126, Kb 0.0722.
    Bt709,
    /// H.273 code 9; Kr 0.2627, Kb 0.0593.
    Bt2020,
}

impl Matrix {
    /// `(Kr, Kb)` of H.273 table 4.
    pub const fn luma_weights(self) -> (f64, f64) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
        }
    }

    /// The matrix of an H.273 code; `None` for codes this program does not convert.
    pub const fn from_h273(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Bt709),
            5 | 6 => Some(Self::Bt601),
            9 => Some(Self::Bt2020),
            _ => None,
        }
    }

    /// The H.273 code written to files.
    pub const fn to_h273(self) -> u8 {
        match self {
            Self::Bt601 => 6,
            Self::Bt709 => 1,
            Self::Bt2020 => 9,
        }
    }
}

/// Whether codes span the whole scale or leave head and foot room (H.273 VideoFullRangeFlag).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Range {
    /// Luma 16..235, chroma 16..240 at 8 bits.
    Limited,
    /// 0..255 at 8 bits.
    Full,
}

/// How the samples of a picture mean colour.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct Colour {
    /// YCbCr matrix, never unknown: see [`Colour::resolve`].
    pub matrix: Matrix,
    /// Code range.
    pub range: Range,
    /// H.273 ColourPrimaries code (2: unspecified), carried through untouched.
    pub primaries: u8,
    /// H.273 TransferCharacteristics code (2: unspecified), carried through untouched.
    pub transfer: u8,
}

impl Colour {
    /// H.273 TransferCharacteristics of SMPTE ST 2084 (PQ) and ARIB STD-B67 (HLG).
    pub const PQ: u8 = 16;
    /// See [`Colour::PQ`].
    pub const HLG: u8 = 18;

    /// Whether codes stand for high dynamic range.
    pub fn is_hdr(self) -> bool {
        matches!(self.transfer, Self::PQ | Self::HLG)
    }

    /// Fills in what a file leaves open. A missing matrix is BT.709 from 720 rows up and BT.601
    /// below, as players assume; a missing range is limited.
    pub fn resolve(
        matrix: Option<Matrix>,
        range: Option<Range>,
        primaries: u8,
        transfer: u8,
        size: Size,
    ) -> Self {
        let guess = if size.height >= 720 || size.width >= 1280 { Matrix::Bt709 } else { Matrix::Bt601 };
        Self { matrix: matrix.unwrap_or(guess), range: range.unwrap_or(Range::Limited), primaries, transfer }
    }
}

/// The display that an HDR video was mastered on (SMPTE ST 2086): chromaticities x and y, luminance in cd/m².
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct MasteringDisplay {
    /// Red primary.
    pub red: [f64; 2],
    /// Green primary.
    pub green: [f64; 2],
    /// Blue primary.
    pub blue: [f64; 2],
    /// White point.
    pub white: [f64; 2],
    /// Brightest.
    pub max_nits: f64,
    /// Darkest.
    pub min_nits: f64,
}

/// Static metadata of an HDR video.
#[derive(Clone, Copy, PartialEq, Debug, Default, serde::Serialize)]
pub struct Light {
    /// The mastering display.
    pub mastering: Option<MasteringDisplay>,
    /// Brightest pixel, in cd/m² (CTA-861.3 MaxCLL).
    pub max_cll: Option<u32>,
    /// Brightest frame in the mean, in cd/m² (MaxFALL).
    pub max_fall: Option<u32>,
}

/// One sample of a plane: `u8` for 8-bit video, `u16` (value in the low bits) for 9 to 16 bits.
pub trait Sample: Copy + Default + Send + Sync + 'static {
    /// The code value.
    fn code(self) -> u16;
    /// The sample with this code value; codes beyond the type saturate.
    fn from_code(code: u16) -> Self;
}

impl Sample for u8 {
    fn code(self) -> u16 {
        u16::from(self)
    }
    fn from_code(code: u16) -> Self {
        code.min(255) as u8
    }
}

impl Sample for u16 {
    fn code(self) -> u16 {
        self
    }
    fn from_code(code: u16) -> Self {
        code
    }
}

/// A plane of samples with its own stride.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plane<T> {
    /// Visible extent.
    pub size: Size,
    /// Elements from one row to the next, at least `size.width`.
    pub stride: usize,
    /// At least `stride * height` elements (the last row may stop at its width).
    pub data: Vec<T>,
}

impl<T: Sample> Plane<T> {
    /// A tightly packed plane of default samples.
    pub fn new(size: Size) -> Self {
        Self { size, stride: size.width, data: vec![T::default(); size.area()] }
    }

    /// A tightly packed plane filled with `value`.
    pub fn filled(size: Size, value: T) -> Self {
        Self { size, stride: size.width, data: vec![value; size.area()] }
    }

    /// Row `y`, exactly `size.width` samples.
    pub fn row(&self, y: usize) -> &[T] {
        &self.data[y * self.stride..y * self.stride + self.size.width]
    }

    /// Mutable form of [`Plane::row`].
    pub fn row_mut(&mut self, y: usize) -> &mut [T] {
        &mut self.data[y * self.stride..y * self.stride + self.size.width]
    }
}

/// The three planes of a 4:2:0 picture; chroma planes have size [`Size::chroma`] of luma's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yuv420<T> {
    /// Luma, full size.
    pub y: Plane<T>,
    /// Cb, half size.
    pub u: Plane<T>,
    /// Cr, half size.
    pub v: Plane<T>,
}

impl<T: Sample> Yuv420<T> {
    /// Tightly packed planes of default samples.
    pub fn new(size: Size) -> Self {
        Self { y: Plane::new(size), u: Plane::new(size.chroma()), v: Plane::new(size.chroma()) }
    }
}

/// Samples of a picture by storage type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Samples {
    /// 8-bit video.
    Eight(Yuv420<u8>),
    /// Video of 9 to 16 bits, code value in the low bits.
    Sixteen(Yuv420<u16>),
}

/// A decoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Presentation time in ticks of the source's time base.
    pub pts: i64,
    /// Visible size; the planes have exactly this size.
    pub size: Size,
    /// Bits per sample: 8 with [`Samples::Eight`], 9..=16 with [`Samples::Sixteen`].
    pub depth: u8,
    /// Colour description.
    pub colour: Colour,
    /// The planes.
    pub samples: Samples,
}

/// A composed picture: what the two encoders are given. All planes 8-bit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composite {
    /// Colour, constant where nothing is visible nearby.
    pub colour: Yuv420<u8>,
    /// Matte, 0 transparent to 255 opaque, full range, luma size.
    pub alpha: Plane<u8>,
    /// One byte per 16x16 block, row by row, `ceil(w/16) x ceil(h/16)`: 1 where the block is not
    /// wholly constant in this frame.
    pub activity: Plane<u8>,
}

impl Composite {
    /// Side of the blocks of the activity map, in pixels: a VP9 active map counts in these.
    pub const BLOCK: usize = 16;

    /// Buffers for frames of `size`.
    pub fn new(size: Size) -> Self {
        let blocks = Size::new(size.width.div_ceil(Self::BLOCK), size.height.div_ceil(Self::BLOCK));
        Self { colour: Yuv420::new(size), alpha: Plane::new(size), activity: Plane::new(blocks) }
    }
}
