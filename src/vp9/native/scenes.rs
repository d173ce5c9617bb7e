//! Moving scenes for the tests of both halves.
#![forbid(unsafe_code)]

use crate::frame::{Composite, Size};

/// A small fixed generator (xorshift).
pub struct Random(pub u64);

impl Random {
    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end) as usize
    }
}

/// A textured disc with a soft rim that moves over nothing, as compose makes it; some noise.
pub fn scene(size: Size, time: f64, noise: u64, random: &mut Random) -> Composite {
    let mut out = Composite::new(size);
    let (w, h) = (size.width as f64, size.height as f64);
    let (x0, y0) = (w * 0.45 + 9.3 * time, h * 0.5 + 4.7 * time);
    let radius = 0.33 * (w * h).sqrt() + 1.5;
    let inside = |x: f64, y: f64| ((radius - (x - x0).hypot(y - y0)) / 5.0).clamp(0.0, 1.0);
    let texture = |x: f64, y: f64| {
        let (u, v) = (x - x0, y - y0);
        120.0 + 40.0 * (u / 6.0 + (v / 19.0).sin()).sin() + 30.0 * (v / 4.7 - u / 50.0).cos()
    };
    for y in 0..size.height {
        for x in 0..size.width {
            let (px, py) = (x as f64, y as f64);
            let alpha = inside(px, py);
            out.alpha.row_mut(y)[x] = (255.0 * alpha) as u8;
            let noisy = random.below(noise + 1) as f64;
            out.colour.y.row_mut(y)[x] = if alpha > 0.0 { (texture(px, py) + noisy) as u8 } else { 16 };
            if alpha > 0.0 {
                out.activity.row_mut(y / 16)[x / 16] = 1;
            }
            if x % 2 == 0 && y % 2 == 0 {
                let shade = if alpha > 0.0 { texture(px / 3.0, py / 3.0) } else { 128.0 };
                out.colour.u.row_mut(y / 2)[x / 2] = shade as u8;
                out.colour.v.row_mut(y / 2)[x / 2] = (255.0 - shade) as u8;
            }
        }
    }
    out
}
