//! The file as the Matroska crate is shown it: a small head made here, then the Clusters.
//!
//! ```text
//! view: EBML header, Segment of unknown size, Info, Tracks | Clusters ... end of the Segment
//! file:                       (copied, the rest left out)  | from the first Cluster on
//! ```
//!
//! Opening sees only as far as the header of the first Cluster. Clones share one state, so the
//! owner can look at positions and read errors while the crate owns its clone.
#![forbid(unsafe_code)]

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::media::Error;
use crate::media::input::Input;
use crate::media::source::MAX_PACKET_BYTES;

use super::ebml::MAX_HEADER_BYTES;
use super::segment::Segment;

/// An EBML header that every Matroska reader takes: DocType matroska 4, readable from 2.
const EBML_HEADER: [u8; 28] = [
    0x1A, 0x45, 0xDF, 0xA3, 0x97, // EBML, 23 bytes
    0x42, 0x86, 0x81, 1, // EBMLVersion
    0x42, 0x82, 0x88, b'm', b'a', b't', b'r', b'o', b's', b'k', b'a', // DocType
    0x42, 0x87, 0x81, 4, // DocTypeVersion
    0x42, 0x85, 0x81, 2, // DocTypeReadVersion
];
/// A Segment of unknown size.
const SEGMENT_HEADER: [u8; 5] = [0x18, 0x53, 0x80, 0x67, 0xFF];

/// Bytes read one at a time, without a jump, before that counts as garbage. The crate passes over
/// zeros in search of an element; in a file that was reserved but never filled that would take
/// minutes per GiB.
const MAX_SINGLE_BYTES: u32 = 64 << 10;

/// What the clones share.
pub(super) struct State {
    pub(super) input: Input,
    head: Vec<u8>,
    /// File offset of the first Cluster that is shown.
    pub(super) clusters_at: u64,
    /// File offset at which the data ends.
    pub(super) data_end: u64,
    /// Length of the view while it is limited.
    limit: Option<u64>,
    at: u64,
    /// Reads of one byte since the last other one.
    single_bytes: u32,
    /// A read that failed for another reason than the end of the data.
    pub(super) fault: Option<Error>,
}

/// A reader for the crate.
#[derive(Clone)]
pub(super) struct View(Arc<Mutex<State>>);

impl View {
    /// A view of a file, limited to what opening needs.
    pub(super) fn new(input: Input, segment: &Segment) -> Self {
        let head = [&EBML_HEADER[..], &SEGMENT_HEADER, &segment.info, &segment.tracks].concat();
        let limit = Some(head.len() as u64 + MAX_HEADER_BYTES);
        let data_end = segment.end.unwrap_or(u64::MAX).min(input.len());
        Self(Arc::new(Mutex::new(State {
            input,
            head,
            clusters_at: segment.clusters_at,
            data_end,
            limit,
            at: 0,
            single_bytes: 0,
            fault: None,
        })))
    }

    /// The shared state.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A panic of the crate cannot leave the state half changed: it holds no lock of its own.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins again, the Clusters from `clusters_at` on, limited to what opening needs.
    pub(super) fn restart_at(&self, clusters_at: u64) {
        let state = &mut *self.state();
        state.clusters_at = clusters_at;
        state.limit = Some(state.head.len() as u64 + MAX_HEADER_BYTES);
        (state.at, state.single_bytes) = (0, 0);
    }

    /// Shows all of the file.
    pub(super) fn lift_limit(&self) {
        self.state().limit = None;
    }
}

impl State {
    fn end(&self) -> u64 {
        let end = self.head.len() as u64 + self.data_end.saturating_sub(self.clusters_at);
        end.min(self.limit.unwrap_or(u64::MAX))
    }

    /// The position in the file that the view stands at, for messages and the check of the end.
    pub(super) fn file_position(&self) -> u64 {
        self.clusters_at.saturating_add(self.at.saturating_sub(self.head.len() as u64))
    }
}

/// What the crate is told of a fault.
fn kept() -> io::Error {
    io::Error::other("reading failed; the cause is kept in the view")
}

impl Read for View {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let state = &mut *self.state();
        state.single_bytes = if out.len() == 1 { state.single_bytes + 1 } else { 0 };
        if state.single_bytes > MAX_SINGLE_BYTES {
            state.fault.get_or_insert(Error::Malformed {
                what: "Matroska cluster",
                at_byte: state.clusters_at + state.at.saturating_sub(state.head.len() as u64),
                expected: "an element",
                got: format!("{MAX_SINGLE_BYTES} bytes that start none, up to here"),
            });
            return Err(kept());
        }
        let head_bytes = state.head.len() as u64;
        let stop = if state.at < head_bytes { head_bytes } else { state.end() };
        let count = stop.saturating_sub(state.at).min(out.len() as u64) as usize;
        let out = &mut out[..count];
        if count == 0 {
            return Ok(0);
        }
        if state.at < head_bytes {
            let from = state.at as usize;
            out.copy_from_slice(&state.head[from..from + count]);
        } else {
            let at = state.file_position();
            if let Err(error) = state.input.read_at(at, out, "Matroska cluster") {
                state.fault.get_or_insert(error);
                return Err(kept());
            }
        }
        state.at += count as u64;
        Ok(count)
    }
}

impl Seek for View {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let state = &mut *self.state();
        state.single_bytes = 0;
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => state.at.checked_add_signed(by),
            // The crate asks for the end only to learn how much it may allocate.
            SeekFrom::End(by) => {
                state.end().min(state.at.saturating_add(MAX_PACKET_BYTES)).checked_add_signed(by)
            }
        };
        state.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(state.at)
    }
}
