//! Files built element by element, for tests.

/// An element with a size of 4 bytes.
pub(super) fn el(id: u32, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let size = (body.len() as u32 | 0x1000_0000).to_be_bytes();
    [&with_id(id)[..], &size, &body].concat()
}

pub(super) fn with_id(id: u32) -> Vec<u8> {
    id.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect()
}

/// An element of unknown size: `live` in the 8-byte form, else in 1 byte.
pub(super) fn open_ended(id: u32, live: bool, parts: &[&[u8]]) -> Vec<u8> {
    let size: &[u8] = if live { &[1, 255, 255, 255, 255, 255, 255, 255] } else { &[255] };
    [&with_id(id)[..], size, &parts.concat()].concat()
}

pub(super) fn ebml(doc_type: &str) -> Vec<u8> {
    el(0x1A45DFA3, &[&el(0x4286, &[&[1]]), &el(0x4282, &[doc_type.as_bytes()])])
}

pub(super) fn info() -> Vec<u8> {
    let scale = 1_000_000u32.to_be_bytes();
    el(
        0x1549A966,
        &[
            &el(0x2AD7B1, &[&scale]),
            &el(0x4489, &[&200f32.to_be_bytes()]),
            &el(0x4D80, &[b"t"]),
            &el(0x5741, &[b"t"]),
        ],
    )
}

/// A Tracks element with one video track; `video` and `entry` hold further elements.
pub(super) fn tracks_element(codec: &str, video: &[u8], entry: &[u8]) -> Vec<u8> {
    let video = el(0xE0, &[&el(0xB0, &[&[16]]), &el(0xBA, &[&[8]]), video]);
    let head =
        [el(0xD7, &[&[1]]), el(0x73C5, &[&[1]]), el(0x83, &[&[1]]), el(0x86, &[codec.as_bytes()])].concat();
    el(0x1654AE6B, &[&el(0xAE, &[&head, &video, entry])])
}

pub(super) fn simple(time: i16, flags: u8, data: &[u8]) -> Vec<u8> {
    el(0xA3, &[&[0x81], &time.to_be_bytes(), &[flags], data])
}

pub(super) fn group(time: i16, data: &[u8]) -> Vec<u8> {
    el(0xA0, &[&el(0xA1, &[&[0x81], &time.to_be_bytes(), &[0], data]), &el(0x9B, &[&[33]])])
}

pub(super) fn cluster(time: u8, blocks: &[&[u8]]) -> Vec<u8> {
    el(0x1F43B675, &[&el(0xE7, &[&[time]]), &blocks.concat()])
}

pub(super) fn file(segment_children: &[&[u8]]) -> Vec<u8> {
    [ebml("webm"), el(0x18538067, segment_children)].concat()
}

pub(super) fn vp8_tracks() -> Vec<u8> {
    tracks_element("V_VP8", &[], &[])
}
