//! Is the colour stream empty where nothing is visible?
//!
//! Only blocks far from anything visible count, now and in the frame before: near the matte's
//! edge colour is bled outward on purpose, and a block just uncovered may show a trace until the
//! encoder has cleaned it.
#![forbid(unsafe_code)]

use super::VerifyReport;
use crate::frame::{Composite, Plane, Range, Size};
use crate::pipeline::playback::Frame;

/// Mean distance of luma from the background's code that lossy coding of a constant may leave.
const MAX_MEAN_ERROR: f64 = 1.0;
/// A pixel further off than this is a trace of picture.
const TRACE: u8 = 16;
/// Share of traces that may be there: residue of motion that the encoder cleans a frame later.
const MAX_TRACES: f64 = 0.002;

pub(super) struct Cleanness {
    background: [u8; 3],
    blocks: Size,
    /// Blocks with anything visible in the frame before.
    before: Vec<bool>,
    pixels: u64,
    error: u64,
    traces: u64,
}

impl Cleanness {
    pub(super) fn new(size: Size, range: Range) -> Self {
        let side = Composite::BLOCK;
        let blocks = Size::new(size.width.div_ceil(side), size.height.div_ceil(side));
        let black = if range == Range::Full { 0 } else { 16 };
        Self {
            background: [black, 128, 128],
            blocks,
            // The first frame follows nothing: whatever is invisible in it must be clean.
            before: vec![false; blocks.area()],
            pixels: 0,
            error: 0,
            traces: 0,
        }
    }

    pub(super) fn add(&mut self, frame: &Frame) {
        let now = self.visible(&frame.alpha);
        let Size { width, height } = self.blocks;
        for by in 0..height {
            for bx in 0..width {
                let near = (by.saturating_sub(1)..(by + 2).min(height)).any(|y| {
                    (bx.saturating_sub(1)..(bx + 2).min(width))
                        .any(|x| now[y * width + x] || self.before[y * width + x])
                });
                if !near {
                    self.measure(frame, bx, by);
                }
            }
        }
        self.before = now;
    }

    fn visible(&self, alpha: &Plane<u8>) -> Vec<bool> {
        let mut visible = vec![false; self.blocks.area()];
        for y in 0..alpha.size.height {
            let row = &mut visible[y / Composite::BLOCK * self.blocks.width..][..self.blocks.width];
            for (block, pixels) in row.iter_mut().zip(alpha.row(y).chunks(Composite::BLOCK)) {
                *block |= pixels.iter().any(|&a| a != 0);
            }
        }
        visible
    }

    fn measure(&mut self, frame: &Frame, bx: usize, by: usize) {
        let side = Composite::BLOCK;
        let planes = [&frame.colour.y, &frame.colour.u, &frame.colour.v];
        for (index, (plane, want)) in planes.into_iter().zip(self.background).enumerate() {
            let side = if index == 0 { side } else { side / 2 };
            for y in by * side..((by + 1) * side).min(plane.size.height) {
                let row = plane.row(y);
                for &code in &row[(bx * side).min(row.len())..((bx + 1) * side).min(row.len())] {
                    let error = code.abs_diff(want);
                    self.pixels += 1;
                    self.error += u64::from(error);
                    self.traces += u64::from(error > TRACE);
                }
            }
        }
    }

    pub(super) fn conclude(self, report: &mut VerifyReport) {
        if self.pixels == 0 {
            return report.check("colour is clean where alpha is 0", true, "no block is wholly transparent");
        }
        let mean = self.error as f64 / self.pixels as f64;
        let traces = self.traces as f64 / self.pixels as f64;
        report.check(
            "colour is clean where alpha is 0",
            mean <= MAX_MEAN_ERROR && traces <= MAX_TRACES,
            format!(
                "mean error {mean:.3} codes, {:.4} % of samples off by more than {TRACE}",
                100.0 * traces
            ),
        );
    }
}
