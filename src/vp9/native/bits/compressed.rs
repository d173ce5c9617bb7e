//! The compressed header: the transform mode and the probabilities that a frame changes.
//!
//! VP9 specification, section 6.3, in its order. What the subset never uses (intra modes, intra
//! coefficients, 32x32 transforms) stays as it is.
#![forbid(unsafe_code)]

use super::boolean::BoolWriter;
use super::cost;
use super::counts::Counts;
use super::slots::{self, Probabilities};
use super::update::{self, STAYS, better, better_of_model, better_of_motion};

/// `tx_mode` ALLOW_32X32: each block has the largest transform that fits it.
const ALLOW_32X32: u32 = 3;
/// Nodes of `y_mode_probs`, four groups of nine.
const INTRA_MODE_NODES: usize = 36;
/// Changeable coefficient probabilities of one transform size and plane, of intra or of inter blocks:
/// three contexts in band 0, six in five others, three nodes each.
const COEFFICIENTS: usize = (3 + 5 * 6) * 3;
/// Contexts of one transform size and plane, those that are not there included.
const CONTEXTS: usize = slots::COEFFICIENT_PLANE / slots::CONTEXT;

/// Appends the compressed header of a frame that has these symbols (`None`: changes nothing), and puts
/// the probabilities that it sends into `probabilities`.
pub(super) fn write(
    bytes: &mut Vec<u8>,
    probabilities: &mut Probabilities,
    counts: Option<&Counts>,
    key: bool,
) {
    let mut writer = BoolWriter::new(bytes);
    writer.literal(ALLOW_32X32, 2);
    writer.literal(0, 1);
    for transform in 0..slots::TRANSFORMS {
        coefficients(&mut writer, probabilities, counts, transform);
    }
    writer.literal(0, 1);
    plain(&mut writer, probabilities, counts, slots::SKIP..slots::INTER_MODE);
    if !key {
        plain(&mut writer, probabilities, counts, slots::INTER_MODE..slots::PARTITION);
        (0..INTRA_MODE_NODES).for_each(|_| writer.bit(false, STAYS));
        plain(&mut writer, probabilities, counts, slots::PARTITION..slots::MOTION_JOINT);
        motion(&mut writer, probabilities, counts);
    }
    writer.finish();
    probabilities.follow_models();
}

/// One transform size: a flag whether anything changes, then all of it.
fn coefficients(
    writer: &mut BoolWriter<'_>,
    probabilities: &mut Probabilities,
    counts: Option<&Counts>,
    transform: usize,
) {
    let begin = slots::COEFFICIENT + transform * 2 * slots::COEFFICIENT_PLANE;
    let contexts = (begin..begin + 2 * slots::COEFFICIENT_PLANE).step_by(slots::CONTEXT);
    let mut changes = [[None; 3]; 2 * CONTEXTS];
    // Every flag costs a little once there are any.
    let mut saved = -cost::of_bit(false, STAYS) * 4 * COEFFICIENTS as i64;
    for (changes, context) in changes.iter_mut().zip(contexts.clone()) {
        for (node, change) in changes.iter_mut().enumerate() {
            let old = probabilities.0[context + node];
            let found = counts.and_then(|counts| match node {
                slots::ABOVE_ONE => better_of_model(counts.at(context + node), &counts.model(context), old),
                _ => better(counts.at(context + node), old),
            });
            if let Some((new, gain)) = found {
                saved += gain;
                *change = Some(new);
            }
        }
    }
    writer.literal(u32::from(saved > 0), 1);
    if saved <= 0 {
        return;
    }
    for (n, (changes, context)) in changes.iter().zip(contexts).enumerate() {
        if n % CONTEXTS == 0 {
            // Those of intra blocks.
            (0..COEFFICIENTS).for_each(|_| writer.bit(false, STAYS));
        }
        // Contexts 3 to 5 of band 0 are not there.
        if !(3..6).contains(&(n % CONTEXTS)) {
            for (node, &change) in changes.iter().enumerate() {
                delta(writer, &mut probabilities.0[context + node], change);
            }
        }
    }
}

fn plain(
    writer: &mut BoolWriter<'_>,
    probabilities: &mut Probabilities,
    counts: Option<&Counts>,
    range: std::ops::Range<usize>,
) {
    for slot in range {
        let old = &mut probabilities.0[slot];
        let change = counts.and_then(|counts| better(counts.at(slot), *old));
        delta(writer, old, change.map(|(new, _)| new));
    }
}

fn delta(writer: &mut BoolWriter<'_>, old: &mut u8, change: Option<u8>) {
    writer.bit(change.is_some(), STAYS);
    if let Some(new) = change {
        update::write_delta(writer, new, *old);
        *old = new;
    }
}

/// Motion vectors' probabilities are sent whole, less their lowest bit, which is 1 (`update_mv_prob`).
fn motion(writer: &mut BoolWriter<'_>, probabilities: &mut Probabilities, counts: Option<&Counts>) {
    for slot in slots::MOTION_JOINT..slots::CHANGEABLE {
        let old = &mut probabilities.0[slot];
        let change = counts.and_then(|counts| better_of_motion(counts.at(slot), *old));
        writer.bit(change.is_some(), STAYS);
        if let Some((new, _)) = change {
            writer.literal(u32::from(new >> 1), 7);
            *old = new;
        }
    }
}
