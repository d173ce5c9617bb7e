//! What a bit costs, in whole 1/512 bits: integers, so that every machine decides alike.
#![forbid(unsafe_code)]

/// Units of one bit.
pub(super) const BIT: i64 = 512;

/// Cost of a bit of probability `n` / 256, by `n`; entry 0 is never asked for.
const COSTS: [u16; 257] = {
    let mut costs = [0; 257];
    let mut n = 1;
    while n <= 256 {
        costs[n] = (8 * BIT - log2(n as u64)) as u16;
        n += 1;
    }
    costs
};

/// log2 of 1 to 256 in units of [`BIT`], rounded down, bit by bit: squaring doubles a logarithm.
const fn log2(n: u64) -> i64 {
    let whole = n.ilog2();
    // The mantissa, 1 to 2, with 30 bits behind the point.
    let mut mantissa = (n << 30) >> whole;
    let mut log = whole as i64;
    let mut unit = 1;
    while unit < BIT {
        mantissa = (mantissa * mantissa) >> 30;
        log *= 2;
        if mantissa >= 2 << 30 {
            mantissa >>= 1;
            log += 1;
        }
        unit *= 2;
    }
    log
}

/// Cost of one bit where 0 has `probability` in 256, 1 to 255.
pub(super) const fn of_bit(bit: bool, probability: u8) -> i64 {
    let n = if bit { 256 - probability as usize } else { probability as usize };
    COSTS[n] as i64
}

/// Cost of so many zeros and ones.
pub(super) fn of_counts(counts: [u32; 2], probability: u8) -> i64 {
    i64::from(counts[0]) * of_bit(false, probability) + i64::from(counts[1]) * of_bit(true, probability)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_logarithms() {
        for probability in 1..=255u8 {
            let exact = -(f64::from(probability) / 256.0).log2() * BIT as f64;
            let got = of_bit(false, probability) as f64;
            assert!((got - exact).abs() <= 1.0, "{probability}: {got}, not {exact}");
        }
        assert_eq!(of_bit(true, 128), BIT);
    }
}
