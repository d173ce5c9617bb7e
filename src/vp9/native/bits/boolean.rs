//! The arithmetic coder: bits with probabilities in, bytes out (VP9 specification, section 9.2).
//!
//! The reader compares a window of 8 bits with a split of its range. Here the sum of all splits is
//! `low`: its lowest 8 bits are the window, above them lie up to 54 finished bits and a carry. Six
//! bytes at a time leave it, and a carry then runs back through the bytes that left before.
#![forbid(unsafe_code)]

use super::slots::{Probabilities, SLOTS, Step};

/// Finished bits from which on six bytes are put out. With the window of 8, the 7 bits that one symbol
/// can add and a carry, `low` needs 63 bits at most.
const FLUSH_BITS: u32 = 48;

/// A stream of bools being written behind the bytes that were in its buffer.
pub(super) struct BoolWriter<'a> {
    output: Output<'a>,
    state: State,
}

/// The buffer of a stream.
struct Output<'a> {
    bytes: &'a mut Vec<u8>,
    /// Bytes of the buffer that are none of this stream.
    begin: usize,
}

/// What is not in bytes yet. A value of its own, and a small one, so that loops keep two in registers.
#[derive(Clone, Copy)]
struct State {
    low: u64,
    /// The range less one, and times 256 the finished bits in `low`.
    rest: u32,
}

/// What is added to `State::rest` by the range, 1 to 255, that a bit leaves: how far it is shifted up to
/// have eight bits, and what it is then. Looked up, for it is all that the next bit waits for.
static NEXT: [u16; 256] = {
    let mut next = [0; 256];
    let mut range = 1;
    while range < 256 {
        let shift = (range as u8).leading_zeros();
        next[range] = (shift as u16) << 8 | ((range << shift) - 1) as u16;
        range += 1;
    }
    next
};

impl State {
    /// Finished bits.
    #[inline(always)]
    fn ready(self) -> u32 {
        self.rest >> 8
    }

    /// The state after a bit that is 0 with `probability` in 256.
    #[inline(always)]
    fn after(self, bit: bool, probability: u8) -> Self {
        // The split less one. A 1 leaves what is above it, without a branch: the bits of dense frames are
        // hard to foresee. `!a` is `-a - 1`.
        let last = self.rest & 0xff;
        let split = (last * u32::from(probability)) >> 8;
        let one = 0u32.wrapping_sub(u32::from(bit));
        let range = (1 + (last & one)).wrapping_add(split ^ one);
        let low = self.low + u64::from((split + 1) & one);
        let next = u32::from(NEXT[usize::from(range as u8)]);
        Self { low: low << (next >> 8), rest: (self.rest & !0xff) + next }
    }

    /// The state after a step.
    #[inline(always)]
    fn after_step(self, step: Step, probabilities: &Probabilities) -> Self {
        self.after(step & 1 == 1, probabilities.0[usize::from(step >> 1) % SLOTS])
    }
}

impl Output<'_> {
    /// The state with room for another bit.
    #[inline(always)]
    fn relieve(&mut self, state: State) -> State {
        if state.ready() < FLUSH_BITS {
            return state;
        }
        let low = self.flush(state.low, state.ready());
        State { low, rest: state.rest - (FLUSH_BITS << 8) }
    }

    /// Puts six bytes out and gives what is left of `low`.
    #[cold]
    #[inline(never)]
    fn flush(&mut self, low: u64, ready: u32) -> u64 {
        let keep = 8 + ready - FLUSH_BITS;
        let top = low >> keep;
        self.carry(top >> FLUSH_BITS & 1 == 1);
        self.bytes.extend_from_slice(&top.to_be_bytes()[2..]);
        low & ((1 << keep) - 1)
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
}

impl<'a> BoolWriter<'a> {
    /// Starts a stream with its marker bit (`init_bool`) at the end of `bytes`.
    pub(super) fn new(bytes: &'a mut Vec<u8>) -> Self {
        let begin = bytes.len();
        let output = Output { bytes, begin };
        let mut writer = Self { output, state: State { low: 0, rest: 254 } };
        writer.bit(false, 128);
        writer
    }

    /// Writes a bit that is 0 with `probability` in 256, 1 to 255.
    #[inline]
    pub(super) fn bit(&mut self, bit: bool, probability: u8) {
        self.state = self.output.relieve(self.state.after(bit, probability));
    }

    /// Writes the lowest `count` bits of `value`, the highest first, each as likely 0 as 1.
    pub(super) fn literal(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            self.bit(value >> bit & 1 == 1, 128);
        }
    }

    /// Writes steps with these probabilities.
    pub(super) fn steps(&mut self, steps: &[Step], probabilities: &Probabilities) {
        let mut state = self.state;
        for &step in steps {
            state = self.output.relieve(state.after_step(step, probabilities));
        }
        self.state = state;
    }

    /// Writes steps to two streams at once: a bit waits for the one before it in its stream only, so a
    /// core has time for another stream's.
    pub(super) fn steps_of_two(
        [one, other]: [&mut Self; 2],
        [ones, others]: [&[Step]; 2],
        probabilities: &Probabilities,
    ) {
        let both = ones.len().min(others.len());
        let mut states = (one.state, other.state);
        for (&step, &second) in ones[..both].iter().zip(&others[..both]) {
            states.0 = one.output.relieve(states.0.after_step(step, probabilities));
            states.1 = other.output.relieve(states.1.after_step(second, probabilities));
        }
        (one.state, other.state) = states;
        one.steps(&ones[both..], probabilities);
        other.steps(&others[both..], probabilities);
    }

    /// Ends the stream: the window goes out whole, so the reader never lacks a bit, padded with zeros.
    pub(super) fn finish(mut self) {
        let (low, bits) = (self.state.low, 8 + self.state.ready());
        let top = low << (64 - bits);
        self.output.carry(low >> bits & 1 == 1);
        let bytes = self.output.bytes;
        bytes.extend_from_slice(&top.to_be_bytes()[..bits.div_ceil(8) as usize]);
        // The last byte of a frame must not look like the marker of a superframe index (annex B).
        if bytes.last().is_some_and(|byte| byte & 0xe0 == 0xc0) {
            bytes.push(0);
        }
    }
}
