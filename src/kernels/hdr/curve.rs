//! The curves between codes and light, in f64 as the recommendations have them.
#![forbid(unsafe_code)]

/// Graphics white (BT.2408): the brightest of a standard picture.
pub const SDR_WHITE_NITS: f64 = 203.0;
/// Brightest that PQ can say.
pub(super) const PQ_PEAK_NITS: f64 = 10_000.0;
/// Peak of the display that HLG is shown on, and its system gamma (BT.2100 table 5).
pub(super) const HLG_PEAK_NITS: f64 = 1000.0;
pub(super) const HLG_GAMMA: f64 = 1.2;

// SMPTE ST 2084 §5.2.
const M1: f64 = 2610.0 / 16384.0;
const M2: f64 = 2523.0 / 4096.0 * 128.0;
const C1: f64 = 3424.0 / 4096.0;
const C2: f64 = 2413.0 / 4096.0 * 32.0;
const C3: f64 = 2392.0 / 4096.0 * 32.0;

/// Light in cd/m² of a PQ value in `[0, 1]`.
pub(super) fn pq_to_nits(value: f64) -> f64 {
    let root = value.max(0.0).powf(1.0 / M2);
    PQ_PEAK_NITS * ((root - C1).max(0.0) / (C2 - C3 * root)).powf(1.0 / M1)
}

/// PQ value of light in cd/m².
pub(super) fn nits_to_pq(nits: f64) -> f64 {
    let power = (nits.max(0.0) / PQ_PEAK_NITS).powf(M1);
    ((C1 + C2 * power) / (1.0 + C3 * power)).powf(M2)
}

/// Scene light in `[0, 1]` of an HLG value (BT.2100 table 5).
pub(super) fn hlg_to_scene(value: f64) -> f64 {
    const A: f64 = 0.178_832_77;
    const B: f64 = 0.284_668_92;
    const C: f64 = 0.559_910_73;
    if value <= 0.5 { value * value / 3.0 } else { (((value - C) / A).exp() + B) / 12.0 }
}

/// The curve of BT.2390 §5.4.1 from a content's peak to [`SDR_WHITE_NITS`], all in cd/m²; black stays black.
pub fn tone(nits: f64, peak_nits: f64) -> f64 {
    if peak_nits <= SDR_WHITE_NITS {
        return nits.min(SDR_WHITE_NITS);
    }
    let peak = nits_to_pq(peak_nits);
    let (value, most) = ((nits_to_pq(nits) / peak).min(1.0), nits_to_pq(SDR_WHITE_NITS) / peak);
    let knee = 1.5 * most - 0.5;
    if value <= knee {
        return nits;
    }
    // A Hermite spline from the knee, slope 1, to the top, slope 0.
    let t = (value - knee) / (1.0 - knee);
    let (t2, t3) = (t * t, t * t * t);
    let bent = (2.0 * t3 - 3.0 * t2 + 1.0) * knee
        + (t3 - 2.0 * t2 + t) * (1.0 - knee)
        + (-2.0 * t3 + 3.0 * t2) * most;
    pq_to_nits(bent * peak)
}
