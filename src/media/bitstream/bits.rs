//! Reads bits from the most significant end of a slice, and Exp-Golomb codes; never past the end.
//!
//! Input: bytes without emulation prevention. Every read gives `None` at the end of the data, so a
//! parser cannot run away. Spec: ITU-T H.264 §7.2 and §9.1, AV1 §4.10.
#![forbid(unsafe_code)]

/// A position in a slice, in bits.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// One bit.
    pub(super) fn flag(&mut self) -> Option<bool> {
        let byte = *self.data.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// `count` bits, at most 64, most significant first.
    pub(super) fn bits(&mut self, count: u32) -> Option<u64> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u64::from(self.flag()?);
        }
        Some(value)
    }

    /// Eight bits.
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.bits(8).map(|v| v as u8)
    }

    /// Passes over `count` bits.
    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        let at = self.at.checked_add(count)?;
        (at <= self.data.len() * 8).then(|| self.at = at)
    }

    /// Unsigned Exp-Golomb code, ue(v) (also AV1's uvlc for values below 2^32).
    pub(super) fn ue(&mut self) -> Option<u64> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 32 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.bits(zeros)?)
    }

    /// Signed Exp-Golomb code, se(v).
    pub(super) fn se(&mut self) -> Option<i64> {
        let code = self.ue()? as i64;
        Some(if code % 2 == 1 { code / 2 + 1 } else { -(code / 2) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_of_the_standard() {
        // H.264 table 9-2: 1, 010, 011, 00100, 00101 are 0..=4.
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let codes: Vec<u64> = (0..5).map(|_| bits.ue().unwrap()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4]);
        // H.264 table 9-3: codes 1, 2, 3, 4 are 1, -1, 2, -2.
        let mut bits = Bits::new(&[0b0100_1100, 0b1000_0101]);
        let signed: Vec<i64> = (0..4).map(|_| bits.se().unwrap()).collect();
        assert_eq!(signed, [1, -1, 2, -2]);
    }

    #[test]
    fn the_end_is_an_answer() {
        let mut bits = Bits::new(&[0; 16]);
        assert_eq!(bits.ue(), None, "too many zeros");
        assert_eq!(Bits::new(&[0xff]).bits(9), None);
        assert_eq!(Bits::new(&[0xff]).skip(9), None);
        assert_eq!(Bits::new(&[0xff]).skip(usize::MAX), None);
    }
}
