//! Bytes that are no VP9, or no longer: an error each time, and a decoder that still works after.

use proptest::prelude::*;
use vrpipe::frame::Size;
use vrpipe::vp9::{Content, Decoder, Encoder, EncoderConfig, Error, MAX_SIDE};

use crate::scene::{self, COLOUR, encode};

fn packets() -> Vec<Vec<u8>> {
    let size = Size::new(96, 64);
    let pictures: Vec<_> = (0..4).map(|t| scene::frame(size, t).colour).collect();
    let encoder = Encoder::new(EncoderConfig::new(size, Content::Colour(COLOUR))).unwrap();
    encode(encoder, &pictures, &[]).into_iter().map(|packet| packet.data).collect()
}

#[test]
fn packets_cut_at_every_byte_do_no_harm() {
    let packets = packets();
    let mut decoder = Decoder::new(1).unwrap();
    for (i, packet) in packets.iter().enumerate() {
        for cut in 0..packet.len() {
            let _ = decoder.decode(&packet[..cut]);
        }
        assert!(decoder.decode(&packets[0]).unwrap().is_some(), "a key frame after the cuts of packet {i}");
    }
}

#[test]
fn a_stream_that_starts_without_a_key_frame_is_an_error() {
    let packets = packets();
    let error = Decoder::new(1).unwrap().decode(&packets[1]).err().unwrap();
    assert!(matches!(error, Error::Codec { .. }), "{error}");
}

#[test]
fn a_huge_picture_is_refused_before_it_is_allocated() {
    let mut key = packets().swap_remove(0);
    // Behind the sync code, three bits of colour space and one of range come the two sides, less one,
    // of 16 bits each (VP9 specification, section 6.2).
    key[4] |= 0x0f;
    key[5..8].fill(0xff);
    key[8] |= 0xf0;
    let mut decoder = Decoder::new(1).unwrap();
    let error = decoder.decode(&key).err().unwrap();
    assert!(
        matches!(error, Error::Limit { got, max_side: MAX_SIDE } if got == Size::new(65536, 65536)),
        "{error}"
    );
    // The same behind a small frame that says nothing of a second one: libvpx would go on to it.
    let mut hidden = packets().swap_remove(0);
    hidden.extend_from_slice(&key);
    let shown = decoder.decode(&hidden).map(|frame| frame.map(|frame| frame.size));
    assert!(matches!(shown, Ok(Some(size)) if size == Size::new(96, 64)), "{shown:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(0u8.., 0..200)) {
        let _ = Decoder::new(1).unwrap().decode(&bytes);
    }

    #[test]
    fn flipped_bytes_are_decoded_or_refused(flips in prop::collection::vec((0usize..4, 0usize..4000, 1u8..), 1..8)) {
        let mut packets = packets();
        for (packet, at, flip) in flips {
            let len = packets[packet].len();
            packets[packet][at % len] ^= flip;
        }
        let mut decoder = Decoder::new(2).unwrap();
        for packet in &packets {
            // A flip in the size may ask for a large picture, which is within the limit and slow to make.
            if decoder.decode(packet).is_ok_and(|frame| frame.is_some_and(|f| f.size.area() > 1 << 22)) {
                return Ok(());
            }
        }
    }
}
