//! VP9 frames one by one, and their order of showing.
//!
//! The parser pairs timestamps wrongly once a packet holds hidden frames, and passes over packets that
//! only show an earlier frame again (both seen with driver 580). So superframes are split here, headers
//! read as far as showing and references go, and pictures shown by this order instead of the parser's.
//! Spec: VP9 bitstream §6.2, §7.2, §8.10 (reference update), Annex B (superframes).
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::ffi::c_int;

/// The frames of a packet; the packet itself when it is no superframe or its index makes no sense.
pub(super) fn frames(packet: &[u8]) -> impl Iterator<Item = &[u8]> {
    let index = superframe_index(packet);
    let (mut rest, mut sizes, width) = index.unwrap_or((packet, &[], 0));
    let mut whole = index.is_none();
    std::iter::from_fn(move || {
        if std::mem::take(&mut whole) {
            return Some(packet);
        }
        let (size, others) = sizes.split_at_checked(width).filter(|_| width > 0)?;
        sizes = others;
        let (frame, behind) = rest.split_at_checked(little_endian(size))?;
        rest = behind;
        Some(frame)
    })
    .filter(|frame| !frame.is_empty())
}

fn little_endian(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |value, &byte| value << 8 | usize::from(byte))
}

/// Bytes of the frames, bytes of their sizes, and bytes of each size.
fn superframe_index(packet: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let marker = *packet.last()?;
    if marker & 0xe0 != 0xc0 {
        return None;
    }
    let (count, width) = (usize::from(marker & 7) + 1, usize::from(marker >> 3 & 3) + 1);
    let (data, index) = packet.split_at_checked(packet.len().checked_sub(2 + count * width)?)?;
    let sizes = index.get(1..1 + count * width)?;
    let total: usize = sizes.chunks_exact(width).map(little_endian).sum();
    (index[0] == marker && total <= data.len()).then_some((data, sizes, width))
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
        let mut bits = Bits::new(frame);
        if bits.take(2)? != 2 {
            return None;
        }
        let profile = bits.take(1)? | bits.take(1)? << 1;
        if profile == 3 {
            bits.take(1)?;
        }
        if bits.take(1)? == 1 {
            return Some(Self::ShowExisting { slot: bits.take(3)? as usize });
        }
        let key = bits.take(1)? == 0;
        let shown = bits.take(1)? == 1;
        let resilient = bits.take(1)? == 1;
        if key {
            return Some(Self::Coded { shown, refresh: 0xff });
        }
        let intra_only = !shown && bits.take(1)? == 1;
        if !resilient {
            bits.take(2)?;
        }
        if intra_only {
            bits.take(24)?;
            if profile > 0 {
                bits.color_config(profile)?;
            }
        }
        Some(Self::Coded { shown, refresh: bits.take(8)? as u8 })
    }
}

/// The first 64 bits; what is read here takes 53 at most.
struct Bits {
    word: u64,
    left: u32,
}

impl Bits {
    fn new(frame: &[u8]) -> Self {
        let mut first = [0; 8];
        let n = frame.len().min(8);
        first[..n].copy_from_slice(&frame[..n]);
        Self { word: u64::from_be_bytes(first), left: n as u32 * 8 }
    }

    fn take(&mut self, count: u32) -> Option<u64> {
        self.left = self.left.checked_sub(count)?;
        let value = self.word >> (64 - count);
        self.word <<= count;
        Some(value)
    }

    fn color_config(&mut self, profile: u64) -> Option<()> {
        if profile >= 2 {
            self.take(1)?;
        }
        let subsampling_is_coded = profile & 1 == 1;
        // 7 is CS_RGB.
        if self.take(3)? != 7 {
            self.take(1)?;
            if subsampling_is_coded {
                self.take(3)?;
            }
        } else if subsampling_is_coded {
            self.take(1)?;
        }
        Some(())
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
