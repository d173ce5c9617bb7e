//! How far decoded frames are from the composites that were encoded.

use vrpipe::frame::{Composite, Plane, Size, Yuv420};

/// A frame as a player has it.
pub struct Decoded {
    pub colour: Yuv420<u8>,
    pub alpha: Plane<u8>,
}

/// Pixels around an edge of the matte that count as edge, each way.
const EDGE_REACH: usize = 8;
/// A pixel is flat when all pixels this near have its value, and it is 0 or 255.
const FLAT_REACH: usize = 24;
/// Side of a window of the structural similarity, in pixels; windows overlap by half.
const WINDOW: usize = 8;

/// Sums over all frames.
#[derive(Default)]
pub struct Measures {
    luma: (f64, f64),
    similarity: (f64, f64),
    alpha: (f64, f64),
    edge: (f64, f64),
    clear: (f64, f64),
    opaque: (f64, f64),
    flat: (f64, f64),
    /// Largest error of alpha.
    pub worst: u8,
    /// Largest error of alpha in a flat pixel.
    pub flat_worst: u8,
}

impl Measures {
    /// Adds a frame.
    pub fn add(&mut self, wanted: &Composite, got: &Decoded) {
        let Size { width, height } = wanted.alpha.size;
        let edges = edges(&wanted.alpha);
        let near_edge = spread(&edges, width, EDGE_REACH);
        let mixed: Vec<bool> = edges
            .iter()
            .zip(&wanted.alpha.data)
            .map(|(&edge, &alpha)| edge || (alpha != 0 && alpha != 255))
            .collect();
        let near_mixed = spread(&mixed, width, FLAT_REACH);
        for i in 0..width * height {
            let (alpha, got_alpha) = (wanted.alpha.data[i], got.alpha.data[i]);
            let off = alpha.abs_diff(got_alpha);
            let changed = f64::from(u8::from(off > 0));
            self.worst = self.worst.max(off);
            add(&mut self.alpha, off.into());
            match alpha {
                0 => add(&mut self.clear, changed),
                255 => add(&mut self.opaque, changed),
                _ => {}
            }
            if near_edge[i] {
                add(&mut self.edge, off.into());
            }
            if !near_mixed[i] {
                add(&mut self.flat, changed);
                self.flat_worst = self.flat_worst.max(off);
            }
            if alpha > 0 {
                let off = f64::from(wanted.colour.y.data[i].abs_diff(got.colour.y.data[i]));
                add(&mut self.luma, off * off);
            }
        }
        for y in (0..height.saturating_sub(WINDOW)).step_by(WINDOW / 2) {
            for x in (0..width.saturating_sub(WINDOW)).step_by(WINDOW / 2) {
                let all = (y..y + WINDOW).all(|y| wanted.alpha.row(y)[x..x + WINDOW].iter().all(|&a| a > 0));
                if all {
                    add(&mut self.similarity, similarity(&wanted.colour.y, &got.colour.y, x, y));
                }
            }
        }
    }

    /// Luma where something is visible, dB.
    pub fn psnr(&self) -> f64 {
        10.0 * (255.0 * 255.0 / mean(self.luma)).log10()
    }
    /// Mean structural similarity of luma over windows that are wholly visible.
    pub fn ssim(&self) -> f64 {
        mean(self.similarity)
    }
    /// Mean error of alpha over all pixels, in codes.
    pub fn alpha_error(&self) -> f64 {
        mean(self.alpha)
    }
    /// The same within 8 pixels of an edge.
    pub fn edge_error(&self) -> f64 {
        mean(self.edge)
    }
    /// Share of pixels at 0 that are no longer, percent.
    pub fn clear_changed(&self) -> f64 {
        100.0 * mean(self.clear)
    }
    /// Share of pixels at 255 that are no longer, percent.
    pub fn opaque_changed(&self) -> f64 {
        100.0 * mean(self.opaque)
    }
    /// Flat pixels that changed, in a million.
    pub fn flat_changed(&self) -> f64 {
        1e6 * mean(self.flat)
    }
}

fn add(sum: &mut (f64, f64), value: f64) {
    sum.0 += value;
    sum.1 += 1.0;
}

fn mean((sum, count): (f64, f64)) -> f64 {
    sum / count.max(1.0)
}

/// Pixels where alpha crosses one half against the pixel to the right or below.
fn edges(alpha: &Plane<u8>) -> Vec<bool> {
    let Size { width, height } = alpha.size;
    let opaque = |x: usize, y: usize| alpha.data[y * width + x] >= 128;
    (0..width * height)
        .map(|i| {
            let (x, y) = (i % width, i / width);
            let here = opaque(x, y);
            (x + 1 < width && opaque(x + 1, y) != here) || (y + 1 < height && opaque(x, y + 1) != here)
        })
        .collect()
}

/// Everything within `reach` pixels of what is set, each way: along rows, then along columns.
fn spread(set: &[bool], width: usize, reach: usize) -> Vec<bool> {
    let height = set.len() / width;
    let along = |set: &[bool], lines: usize, len: usize, at: &dyn Fn(usize, usize) -> usize| {
        let mut all = vec![false; set.len()];
        for line in 0..lines {
            let mut mark = |order: &mut dyn Iterator<Item = usize>| {
                let mut left = 0;
                for i in order {
                    let i = at(line, i);
                    left = if set[i] { reach + 1 } else { left.saturating_sub(1) };
                    all[i] |= left > 0;
                }
            };
            mark(&mut (0..len));
            mark(&mut (0..len).rev());
        }
        all
    };
    let rows = along(set, height, width, &|y, x| y * width + x);
    along(&rows, width, height, &|x, y| y * width + x)
}

/// Structural similarity of one window (Wang et al. 2004, with a flat window).
fn similarity(a: &Plane<u8>, b: &Plane<u8>, x: usize, y: usize) -> f64 {
    let count = (WINDOW * WINDOW) as f64;
    let (mut sums, mut squares, mut product) = ([0.0; 2], [0.0; 2], 0.0);
    for y in y..y + WINDOW {
        for (&a, &b) in a.row(y)[x..x + WINDOW].iter().zip(&b.row(y)[x..x + WINDOW]) {
            let (a, b) = (f64::from(a), f64::from(b));
            sums = [sums[0] + a, sums[1] + b];
            squares = [squares[0] + a * a, squares[1] + b * b];
            product += a * b;
        }
    }
    let means = sums.map(|sum| sum / count);
    let variances = [0, 1].map(|i| squares[i] / count - means[i] * means[i]);
    let covariance = product / count - means[0] * means[1];
    let (c1, c2) = ((0.01f64 * 255.0).powi(2), (0.03f64 * 255.0).powi(2));
    (2.0 * means[0] * means[1] + c1) * (2.0 * covariance + c2)
        / ((means[0].powi(2) + means[1].powi(2) + c1) * (variances[0] + variances[1] + c2))
}

/// Processor time in seconds of this process or of its children that have ended.
pub fn cpu_seconds(who: libc::c_int) -> f64 {
    // SAFETY: rusage is plain numbers, for which all zero bytes are a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a live local of the type that the call fills.
    unsafe { libc::getrusage(who, &mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
