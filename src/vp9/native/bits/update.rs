//! Which probabilities a frame changes, and how a change is written.
//!
//! A change is worth it when the frame's own symbols get cheaper by more than its bits. Deltas are coded
//! as the VP9 specification reads them in section 6.3 (`diff_update_prob`, `decode_term_subexp`,
//! `inv_remap_prob`).
#![forbid(unsafe_code)]

use super::boolean::BoolWriter;
use super::cost::{self, BIT};
use crate::vp9::native::tables::coefficients::PARETO;

/// Probability in 256 that something stays as it is (`diff_update_prob` and `update_mv_prob`).
pub(super) const STAYS: u8 = 252;

/// What saying "changed" costs more than saying "stays".
const FLAG: i64 = cost::of_bit(true, STAYS) - cost::of_bit(false, STAYS);

/// The better probability for these symbols and what it saves in units of `cost`, if any does.
pub(super) fn better(counts: [u32; 2], old: u8) -> Option<(u8, i64)> {
    search(counts, old, |new| cost::of_counts(counts, new), |new| delta_bits(new, old))
}

/// [`better`] for a motion vector's probability, which is odd and written with seven bits.
pub(super) fn better_of_motion(counts: [u32; 2], old: u8) -> Option<(u8, i64)> {
    let new = ideal(counts) | 1;
    let saved = cost::of_counts(counts, old) - cost::of_counts(counts, new) - FLAG - 7 * BIT;
    (saved > 0).then_some((new, saved))
}

/// [`better`] for the node "more than one", on which the model of the larger tokens depends too.
pub(super) fn better_of_model(counts: [u32; 2], nodes: &[[u32; 2]; 8], old: u8) -> Option<(u8, i64)> {
    let all = |new: u8| {
        let model = PARETO[usize::from(new) - 1];
        let below: i64 = nodes.iter().zip(model).map(|(&counts, node)| cost::of_counts(counts, node)).sum();
        cost::of_counts(counts, new) + below
    };
    search(counts, old, all, |new| delta_bits(new, old))
}

/// The share of zeros in 256.
fn ideal(counts: [u32; 2]) -> u8 {
    let [zeros, ones] = counts.map(u64::from);
    let all = zeros + ones;
    (zeros * 256 + all / 2).checked_div(all).map_or(128, |share| share.clamp(1, 255) as u8)
}

/// Looks from the ideal probability towards the old one: nearer ones have shorter deltas.
fn search(
    counts: [u32; 2],
    old: u8,
    price: impl Fn(u8) -> i64,
    delta_bits: impl Fn(u8) -> i64,
) -> Option<(u8, i64)> {
    if counts == [0; 2] {
        return None;
    }
    let before = price(old);
    if before <= FLAG + 5 * BIT {
        return None;
    }
    let ideal = ideal(counts);
    let (from, to) = (ideal.min(old), ideal.max(old));
    let saved = |new: u8| before - price(new) - FLAG - delta_bits(new) * BIT;
    // Of equal savings the first counts, in a fixed order.
    let candidates = (from..=to).filter(|&new| new != old).map(|new| (new, saved(new)));
    candidates.filter(|&(_, saved)| saved > 0).reduce(|best, next| if next.1 > best.1 { next } else { best })
}

/// Writes a change from `old` to `new`.
pub(super) fn write_delta(writer: &mut BoolWriter<'_>, new: u8, old: u8) {
    let delta = remap(new, old);
    match delta {
        0..16 => writer.literal(delta, 5),
        16..32 => {
            writer.literal(0b10, 2);
            writer.literal(delta - 16, 4);
        }
        32..64 => {
            writer.literal(0b110, 3);
            writer.literal(delta - 32, 5);
        }
        _ => {
            writer.literal(0b111, 3);
            // Near-uniform code of 0 to 190: the first 65 with seven bits, the others with eight.
            let rest = delta - 64;
            if rest < 65 { writer.literal(rest, 7) } else { writer.literal(rest + 65, 8) }
        }
    }
}

fn delta_bits(new: u8, old: u8) -> i64 {
    match remap(new, old) {
        0..16 => 5,
        16..32 => 6,
        32..64 => 8,
        64..129 => 10,
        _ => 11,
    }
}

/// The number that stands for a change: small for a coarse grid over all probabilities and for near
/// ones, by the inverse of `inv_remap_prob`.
fn remap(new: u8, old: u8) -> u32 {
    let (new, old) = (i32::from(new) - 1, i32::from(old) - 1);
    let place = if old * 2 <= 255 { recentre(new, old) } else { recentre(254 - new, 254 - old) } - 1;
    // Every thirteenth place, from the seventh on, is of the coarse grid and comes first.
    let place = place as u32;
    if place % 13 == 6 { place / 13 } else { 20 + place - (place + 6) / 13 }
}

/// Distances from `middle`, alternating sides, as numbers from 0 up (inverse of `inv_recenter_nonneg`).
fn recentre(value: i32, middle: i32) -> i32 {
    if value > middle * 2 {
        value
    } else if value >= middle {
        (value - middle) * 2
    } else {
        (middle - value) * 2 - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `inv_remap_prob` as the specification has it, with its table made by its rule.
    fn inv_remap(delta: u32, old: u8) -> u8 {
        let coarse: Vec<i32> = (0..20).map(|n| 7 + 13 * n).collect();
        let fine = (1..=253).filter(|n| !coarse.contains(n));
        let table: Vec<i32> = coarse.iter().copied().chain(fine).collect();
        let v = table[delta as usize];
        let inv_recentre = |v: i32, m: i32| match v {
            _ if v > 2 * m => v,
            _ if v & 1 == 1 => m - ((v + 1) >> 1),
            _ => m + (v >> 1),
        };
        let m = i32::from(old) - 1;
        let new = if m << 1 <= 255 { 1 + inv_recentre(v, m) } else { 255 - inv_recentre(v, 254 - m) };
        new as u8
    }

    #[test]
    fn every_change_reads_back() {
        for old in 1..=255u8 {
            for new in (1..=255).filter(|&new| new != old) {
                let delta = remap(new, old);
                assert!(delta < 254, "{old} to {new}: {delta}");
                assert_eq!(inv_remap(delta, old), new, "{old} to {new}");
            }
        }
    }

    #[test]
    fn only_what_pays_is_changed() {
        assert_eq!(better([0, 0], 7), None);
        assert_eq!(better([128, 128], 128), None);
        assert_eq!(better([2, 0], 128), None);
        let (new, saved) = better([1000, 0], 128).unwrap();
        assert!(new > 250 && saved > 900 * BIT);
        assert_eq!(better_of_motion([1000, 0], 128).unwrap().0, 255);
    }
}
