//! The innermost loop of dense convolution: a block of output channels times a tile of pixels.
//!
//! `MR` channels by [`LANES`] pixels are held in registers while the depth runs by: for six
//! channels that is twelve of AVX2's sixteen registers, one for each multiply-add in flight.
//! Weights come `MR` to a depth ("panel"), pixels [`LANES`] to a depth (see `pack`).

use super::activation::activate;
use super::pack::LANES;
use crate::rvm::graph::Activation;

/// Most rows of a block.
pub const MAX_ROWS: usize = 6;

/// Results of one block: rows are output channels, columns pixels.
pub type Block = [[f32; LANES]; MAX_ROWS];

/// One tile of pixels and the panels to multiply it with.
pub struct Tile<'a> {
    /// `depth` times [`LANES`] pixels.
    pub pixels: &'a [f32],
    /// For each block of `rows` channels, `depth` times `rows` weights.
    pub panels: &'a [f32],
    /// Depth of this part of the sum.
    pub depth: usize,
    /// Applied to the results when this is the last part.
    pub act: Option<Activation>,
}

/// What a tile's results start from and where they go.
pub trait Target {
    /// Values to add the products of block `panel` to.
    fn load(&self, panel: usize, block: &mut Block);
    /// Adds what comes after the products, before the activation.
    fn finish(&self, panel: usize, block: &mut Block);
    /// Takes the results.
    fn store(&mut self, panel: usize, block: &Block);
}

/// Rows of a block that suit `channels` outputs: few wasted, and wide rather than narrow.
pub fn rows_for(channels: usize) -> usize {
    // Loads of pixels are shared by a block's rows: a narrow block pays about a third of a row.
    let cost = |rows: usize| channels.div_ceil(rows) * (3 * rows + 1);
    [6, 5, 4].into_iter().min_by_key(|&rows| cost(rows)).unwrap_or(MAX_ROWS)
}

/// Multiplies the tile with every panel of `rows` channels.
///
/// The caller has checked [`super::simd::has_avx2`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub fn multiply_avx2(tile: &Tile<'_>, rows: usize, target: &mut impl Target) {
    match rows {
        4 => blocks::<4>(tile, target),
        5 => blocks::<5>(tile, target),
        _ => blocks::<6>(tile, target),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline]
fn blocks<const MR: usize>(tile: &Tile<'_>, target: &mut impl Target) {
    let mut block: Block = [[0.0; LANES]; MAX_ROWS];
    for (index, panel) in tile.panels.chunks_exact(MR * tile.depth).enumerate() {
        target.load(index, &mut block);
        block_avx2::<MR>(panel, tile.pixels, &mut block);
        if let Some(act) = tile.act {
            target.finish(index, &mut block);
            block[..MR].iter_mut().for_each(|row| activate(act, row));
        }
        target.store(index, &block);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline]
fn block_avx2<const MR: usize>(panel: &[f32], pixels: &[f32], block: &mut Block) {
    use std::arch::x86_64::{
        _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    };
    let mut sums = [[_mm256_setzero_ps(); 2]; MR];
    for (sum, row) in sums.iter_mut().zip(block.iter()) {
        // SAFETY: a row has sixteen floats, the load reads its first eight.
        sum[0] = unsafe { _mm256_loadu_ps(row.as_ptr()) };
        // SAFETY: as above, the slice is the last eight.
        sum[1] = unsafe { _mm256_loadu_ps(row[8..].as_ptr()) };
    }
    let (panel, _) = panel.as_chunks::<MR>();
    let (pixels, _) = pixels.as_chunks::<LANES>();
    for (weights, pixels) in panel.iter().zip(pixels) {
        // SAFETY: the chunk has sixteen floats, the load reads its first eight.
        let low = unsafe { _mm256_loadu_ps(pixels.as_ptr()) };
        // SAFETY: as above, the slice is the last eight.
        let high = unsafe { _mm256_loadu_ps(pixels[8..].as_ptr()) };
        for (sum, weight) in sums.iter_mut().zip(weights) {
            let weight = _mm256_broadcast_ss(weight);
            sum[0] = _mm256_fmadd_ps(weight, low, sum[0]);
            sum[1] = _mm256_fmadd_ps(weight, high, sum[1]);
        }
    }
    for (sum, row) in sums.iter().zip(block.iter_mut()) {
        // SAFETY: a row has sixteen floats, the store writes its first eight.
        unsafe { _mm256_storeu_ps(row.as_mut_ptr(), sum[0]) };
        // SAFETY: as above, the slice is the last eight.
        unsafe { _mm256_storeu_ps(row[8..].as_mut_ptr(), sum[1]) };
    }
}
