//! The arithmetic coder: bits with probabilities in, bytes out (VP9 specification, section 9.2).
//!
//! The reader compares a window of 8 bits with a split of its range. Here the sum of all splits is
//! `low`: its lowest 8 bits are the window, above them lie up to 54 finished bits and a carry. Six
//! bytes at a time leave it, and a carry then runs back through the bytes that left before.
#![forbid(unsafe_code)]

/// Finished bits from which on six bytes are put out. With the window of 8, the 7 bits that one symbol
/// can add and a carry, `low` needs 63 bits at most.
const FLUSH_BITS: u32 = 48;

/// A stream of bools being written behind the bytes that were in its buffer.
pub(super) struct BoolWriter<'a> {
    bytes: &'a mut Vec<u8>,
    /// Bytes of the buffer that are none of this stream.
    begin: usize,
    low: u64,
    range: u32,
    /// Finished bits in `low`.
    ready: u32,
}

impl<'a> BoolWriter<'a> {
    /// Starts a stream with its marker bit (`init_bool`) at the end of `bytes`.
    pub(super) fn new(bytes: &'a mut Vec<u8>) -> Self {
        let begin = bytes.len();
        let mut writer = Self { bytes, begin, low: 0, range: 255, ready: 0 };
        writer.bit(false, 128);
        writer
    }

    /// Writes a bit that is 0 with `probability` in 256, 1 to 255.
    #[inline(always)]
    pub(super) fn bit(&mut self, bit: bool, probability: u8) {
        let (low, range) = (self.low, self.range);
        let split = 1 + (((range - 1) * u32::from(probability)) >> 8);
        // Without a branch: the bits of dense frames are hard to foresee.
        let one = 0u32.wrapping_sub(u32::from(bit));
        let range = split ^ ((split ^ (range - split)) & one);
        let shift = range.leading_zeros() - 24;
        let low = (low + u64::from(split & one)) << shift;
        let ready = self.ready + shift;
        self.range = range << shift;
        (self.low, self.ready) = if ready >= FLUSH_BITS { self.flush(low, ready) } else { (low, ready) };
    }

    /// Writes the lowest `count` bits of `value`, the highest first, each as likely 0 as 1.
    pub(super) fn literal(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            self.bit(value >> bit & 1 == 1, 128);
        }
    }

    /// Puts six bytes out and gives what is left of `low` and its finished bits.
    #[cold]
    fn flush(&mut self, low: u64, ready: u32) -> (u64, u32) {
        let keep = 8 + ready - FLUSH_BITS;
        let top = low >> keep;
        self.carry(top >> FLUSH_BITS & 1 == 1);
        self.bytes.extend_from_slice(&top.to_be_bytes()[2..]);
        (low & ((1 << keep) - 1), ready - FLUSH_BITS)
    }

    /// Adds 1 to the bytes so far as to one number. The first byte cannot overflow: `low` stays below
    /// the first range.
    fn carry(&mut self, carry: bool) {
        if carry {
            for byte in self.bytes[self.begin..].iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
    }

    /// Ends the stream: the window goes out whole, so the reader never lacks a bit, padded with zeros.
    pub(super) fn finish(mut self) {
        let bits = 8 + self.ready;
        let top = self.low << (64 - bits);
        self.carry(self.low >> bits & 1 == 1);
        self.bytes.extend_from_slice(&top.to_be_bytes()[..bits.div_ceil(8) as usize]);
        // The last byte of a frame must not look like the marker of a superframe index (annex B).
        if self.bytes.last().is_some_and(|byte| byte & 0xe0 == 0xc0) {
            self.bytes.push(0);
        }
    }
}
