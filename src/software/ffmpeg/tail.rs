//! The last lines of the child's stderr, bounded whatever it writes.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex};

use crate::software::watch::Pulse;

const MAX_LINES: usize = 20;
const MAX_LINE_BYTES: usize = 300;

#[derive(Clone, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// Reads to the end, counting each line as a complaint.
    pub(super) fn collect(&self, mut from: impl Read, pulse: &Pulse) {
        let mut chunk = [0; 4096];
        let mut line = Vec::new();
        // An error is a stop; what was said until then stays.
        while let Ok(read @ 1..) = from.read(&mut chunk) {
            for &byte in &chunk[..read] {
                if byte == b'\n' || byte == b'\r' {
                    self.push(&mut line, pulse);
                } else if line.len() < MAX_LINE_BYTES {
                    line.push(byte);
                }
            }
        }
        self.push(&mut line, pulse);
    }

    fn push(&self, line: &mut Vec<u8>, pulse: &Pulse) {
        let text = String::from_utf8_lossy(line).trim().to_owned();
        line.clear();
        if text.is_empty() {
            return;
        }
        pulse.count_complaint();
        let mut lines = self.0.lock().unwrap_or_else(|held| held.into_inner());
        if lines.len() == MAX_LINES {
            lines.pop_front();
        }
        lines.push_back(text);
    }

    /// The lines kept, one after the other.
    pub(super) fn text(&self) -> String {
        let mut lines = self.0.lock().unwrap_or_else(|held| held.into_inner());
        lines.make_contiguous().join("; ")
    }
}
