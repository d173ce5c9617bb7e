//! VP9 frames one by one, and their order of showing.
//!
//! The parser pairs timestamps wrongly once a packet holds hidden frames, and passes over packets that
//! only show an earlier frame again (both seen with driver 580). So superframes are split here, headers
//! read as far as showing and references go, and pictures shown by this order instead of the parser's.
//! Spec: VP9 bitstream §7.2, §8.10 (reference update).
#![forbid(unsafe_code)]

use crate::media::vp9::{Start, Superframe};
use std::collections::VecDeque;
use std::ffi::c_int;

/// The frames of a packet; the packet itself when it is no superframe or its index makes no sense.
pub(super) fn frames(packet: &[u8]) -> impl Iterator<Item = &[u8]> {
    let index = Superframe::of(packet).filter(|index| index.sizes().sum::<usize>() <= index.data.len());
    let whole = index.is_none().then_some(packet);
    whole.into_iter().chain(index.into_iter().flat_map(Superframe::frames)).filter(|frame| !frame.is_empty())
}

/// What a frame does, as far as its header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Header {
    /// Shows the picture in a reference slot.
    ShowExisting { slot: usize },
    Coded {
        shown: bool,
        /// Bit i: the picture goes to reference slot i.
        refresh: u8,
    },
}

impl Header {
    /// Reads the start of uncompressed_header; `None` if it breaks the syntax.
    pub(super) fn read(frame: &[u8]) -> Option<Self> {
        let start = Start::read(frame).ok()?;
        Some(match start {
            Start { show_existing: Some(slot), .. } => Self::ShowExisting { slot: slot.into() },
            Start { key: true, shown, .. } => Self::Coded { shown, refresh: 0xff },
            Start { shown, .. } => Self::Coded { shown, refresh: start.body().ok()?.refreshes },
        })
    }
}

/// Pictures to show, in order: VP9 shows in decoding order.
#[derive(Default)]
pub(super) struct Order {
    /// The decoder's picture in each reference slot.
    references: [Option<c_int>; 8],
    waiting: VecDeque<(c_int, i64)>,
}

impl Order {
    /// Notes a frame that was parsed; `decoded` is the picture that it was decoded to, if it was.
    pub(super) fn parsed(&mut self, header: Header, decoded: Option<c_int>, pts: i64) {
        let shown = match header {
            Header::ShowExisting { slot } => self.references[slot],
            Header::Coded { shown, refresh } => {
                for (slot, reference) in self.references.iter_mut().enumerate() {
                    if decoded.is_some() && refresh >> slot & 1 == 1 {
                        *reference = decoded;
                    }
                }
                decoded.filter(|_| shown)
            }
        };
        self.waiting.extend(shown.map(|picture| (picture, pts)));
    }

    /// The next picture to show while more than `delay` wait.
    pub(super) fn due(&mut self, delay: usize) -> Option<(c_int, i64)> {
        if self.waiting.len() > delay { self.waiting.pop_front() } else { None }
    }

    /// The next picture that must be shown before `picture` is decoded anew.
    pub(super) fn due_before(&mut self, picture: c_int) -> Option<(c_int, i64)> {
        self.waiting.iter().any(|w| w.0 == picture).then(|| self.waiting.pop_front()).flatten()
    }
}
