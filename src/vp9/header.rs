//! What a VP9 packet says about itself: its frames, and the uncompressed header of each.
//!
//! Reads bytes from files, so nothing here trusts them. The decoder uses it to refuse huge pictures
//! before libvpx allocates for them; verification uses it to tell key frames by their own word.
//! VP9 bitstream specification 0.6: section 6.2 (uncompressed header), annex B (superframes).
#![forbid(unsafe_code)]

use super::Error;
use crate::frame::Size;
pub use crate::media::vp9::ColourConfig;
use crate::media::vp9::{Broken, Start, Superframe};

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
    if packet.is_empty() {
        return Err(Error::Truncated { what: "nothing", have });
    }
    let Some(index) = Superframe::of(packet) else { return Ok(vec![packet]) };
    if index.sizes().any(|size| size == 0) {
        return Err(Error::Malformed { what: "frame size in superframe index", got: 0 });
    }
    let frames: Vec<&[u8]> = index.frames().collect();
    if frames.len() < index.sizes().count() {
        return Err(Error::Truncated { what: "a superframe", have });
    }
    Ok(frames)
}

/// Reads the uncompressed header of one frame (not of a superframe: see [`frames`]).
///
/// # Errors
/// [`Error::Truncated`] or [`Error::Malformed`].
pub fn parse(frame: &[u8]) -> Result<FrameHeader, Error> {
    read(frame).map_err(|broken| match broken {
        Broken::Cut => Error::Truncated { what: "a frame header", have: frame.len() },
        Broken::Wrong { what, got } => Error::Malformed { what, got },
    })
}

fn read(frame: &[u8]) -> Result<FrameHeader, Broken> {
    let start = Start::read(frame)?;
    let Start { profile, key, shown, show_existing, .. } = start;
    let show_existing = show_existing.is_some();
    let header = FrameHeader { profile, key, shown, show_existing, refreshes: 0, size: None, colour: None };
    if show_existing {
        return Ok(header);
    }
    let body = start.body()?;
    Ok(FrameHeader { refreshes: body.refreshes, colour: body.colour, size: body.size()?, ..header })
}

/// A whole frame of profile 0 that shows again what is kept in reference `slot`, 0 to 7, and changes
/// nothing: marker 10, profile 00, `show_existing_frame` 1, `frame_to_show_map_idx`.
pub(super) fn show_existing(slot: u32) -> [u8; 1] {
    [0b1000_1000 | slot as u8 & 7]
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
