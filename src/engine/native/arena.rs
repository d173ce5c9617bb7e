//! Where each buffer of a plan lies in one allocation.
//!
//! States come first, so that one fill clears them; then what lives through the step; then
//! scratch, where buffers that are never needed at the same time share memory.
#![forbid(unsafe_code)]

use super::plan::{Life, Plan};

/// Alignment of buffers: a line of the L2 cache.
const ALIGN: usize = 256;

/// Byte offsets of the buffers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arena {
    /// One per buffer of the plan.
    pub offsets: Vec<usize>,
    /// Bytes at the start that hold the states.
    pub state_bytes: usize,
    /// Size of the allocation.
    pub total_bytes: usize,
}

/// First and last step that touch each buffer; `None` where nobody does.
pub fn lifetimes(plan: &Plan) -> Vec<Option<(usize, usize)>> {
    let mut lives = vec![None; plan.buffers.len()];
    for (index, step) in plan.steps.iter().enumerate() {
        for buffer in step.touches() {
            let life = &mut lives[buffer.0];
            *life = Some((life.map_or(index, |(first, _)| first), index));
        }
    }
    lives
}

/// Lays a plan's buffers out. Scratch goes largest first to the lowest free place: within a few percent
/// of the peak on these networks.
pub fn lay_out(plan: &Plan) -> Arena {
    let lives = lifetimes(plan);
    let mut offsets = vec![0; plan.buffers.len()];
    let mut end = 0;
    let mut state_bytes = 0;
    for life in [Life::State, Life::Step] {
        for (offset, buffer) in offsets.iter_mut().zip(&plan.buffers).filter(|(_, b)| b.life == life) {
            *offset = end;
            end = (end + buffer.bytes).next_multiple_of(ALIGN);
        }
        if life == Life::State {
            state_bytes = end;
        }
    }
    let scratch_start = end;
    let mut order: Vec<usize> = (0..plan.buffers.len())
        .filter(|&i| plan.buffers[i].life == Life::Scratch && lives[i].is_some())
        .collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(plan.buffers[i].bytes), i));
    let mut placed: Vec<usize> = Vec::new();
    for i in order {
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|&&other| overlap(lives[i], lives[other]))
            .map(|&other| (offsets[other], offsets[other] + plan.buffers[other].bytes))
            .collect();
        taken.sort_unstable();
        let mut at = scratch_start;
        for (start, stop) in taken {
            if at + plan.buffers[i].bytes <= start {
                break;
            }
            at = at.max(stop.next_multiple_of(ALIGN));
        }
        offsets[i] = at;
        end = end.max(at + plan.buffers[i].bytes);
        placed.push(i);
    }
    Arena { offsets, state_bytes, total_bytes: end.next_multiple_of(ALIGN) }
}

fn overlap(a: Option<(usize, usize)>, b: Option<(usize, usize)>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a.0 <= b.1 && b.0 <= a.1)
}
