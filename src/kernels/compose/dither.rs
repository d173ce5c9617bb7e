//! Rounding of codes to 8 bits: plain for 8-bit input, ordered dither for deeper input.
//!
//! The threshold depends on the position alone, so the pattern stands still: it costs the encoder
//! nothing between frames, and the same frame always gives the same bytes. The means that are
//! bled under alpha 0 are never dithered.
#![forbid(unsafe_code)]

/// The 8x8 Bayer matrix, 0..=63: bits of `x ^ y` and `y` interleaved, lowest first (Bayer 1973).
pub const BAYER: [[u8; 8]; 8] = bayer();

/// Threshold of plain rounding, in 128ths.
pub const HALF: u32 = 64;

/// What is added to a code before its fraction is dropped, in 128ths of a code: 64 for 8-bit
/// input, an odd number from 1 to 127 by position otherwise. Chroma counts in cells.
#[inline]
pub fn threshold(depth: u8, x: usize, y: usize) -> u32 {
    if depth == 8 { HALF } else { 2 * u32::from(BAYER[y % 8][x % 8]) + 1 }
}

const fn bayer() -> [[u8; 8]; 8] {
    let mut matrix = [[0; 8]; 8];
    let mut i = 0;
    while i < 64 {
        let (x, y) = (i % 8, i / 8);
        let (mut bit, mut value) = (0, 0);
        while bit < 3 {
            value = value << 2 | (((x ^ y) >> bit) & 1) << 1 | ((y >> bit) & 1);
            bit += 1;
        }
        matrix[y][x] = value as u8;
        i += 1;
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_bayers() {
        assert_eq!(BAYER[0], [0, 32, 8, 40, 2, 34, 10, 42]);
        assert_eq!(BAYER[1], [48, 16, 56, 24, 50, 18, 58, 26]);
        assert_eq!(BAYER[7], [63, 31, 55, 23, 61, 29, 53, 21]);
        let mut all: Vec<u8> = BAYER.concat();
        all.sort_unstable();
        assert_eq!(all, (0..64).collect::<Vec<u8>>());
    }

    /// Dropping two bits of every 10-bit code loses nothing on average over a matrix.
    #[test]
    fn dither_keeps_the_mean() {
        for code in 0..1020u32 {
            let sum: u32 = (0..64).map(|i| (32 * code + threshold(10, i % 8, i / 8)) / 128).sum();
            assert_eq!(sum, 16 * code);
        }
    }
}
