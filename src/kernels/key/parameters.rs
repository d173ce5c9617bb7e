//! What can be set about the chroma key.
#![forbid(unsafe_code)]

use std::fmt;
use std::str::FromStr;

use crate::kernels::Error;

/// A colour of the screen: 8-bit R, G, B in the source's own primaries and transfer; `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct KeyColour(pub [u8; 3]);

impl FromStr for KeyColour {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::KeyColour { text: text.to_owned() };
        let digits = text.strip_prefix('#').ok_or_else(wrong)?;
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let value = u32::from_str_radix(digits, 16).map_err(|_| wrong())?;
        let [_, r, g, b] = value.to_be_bytes();
        Ok(Self([r, g, b]))
    }
}

impl fmt::Display for KeyColour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

/// Settings of the chroma key. Distances are those of the module's head: 0 the key colour at any
/// usual brightness, 1 grey.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct KeyParameters {
    /// Colour of the screen.
    pub colour: KeyColour,
    /// Distance up to which a pixel is all screen; more removes more shadow and noise.
    pub inner: f32,
    /// Distance from which a pixel is all foreground; less keeps more of greenish things.
    pub outer: f32,
    /// Share of the spilt key colour that is removed, 0 to 1.
    pub spill: f32,
}

impl KeyParameters {
    /// The default of [`KeyParameters::inner`]: a screen whose light falls to half, with noise of
    /// deviation 0.012 on R, G and B, vanishes without a rest (as the tests show).
    pub const INNER: f32 = 0.2;
    /// The default of [`KeyParameters::outer`]: pure yellow on pure green, the nearest hue that an
    /// object is likely to have, lies at 0.86.
    pub const OUTER: f32 = 0.8;
    /// The default of [`KeyParameters::spill`].
    pub const SPILL: f32 = 1.0;

    /// Default tolerances for a screen of `colour`.
    pub fn new(colour: KeyColour) -> Self {
        Self { colour, inner: Self::INNER, outer: Self::OUTER, spill: Self::SPILL }
    }
}
