//! The arithmetic coder against a reader as the specification has it.

use super::super::boolean::BoolWriter;
use super::scene::Random;

/// Section 9.2 of the VP9 specification, one bit at a time.
struct Reader<'a> {
    bytes: &'a [u8],
    bit: usize,
    value: u32,
    range: u32,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut reader = Self { bytes, bit: 0, value: 0, range: 255 };
        for _ in 0..8 {
            reader.value = reader.value << 1 | reader.next();
        }
        assert!(!reader.read(128), "the marker bit");
        reader
    }

    fn next(&mut self) -> u32 {
        let byte = self.bytes[self.bit / 8];
        self.bit += 1;
        u32::from(byte) >> (7 - (self.bit - 1) % 8) & 1
    }

    fn read(&mut self, probability: u8) -> bool {
        let split = 1 + (((self.range - 1) * u32::from(probability)) >> 8);
        let bit = self.value >= split;
        if bit {
            self.range -= split;
            self.value -= split;
        } else {
            self.range = split;
        }
        while self.range < 128 {
            self.range <<= 1;
            self.value = self.value << 1 | self.next();
        }
        bit
    }
}

#[test]
fn what_is_written_is_read() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let kind = random.below(4);
        let symbols: Vec<(bool, u8)> = (0..random.below(3000))
            .map(|_| match kind {
                0 => (random.one_in(2), random.below(255) as u8 + 1),
                // Long carries: what is all but certain, and what is all but impossible.
                1 => (!random.one_in(500), 1),
                2 => (random.one_in(500), 255),
                _ => (random.one_in(2), if random.one_in(2) { 1 } else { 255 }),
            })
            .collect();
        let mut bytes = vec![0xff; 3];
        let mut writer = BoolWriter::new(&mut bytes);
        symbols.iter().for_each(|&(bit, probability)| writer.bit(bit, probability));
        writer.finish();
        assert_eq!(bytes[..3], [0xff; 3], "what was there before");
        let mut reader = Reader::new(&bytes[3..]);
        for (n, &(bit, probability)) in symbols.iter().enumerate() {
            assert_eq!(reader.read(probability), bit, "seed {seed}, symbol {n}");
        }
        // All bits were there, and the rest is padding, zero (`exit_bool`).
        while reader.bit < (bytes.len() - 3) * 8 {
            assert_eq!(reader.next(), 0);
        }
        assert_ne!(bytes.last().unwrap() & 0xe0, 0xc0);
    }
}
