//! Which of the published networks: the backbone and the filter that refines the matte.
//!
//! The numbers are those of the published configurations; everything else about a variant is in
//! `network`, which builds it.
#![forbid(unsafe_code)]

use std::fmt;
use std::str::FromStr;

/// The backbone, and with it all widths.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    /// MobileNetV3-Large: the fast one, 3.75 million weights.
    MobileNetV3,
    /// ResNet50: the large one, 26.9 million weights.
    ResNet50,
}

/// How the matte gets from stage size to the size of an eye when the ratio is below 1.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Refiner {
    /// Fast guided filter: a formula without weights.
    Fast,
    /// Deep guided filter: three 1x1 convolutions give the slope.
    Deep,
}

impl Variant {
    /// Every variant.
    pub const ALL: [Self; 2] = [Self::MobileNetV3, Self::ResNet50];

    /// Name in file names and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::MobileNetV3 => "mobilenetv3",
            Self::ResNet50 => "resnet50",
        }
    }

    /// Channels of the states r1 to r4; half of the channels that decode1 to decode4 give.
    pub fn state_channels(self) -> [usize; 4] {
        match self {
            Self::MobileNetV3 => [16, 20, 40, 64],
            Self::ResNet50 => [16, 32, 64, 128],
        }
    }

    /// Channels that LR-ASPP gives.
    pub fn aspp_channels(self) -> usize {
        2 * self.state_channels()[3]
    }
}

impl Refiner {
    /// Name in messages and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Deep => "deep",
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Refiner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no model is called {got:?}; there are mobilenetv3 and resnet50")]
pub struct UnknownVariant {
    /// What was asked for.
    pub got: String,
}

impl FromStr for Variant {
    type Err = UnknownVariant;

    /// Takes `mobilenetv3` and `rvm_mobilenetv3`, in any case.
    fn from_str(text: &str) -> Result<Self, UnknownVariant> {
        let lower = text.to_ascii_lowercase();
        let name = lower.strip_prefix("rvm_").unwrap_or(&lower);
        let found = Self::ALL.into_iter().find(|variant| variant.name() == name);
        found.ok_or_else(|| UnknownVariant { got: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for variant in Variant::ALL {
            assert_eq!(variant.name().parse(), Ok(variant));
            assert_eq!(format!("RVM_{variant}").parse(), Ok(variant));
        }
        assert!("resnet101".parse::<Variant>().unwrap_err().to_string().contains("resnet101"));
    }
}
