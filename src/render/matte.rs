//! The matte alone, as grey.
#![forbid(unsafe_code)]

use super::grey::Grey;
use super::opaque::Opaque;
use crate::vp9::PairSource;
use rayon::prelude::*;

/// Fills `out`, of the frame's size, with the matte of `frame`.
pub(super) fn render(grey: &Grey, frame: &dyn PairSource, out: &mut Opaque) {
    let (alpha, visible) = (frame.alpha(), frame.activity());
    out.bands().for_each(|mut band| {
        for column in 0..band.drawn.len() {
            let now = visible.is_none_or(|visible| visible.row(band.row)[column] != 0);
            if now || band.drawn[column] != 0 {
                let block = band.block(column);
                for y in block.y {
                    let from = &alpha.row(y)[block.x.clone()];
                    let to = &mut band.line(y)[block.x.clone()];
                    to.iter_mut().zip(from).for_each(|(to, &alpha)| *to = grey.code(alpha));
                }
            }
            band.drawn[column] = now.into();
        }
    });
}
