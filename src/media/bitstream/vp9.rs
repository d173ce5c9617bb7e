//! VP9: the uncompressed header of a frame, read as far as it is asked for, and the frames of a superframe.
//!
//! Bytes may be cut or damaged, and nobody needs all of a header: [`Start`] tells key frames, [`Start::body`] what a frame
//! is kept as and its colour, [`Body::size`] how large it is. So demuxers, NVDEC's queue of pictures and the checks ahead
//! of libvpx each stop where their need ends, and what is behind cannot fail them.
//! Spec: VP9 bitstream 0.6 §6.2, §7.2, annex B.
#![forbid(unsafe_code)]

use crate::frame::{Range, Size};
use crate::media::info::{Chroma, DeclaredColour};

use super::bits::Bits;
use super::header::StreamHeader;

/// `frame_sync_code` (section 7.2.1).
const SYNC_CODE: u64 = 0x49_83_42;
/// `CS_RGB` (table 7-2).
const RGB: u8 = 7;

/// Why a header cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    /// The frame ends inside it.
    Cut,
    /// A field that breaks the specification, and its value.
    Wrong { what: &'static str, got: u64 },
}

/// Depth, colour space and subsampling of a key frame (section 7.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ColourConfig {
    /// Bits per sample: 8, 10 or 12.
    pub depth: u8,
    /// `color_space`: 0 unknown, 1 BT.601, 2 BT.709, 3 SMPTE 170M, 4 SMPTE 240M, 5 BT.2020, 7 RGB.
    pub space: u8,
    /// `color_range`: whether codes span the whole scale.
    pub full_range: bool,
    /// Whether chroma is halved across and down: `[true, true]` is 4:2:0.
    pub subsampled: [bool; 2],
}

/// A header up to `error_resilient_mode`.
pub(crate) struct Start<'a> {
    /// Profile, 0 to 3.
    pub(crate) profile: u8,
    /// The slot whose picture is shown again; nothing else follows then.
    pub(crate) show_existing: Option<u8>,
    /// Whether decoding can start here.
    pub(crate) key: bool,
    /// Whether the frame is shown.
    pub(crate) shown: bool,
    error_resilient: bool,
    bits: Reader<'a>,
}

/// A header up to `refresh_frame_flags`.
pub(crate) struct Body<'a> {
    /// The reference slots that this frame is kept in, a bit each.
    pub(crate) refreshes: u8,
    /// Colour, on key frames.
    pub(crate) colour: Option<ColourConfig>,
    /// Whether it leans on other frames.
    is_inter: bool,
    bits: Reader<'a>,
}

impl<'a> Start<'a> {
    /// Begins to read the header of one frame; of a superframe that is its first.
    pub(crate) fn read(frame: &'a [u8]) -> Result<Self, Broken> {
        let mut bits = Reader(Bits::new(frame));
        bits.expect("frame marker", 2, 2)?;
        let profile = u8::from(bits.flag()?) | u8::from(bits.flag()?) << 1;
        if profile == 3 {
            bits.expect("reserved bit of profile 3", 1, 0)?;
        }
        if bits.flag()? {
            let slot = Some(bits.take(3)? as u8);
            return Ok(Self {
                profile,
                show_existing: slot,
                key: false,
                shown: true,
                error_resilient: false,
                bits,
            });
        }
        let (key, shown, error_resilient) = (!bits.flag()?, bits.flag()?, bits.flag()?);
        Ok(Self { profile, show_existing: None, key, shown, error_resilient, bits })
    }

    /// Reads on; of a frame that is coded, not of one that is only shown again.
    pub(crate) fn body(mut self) -> Result<Body<'a>, Broken> {
        let bits = &mut self.bits;
        if self.key {
            bits.expect("sync code", 24, SYNC_CODE)?;
            let colour = Some(bits.colour_config(self.profile)?);
            return Ok(Body { refreshes: 0xff, colour, is_inter: false, bits: self.bits });
        }
        let intra_only = !self.shown && bits.flag()?;
        if !self.error_resilient {
            bits.take(2)?;
        }
        if intra_only {
            bits.expect("sync code", 24, SYNC_CODE)?;
            if self.profile > 0 {
                bits.colour_config(self.profile)?;
            }
        }
        let refreshes = bits.take(8)? as u8;
        Ok(Body { refreshes, colour: None, is_inter: !intra_only, bits: self.bits })
    }
}

impl Body<'_> {
    /// The frame's size where the header says it; an inter frame may take it from a reference.
    pub(crate) fn size(mut self) -> Result<Option<Size>, Broken> {
        if self.is_inter {
            // Three references of an index and a sign each.
            self.bits.take(3 * 4)?;
            for _ in 0..3 {
                if self.bits.flag()? {
                    return Ok(None);
                }
            }
        }
        let (width, height) = (self.bits.take(16)?, self.bits.take(16)?);
        Ok(Some(Size::new(width as usize + 1, height as usize + 1)))
    }
}

/// Bits whose end is an error.
struct Reader<'a>(Bits<'a>);

impl Reader<'_> {
    fn flag(&mut self) -> Result<bool, Broken> {
        self.0.flag().ok_or(Broken::Cut)
    }

    fn take(&mut self, count: u32) -> Result<u64, Broken> {
        self.0.bits(count).ok_or(Broken::Cut)
    }

    fn expect(&mut self, what: &'static str, count: u32, value: u64) -> Result<(), Broken> {
        let got = self.take(count)?;
        if got == value { Ok(()) } else { Err(Broken::Wrong { what, got }) }
    }

    /// `color_config()`.
    fn colour_config(&mut self, profile: u8) -> Result<ColourConfig, Broken> {
        let depth = match (profile >= 2, profile >= 2 && self.flag()?) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        };
        let space = self.take(3)? as u8;
        let free_subsampling = profile & 1 == 1;
        let (full_range, subsampled) = if space != RGB {
            let full_range = self.flag()?;
            (full_range, if free_subsampling { [self.flag()?, self.flag()?] } else { [true, true] })
        } else if free_subsampling {
            (true, [false, false])
        } else {
            return Err(Broken::Wrong { what: "colour space in a 4:2:0 profile", got: RGB.into() });
        };
        if free_subsampling {
            self.expect("reserved bit of the colour configuration", 1, 0)?;
        }
        Ok(ColourConfig { depth, space, full_range, subsampled })
    }
}

/// A packet of several frames, hidden ones first, by the index at its end (annex B). Sizes are as they were found.
#[derive(Clone, Copy)]
pub(crate) struct Superframe<'a> {
    /// The frames' bytes.
    pub(crate) data: &'a [u8],
    sizes: &'a [u8],
    /// Bytes of a size.
    width: usize,
}

impl<'a> Superframe<'a> {
    /// Looks for the index; without the marker at both ends it is none but the end of a frame.
    pub(crate) fn of(packet: &'a [u8]) -> Option<Self> {
        let marker = *packet.last()?;
        if marker & 0xe0 != 0xc0 {
            return None;
        }
        let (count, width) = (usize::from(marker & 7) + 1, usize::from(marker >> 3 & 3) + 1);
        let (data, index) = packet.split_at_checked(packet.len().checked_sub(2 + count * width)?)?;
        let sizes = index.get(1..1 + count * width)?;
        (index[0] == marker).then_some(Self { data, sizes, width })
    }

    /// Bytes of each frame, 1 to 8 numbers.
    pub(crate) fn sizes(self) -> impl Iterator<Item = usize> + 'a {
        let size = |bytes: &[u8]| bytes.iter().rev().fold(0, |size, &byte| size << 8 | usize::from(byte));
        self.sizes.chunks_exact(self.width).map(size)
    }

    /// The frames, up to the first that reaches beyond the packet.
    pub(crate) fn frames(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.data;
        self.sizes().map_while(move |size| {
            let (frame, behind) = rest.split_at_checked(size)?;
            rest = behind;
            Some(frame)
        })
    }
}

/// Whether a packet is a key frame.
pub(super) fn is_key(packet: &[u8]) -> bool {
    Start::read(packet).is_ok_and(|start| start.key)
}

/// Header of a key frame.
pub(super) fn header(packet: &[u8]) -> Option<StreamHeader> {
    let body = Start::read(packet).ok().filter(|start| start.key)?.body().ok()?;
    let ColourConfig { depth, space, full_range, subsampled: [across, down] } = body.colour?;
    // color_space of VP9 table 7-2 in H.273 MatrixCoefficients.
    let matrix = match space {
        1 => Some(5),
        2 => Some(1),
        3 => Some(6),
        4 => Some(7),
        5 => Some(9),
        7 => Some(0),
        _ => None,
    };
    let range = Some(if full_range { Range::Full } else { Range::Limited });
    let colour = DeclaredColour { matrix, range, primaries: None, transfer: None };
    let chroma = Chroma::from_subsampling(across, down);
    Some(StreamHeader { size: body.size().ok()??, crop: [0; 2], depth, chroma, colour })
}
