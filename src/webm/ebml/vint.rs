//! Variable-length integers: the number of leading zero bits of the first byte, plus one, is the
//! length in bytes; seven bits of each byte hold the value. Spec: RFC 8794 §4.
#![forbid(unsafe_code)]

/// Largest size that eight bytes can say; the value above it, all ones, means unknown.
pub const MAX_SIZE: u64 = (1 << 56) - 2;

/// A size of eight bytes that says "unknown": written while a stream is live, patched later.
pub const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

/// Length in bytes that a first byte announces; 9 for a zero byte, which is never valid.
pub fn length(first_byte: u8) -> usize {
    first_byte.leading_zeros() as usize + 1
}

/// Bytes of the shortest size field for `value` (all ones of a length are reserved).
pub fn shortest(value: u64) -> usize {
    (1..8).find(|&length| value < (1u64 << (7 * length)) - 1).unwrap_or(8)
}

/// `value` as eight bytes, so that it can be patched in place of [`UNKNOWN_SIZE`].
/// `None` above [`MAX_SIZE`].
pub fn eight_bytes(value: u64) -> Option<[u8; 8]> {
    (value <= MAX_SIZE).then(|| (value | 1 << 56).to_be_bytes())
}

/// Value of a size field of 1 to 8 bytes whose first byte announces just that many; `None` within
/// the result means unknown. The outer `None`: the bytes are not one size field.
pub fn decode(bytes: &[u8]) -> Option<Option<u64>> {
    let (&first, rest) = bytes.split_first()?;
    let length = length(first);
    if length > 8 || length != bytes.len() {
        return None;
    }
    let mask = if length == 8 { 0 } else { 0xFFu8 >> length };
    let value = rest.iter().fold(u64::from(first & mask), |value, &byte| value << 8 | u64::from(byte));
    let ones = (1u64 << (7 * length)) - 1;
    Some((value != ones).then_some(value))
}
