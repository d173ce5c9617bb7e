//! The little of AV1's unit layer (spec 5.3) that is needed before decoding: is there a sequence
//! header, and which bytes of `av1C` hold one.
#![forbid(unsafe_code)]

/// obu_type of a sequence header (spec 6.2.2).
const SEQUENCE_HEADER: u8 = 1;

/// Whether one of the units in `data` is a sequence header. Units that do not parse end the
/// search: the decoder will say what is wrong with them.
pub(super) fn has_sequence_header(mut data: &[u8]) -> bool {
    while let [header, rest @ ..] = data {
        if header & 0x80 != 0 {
            return false;
        }
        if header >> 3 & 15 == SEQUENCE_HEADER {
            return true;
        }
        let extension = usize::from(header & 4 != 0);
        // Without a size field the unit runs to the end.
        if header & 2 == 0 || rest.len() < extension {
            return false;
        }
        let Some((size, read)) = leb128(&rest[extension..]) else { return false };
        let body = &rest[extension + read..];
        if size > body.len() as u64 {
            return false;
        }
        data = &body[size as usize..];
    }
    false
}

/// `leb128()` of spec 4.10.5 and the bytes it took.
fn leb128(data: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (i, byte) in data.iter().take(8).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, i + 1));
        }
    }
    None
}

/// configOBUs of an `av1C` body: all but its four bytes of flags.
pub(super) fn configuration_units(av1c: &[u8]) -> &[u8] {
    av1c.get(4..).unwrap_or_default()
}
