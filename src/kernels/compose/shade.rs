//! What decides the colour and alpha of a pixel: the seam between compose and its two sources.
#![forbid(unsafe_code)]

/// What is seen at a pixel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pixel {
    /// Colour of the foreground alone (straight, not multiplied by alpha).
    pub rgb: [f32; 3],
    /// Opacity; compose clamps it to `[0, 1]`.
    pub alpha: f32,
}

/// Gives each pixel of an eye its foreground colour and alpha, from its position and input alone.
pub trait Shade: Sync {
    /// What the pixels of a row share; made once per thread and filled again for each row.
    type Row: Default;

    /// Prepares `row` for row `y` (from the top of the eye) of view `eye`.
    fn begin_row(&self, row: &mut Self::Row, eye: usize, y: usize);

    /// Shades the pixel in column `x` (from the left of the eye) whose input colour is `rgb`, which
    /// may lie outside `[0, 1]` because codes can.
    fn shade(&self, row: &Self::Row, x: usize, rgb: [f32; 3]) -> Pixel;
}

/// A changed component kept in `[0, 1]`, or no further outside than the input already was.
///
/// Codes of real video often stand for RGB slightly out of gamut (chroma is shared by four
/// pixels); a plain clamp would shift the colour of pixels that nothing has touched.
#[inline]
pub fn settle(changed: f32, input: f32) -> f32 {
    changed.max(input.min(0.0)).min(input.max(1.0))
}
