//! What a VP9 packet says about itself: its frames, and the uncompressed header of each.
//!
//! Reads bytes from files, so nothing here trusts them. The decoder uses it to refuse huge pictures
//! before libvpx allocates for them; verification uses it to tell key frames by their own word.
//! VP9 bitstream specification 0.6: section 6.2 (uncompressed header), annex B (superframes).
#![forbid(unsafe_code)]

use super::Error;
use crate::frame::Size;

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

/// The uncompressed header of one frame, as far as its colour and size go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameHeader {
    /// Profile, 0 to 3.
    pub profile: u8,
    /// Whether decoding can start here.
    pub key: bool,
    /// Whether the frame is shown; `false` for hidden reference frames.
    pub shown: bool,
    /// Set when this only shows a frame decoded before.
    pub show_existing: bool,
    /// The reference slots that this frame is kept in, a bit each (`refresh_frame_flags`).
    pub refreshes: u8,
    /// The frame's size where the header says it; an inter frame may take it from a reference.
    pub size: Option<Size>,
    /// Colour, on key frames.
    pub colour: Option<ColourConfig>,
}

/// Splits a packet into its frames (annex B): one, unless it ends in a superframe index. The hidden
/// frames of a superframe come first.
///
/// # Errors
/// An empty packet, or an index that does not fit the packet.
pub fn frames(packet: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let have = packet.len();
    let Some(&marker) = packet.last() else {
        return Err(Error::Truncated { what: "nothing", have });
    };
    if marker & 0xe0 != 0xc0 {
        return Ok(vec![packet]);
    }
    let count = usize::from(marker & 7) + 1;
    let bytes = usize::from(marker >> 3 & 3) + 1;
    let index_len = 2 + count * bytes;
    // Without the marker at both ends it is not an index but the end of a frame.
    let Some((mut rest, index)) = have.checked_sub(index_len).and_then(|at| packet.split_at_checked(at))
    else {
        return Ok(vec![packet]);
    };
    if index[0] != marker {
        return Ok(vec![packet]);
    }
    let mut frames = Vec::with_capacity(count);
    for field in index[1..=count * bytes].chunks_exact(bytes) {
        let len = field.iter().rev().fold(0usize, |len, &byte| len << 8 | usize::from(byte));
        if len == 0 {
            return Err(Error::Malformed { what: "frame size in superframe index", got: 0 });
        }
        let (frame, after) =
            rest.split_at_checked(len).ok_or(Error::Truncated { what: "a superframe", have })?;
        frames.push(frame);
        rest = after;
    }
    Ok(frames)
}

/// Reads the uncompressed header of one frame (not of a superframe: see [`frames`]).
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Malformed`].
pub fn parse(frame: &[u8]) -> Result<FrameHeader, Error> {
    let mut bits = Bits { data: frame, at: 0 };
    bits.expect("frame marker", 2, 2)?;
    let (low, high) = (bits.flag()?, bits.flag()?);
    let profile = u8::from(low) | u8::from(high) << 1;
    if profile == 3 {
        bits.expect("reserved bit of profile 3", 1, 0)?;
    }
    let nothing = FrameHeader {
        profile,
        key: false,
        shown: true,
        show_existing: true,
        refreshes: 0,
        size: None,
        colour: None,
    };
    if bits.flag()? {
        return Ok(nothing);
    }
    let key = !bits.flag()?;
    let shown = bits.flag()?;
    let error_resilient = bits.flag()?;
    let header = FrameHeader { key, shown, show_existing: false, ..nothing };
    if key {
        bits.expect("sync code", 24, SYNC_CODE)?;
        let colour = Some(bits.colour_config(profile)?);
        return Ok(FrameHeader { colour, refreshes: 0xff, size: Some(bits.size()?), ..header });
    }
    let intra_only = !shown && bits.flag()?;
    if !error_resilient {
        bits.take(2)?;
    }
    if intra_only {
        bits.expect("sync code", 24, SYNC_CODE)?;
        if profile > 0 {
            bits.colour_config(profile)?;
        }
        let refreshes = bits.take(8)? as u8;
        return Ok(FrameHeader { refreshes, size: Some(bits.size()?), ..header });
    }
    let header = FrameHeader { refreshes: bits.take(8)? as u8, ..header };
    // Three references of an index and a sign each.
    bits.take(3 * 4)?;
    for _ in 0..3 {
        if bits.flag()? {
            return Ok(header);
        }
    }
    Ok(FrameHeader { size: Some(bits.size()?), ..header })
}

/// A whole frame of profile 0 that shows again what is kept in reference `slot`, 0 to 7, and changes
/// nothing: marker 10, profile 00, `show_existing_frame` 1, `frame_to_show_map_idx`.
pub(super) fn show_existing(slot: u32) -> [u8; 1] {
    [0b1000_1000 | slot as u8 & 7]
}

/// `frame_sync_code` (section 7.2.1).
const SYNC_CODE: u64 = 0x49_83_42;

/// Reads bits from the most significant one down.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn flag(&mut self) -> Result<bool, Error> {
        let byte = self.data.get(self.at / 8);
        let byte = byte.ok_or(Error::Truncated { what: "a frame header", have: self.data.len() })?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    fn take(&mut self, count: u32) -> Result<u64, Error> {
        (0..count).try_fold(0, |value, _| Ok(value << 1 | u64::from(self.flag()?)))
    }

    fn expect(&mut self, what: &'static str, count: u32, value: u64) -> Result<(), Error> {
        let got = self.take(count)?;
        if got == value { Ok(()) } else { Err(Error::Malformed { what, got }) }
    }

    /// `frame_size()`: each side less one, 16 bits.
    fn size(&mut self) -> Result<Size, Error> {
        let width = self.take(16)? as usize + 1;
        let height = self.take(16)? as usize + 1;
        Ok(Size::new(width, height))
    }

    /// `color_config()`.
    fn colour_config(&mut self, profile: u8) -> Result<ColourConfig, Error> {
        const RGB: u8 = 7;
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
            return Err(Error::Malformed { what: "colour space in a 4:2:0 profile", got: RGB.into() });
        };
        if free_subsampling {
            self.expect("reserved bit of the colour configuration", 1, 0)?;
        }
        Ok(ColourConfig { depth, space, full_range, subsampled })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_frame_header_by_hand() {
        // marker 10, profile 00, show_existing 0, frame_type 0, show 1, error_resilient 0 | sync code |
        // color_space 010, range 0, width-1 = 0x077f, height-1 = 0x0437, four bits to spare.
        let frame = [0b1000_0010, 0x49, 0x83, 0x42, 0x40, 0x77, 0xf0, 0x43, 0x70];
        let header = parse(&frame).unwrap();
        assert!(header.key && header.shown && !header.show_existing);
        assert_eq!((header.size, header.refreshes), (Some(Size::new(1920, 1080)), 0xff));
        let colour = ColourConfig { depth: 8, space: 2, full_range: false, subsampled: [true, true] };
        assert_eq!(header.colour, Some(colour));
        for cut in 0..frame.len() {
            assert!(matches!(parse(&frame[..cut]), Err(Error::Truncated { .. })), "cut at {cut}");
        }
    }

    #[test]
    fn a_superframe_by_hand() {
        // Two frames of 3 and 1 bytes, sizes in one byte each: marker 110 00 001.
        let packet = [1, 2, 3, 4, 0xc1, 3, 1, 0xc1];
        assert_eq!(frames(&packet).unwrap(), [&[1u8, 2, 3][..], &[4]]);
        // The last byte alone is no index.
        assert_eq!(frames(&[9, 9, 9, 9, 0xc1]).unwrap(), [[9, 9, 9, 9, 0xc1]]);
        assert!(matches!(frames(&[1, 0xc1, 3, 1, 0xc1]), Err(Error::Truncated { .. })));
        assert!(matches!(frames(&[1, 0xc1, 1, 0, 0xc1]), Err(Error::Malformed { .. })));
        assert!(matches!(frames(&[]), Err(Error::Truncated { .. })));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_give_a_header_or_an_error(bytes in proptest::collection::vec(0u8.., 0..64)) {
            for frame in frames(&bytes).unwrap_or_default() {
                let _ = parse(frame);
            }
        }
    }
}
